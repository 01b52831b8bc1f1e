"""Judged boxes as training data: what is written is what the trainer reads, says nothing of whose it is, and is a person's word."""

import json
from dataclasses import replace

import numpy as np
import pytest
from window_parts import MODEL

from sinustrainer.data.film_sources import load_case_radiograph, read_film
from sinustrainer.data.manifest import load_manifest
from sinusviewer.domain.anatomy import ImageSide, Side
from sinusviewer.domain.finding import Author, Detection, FindingStatus
from sinusviewer.domain.image import Identity, OrientationEvidence, Radiograph, SpacingKind, Window
from sinusviewer.domain.reading import SeriesReading, SeriesStatus, SideScore, WatersLabel, WatersReading
from sinusviewer.errors import InputError, StorageError
from sinusviewer.exchange.bare_film import bare_film
from sinusviewer.report.training_films import film_labels, film_names, write_film_case

WHO = Identity("Muster^Anna", "P-4711", "19700101", "F", "052Y", "20240229", modality="DX",
               study_instance_uid="1.2.3", series_instance_uid="1.2.3.4", institution="St. Elsewhere")  # fmt: skip
RIGHT = Detection((20.0, 60.0, 45.0, 90.0), 0.8, Side.RIGHT, "cyst", identifier="ai-1")
LEFT = Detection((60.0, 60.0, 85.0, 90.0), 0.1, Side.LEFT, identifier="ai-2")
WATERS = WatersReading(
    WatersLabel.RIGHT, (SideScore(Side.RIGHT, 0.8, True), SideScore(Side.LEFT, 0.1, False)), (10.0, 40.0, 90.0, 110.0),
    (RIGHT, LEFT), 0.4, MODEL,
)  # fmt: skip
READING = SeriesReading("1.2.3.4", "DX", SeriesStatus.READ, sop_instance_uid="1.2.3.4.5", waters=WATERS)
ACCEPTED = replace(RIGHT, status=FindingStatus.ACCEPTED)


def film(pixels=None, **changes) -> Radiograph:
    y, x = np.mgrid[:120, :100]
    values = (x * 10 + y).astype(np.uint16) if pixels is None else pixels
    changes = {"patient_right_is_image_left": True, "orientation_evidence": OrientationEvidence.CONFIRMED, **changes}
    return Radiograph(values, WHO, "1.2.3.4.5", spacing=(0.2, 0.3), spacing_kind=SpacingKind.DETECTOR,
                      exposure={"kvp": 70.0}, **changes)  # fmt: skip


def write(folder, boxes=(ACCEPTED, LEFT), one=None):
    shown = one or film()
    labels = film_labels(WATERS, boxes, 0.4, confirmed=True)
    case_id, patient_id = film_names(shown)
    return write_film_case(folder, shown, READING, labels, bare_film(shown, patient_id, case_id))


def test_the_trainer_reads_back_the_film_its_face_and_both_antra(tmp_path):
    write(tmp_path)
    manifest = load_manifest(tmp_path)
    (case,) = manifest.cases
    assert (manifest.task, manifest.simulated) == ("waters", False)
    assert (case.age, case.sex, case.split, case.labels["label"]) == (52.0, "F", "train", "right")
    assert case.acquisition["kvp"] == 70.0
    found = read_film(case)
    assert found.face_box == WATERS.face_box
    assert [(a.side, a.diseased, a.xyxy) for a in found.antra] == [
        ("right", True, RIGHT.xyxy),
        ("left", False, LEFT.xyxy),
    ]
    assert np.array_equal(found.source.values, film().pixels)
    assert case.labels["boxes"] == [
        {"xyxy": [20.0, 60.0, 45.0, 90.0], "side": "right", "subclass": "", "origin": "accepted"}
    ]


def test_a_corrected_box_is_the_label_and_the_networks_own_stays_beside_it():
    moved = replace(RIGHT, xyxy=(22.0, 58.0, 48.0, 92.0), original_xyxy=RIGHT.xyxy, status=FindingStatus.EDITED)
    labels = film_labels(WATERS, (moved, LEFT), 0.4, confirmed=True)
    (box,) = labels["boxes"]
    assert (box["xyxy"], box["network_xyxy"], box["origin"]) == ([22, 58, 48, 92], [20, 60, 45, 90], "corrected")
    assert labels["antra"][0]["xyxy"] == [22, 58, 48, 92]


