"""Panels beside the picture: they draw what they are given and ask by signals; they hold no results."""
