"""Heads with healthy sinuses: real templates, a parametric head, warps, changed pneumatisation and variants."""
