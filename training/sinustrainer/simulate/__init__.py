"""Virtual patients: anatomy, disease, CT and radiographs of them, cohorts."""
