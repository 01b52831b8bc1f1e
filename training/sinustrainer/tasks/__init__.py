"""Tasks: a network, its loss, its data, its validation and its export."""
