import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_models
from phantom_head import phantom_head

from sinusviewer.analysis.endotype_checks import doubts
from sinusviewer.analysis.protocol import TASKS
from sinusviewer.analysis.read import read_series
from sinusviewer.analysis.sinus_extent import measure_extent
from sinusviewer.domain.anatomy import ImageSide, Side, Sinus, Structure
from sinusviewer.domain.clinical import ClinicalData
from sinusviewer.domain.finding import Segmentation
from sinusviewer.domain.image import Identity, Volume
from sinusviewer.domain.reading import (
    EndotypeReading,
    SeriesReading,
    SeriesStatus,
    SinusMeasurement,
    SliceProbability,
    Standing,
)
from sinusviewer.errors import CancelledError, GeometryError
from sinusviewer.inference.model_card import load_card, save_card
from sinusviewer.inference.patient_model import PatientModel, PatientTerm
from sinusviewer.inference.registry import ModelRegistry
from sinusviewer.jobs.events import JobPartial
from sinusviewer.jobs.runner import CancelToken, Progress, silent_progress
from sinusviewer.report.wording import recurrence_sentences

HEAD = phantom_head(2.5)
FLUID = 20


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> ModelRegistry:
    folder = tmp_path_factory.mktemp("ct")
    return ModelRegistry(tiny_models.ct_models(folder / "models"), folder / "own", threads=1)


def head(*, filled: Structure | None = Structure.RIGHT_MAXILLARY, share: float = 0.5, **more: object) -> Volume:
    hu = HEAD.hu.copy()
    if filled is not None:
        inside = HEAD.labels == filled
        z = np.argwhere(inside)[:, 0]
        level = z.min() + share * (z.max() + 1 - z.min())
        hu[inside & (np.arange(hu.shape[0])[:, None, None] < level)] = FLUID
    identity = Identity(modality="CT", series_instance_uid="1.2.3")
    uids = tuple(f"1.9.{i}" for i in range(len(hu)))
    return Volume(hu, HEAD.affine, identity, uids, **more)  # type: ignore[arg-type]


def stored_mirrored(volume: Volume) -> Volume:
    """The same patient, columns stored from left to right."""
    affine = volume.affine.copy()
    affine[:3, 3] += affine[:3, 0] * (volume.voxels.shape[2] - 1)
    affine[:3, 0] *= -1
    return replace(volume, voxels=np.ascontiguousarray(volume.voxels[:, :, ::-1]), affine=affine)


def maxillary(reading: SeriesReading) -> dict[object, SinusMeasurement]:
    return {s.side: s for s in reading.sinuses if s.sinus is Sinus.MAXILLARY}


def test_fluid_in_the_right_antrum_is_measured_on_the_right(registry: ModelRegistry) -> None:
    reading = read_series(head(), TASKS, registry)
    assert reading.status is SeriesStatus.READ
    sides = maxillary(reading)
    true_ml = float((HEAD.labels == Structure.RIGHT_MAXILLARY).sum()) * 2.5**3 / 1000
    assert sides[Side.RIGHT].volume_ml == pytest.approx(true_ml, rel=0.15)
    assert sides[Side.RIGHT].opacified_fraction == pytest.approx(0.5, abs=0.06)
    assert sides[Side.LEFT].opacified_fraction == pytest.approx(0.0, abs=0.04)
    assert (sides[Side.RIGHT].lund_mackay, sides[Side.LEFT].lund_mackay) == (1, 0)
    assert reading.segmentation_model is not None
    assert reading.segmentation is not None
    assert reading.segmentation.labels.shape == HEAD.hu.shape


def test_mirroring_the_voxels_swaps_the_sides_and_a_mirrored_storage_does_not(registry: ModelRegistry) -> None:
    usual = maxillary(read_series(head(), TASKS, registry))
    patient_mirrored = replace(head(), voxels=np.ascontiguousarray(head().voxels[:, :, ::-1]))
    swapped = maxillary(read_series(patient_mirrored, TASKS, registry))
    same = maxillary(read_series(stored_mirrored(head()), TASKS, registry))
    assert swapped[Side.LEFT].opacified_fraction == pytest.approx(usual[Side.RIGHT].opacified_fraction, abs=0.03)
    assert swapped[Side.RIGHT].opacified_fraction == pytest.approx(0.0, abs=0.04)
    assert same[Side.RIGHT].opacified_fraction == pytest.approx(usual[Side.RIGHT].opacified_fraction, abs=1e-6)


