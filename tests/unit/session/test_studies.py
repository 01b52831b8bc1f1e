"""Which study a series belongs to is right after every way to change the open studies."""

from collections.abc import Callable

import pytest

from sinusviewer.domain.image import Identity
from sinusviewer.domain.study import Series, SeriesKind, Study
from sinusviewer.session.images import Studies


def study(uid: str) -> Study:
    who = Identity(study_instance_uid=uid)
    return Study(uid, who, (Series(who, SeriesKind.RADIOGRAPH, (), key=f"series of {uid}"),))


@pytest.mark.parametrize(
    ("change", "left"),
    [
        (lambda s: s.update({"2": study("2")}), {"1", "2"}),
        (lambda s: s.setdefault("2", study("2")), {"1", "2"}),
        (lambda s: s.__setitem__("2", study("2")), {"1", "2"}),
        (lambda s: s.clear(), set()),
        (lambda s: s.popitem(), set()),
        (lambda s: s.pop("1"), set()),
        (lambda s: s.__delitem__("1"), set()),
    ],
)
def test_series_are_found_in_the_studies_that_are_open_now(change: Callable[[Studies], object], left: set[str]) -> None:
    studies = Studies()
    studies["1"] = study("1")
    assert studies.holding("series of 1") is not None
    change(studies)
    assert set(studies) == left
    assert {uid for uid in ("1", "2") if studies.holding(f"series of {uid}")} == left