def test_a_rejected_box_is_a_healthy_antrum_and_a_drawn_one_is_disease():
    rejected = replace(RIGHT, status=FindingStatus.REJECTED)
    drawn = Detection((61.0, 61.0, 84.0, 89.0), 1.0, Side.LEFT, author=Author.READER, status=FindingStatus.ACCEPTED)
    labels = film_labels(WATERS, (rejected, LEFT, drawn), 0.4)
    assert labels["label"] == "left"
    assert [(a["side"], a["diseased"]) for a in labels["antra"]] == [("right", False), ("left", True)]
    assert labels["antra"][1]["xyxy"] == [61, 61, 84, 89]
    said = (rejected, replace(LEFT, score=0.7, status=FindingStatus.REJECTED))
    assert film_labels(WATERS, said, 0.4)["label"] == "normal", "a rejected box on each side says so"


@pytest.mark.parametrize(
    "boxes", [(), (LEFT,), (replace(RIGHT, status=FindingStatus.REJECTED), LEFT), (ACCEPTED, LEFT)]
)
def test_a_sinus_of_which_the_reader_said_nothing_is_never_called_clear(boxes):
    with pytest.raises(StorageError, match=r"(?i)nobody has said"):
        film_labels(WATERS, boxes, 0.4)
    labels = film_labels(WATERS, boxes, 0.4, confirmed=True)
    assert labels["label"] == ("right" if ACCEPTED in boxes else "normal")
    assert labels["confirmed_by_reader"] is True


def test_where_the_place_of_a_healthy_antrum_is_unknown_only_disease_is_listed(tmp_path):
    labels = film_labels(WATERS, (ACCEPTED,), 0.4, confirmed=True)
    assert "antra" not in labels
    assert len(labels["boxes"]) == 1


@pytest.mark.parametrize(
    ("boxes", "says"),
    [
        ((RIGHT, LEFT), "not judged"),
        ((replace(ACCEPTED, side=ImageSide.IMAGE_LEFT),), "unverified"),
        ((ACCEPTED, replace(ACCEPTED, identifier="reader-1", author=Author.READER)), "two boxes"),
    ],
)
def test_what_nobody_decided_is_no_label(boxes, says):
    with pytest.raises(StorageError, match=says):
        film_labels(WATERS, boxes, 0.4, confirmed=True)


def test_nothing_in_the_folder_names_the_patient(tmp_path):
    write(tmp_path)
    for path in tmp_path.rglob("*"):
        if path.is_file():
            content = path.read_bytes() + str(path.relative_to(tmp_path)).encode()
            for secret in (b"Muster", b"P-4711", b"1.2.3.4", b"19700101", b"20240229", b"Elsewhere"):
                assert secret not in content


def test_the_same_film_again_replaces_its_case_and_a_patient_keeps_one_name(tmp_path):
    write(tmp_path)
    write(tmp_path, (replace(RIGHT, status=FindingStatus.REJECTED), LEFT))
    write(tmp_path, one=replace(film(), sop_instance_uid="1.2.9"))
    cases = load_manifest(tmp_path).cases
    assert [c.labels["label"] for c in cases] == ["normal", "right"]
    assert len({c.patient_id for c in cases}) == 1


def test_a_folder_of_ct_data_is_left_alone(tmp_path):
    (tmp_path / "manifest.json").write_text(json.dumps({"task": "ct", "simulated": False, "cases": []}))
    with pytest.raises(StorageError, match="another kind"):
        write(tmp_path)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.float32])
def test_a_film_comes_back_as_it_hangs_with_its_values(tmp_path, dtype):
    rng = np.random.default_rng(1)
    values = rng.integers(0, 250, (40, 30)).astype(dtype)
    if dtype is np.int16:
        values = values - np.int16(90)
    padding = np.zeros(values.shape, bool)
    padding[:4] = True
    shown = film(values, inverted=True, padding=padding, patient_right_is_image_left=False, upside_down=True,
                 windows=(Window(100.0, 180.0),))  # fmt: skip
    write(tmp_path, one=shown)
    back = load_case_radiograph(load_manifest(tmp_path).cases[0])
    assert np.allclose(back.pixels[~padding], values[~padding], atol=0 if dtype is not np.float32 else 0.01)
    assert np.array_equal(back.padding, padding)
    assert back.inverted
    assert back.for_models
    assert (back.patient_right_is_image_left, back.upside_down) == (False, True)
    assert (back.spacing, back.spacing_kind) == ((0.2, 0.3), SpacingKind.DETECTOR)
    assert (back.windows[0].center, back.windows[0].width) == (100.0, 180.0)


def test_a_film_without_orientation_gets_none(tmp_path):
    write(tmp_path, one=film(patient_right_is_image_left=None))
    assert load_case_radiograph(load_manifest(tmp_path).cases[0]).patient_right_is_image_left is None


def test_colour_and_empty_films_are_refused():
    with pytest.raises(InputError, match="colour"):
        bare_film(film(np.zeros((4, 4, 3), np.uint8)), "p", "c")
    with pytest.raises(InputError, match="padding"):
        bare_film(film(padding=np.ones((120, 100), bool)), "p", "c")