def test_masks_lie_on_the_stored_grid_of_a_mirrored_volume(registry: ModelRegistry) -> None:
    volume = stored_mirrored(head())
    segmentation = read_series(volume, TASKS, registry).segmentation
    assert segmentation is not None
    points = np.argwhere(segmentation.labels == Structure.RIGHT_MAXILLARY)[:, ::-1]
    assert float((volume.affine @ np.append(points.mean(axis=0), 1.0))[0]) == pytest.approx(-27, abs=2)


def test_an_unoriented_volume_speaks_of_image_sides(registry: ModelRegistry) -> None:
    reading = read_series(head(oriented=False), TASKS, registry)
    assert {s.side for s in reading.sinuses} == {ImageSide.IMAGE_LEFT, ImageSide.IMAGE_RIGHT}
    assert reading.lund_mackay is None


def test_faulty_geometry_withholds_volumes_and_scores(registry: ModelRegistry) -> None:
    reading = read_series(head(measurable=False), TASKS, registry)
    assert all(s.volume_ml is None and s.lund_mackay is None for s in reading.sinuses)
    assert all("withheld" in s.reason for s in maxillary(reading).values())


def test_the_endotype_is_the_mean_over_slices_with_lesion(registry: ModelRegistry) -> None:
    reading = read_series(head(), TASKS, registry)
    assert reading.endotype is not None
    assert reading.endotype.probability_ecrs == pytest.approx(
        np.mean([s.probability for s in reading.endotype.slices]), abs=1e-6
    )
    lesion = np.flatnonzero((head().voxels == FLUID).any(axis=(1, 2)))
    assert {s.slice_index for s in reading.endotype.slices} <= set(lesion.tolist())
    assert all(s.sop_instance_uid == f"1.9.{s.slice_index}" for s in reading.endotype.slices)
    assert reading.endotype.attention_probability is not None


def antra(reading: SeriesReading) -> float:
    """Mean log odds of the share filled, as a patient's model reads it."""
    shares = [
        s.opacified_fraction for s in reading.sinuses if s.sinus is Sinus.MAXILLARY and s.opacified_fraction is not None
    ]
    return float(np.mean([np.log((share + 0.03) / (1.03 - share)) for share in shares]))


def test_a_cards_patient_model_makes_the_probability_and_the_published_mean_stands_beside_it(tmp_path: Path) -> None:
    folder = tiny_models.ct_models(tmp_path / "models") / "ecrs_tiny"
    terms = (
        PatientTerm(name="slices", weight=1.0, center=0.0),
        PatientTerm(name="maxillary_extent", weight=4.0, center=0.1),
    )
    model = PatientModel(intercept=-1.0, terms=terms, fitted_on="nobody", threshold=0.4)
    save_card(load_card(folder).model_copy(update={"patient_model": model}), folder)
    reading = read_series(head(), TASKS, ModelRegistry(tmp_path / "models", tmp_path / "own", threads=1))
    found = reading.endotype
    assert found is not None
    assert found.mean_probability == pytest.approx(np.mean([s.probability for s in found.slices]), abs=1e-6)
    log_odds = -1.0 + np.log(found.mean_probability / (1 - found.mean_probability)) + 4 * (antra(reading) - 0.1)
    assert found.probability_ecrs == pytest.approx(1 / (1 + np.exp(-log_odds)), abs=1e-3)
    assert {reason.name for reason in found.reasons} == {"slices", "maxillary_extent"}
    assert found.patient_model == "nobody"
    assert found.threshold == 0.4


def test_the_extent_is_measured_once_for_endotype_and_recurrence_and_not_at_all_for_published_cards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny_models.ct_models(tmp_path / "models")
    measured: list[int] = []

    def measure(*args: object) -> object:
        measured.append(1)
        return measure_extent(*args)  # type: ignore[arg-type]

    monkeypatch.setattr("sinusviewer.analysis.ct.measure_extent", measure)
    read_series(head(), TASKS, ModelRegistry(folder, tmp_path / "own", threads=1))
    assert measured == []
    terms = (PatientTerm(name="maxillary_extent", weight=2.0, center=0.1),)
    model = PatientModel(intercept=0.0, terms=terms, fitted_on="nobody", threshold=0.4)
    for path in folder.iterdir():
        if load_card(path).task in ("ecrs", "recurrence"):
            save_card(load_card(path).model_copy(update={"patient_model": model}), path)
    found = read_series(head(), TASKS, ModelRegistry(folder, tmp_path / "own", threads=1))
    assert measured == [1]
    assert found.endotype is not None
    assert found.endotype.patient_model == "nobody"
    assert found.recurrence is not None
    assert found.recurrence.network_score is not None


