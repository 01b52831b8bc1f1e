"""Results as DICOM objects that any archive can store: masks (SEG), measurements (SR), key pictures (SC), the report (PDF)."""
