"""Virtual patients: anatomy, disease, CT, radiograph, cohort tables, DICOM. Everything made here is marked as simulated."""
