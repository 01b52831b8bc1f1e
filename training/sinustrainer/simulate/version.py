"""The simulator's version: raised whenever the same seed makes other bytes than before."""

SIMULATOR_VERSION = 6
"""Goes into every file's SoftwareVersions, the manifest and the mark by which a finished case is known again."""
