"""Networks of the three papers."""
