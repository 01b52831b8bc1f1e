"""The colours of sinus masks: one palette for window, reports and pictures, and the words for it."""

from sinusviewer.domain.anatomy import Sinus, Structure

MASK_RGB: dict[Structure, tuple[int, int, int]] = {
    Structure.RIGHT_MAXILLARY: (0xE6, 0x9F, 0x00),
    Structure.LEFT_MAXILLARY: (0xE4, 0xC6, 0x81),
    Structure.RIGHT_ANTERIOR_ETHMOID: (0x56, 0xB4, 0xE9),
    Structure.LEFT_ANTERIOR_ETHMOID: (0xBA, 0xD8, 0xE8),
    Structure.RIGHT_POSTERIOR_ETHMOID: (0x00, 0x72, 0xB2),
    Structure.LEFT_POSTERIOR_ETHMOID: (0x8A, 0x7F, 0xE0),
    Structure.RIGHT_FRONTAL: (0xCC, 0x79, 0xA7),
    Structure.LEFT_FRONTAL: (0xDE, 0xC4, 0xD3),
    Structure.RIGHT_SPHENOID: (0x00, 0x9E, 0x73),
    Structure.LEFT_SPHENOID: (0x46, 0xD8, 0xB0),
}
"""Okabe and Ito's set, which the common colour-vision deficiencies can tell apart; right full, left lighter.

Not so the left posterior ethmoid: its lighter blue is the right anterior ethmoid's, of the other sinus and the other side.
"""
OTHER_RGB = (0x9A, 0xA4, 0xAE)
"""The nasal cavity, and whatever is no sinus."""

COLOR_WORDS: dict[Sinus, tuple[str, str]] = {
    Sinus.MAXILLARY: ("orange", "sand"),
    Sinus.ANTERIOR_ETHMOID: ("sky blue", "pale blue"),
    Sinus.POSTERIOR_ETHMOID: ("dark blue", "violet"),
    Sinus.FRONTAL: ("mauve", "pale pink"),
    Sinus.SPHENOID: ("green", "mint"),
}
"""Right and left, as a legend without swatches names them."""


def mask_rgb(structure: Structure) -> tuple[int, int, int]:
    """The colour of a structure's mask, wherever it is drawn."""
    return MASK_RGB.get(structure, OTHER_RGB)
