"""Radiographs of virtual patients: geometry, line integrals, detector, film."""
