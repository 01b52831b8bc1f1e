"""What a reader has set on screen, as data: planes, tools, layouts, the state of one view, marks made by hand."""

from dataclasses import dataclass, field
from enum import StrEnum

from sinusviewer.domain.finding import Author, Detection, FindingStatus
from sinusviewer.domain.image import Window
from sinusviewer.domain.mask_edit import Brush


class Plane(StrEnum):
    """How a view cuts an image. FILM is the image as stored: a radiograph or a stack that forms no volume."""

    FILM = "film"
    AXIAL = "axial"
    CORONAL = "coronal"
    SAGITTAL = "sagittal"


class Tool(StrEnum):
    """What dragging the left mouse button does."""

    POINTER = "pointer"
    WINDOW = "window"
    ZOOM = "zoom"
    PAN = "pan"
    LENGTH = "length"
    ANGLE = "angle"
    ELLIPSE = "ellipse"
    RECTANGLE = "rectangle"
    PROBE = "probe"
    BOX = "box"
    MAGNIFIER = "magnifier"
    BRUSH = "brush"


class LayoutKind(StrEnum):
    """How the views are arranged."""

    ONE = "one"
    TWO = "two"
    FOUR = "four"
    MPR = "mpr"  # coronal large, axial and sagittal beside
    SINUS_CT = "sinus_ct"  # bone and soft tissue side by side, axial and sagittal below


@dataclass(frozen=True, slots=True)
class ViewState:
    """Everything one view shows. ``zoom`` is screen pixels per image column, None fits; ``center`` is (column, row)."""

    series_key: str = ""
    plane: Plane = Plane.FILM
    slice_index: int = 0
    window: Window | None = None
    inverted: bool = False
    flipped: bool = False
    quarter_turns: int = 0
    zoom: float | None = None
    center: tuple[float, float] | None = None
    mirror_compare: bool = False


@dataclass(frozen=True, slots=True)
class Measurement:
    """A mark made by a person on one slice; points are (column, row) in image pixels (centres at whole numbers + 0.5)."""

    kind: Tool
    plane: Plane
    slice_index: int
    points: tuple[tuple[float, float], ...]
    identifier: str = ""


def is_drawn(detection: Detection, threshold: float) -> bool:
    """Whether a finding shows at a threshold: what a reader has touched always does."""
    untouched = detection.author is Author.AI and detection.status is FindingStatus.PROPOSED
    return not untouched or detection.score >= threshold


@dataclass(frozen=True, slots=True)
class KeyImage:
    """A slice a reader wants to find again."""

    series_key: str
    plane: Plane
    slice_index: int
    sop_instance_uid: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class DisplayState:
    """What all views share."""

    tool: Tool = Tool.POINTER
    layout: LayoutKind = LayoutKind.ONE
    linked: bool = True
    show_corners: bool = True
    show_boxes: bool = True
    show_masks: bool = True
    masks_outlined: bool = False
    mask_opacity: float = 0.45
    show_heatmap: bool = False
    heatmap_opacity: float = 0.45
    show_crosshair: bool = True
    ai_hidden: bool = False
    """True while the hide key is held."""
    thresholds: dict[str, float] = field(default_factory=dict)
    """By image key: the threshold a reader moved, to look at one film while it is on screen; absent means the reading's own."""
    hidden_structures: frozenset[int] = frozenset()
    """Codes of sinus masks that are not drawn."""
    heat_color_map: str = "inferno"
    brush: Brush = field(default_factory=Brush)
    show_original_masks: bool = True
    """Whether the network's own outline shows where a reader has changed a mask."""
    heat_of: str = ""
    """Which result's heat is drawn: "recurrence", or else the endotype's (on films, the only one there is)."""
    shutter: bool = True
    """Whether bright borders of films, blank to the last pixel, are drawn black."""
