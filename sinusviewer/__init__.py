"""SinusViewer: a desktop reading assistant for paranasal sinus radiographs and CT. Research use only."""

__version__ = "0.1.0"

RESEARCH_USE_ONLY = "Research use only. Not for diagnostic use."
