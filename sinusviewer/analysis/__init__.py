"""Pipelines: ordered steps from an image to a reading, and measurements."""
