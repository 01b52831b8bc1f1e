import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from sinusviewer.domain.anatomy import ImageSide, Side, Sinus
from sinusviewer.domain.finding import Detection, FindingStatus, ModelReference
from sinusviewer.domain.image import Identity, ImageWarning, Radiograph
from sinusviewer.domain.reading import (
    EndotypeReading,
    LundMackay,
    Provenance,
    Reading,
    RecurrenceReading,
    SeriesReading,
    SeriesStatus,
    SideScore,
    SinusMeasurement,
    SliceProbability,
    WatersLabel,
    WatersReading,
)
from sinusviewer.errors import StorageError
from sinusviewer.report import content, html, pdf, pictures, reading_json, wording

MODEL = ModelReference("waters_sinusitis", "1.2", "ab" * 32, "Trained on simulated patients only (no clinical images).")


def waters(
    right: float = 0.2, left: float = 0.9, *, verified: bool = True, label: WatersLabel = WatersLabel.LEFT
) -> WatersReading:
    sides = (Side.RIGHT, Side.LEFT) if verified else (ImageSide.IMAGE_LEFT, ImageSide.IMAGE_RIGHT)
    return WatersReading(
        label,
        (SideScore(sides[0], right, right >= 0.43), SideScore(sides[1], left, left >= 0.43, "air_fluid", 0.1)),
        (10.0, 10.0, 190.0, 190.0),
        (Detection((20, 60, 90, 150), right, sides[0]), Detection((110, 60, 180, 150), left, sides[1])),
        0.43,
        MODEL,
    )


def series(**more: object) -> SeriesReading:
    return SeriesReading("1.2.3", "DX", SeriesStatus.READ, **more)  # type: ignore[arg-type]


FULL = Reading(
    "1.2",
    (
        series(waters=waters(), provenance=Provenance("2026-01-01T00:00:00+00:00", "SinusViewer", "CPU", {"a": 1.0})),
        SeriesReading(
            "1.2.4",
            "CT",
            SeriesStatus.READ,
            warnings=(ImageWarning("gantry_tilt", "Tilted by 18 degrees; straightened."),),
            sinuses=(
                SinusMeasurement(Sinus.MAXILLARY, Side.RIGHT, 14.2, 0.31, -600.0, 1, True),
                SinusMeasurement(
                    Sinus.MAXILLARY, Side.LEFT, 6.0, 0.0, -980.0, None, False, "left maxillary incomplete"
                ),
            ),
            lund_mackay=LundMackay(None, None, 0, None),
            endotype=EndotypeReading(0.7, (SliceProbability("1.9", 0.7, 3),), (MODEL,), 0.5),
            recurrence=RecurrenceReading(0.4, None, (0.1, 0.6), ("asthma",), {"dlr": 31.0}, None, MODEL, "simulated"),
        ),
    ),
)


def said(reading: Reading) -> str:
    built = content.build(reading, Identity())
    return " ".join(
        s
        for section in built.sections
        for s in (*section.sentences, *(s for part in section.parts for s in part.sentences), *section.warnings)
    )


def test_a_film_without_finding_is_never_called_normal() -> None:
    reading = Reading("1", (series(waters=waters(0.1, 0.2, label=WatersLabel.NORMAL)),))
    text = said(reading)
    assert "No finding above threshold 0.43" in text
    assert "normal" not in text.lower()


def test_an_unverified_film_never_says_left_or_right_alone() -> None:
    reading = Reading("1", (series(waters=waters(verified=False, label=WatersLabel.UNVERIFIED)),))
    text = (
        said(reading)
        .replace("image-left", "")
        .replace("image-right", "")
        .replace("Image-left", "")
        .replace("Image-right", "")
    )
    text = text.replace("which is the patient's right", "")
    assert " left" not in text
    assert " right" not in text


@pytest.mark.parametrize(
    "phrase",
    [
        "Finding above threshold 0.43 in the left maxillary sinus.",
        "form suggested: air-fluid level",
        "no tissue diagnosis",
        "where the network looked, not why",
        "Risk of recurrence between 10 % and 60 %; not known: asthma.",
        "cannot be given",
        "Tilted by 18 degrees",
    ],
)
def test_the_report_says_what_safety_asks_for(phrase: str) -> None:
    assert phrase in said(FULL)


