"""Pixels in: scanning, decoding, geometry, grey values, preprocessing."""
