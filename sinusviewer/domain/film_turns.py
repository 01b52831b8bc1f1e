"""A film that a reader turned upright: boxes and sides between the stored image and the one that stands upright."""

from dataclasses import replace

from sinusviewer.domain.anatomy import AnySide, ImageSide, Side
from sinusviewer.domain.display import ViewState
from sinusviewer.domain.image import ImageWarning, OrientationEvidence, Radiograph

Box = tuple[float, float, float, float]
NOT_UPRIGHT = "not_upright"
"""Code of the warning that a film seems to stand on its head or lie on its side."""


def turned_shape(shape: tuple[int, int], turns: int) -> tuple[int, int]:
    """Rows and columns after quarter turns."""
    return (shape[1], shape[0]) if turns % 2 else shape


def turned_box(xyxy: Box, shape: tuple[int, int], turns: int) -> Box:
    """A box of an image of ``shape`` (rows, columns) in the pixel edges of that image turned clockwise by quarter turns."""
    x0, y0, x1, y1 = xyxy
    rows, columns = shape
    for _ in range(turns % 4):
        x0, y0, x1, y1 = rows - y1, x0, rows - y0, x1
        rows, columns = columns, rows
    return x0, y0, x1, y1


def side_of_box(film: Radiograph, xyxy: Box, face_box: Box | None = None) -> AnySide:
    """Whose side a box on a film lies on: the patient's where it is known, else the upright image's.

    Parameters
    ----------
    face_box
        Where the face lies on the film, if that is known: the sides meet in its middle, else in the film's.
    """
    shape = (film.pixels.shape[0], film.pixels.shape[1])
    x0, _, x1, _ = turned_box(xyxy, shape, film.upright_turns)
    known = face_box is not None and face_box[2] > face_box[0]
    whole = (0.0, 0.0, float(shape[1]), float(shape[0]))
    left, _, right, _ = turned_box(face_box if face_box is not None and known else whole, shape, film.upright_turns)
    on_left_half = (x0 + x1) / 2 < (left + right) / 2
    if film.patient_right_is_image_left is None:
        return ImageSide.IMAGE_LEFT if on_left_half else ImageSide.IMAGE_RIGHT
    return Side.RIGHT if on_left_half == film.patient_right_is_image_left else Side.LEFT


def turns_on_screen(state: ViewState) -> int:
    """The quarter turns clockwise by which a view turns the stored image, before it mirrors it if it does."""
    return -state.quarter_turns % 4 if state.flipped else state.quarter_turns % 4


_OF_THE_FILE = frozenset({"side_unverified", "stored_mirrored", "stored_upside_down"})
_ASKED = ImageWarning(
    "side_unverified", "The film was turned upright by the reader, against its file: its sides must be confirmed anew."
)


def turned_upright(film: Radiograph, turns: int) -> Radiograph:
    """The film as a reader says it stands; whatever was known of its sides no longer counts."""
    return replace(
        film, upright_turns=turns, upside_down=False, patient_right_is_image_left=None,
        orientation_evidence=OrientationEvidence.UNVERIFIED,
        warnings=(*(w for w in film.warnings if w.code not in _OF_THE_FILE), _ASKED),
    )  # fmt: skip
