"""Tables of Oh 2021: the paper's own counts give the paper's own figures; labels and readings are compared rightly."""

from pathlib import Path

import numpy as np
import pytest

from sinustrainer.data.manifest import Case
from sinustrainer.evaluate.tables import Picture, write_page
from sinustrainer.evaluate.waters import summary
from sinustrainer.evaluate.waters_discrimination import discriminate, of_application, of_sides
from sinustrainer.evaluate.waters_films import FilmResult, SideResult, judge, label_of, write_films
from sinustrainer.evaluate.waters_tables import table_2, table_3, table_4, table_overlap
from sinusviewer.domain.anatomy import Side
from sinusviewer.domain.finding import Detection, ModelReference
from sinusviewer.domain.image import Identity, Radiograph
from sinusviewer.domain.reading import SideScore, WatersLabel, WatersReading

# Oh 2021, Table 2: counts that give its sensitivity and specificity; then AUC, SE, CI as printed
PAPER = [
    ("internal, per side", (188, 211), (342, 385), 0.89, 0.013, (0.862, 0.914)),
    ("internal, per image", (102, 149), (136, 149), 0.80, 0.022, (0.749, 0.843)),
    ("external 1, per side", (122, 141), (428, 459), 0.90, 0.016, (0.872, 0.922)),
    ("external 1, per image", (76, 101), (178, 199), 0.82, 0.024, (0.776, 0.865)),
    ("external 2, per image", (55, 79), (112, 120), 0.82, 0.028, (0.754, 0.866)),
    ("external 3, per image", (79, 106), (65, 89), 0.74, 0.032, (0.670, 0.798)),
]


@pytest.mark.parametrize(
    ("positives", "negatives", "area", "se", "ci"), [row[1:] for row in PAPER], ids=[r[0] for r in PAPER]
)
def test_the_papers_counts_give_the_papers_auc_error_and_interval(
    positives: tuple[int, int], negatives: tuple[int, int], area: float, se: float, ci: tuple[float, float]
) -> None:
    truth = [True] * positives[1] + [False] * negatives[1]
    call = [i < positives[0] for i in range(positives[1])] + [i >= negatives[0] for i in range(negatives[1])]
    line = discriminate(truth, call, [float(c) for c in call])
    assert line.auc is not None
    assert line.se is not None
    assert line.ci95 is not None
    assert line.auc == pytest.approx(area, abs=0.0053)  # the paper rounds 0.815 up
    assert line.se == pytest.approx(se, abs=0.00055)
    assert line.ci95 == pytest.approx(ci, abs=0.0011)
    assert line.p is not None
    assert line.p < 0.001


def side(name: str, diseased: bool, score: float, subclass: str = "") -> SideResult:
    return SideResult(name, diseased, subclass, score, score >= 0.5, 0.8 if diseased and score >= 0.5 else None, True)


def film(number: int, truth: str, found: str, right: float, left: float, **changes: object) -> FilmResult:
    sick = {"right": ("right",), "left": ("left",), "bilateral": ("right", "left"), "normal": ()}[truth]
    sides = tuple(side(n, n in sick, s, "cyst" if n in sick else "") for n, s in (("right", right), ("left", left)))
    content: dict[str, object] = {"age": 30.0 + number, "sex": "F" if number % 2 else "M", "kvp": 70.0 + number}
    return FilmResult(f"c{number}", "internal", truth, found, True, 0.9, sides, **(content | changes))  # type: ignore[arg-type]


FILMS = (
    film(0, "normal", "normal", 0.1, 0.2),
    film(1, "normal", "right", 0.6, 0.1),
    film(2, "right", "right", 0.9, 0.1),
    film(3, "right", "left", 0.2, 0.7),
    film(4, "bilateral", "left", 0.3, 0.8),
    film(5, "bilateral", "bilateral", 0.9, 0.8),
    film(6, "left", "left", 0.1, 0.9),
)


def test_a_sinusitis_film_reported_on_the_wrong_side_is_not_found() -> None:
    line = of_application(FILMS)
    assert line.sensitivity == pytest.approx(3 / 5)
    assert line.specificity == pytest.approx(1 / 2)
    assert line.accuracy == pytest.approx(4 / 7)


def test_sides_are_judged_each_for_itself() -> None:
    line = of_sides(FILMS)
    assert line.n == 14
    assert line.sensitivity == pytest.approx(5 / 7)
    assert line.specificity == pytest.approx(5 / 7)
    assert of_sides(FILMS, lambda s: s.side == "left").n == 7


def test_films_without_a_patch_are_left_out_below_the_first_line(tmp_path: Path) -> None:
    lost = FilmResult("c9", "internal", "left", "", False, 0.1, (), error="damaged")
    content = summary((*FILMS, lost), ("internal",))["splits"]["internal"]
    assert content["patch_accuracy"] == pytest.approx(7 / 8)
    assert content["side"]["n"] == 14
    assert content["not_read"] == 1
    assert content["wrong_side"] == 1
    write_films((*FILMS, lost), tmp_path / "films.csv")
    assert len((tmp_path / "films.csv").read_text().splitlines()) == 9


def test_the_page_holds_every_table_and_writes_each_as_csv(tmp_path: Path) -> None:
    splits = ("internal",)
    tables = [table_2(FILMS, splits), table_overlap(FILMS, splits), table_3(FILMS, splits), table_4(FILMS, splits)]
    page = write_page(tmp_path, "Title <b>", ["Data & models"], [*tables, Picture("a.png", "Figure")]).read_text()
    assert "Title &lt;b&gt;" in page
    assert "Research use only" in page
    for table in tables:
        assert (tmp_path / f"{table.name}.csv").is_file()
        assert {len(row) for row in table.rows} == {len(table.rows[0])}
        assert f'id="{table.name}"' in page


def test_a_reading_is_compared_side_by_side_with_the_labels() -> None:
    labels = {
        "label": "right",
        "face_box": [0, 0, 100, 100],
        "antra": [
            {"side": "right", "xyxy": [10, 50, 40, 80], "diseased": True, "subclass": "air_fluid"},
            {"side": "left", "xyxy": [60, 50, 90, 80], "diseased": False, "subclass": None},
        ],
    }
    case = Case("c", "p", "s", "internal", {}, labels)
    model = ModelReference("m", "1", "0" * 64, "t")
    reading = WatersReading(
        WatersLabel.RIGHT,
        (SideScore(Side.RIGHT, 0.9, True, "air_fluid"), SideScore(Side.LEFT, 0.1, False)),
        (0, 0, 100, 85),
        (Detection((10, 50, 40, 80), 0.9, Side.RIGHT), Detection((60, 50, 80, 80), 0.1, Side.LEFT)),
        0.5,
        model,
    )
    result = judge(case, Radiograph(np.zeros((1, 1)), Identity()), reading, "right", "", {"age": 40.0})
    assert result.correct
    assert result.patch_ok
    assert result.patch_iou == pytest.approx(0.85)
    assert [(s.side, s.iou, s.whole) for s in result.sides] == [("right", 1.0, True), ("left", None, False)]


def test_the_four_way_label_follows_from_the_antra() -> None:
    from sinustrainer.data.film_sources import LabelledAntrum

    def antra(right: bool, left: bool) -> tuple[LabelledAntrum, ...]:
        return LabelledAntrum((0, 0, 1, 1), right, "", "right"), LabelledAntrum((0, 0, 1, 1), left, "", "left")

    assert [label_of(antra(*x)) for x in ((False, False), (True, False), (False, True), (True, True))] == [
        "normal", "right", "left", "bilateral",
    ]  # fmt: skip
