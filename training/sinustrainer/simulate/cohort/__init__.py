"""Cohorts: recipes, margins, manifests, resumable making of cases."""