def test_a_cards_patient_model_joins_the_networks_score_with_the_measured_extent(tmp_path: Path) -> None:
    folder = tiny_models.ct_models(tmp_path / "models") / "recurrence"
    plain = read_series(
        head(), ("opacification", "recurrence"), ModelRegistry(tmp_path / "models", tmp_path / "own", threads=1)
    )
    terms = (
        PatientTerm(name="network", weight=1.0, center=0.0),
        PatientTerm(name="maxillary_extent", weight=2.0, center=0.0),
    )
    model = PatientModel(intercept=0.3, terms=terms, fitted_on="nobody", threshold=0.4)
    save_card(load_card(folder).model_copy(update={"patient_model": model}), folder)
    joined = read_series(
        head(), ("opacification", "recurrence"), ModelRegistry(tmp_path / "models", tmp_path / "own", threads=1)
    )
    assert plain.recurrence is not None
    assert joined.recurrence is not None
    assert plain.recurrence.network_score is None
    assert joined.recurrence.network_score == pytest.approx(plain.recurrence.dlr_score, abs=1e-6)
    alone = plain.recurrence.dlr_score
    log_odds = 0.3 + np.log(alone / (1 - alone)) + 2 * antra(joined)
    assert joined.recurrence.dlr_score == pytest.approx(1 / (1 + np.exp(-log_odds)), abs=1e-3)
    assert "joins the network's own score" in " ".join(recurrence_sentences(joined.recurrence))


def test_a_head_without_lesion_has_no_probability_and_says_so(registry: ModelRegistry) -> None:
    reading = read_series(head(filled=None), TASKS, registry)
    assert reading.status is SeriesStatus.READ
    assert reading.endotype is not None
    assert reading.endotype.probability_ecrs is None
    assert reading.endotype.withheld == "No slice shows opacified sinus; an endotype cannot be read."
    assert "endotype_not_assessed" in {w.code for w in reading.warnings}


def cut_off() -> Volume:
    """A head whose first slice goes through the maxillary sinuses."""
    whole = head()
    first = int(np.argwhere(HEAD.labels == Structure.RIGHT_MAXILLARY)[:, 0].min()) + 2
    affine = whole.affine.copy()
    affine[:3, 3] += affine[:3, 2] * first
    return replace(whole, voxels=whole.voxels[first:].copy(), affine=affine, sop_instance_uids=())


@pytest.mark.parametrize("uneven", [False, True])
def test_sinuses_that_are_cut_off_or_uneven_slices_withhold_the_probability(
    registry: ModelRegistry, *, uneven: bool
) -> None:
    reading = read_series(head(measurable=False) if uneven else cut_off(), TASKS, registry)
    endotype = reading.endotype
    assert endotype is not None
    assert (endotype.standing, endotype.probability_ecrs, endotype.slices) == (Standing.WITHHELD, None, ())
    assert ("even volume" if uneven else "right maxillary, left maxillary") in endotype.withheld
    assert endotype.models
    assert reading.heatmaps == ()
    assert any(endotype.withheld in w.message for w in reading.warnings if w.code == "endotype_withheld")
    assert uneven or reading.recurrence is None


def test_a_readers_reason_gives_the_probability_of_cut_off_sinuses_as_a_doubtful_one(registry: ModelRegistry) -> None:
    reading = read_series(cut_off(), TASKS, registry, override_reason="the floor was clear on an earlier CT")
    assert reading.endotype is not None
    assert reading.endotype.standing is Standing.DOUBTFUL
    assert reading.endotype.doubts[0].startswith("Read against the check, by a reader's decision.")
    assert reading.recurrence is not None
    assert reading.provenance.override_reason == "the floor was clear on an earlier CT"
    codes = {w.code for w in reading.warnings}
    assert {"endotype_doubtful", "recurrence_doubtful"} <= codes


