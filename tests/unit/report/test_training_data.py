"""Corrections as training data: what is written is what the trainer reads, and says nothing of whose it is."""

import gzip
import json
from dataclasses import replace

import numpy as np
import pytest

from sinustrainer.data.ct_cases import load_case_labels, load_case_volume
from sinustrainer.data.manifest import load_manifest
from sinusviewer.domain.anatomy import Side, Sinus, Structure
from sinusviewer.domain.finding import Segmentation
from sinusviewer.domain.image import Identity, Volume
from sinusviewer.domain.reading import SeriesReading, SeriesStatus, SinusMeasurement
from sinusviewer.errors import StorageError
from sinusviewer.report.masks import write_mask
from sinusviewer.report.training_data import write_ct_case

AFFINE = np.diag([-0.5, 0.5, 1.5, 1.0])
AFFINE[:3, 3] = 80, -90, 12
WHO = Identity("Muster^Anna", "P-4711", "19700101", "F", "052Y", "20240229", modality="CT",
               study_instance_uid="1.2.3", series_instance_uid="1.2.3.4", institution="St. Elsewhere")  # fmt: skip


def case(who: Identity = WHO):
    rng = np.random.default_rng(3)
    voxels = rng.integers(-1000, 2000, (12, 20, 16)).astype(np.int16)
    labels = np.zeros(voxels.shape, np.uint8)
    labels[3:8, 5:12, 2:9] = Structure.RIGHT_MAXILLARY
    segmentation = Segmentation(labels, AFFINE, labels > 0, original=Segmentation(labels * 0, AFFINE))
    sinuses = (SinusMeasurement(Sinus.MAXILLARY, Side.RIGHT, 1.0, 0.4, -300.0, 1, True, edited_by_reader=True),)
    reading = SeriesReading(
        who.series_instance_uid, "CT", SeriesStatus.READ, sinuses=sinuses, segmentation=segmentation
    )
    return Volume(voxels, AFFINE, who, exposure={"kvp": 120.0}), reading


def test_the_trainer_reads_back_the_same_voxels_at_the_same_places(tmp_path):
    volume, reading = case()
    write_ct_case(tmp_path, volume, reading)
    (found,) = load_manifest(tmp_path).cases
    again = load_case_volume(found)
    assert np.array_equal(again.voxels, volume.voxels)
    assert np.allclose(again.affine, volume.affine, atol=1e-4)
    assert np.array_equal(load_case_labels(found, again), reading.segmentation.labels)
    assert found.labels == {"opacified_fraction": {"right_maxillary": 0.4}, "lund_mackay": {"right_maxillary": 1}}
    assert (found.age, found.sex, found.split) == (52.0, "F", "train")


def test_nothing_in_the_folder_names_the_patient(tmp_path):
    write_ct_case(tmp_path, *case())
    for path in tmp_path.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            content = gzip.decompress(content) if path.suffix == ".gz" else content
            for secret in (b"Muster", b"P-4711", b"1.2.3", b"19700101", b"20240229", b"Elsewhere"):
                assert secret not in content + str(path.relative_to(tmp_path)).encode()


def test_one_patient_keeps_one_name_and_one_ct_one_case(tmp_path):
    write_ct_case(tmp_path, *case())
    write_ct_case(tmp_path, *case(replace(WHO, study_instance_uid="1.2.9", series_instance_uid="1.2.9.4")))
    write_ct_case(tmp_path, *case())
    cases = load_manifest(tmp_path).cases
    assert len(cases) == 2
    assert len({c.patient_id for c in cases}) == 1


def test_a_folder_of_other_data_is_left_alone(tmp_path):
    (tmp_path / "manifest.json").write_text(json.dumps({"task": "waters", "simulated": True, "cases": []}))
    with pytest.raises(StorageError, match="another kind"):
        write_ct_case(tmp_path, *case())


def test_a_ct_without_masks_teaches_nothing(tmp_path):
    volume, reading = case()
    with pytest.raises(StorageError, match="no masks"):
        write_ct_case(tmp_path, volume, replace(reading, segmentation=None))


def test_exported_masks_come_with_the_ais_original(tmp_path):
    _, reading = case()
    names = [p.name for p in write_mask(tmp_path, "sinuses", reading.segmentation)]
    assert names == ["sinuses.nii.gz", "sinuses_opacified.nii.gz", "sinuses_ai.nii.gz"]


def unchanged(reading):
    """The same masks as the network drew them: as they were read, and after the brush was taken up without a stroke."""
    masks = reading.segmentation
    held = replace(masks, original=replace(masks, original=None, labels=masks.labels.copy()))
    return [replace(reading, segmentation=m) for m in (replace(masks, original=None), held)]


def test_masks_that_nobody_judged_are_not_written(tmp_path):
    volume, reading = case()
    for as_read in unchanged(reading):
        with pytest.raises(StorageError, match="Nobody has said"):
            write_ct_case(tmp_path, volume, as_read)
        assert not list(tmp_path.iterdir())


def test_a_case_says_who_vouches_for_its_masks(tmp_path):
    volume, reading = case()
    as_read = unchanged(reading)[1]
    written = (
        (as_read, True, "confirmed", False),
        (reading, False, "edited", True),
        (reading, True, "confirmed", True),
    )
    for one, confirmed, state, edited in written:
        write_ct_case(tmp_path, volume, one, confirmed=confirmed)
        masks = json.loads((tmp_path / "manifest.json").read_text())["cases"][0]["masks"]
        assert (masks["state"], masks["edited_by_reader"], masks["confirmed_by_reader"]) == (state, edited, confirmed)
