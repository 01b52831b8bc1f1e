"""Reports: their content as data, and its renderings."""
