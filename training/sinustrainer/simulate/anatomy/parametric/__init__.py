"""A head from implicit surfaces, without any scan: less real than a template, endlessly varied and free of terms."""
