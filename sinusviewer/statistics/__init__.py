"""Statistics of the three papers: discrimination, calibration, usefulness, agreement, detection and segmentation.

Every function takes arrays and returns frozen data; nothing here prints, draws or reads files.
A quantity that cannot be estimated from what was given is ``None``, with the reason beside it, never a made-up number.
"""
