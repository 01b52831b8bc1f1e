"""What a report of a CT says of sinuses, endotype and recurrence, in a surgeon's order."""

from dataclasses import replace
from pathlib import Path

import pytest
from reportlab import rl_config

from sinusviewer.domain.anatomy import ImageSide, Side, Sinus
from sinusviewer.domain.finding import ModelReference
from sinusviewer.domain.image import Identity, ImageWarning
from sinusviewer.domain.reading import (
    EndotypeReading,
    LundMackay,
    Reading,
    RecurrenceReading,
    SeriesReading,
    SeriesStatus,
    SinusMeasurement,
    SliceProbability,
)
from sinusviewer.report import content, html, pdf, reading_json
from sinusviewer.report.change import change_sentences
from sinusviewer.ui.panels.report_text import proposed_text, table_line

MODEL = ModelReference("ecrs_efficientnet_b0", "1.0", "ab" * 32, "Trained on simulated patients only.")
ENDOTYPE = EndotypeReading(0.7, (SliceProbability("1.9", 0.7, 3),), (MODEL,), 0.5)
CT = SeriesReading(
    "1.2.4",
    "CT",
    SeriesStatus.READ,
    sinuses=(SinusMeasurement(Sinus.MAXILLARY, Side.RIGHT, 14.2, 0.31, -600.0, 1, True),),
    lund_mackay=LundMackay(None, None, 0, None),
    endotype=ENDOTYPE,
    recurrence=RecurrenceReading(0.4, None, (0.1, 0.6), ("asthma",), {"dlr": 31.0}, None, MODEL, "simulated"),
)


def reading(endotype: EndotypeReading = ENDOTYPE) -> Reading:
    return Reading("1.2", (replace(CT, endotype=endotype),))


def test_a_surgeon_reads_the_sinuses_before_the_endotype_and_that_before_recurrence() -> None:
    built = content.build(reading(), Identity())
    page, text = html.render(built), proposed_text(built)
    for whole in (page, text):
        places = [
            whole.index(words)
            for words in (
                "Lund-Mackay total",
                "14.2",
                "Probability of eosinophilic CRS",
                "Deep-learning radiomic score",
            )
        ]
        assert places == sorted(places)


def test_a_withheld_endotype_keeps_its_place_in_report_and_json_without_a_number() -> None:
    ct = reading(EndotypeReading(None, (), (MODEL,), 0.5, withheld="The left maxillary is cut off."))
    assert "Probability of eosinophilic CRS withheld. The left maxillary is cut off." in proposed_text(
        content.build(ct, Identity())
    )
    part = reading_json.reading_as_json(ct)
    written = part["series"][0]["endotype"]
    assert (written["standing"], written["withheld"]) == ("withheld", "The left maxillary is cut off.")
    assert "probability_ecrs" not in written
    assert not list(reading_json._validator("reading.schema.json").iter_errors(part))
    written["probability_ecrs"] = 0.35
    assert list(reading_json._validator("reading.schema.json").iter_errors(part))


def test_a_doubtful_endotype_is_marked_in_report_and_json() -> None:
    ct = reading(replace(ENDOTYPE, doubts=("Only 11 % of the heat lies within.",)))
    assert "Probability of eosinophilic CRS 0.70 (doubtful)" in proposed_text(content.build(ct, Identity()))
    assert "Doubt: Only 11 % of the heat lies within." in proposed_text(content.build(ct, Identity()))
    part = reading_json.reading_as_json(ct)
    written = part["series"][0]["endotype"]
    assert (written["standing"], written["doubts"]) == ("doubtful", ["Only 11 % of the heat lies within."])
    assert not list(reading_json._validator("reading.schema.json").iter_errors(part))
    del written["probability_ecrs"]
    assert list(reading_json._validator("reading.schema.json").iter_errors(part))


def test_each_threshold_of_the_endotype_stands_beside_what_it_is_of() -> None:
    ct = reading(replace(ENDOTYPE, mean_probability=0.6, network_threshold=0.55, slice_threshold=0.48))
    part = reading_json.reading_as_json(ct)
    written = part["series"][0]["endotype"]
    assert (written["network_threshold"], written["slice_threshold"]) == (0.55, 0.48)
    assert not list(reading_json._validator("reading.schema.json").iter_errors(part))
    written["slice_threshold"] = 1.2
    assert list(reading_json._validator("reading.schema.json").iter_errors(part))


