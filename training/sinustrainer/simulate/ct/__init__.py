"""CT scans of virtual patients."""