def test_what_casts_doubt_on_a_probability_stands_beside_it() -> None:
    labels = np.zeros((4, 20, 20), np.uint8)
    labels[:, 5:15, 5:15] = Structure.RIGHT_MAXILLARY
    opacified = np.zeros(labels.shape, bool)
    opacified[0, 5, 5] = True
    thick = Volume(np.zeros(labels.shape, np.int16), np.diag([0.5, 0.5, 5.0, 1.0]), Identity())
    slices = tuple(SliceProbability(str(i), 0.6, i) for i in range(4))
    reading = EndotypeReading(
        0.6, slices, (), 0.5, attention_probability=0.4, spread=0.3, heat_inside_mask=0.1, heat_if_even=0.2
    )
    said = doubts(reading, thick, Segmentation(labels, thick.affine, opacified))
    for phrase in ("10 % of the heat", "4 slices", "0 % of the sinuses", "5.0 mm apart", "disagree", "different sides"):
        assert any(phrase in doubt for doubt in said), phrase
    sure = EndotypeReading(0.6, slices * 2, (), 0.5, attention_probability=0.7, heat_inside_mask=0.8)
    whole = Segmentation(labels, thick.affine, labels > 0)
    thin = replace(thick, affine=np.diag([0.5, 0.5, 1.0, 1.0]))
    assert doubts(sure, thin, whole) == ()
    below = replace(sure, probability_ecrs=0.3, mean_probability=0.8, heat_inside_mask=0.1, heat_if_even=0.2)
    assert doubts(below, thin, whole) == ()  # little speaks for ECRS, and where that lies means nothing
    own = replace(sure, mean_probability=0.4, network_threshold=0.3, slice_threshold=0.6)
    assert doubts(own, thin, whole) == ()  # each against its own
    assert "different sides" in doubts(replace(sure, mean_probability=0.4), thin, whole)[0]


@pytest.mark.parametrize(
    ("mean", "joined", "said"),
    [
        (
            0.62,
            0.31,
            "at or above its threshold (0.62, threshold 0.50), the probability joined with the measured extent below",
        ),
        (
            0.41,
            0.72,
            "below its threshold (0.41, threshold 0.50), the probability joined with the measured extent at or above",
        ),
        (0.45, 0.38, ""),  # each below its own
        (0.55, 0.45, ""),  # each above its own, though on two sides of either one
    ],
)
def test_a_published_mean_that_decides_otherwise_than_the_joined_probability_casts_doubt(
    mean: float, joined: float, said: str
) -> None:
    labels = np.full((4, 20, 20), Structure.RIGHT_MAXILLARY, np.uint8)
    ct = Volume(np.zeros(labels.shape, np.int16), np.eye(4), Identity())
    slices = tuple(SliceProbability(str(i), mean, i) for i in range(8))
    reading = EndotypeReading(
        joined, slices, (), 0.4, network_threshold=0.5, mean_probability=mean, patient_model="forty patients"
    )
    found = doubts(reading, ct, Segmentation(labels, ct.affine, labels > 0))
    assert len(found) == bool(said)
    assert said in " ".join(found)
    assert doubts(replace(reading, patient_model=""), ct, Segmentation(labels, ct.affine, labels > 0)) == ()


def test_recurrence_without_a_nomogram_gives_the_score_alone(registry: ModelRegistry) -> None:
    reading = read_series(head(), ("recurrence",), registry, ClinicalData(asthma=True))
    assert reading.recurrence is not None
    assert 0 < reading.recurrence.dlr_score < 1
    assert reading.sinuses == ()


def test_only_the_tasks_asked_for_are_read(registry: ModelRegistry) -> None:
    reading = read_series(head(), ("opacification",), registry)
    assert reading.sinuses
    assert reading.endotype is None
    assert reading.recurrence is None
    film_only = read_series(head(), ("waters",), registry)
    assert film_only.status is SeriesStatus.VIEWED_ONLY


def test_every_step_says_how_long_it_took(registry: ModelRegistry) -> None:
    seconds = read_series(head(), TASKS, registry).provenance.seconds
    assert list(seconds) == [
        "Checking the CT", "Segmenting the sinuses", "Measuring the sinuses", "Reading the endotype", "Scoring recurrence",
    ]  # fmt: skip


def test_masks_come_before_the_end(registry: ModelRegistry) -> None:
    partial: list[object] = []
    progress = Progress("1", lambda event: partial.append(event.value) if isinstance(event, JobPartial) else None)
    read_series(head(), TASKS, registry, progress=progress)
    readings = [value for value in partial if isinstance(value, SeriesReading)]
    assert len(readings) >= 2  # of the survey, then of every slice
    assert all(r.segmentation is not None and r.sinuses == () for r in readings)
    assert all(r.status is SeriesStatus.VIEWED_ONLY for r in readings)  # nothing is called read before it is