def test_model_version_hash_and_training_stand_in_both_renderings() -> None:
    built = content.build(FULL, Identity(patient_name="Doe^Jane"))
    page = html.render(built)
    for text in (
        "waters_sinusitis",
        "version 1.2",
        "abababababab",
        MODEL.trained_on,
        wording.RESEARCH_LINE,
        "Doe^Jane",
    ):
        assert text in page
    assert pdf.render(built).startswith(b"%PDF")


def test_a_name_cannot_write_into_the_page() -> None:
    identity = Identity(patient_name="<script>alert(1)</script>&amp;", study_description="<b>x")
    built = content.build(FULL, identity)
    page = html.render(built)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert pdf.render(built).startswith(b"%PDF")


@pytest.mark.parametrize(
    ("name", "font"),
    [
        ("김철수", b"HYSMyeongJo-Medium"),
        ("山田^太郎 やまだ", b"HeiseiKakuGo-W5"),
        ("王^小东", b"STSong-Light"),
    ],
)
def test_names_of_east_asia_have_a_font_in_the_pdf(name: str, font: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "_embedded_font", lambda _script: "")  # as on a machine without such fonts
    assert font in pdf.render(content.build(FULL, Identity(patient_name=name)))


@pytest.mark.parametrize("name", ["Διονυσιος", "Люкceмбypг", "قباني^لنزار", "Müller", "\x1b[31m", "a" * 400, "\ud800"])
def test_no_name_breaks_a_report(name: str) -> None:
    built = content.build(FULL, Identity(patient_name=name))
    html.render(built).encode("utf-8", "replace")
    assert pdf.render(built).startswith(b"%PDF")


def test_the_same_content_gives_the_same_pdf() -> None:
    built = content.build(FULL, Identity(patient_name="김철수"))
    assert pdf.render(built) == pdf.render(built)


def test_json_holds_only_keys_that_apply_and_fits_its_schema(tmp_path: object) -> None:
    made = reading_json.reading_as_json(FULL)
    film, ct = made["series"]
    assert {"sinuses", "endotype", "recurrence"}.isdisjoint(film)
    assert "waters" not in ct
    assert "lund_mackay" not in ct["sinuses"][1]
    assert "risk" not in ct["recurrence"]
    assert ct["recurrence"]["risk_interval"] == [0.1, 0.6]
    assert [b["side"] for b in film["waters"]["boxes"]] == ["left"]
    assert not list(reading_json._validator("reading.schema.json").iter_errors(made))


def test_content_that_breaks_the_contract_is_not_written(tmp_path: object) -> None:
    from pathlib import Path

    path = Path(str(tmp_path)) / "reading.json"
    broken = reading_json.reading_as_json(FULL)
    broken["series"][0]["waters"]["sides"] = []
    with pytest.raises(StorageError, match="sides"):
        reading_json.write_validated(broken, "reading.schema.json", path)
    assert not path.exists()


def film(*, right_is_image_left: bool | None) -> Radiograph:
    pixels = np.tile(np.linspace(0, 1000, 200), (200, 1)).astype(np.uint16)
    return Radiograph(pixels, Identity(), patient_right_is_image_left=right_is_image_left)


def columns_of(picture: content.Picture, colour: tuple[int, int, int]) -> float:
    rgb = np.asarray(Image.open(io.BytesIO(picture.png)).convert("RGB")).astype(int)
    _, columns = np.nonzero(np.abs(rgb - np.array(colour)).max(axis=2) < 12)
    return float(columns.mean()) / rgb.shape[1]


def test_the_patients_left_is_blue_and_on_the_right_of_the_picture_however_the_film_is_stored() -> None:
    usual = pictures.film_picture(film(right_is_image_left=True), series(waters=waters()), "a.png")
    assert columns_of(usual, pictures.LEFT_BLUE) > 0.5
    boxes = (Detection((20, 60, 90, 150), 0.9, Side.LEFT),)
    stored = replace(waters(), boxes=boxes)
    turned = pictures.film_picture(film(right_is_image_left=False), series(waters=stored), "a.png")
    assert columns_of(turned, pictures.LEFT_BLUE) > 0.5