def test_a_remark_does_not_repeat_the_name_of_its_row_and_no_column_stands_empty() -> None:
    cut = SinusMeasurement(
        Sinus.FRONTAL, Side.LEFT, None, None, None, None, False, "left frontal: withheld, because of gaps"
    )
    (whole,) = content.build(reading(), Identity()).sections
    (partly,) = content.build(
        replace(reading(), series=(replace(CT, sinuses=(*CT.sinuses, cut)),)), Identity()
    ).sections
    assert whole.parts[0].tables[0].columns == ("Sinus", "Side", "Opacified", "Lund-Mackay", "Volume, ml", "Mean HU")
    table = partly.parts[0].tables[0]
    assert table.columns[-1] == "Remark"
    assert table.rows[-1] == ("frontal", "left", "–", "–", "–", "–", "withheld, because of gaps")


def test_what_was_not_scored_is_said_where_a_surgeon_looks_for_it() -> None:
    why = ImageWarning("recurrence_not_assessed", "Recurrence was not scored: not wholly on this CT.")
    (section,) = content.build(
        replace(reading(), series=(replace(CT, recurrence=None, warnings=(why,)),)), Identity()
    ).sections
    assert section.warnings == ()
    assert section.parts[-1] == content.Part("Recurrence after surgery", (why.message,))


def test_the_text_for_a_letter_keeps_abbreviations_and_units() -> None:
    assert table_line(("Predictor", "Points"), ("DLR score", "43.3")) == "DLR score: points 43.3."
    assert table_line(("Predictor", "Points"), ("eosinophils (cells/µL)", "21.0")).startswith("Eosinophils (cells/µL)")


def test_the_endotypes_heading_claims_no_endotype() -> None:
    """It stands above a probability below the threshold too, and is copied into letters."""
    below = proposed_text(content.build(reading(replace(ENDOTYPE, probability_ecrs=0.1)), Identity()))
    assert "Endotype (eosinophilic CRS or not)." in below
    assert "Endotype: eosinophilic" not in below


def test_after_masks_were_changed_endotype_and_score_say_that_they_do_not_follow() -> None:
    edited = replace(CT, sinuses=(replace(CT.sinuses[0], edited_by_reader=True),))
    text = proposed_text(content.build(Reading("1.2", (edited,)), Identity()))
    assert text.count("the reader's changes of the masks are not in it") == 2
    assert "changes of the masks" not in proposed_text(content.build(reading(), Identity()))


RISK = RecurrenceReading(
    0.4, 0.91, (0.91, 0.91), (), {"asthma": 22.7, "eosinophils_per_ul": 140.0, "dlr_score": 31.0}, 193.7, MODEL,
    "Fitted on simulated patients: 120 patients with 45 events.",
    values={"asthma": 1.0, "eosinophils_per_ul": 2800.0, "dlr_score": 0.4}, outside_training=("eosinophils_per_ul",),
)  # fmt: skip


def test_the_values_behind_a_risk_stand_beside_their_points() -> None:
    ct = Reading("1.2", (replace(CT, recurrence=RISK),))
    text = proposed_text(content.build(ct, Identity()))
    assert "Asthma: value yes, points 22.7." in text
    assert "Eosinophils: value 2800 cells/µL, points 140.0." in text
    assert "DLR score: value 0.40, points 31.0." in text


def test_a_risk_beyond_the_training_data_is_called_extrapolated_in_report_and_json(tmp_path: Path) -> None:
    ct = Reading("1.2", (replace(CT, recurrence=RISK),))
    said = "Outside the nomogram's training data, so the risk is extrapolated: eosinophils."
    built = content.build(ct, Identity())
    assert said in proposed_text(built)
    assert said.replace("'", "&#39;") in html.render(built)
    written = reading_json.reading_as_json(ct)
    assert written["series"][0]["recurrence"]["outside_training"] == ["eosinophils_per_ul"]
    reading_json.write_validated(written, "reading.schema.json", tmp_path / "reading.json")


def test_whom_the_nomogram_was_fitted_on_is_said_once() -> None:
    text = proposed_text(content.build(Reading("1.2", (replace(CT, recurrence=RISK),)), Identity()))
    assert "Nomogram: Fitted on simulated patients: 120 patients with 45 events." in text


def test_every_sheet_of_a_printed_report_says_whose_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rl_config, "pageCompression", 0)
    many = tuple(replace(CT.sinuses[0], reason=f"remark {n}") for n in range(60))
    who = Identity(patient_name="Doe^Jane", patient_id="4711", study_date="20260120")
    printed = pdf.render(content.build(Reading("1.2", (replace(CT, sinuses=many),)), who))
    sheets = printed.count(b"/Type /Page\n")
    assert sheets >= 2
    assert printed.count(b"4711, 2026-01-20") == sheets


