"""Heads with healthy sinuses: real templates, a parametric head, warps, changed pneumatisation and variants."""

from sinustrainer.simulate.anatomy.draw import draw_head
from sinustrainer.simulate.anatomy.mirror import mirror
from sinustrainer.simulate.anatomy.templates import load_template

__all__ = ["draw_head", "load_template", "mirror"]