def test_a_localizer_or_other_modality_is_never_given_to_a_network(registry: ModelRegistry) -> None:
    reading = read_series(head(for_models=False), TASKS, registry)
    assert reading.status is SeriesStatus.VIEWED_ONLY
    assert reading.segmentation is None


@pytest.mark.parametrize("stage", ["Segmenting the sinuses", "Classifying slices"])
def test_cancelling_stops_within_a_stage(stage: str, registry: ModelRegistry) -> None:
    token = CancelToken()

    def listen(event: object) -> None:
        if getattr(event, "stage", "") == stage:
            token.cancel()

    with pytest.raises(CancelledError):
        read_series(head(), TASKS, registry, progress=Progress("1", listen), token=token)


def test_a_head_whose_nose_and_sinuses_hold_no_air_cannot_be_assessed(registry: ModelRegistry) -> None:
    volume = head(filled=None)
    volume.voxels[np.isin(HEAD.labels, [Structure.RIGHT_MAXILLARY, Structure.LEFT_MAXILLARY])] = FLUID
    # Air elsewhere in the head (a mastoid, say) must not pass for sinus air.
    volume.voxels[40:50, 90:96, 60:70] = -1000
    reading = read_series(volume, TASKS, registry)
    assert reading.status is SeriesStatus.REFUSED
    assert reading.reason is not None
    assert "Cannot assess" in reading.reason
    assert reading.sinuses == ()
    overruled = read_series(volume, TASKS, registry, progress=silent_progress(), override_reason="known polyposis")
    assert overruled.status is SeriesStatus.READ
    assert overruled.provenance.override_reason == "known polyposis"


def test_one_tasks_failure_leaves_what_the_others_found(tmp_path: Path) -> None:
    models = tiny_models.ct_models(tmp_path / "models")
    tiny_models.ecrs_model(models / "ecrs_tiny", shift=float("nan"))
    reading = read_series(head(), TASKS, ModelRegistry(models, tmp_path / "own", threads=1))
    assert reading.status is SeriesStatus.READ
    assert reading.endotype is None
    assert "endotype_not_assessed" in {w.code for w in reading.warnings}
    assert maxillary(reading)[Side.RIGHT].lund_mackay == 1
    assert reading.recurrence is not None


def test_a_card_fitted_on_other_measurements_is_refused_by_name_and_leaves_what_the_others_found(
    tmp_path: Path,
) -> None:
    models = tiny_models.ct_models(tmp_path / "models")
    older = PatientModel(
        intercept=0.0, terms=(PatientTerm(name="content_hu", weight=1.0, center=0.0),), fitted_on="x", threshold=0.5
    )
    for name in ("ecrs_tiny", "recurrence"):
        save_card(load_card(models / name).model_copy(update={"patient_model": older}), models / name)
    reading = read_series(head(), TASKS, ModelRegistry(models, tmp_path / "own", threads=1))
    assert reading.status is SeriesStatus.READ
    assert maxillary(reading)[Side.RIGHT].lund_mackay == 1
    assert (reading.endotype, reading.recurrence) == (None, None)
    said = [w.message for w in reading.warnings if w.code in ("endotype_not_assessed", "recurrence_not_assessed")]
    assert len(said) == 2
    assert all("“content_hu”, which is not measured" in words for words in said)


def test_only_the_model_that_is_missing_is_named(tmp_path: Path) -> None:
    models = tiny_models.ct_models(tmp_path / "models")
    for folder in models.iterdir():
        if folder.name != "sinus_segmentation":
            shutil.rmtree(folder)
    names = {entry.name for entry in ModelRegistry(models, tmp_path / "own").entries()}
    reading = read_series(head(), TASKS, ModelRegistry(models, tmp_path / "own", threads=1))
    said = [w.message for w in reading.warnings if w.code == "model_missing"]
    assert names == {"sinus_segmentation"}
    assert said == [
        "Endotype was not read; model missing: ecrs.",
        "Recurrence was not read; model missing: recurrence.",
    ]


def test_a_score_that_failed_is_never_said_to_have_been_given(
    registry: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise GeometryError("No sinus was found on this CT.")

    monkeypatch.setattr("sinusviewer.analysis.recurrence.score", fail)
    reading = read_series(cut_off(), TASKS, registry, override_reason="the floor was clear on an earlier CT")
    said = " ".join(w.message for w in reading.warnings)
    assert "Recurrence was not read: No sinus was found" in said
    assert "was scored" not in said