def test_red_and_blue_are_not_used_where_the_side_is_unverified() -> None:
    reading = series(waters=waters(verified=False, label=WatersLabel.UNVERIFIED))
    picture = pictures.film_picture(film(right_is_image_left=None), reading, "a.png")
    assert columns_of(picture, pictures.UNVERIFIED_YELLOW) > 0.3
    for colour in (pictures.LEFT_BLUE, pictures.RIGHT_RED):
        rgb = np.asarray(Image.open(io.BytesIO(picture.png)).convert("RGB")).astype(int)
        assert (np.abs(rgb - np.array(colour)).max(axis=2) < 12).sum() < 5


def test_a_box_that_a_reader_accepted_shows_below_the_threshold_too() -> None:
    low = Detection((20, 60, 90, 150), 0.05, Side.RIGHT)
    shown, hidden = (
        pictures.film_picture(film(right_is_image_left=True), series(waters=replace(waters(), boxes=(box,))), "a.png")
        for box in (replace(low, status=FindingStatus.ACCEPTED), low)
    )
    assert columns_of(shown, pictures.RIGHT_RED) < 0.5
    rgb = np.asarray(Image.open(io.BytesIO(hidden.png)).convert("RGB")).astype(int)
    assert (np.abs(rgb - np.array(pictures.RIGHT_RED)).max(axis=2) < 12).sum() < 5


def test_a_refused_film_is_shown_bare_with_the_reason_and_a_capture_is_not() -> None:
    refused = SeriesReading("1.2.3", "DX", SeriesStatus.REFUSED, "Not assessed: the film seems to stand upside down.")
    (picture,) = pictures.key_pictures(film(right_is_image_left=True), refused, "001")
    assert picture.caption == ("The film, not assessed: the film seems to stand upside down. Nothing is marked on it.")
    rgb = np.asarray(Image.open(io.BytesIO(picture.png)).convert("RGB")).astype(int)
    above_band = rgb[: rgb.shape[0] - 30]
    assert (above_band.max(axis=2) == above_band.min(axis=2)).all(), "nothing coloured is drawn on it"
    capture = replace(film(right_is_image_left=None), for_models=False)
    assert pictures.key_pictures(capture, replace(refused, status=SeriesStatus.VIEWED_ONLY), "001") == ()


def test_sections_bear_the_names_they_are_given_and_their_uids_without() -> None:
    reading = Reading("1.2", (series(waters=waters()),))
    named = content.build(reading, Identity(), headings=("PNS Waters PA (DX), waters.dcm",))
    assert [s.heading for s in named.sections] == ["PNS Waters PA (DX), waters.dcm"]
    assert [s.heading for s in content.build(reading, Identity()).sections] == ["DX series 1.2.3"]


def test_dates_and_ages_are_written_as_people_read_them() -> None:
    who = Identity("Doe^Jane", birth_date="19700927", age="045Y", study_date="20160927")
    rows = dict(content.build(Reading("1.2", (series(waters=waters()),)), who).identity)
    assert (rows["Patient"], rows["Born"], rows["Age"], rows["Study date"]) == (
        "Doe^Jane",
        "1970-09-27",
        "45 years",
        "2016-09-27",
    )


def test_a_report_of_an_overruled_check_says_so_where_it_is_copied_from() -> None:
    one = series(waters=waters())
    overruled = replace(one, provenance=replace(one.provenance, override_reason="for teaching"))
    (section,) = content.build(Reading("1.2", (overruled,)), Identity()).sections
    assert "against the input check" in section.warnings[0]
    assert "for teaching" in section.warnings[0]


def test_the_only_picture_of_a_series_is_printed_large_enough_to_read_and_two_share_a_row() -> None:
    png = io.BytesIO()
    Image.new("L", (8, 10)).save(png, "PNG")
    picture = content.Picture("a.png", png.getvalue(), "", 800, 1000)
    alone = pdf._side_by_side((picture,), alone=True)._content[0]
    (row,) = pdf._side_by_side((picture, picture))._cellvalues
    assert alone.drawHeight > 1.3 * row[0][0].drawHeight
    assert row[0][0].drawHeight == row[1][0].drawHeight
