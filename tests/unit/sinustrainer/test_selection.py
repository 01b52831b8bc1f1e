"""Which films of a data folder an evaluation takes, and anatomies that form a set of their own."""

from pathlib import Path

import pytest

from sinustrainer.data.manifest import Case, Manifest
from sinustrainer.data.selection import parse_condition, select
from sinusviewer.errors import InputError


def case(number: int, split: str, template: str, **more: object) -> Case:
    return Case(f"c{number}", f"p{number}", "here", split, {}, {"label": "normal"}, template=template, **more)  # type: ignore[arg-type]


CASES = (
    case(0, "train", "head_a", age=4.0, acquisition={"kvp": 70}),
    case(1, "train", "head_b+mirrored_left", age=20.0),
    case(2, "internal", "head_a", age=30.0, acquisition={"kvp": 80}),
    case(3, "internal", "head_b", age=40.0),
    case(4, "external_1", "head_b+mirrored_left", age=50.0, sex="F"),
    case(5, "external_1", "", age=None),
)
MANIFEST = Manifest(Path("data"), "waters", True, "", {}, CASES)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("anatomy.source~HEAD_B", "134"),
        ("anatomy.source!~head_b", "025"),
        ("anatomy.source=head_b", "3"),
        ("anatomy.source != head_b", "01245"),
        ("age>=30", "234"),
        ("age < 20", "0"),
        ("acquisition.kvp=80", "2"),
        ("acquisition.kvp<=70.0", "0"),
        ("labels.label=Normal", "012345"),
        ("sex=F", "4"),
        ("split!=train", "2345"),
    ],
)
def test_a_condition_keeps_the_cases_that_meet_it(text: str, kept: str) -> None:
    assert "".join(c.case_id[1:] for c in select(MANIFEST, [parse_condition(text)]).cases) == kept


def test_several_conditions_must_all_hold() -> None:
    conditions = [parse_condition("anatomy.source~head_b"), parse_condition("age>30")]
    assert [c.case_id for c in select(MANIFEST, conditions).cases] == ["c3", "c4"]


@pytest.mark.parametrize("text", ["", "age", "colour=red", "age>old", "labels=normal", "anatomy.size=3"])
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_condition(text)


def test_conditions_that_nothing_meets_are_refused() -> None:
    with pytest.raises(InputError, match="No case meets"):
        select(MANIFEST, [parse_condition("age>200")])


def test_films_of_one_anatomy_form_their_own_set() -> None:
    chosen = select(MANIFEST, anatomies=["head_b"], trained_on=["head_a", "head_b"])
    assert {c.case_id: c.split for c in chosen.cases} == {
        "c0": "train", "c1": "train", "c2": "internal", "c3": "anatomy head_b", "c4": "anatomy head_b", "c5": "external_1",
    }  # fmt: skip


def test_training_films_of_an_anatomy_the_model_never_saw_join_its_set() -> None:
    chosen = select(MANIFEST, anatomies=["head_b"], trained_on=["head_a"])
    assert [c.case_id for c in chosen.of_split("anatomy head_b")] == ["c1", "c3", "c4"]
    unknown = select(MANIFEST, anatomies=["head_b"], trained_on=None)
    assert [c.case_id for c in unknown.of_split("anatomy head_b")] == ["c3", "c4"]


def test_an_anatomy_that_no_film_has_is_refused() -> None:
    with pytest.raises(InputError, match="head_c"):
        select(MANIFEST, anatomies=["head_c"])
