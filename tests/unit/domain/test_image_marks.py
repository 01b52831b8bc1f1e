"""What on an image counts as said or changed by a reader: the same for report, records and list."""

import pytest

from sinusviewer.domain.anatomy import Side
from sinusviewer.domain.display import Measurement, Plane, Tool
from sinusviewer.domain.finding import Author, Detection, FindingStatus
from sinusviewer.domain.session_parts import ImageMarks

LENGTH = Measurement(Tool.LENGTH, Plane.FILM, 0, ((0.0, 0.0), (1.0, 1.0)), "m")


def box(author: Author, status: FindingStatus) -> ImageMarks:
    return ImageMarks((Detection((0.0, 0.0, 1.0, 1.0), 0.5, Side.LEFT, author=author, status=status),))


@pytest.mark.parametrize(
    ("marks", "judged"),
    [
        (ImageMarks(), False),
        (box(Author.AI, FindingStatus.PROPOSED), False),
        (ImageMarks(measurements=(LENGTH,)), False),
        (box(Author.AI, FindingStatus.REJECTED), True),
        (box(Author.READER, FindingStatus.PROPOSED), True),
        (ImageMarks(film_confirmed=True), True),
        (ImageMarks(masks_confirmed="stored 1"), True),
        (ImageMarks().with_score(Side.LEFT, 0), True),
    ],
)
def test_what_a_reader_said_or_changed_is_judged(marks: ImageMarks, judged: bool) -> None:
    assert marks.judged is judged
