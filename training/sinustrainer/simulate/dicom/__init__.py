"""DICOM files of virtual patients, marked as simulated in every header."""