def ct_of(*fractions: float | None, total: int = 10, version: str = "1.0") -> SeriesReading:
    """Right and left maxillary, and right frontal."""
    places = ((Sinus.MAXILLARY, Side.RIGHT), (Sinus.MAXILLARY, Side.LEFT), (Sinus.FRONTAL, Side.RIGHT))
    sinuses = tuple(
        SinusMeasurement(sinus, side, 14.0, fraction, -600.0, 1, fraction is not None)
        for (sinus, side), fraction in zip(places, fractions, strict=True)
    )
    network = ModelReference("sinus_segmentation", version, version * 20, "Trained on simulated patients only.")
    totals = LundMackay(total, 0, 0, 0)
    return replace(CT, sinuses=sinuses, lund_mackay=totals, segmentation_model=network)


def test_a_report_says_what_changed_against_the_prior_and_what_could_not_be_compared() -> None:
    now, prior = ct_of(0.04, 0.52, 0.5, total=8), ct_of(0.31, 0.55, None, total=12)
    built = content.build(Reading("1.2", (now,)), Identity(), priors={0: (prior, "20240312")})
    text = proposed_text(built)
    assert "Compared with the CT of 2024-03-12: Lund-Mackay was 12, now 8 (−4)." in text
    assert "changed by 10 percentage points or more: right maxillary was 31 %, now 4 % (−27)." in text
    assert "left maxillary" not in text.partition("Opacified share changed")[2].partition("\n")[0]
    assert "Not compared, because not measured on both CTs: right frontal." in text
    assert "different models" not in text
    assert "Compared with" in html.render(built)


def test_a_change_that_may_be_another_networks_is_called_so() -> None:
    said = change_sentences(ct_of(0.1, 0.1, 0.1), ct_of(0.12, 0.1, 0.1, version="0.9"), "20240312")
    assert any("different models (sinus_segmentation 1.0 and sinus_segmentation 0.9)" in s for s in said)
    assert "No opacified share changed by 10 percentage points or more." in said
    assert "Lund-Mackay 10 as before" in said[0]


def with_levels(right: bool | None, left: bool | None) -> SeriesReading:
    given = ct_of(0.3, 0.3, 0.3)
    levels = (right, left, None)
    return replace(
        given, sinuses=tuple(replace(s, air_fluid_level=v) for s, v in zip(given.sinuses, levels, strict=True))
    )


def text_of(series: SeriesReading) -> str:
    return proposed_text(content.build(Reading("1.2", (series,)), Identity()))


def test_an_air_fluid_level_is_told_with_its_side_and_as_a_proposal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Air-fluid level: right maxillary sinus (proposed)." in text_of(with_levels(True, False))
    assert "Air-fluid level: left maxillary sinus (proposed)." in text_of(with_levels(None, True))
    assert "Air-fluid level: right and left maxillary sinuses (proposed)." in text_of(with_levels(True, True))
    assert "Air-fluid" not in text_of(with_levels(False, None)), "masks can miss one"
    built = content.build(Reading("1.2", (with_levels(True, False),)), Identity())
    assert "Air-fluid level: right maxillary sinus (proposed)." in html.render(built)
    monkeypatch.setattr(rl_config, "pageCompression", 0)
    assert b"Air-fluid" in pdf.render(built)


def test_an_air_fluid_level_of_unproved_sides_is_told_by_the_images_side() -> None:
    given = with_levels(True, False)
    image = {Side.RIGHT: ImageSide.IMAGE_LEFT, Side.LEFT: ImageSide.IMAGE_RIGHT}
    sinuses = tuple(replace(s, side=image[s.side]) for s in given.sinuses if isinstance(s.side, Side))
    said = text_of(replace(given, sinuses=sinuses, lund_mackay=None))
    assert "Air-fluid level: image-left maxillary sinus (proposed)." in said


def test_a_level_in_json_stands_at_its_sinus_and_is_absent_where_it_is_not_known() -> None:
    part = reading_json.reading_as_json(Reading("1.2", (replace(with_levels(True, False), segmentation_model=None),)))
    written = {(s["sinus"], s["side"]): s.get("air_fluid_level") for s in part["series"][0]["sinuses"]}
    assert written == {("maxillary", "right"): True, ("maxillary", "left"): False, ("frontal", "right"): None}
    assert "air_fluid_level" not in part["series"][0]["sinuses"][2]
    assert not list(reading_json._validator("reading.schema.json").iter_errors(part))
    part["series"][0]["sinuses"][0]["air_fluid_level"] = "yes"
    assert list(reading_json._validator("reading.schema.json").iter_errors(part))


def test_a_level_that_has_come_or_gone_since_the_prior_is_told() -> None:
    said = " ".join(change_sentences(with_levels(True, False), with_levels(False, True), "20240312"))
    assert "Air-fluid level (proposed): right maxillary new, left maxillary no longer." in said
    said = " ".join(change_sentences(with_levels(True, False), with_levels(True, False), "20240312"))
    assert "Air-fluid level (proposed): right maxillary as before." in said
    assert "Air-fluid" not in " ".join(change_sentences(with_levels(True, None), with_levels(None, True), "20240312"))
