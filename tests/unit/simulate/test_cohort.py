"""Cohorts on disk: whole cases only, resumed, the same bytes from the same seed, a full disk in one line."""

import errno
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from phantom_anatomist import PhantomAnatomist

from sinustrainer.simulate.cohort import anatomist, store, waters_case
from sinustrainer.simulate.cohort.recipe import AnatomySection, CtRecipe, WatersRecipe, load_recipe
from sinustrainer.simulate.cohort.runner import Order, simulate
from sinustrainer.simulate.radiograph.projections import load_projections
from sinusviewer.domain.anatomy import Side
from sinusviewer.errors import CancelledError, StorageError
from sinusviewer.jobs.runner import CancelToken, silent_progress

RECIPES = Path(__file__).resolve().parents[3] / "training" / "recipes"


def waters_order(out: Path, patients: int = 3, seed: int = 3, workers: int = 0) -> Order:
    recipe = load_recipe(RECIPES / "waters_oh2021_small.toml")
    assert isinstance(recipe, WatersRecipe)
    film = recipe.film.model_copy(update={"image_px": 160, "projection_px": 128, "disease_draws_per_side": 1})
    groups = (recipe.groups[0].model_copy(update={"female": 700}), recipe.groups[4])
    return Order(
        recipe.model_copy(update={"film": film, "groups": groups}), RECIPES, out, seed, patients, None, workers
    )


def ct_order(out: Path, name: str = "recurrence_he2023_small", patients: int = 4) -> Order:
    recipe = load_recipe(RECIPES / f"{name}.toml")
    assert isinstance(recipe, CtRecipe)
    groups = tuple(g.model_copy(update={"slice_mm": (5.0,), "partial_coverage_share": 0.0}) for g in recipe.groups)
    scan = recipe.scan.model_copy(update={"matrix": 64})
    return Order(recipe.model_copy(update={"groups": groups, "scan": scan}), RECIPES, out, 4, patients, None, 0)


def run(order: Order, token: CancelToken | None = None) -> dict[str, Any]:
    return simulate(order, silent_progress(), token or CancelToken(), PhantomAnatomist)


def content(out: Path) -> dict[str, bytes]:
    return {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}


def manifest(out: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="module")
def waters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("waters")
    run(waters_order(out))
    return out


@pytest.fixture(scope="module")
def ct(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("ct")
    run(ct_order(out))
    return out


def test_the_manifest_lists_every_case_with_its_files_and_says_simulated(waters: Path) -> None:
    listed = manifest(waters)
    assert (listed["schema_version"], listed["task"], listed["simulated"]) == (1, "waters", True)
    assert "SIMULATED" in listed["statement"]
    assert listed["recipe"]["name"] == "waters_oh2021_small"
    assert len(listed["cases"]) == 3
    for case in listed["cases"]:
        for name in case["files"].values():
            assert (waters / name).exists()
        assert ("projections" in case["files"]) == (case["split"] == "train")
        assert {"manufacturer", "kvp", "mas", "exposure_ms", "sdd_mm", "tilt_deg"} <= case["acquisition"].keys()


def test_a_film_ends_where_a_scan_that_was_cut_off_does_but_never_within_the_face() -> None:
    soft = np.full((128, 100), 15, np.float32)
    face = (20.0, 30.0, 80.0, 80.0)
    assert waters_case.collimated(soft, face, 10, 120) == (10, 120)
    soft[100:] = 2
    assert waters_case.collimated(soft, face, 10, 120) == (0, 100)
    assert waters_case.collimated(soft, face, 10, 95) == (10, 95)
    soft[60:] = 2
    top, bottom = waters_case.collimated(soft, face, 10, 120)
    assert top == 0
    assert 80 < bottom < 90


def test_both_antra_are_always_listed_and_boxes_fit_the_stored_image(waters: Path) -> None:
    for case in manifest(waters)["cases"]:
        ds = pydicom.dcmread(waters / case["files"]["image"])
        labels = case["labels"]
        assert [a["side"] for a in labels["antra"]] == ["right", "left"]
        sick = {a["side"] for a in labels["antra"] if a["diseased"]}
        assert sick == {b["side"] for b in labels["boxes"]}
        assert labels["label"] == ("bilateral" if len(sick) == 2 else next(iter(sick), "normal"))
        for box in (labels["face_box"], *(a["xyxy"] for a in labels["antra"])):
            assert 0 <= box[0] < box[2] <= ds.Columns
            assert 0 <= box[1] < box[3] <= ds.Rows
        right, left = (a["xyxy"] for a in labels["antra"])
        stored_mirrored = next(iter(ds.PatientOrientation or ["L"])) == "R"
        assert (right[0] > left[0]) == stored_mirrored


def test_coco_repeats_the_boxes_of_the_manifest(waters: Path) -> None:
    coco = json.loads((waters / "coco.json").read_text(encoding="utf-8"))
    names = {c["id"]: c["name"] for c in coco["categories"]}
    assert len(coco["images"]) == 3
    faces = [a for a in coco["annotations"] if names[a["category_id"]] == "face"]
    first = manifest(waters)["cases"][0]["labels"]["face_box"]
    x, y, width, height = faces[0]["bbox"]
    assert [x, y, x + width, y + height] == pytest.approx(first)
    boxes = sum(len(c["labels"]["boxes"]) for c in manifest(waters)["cases"])
    assert len(coco["annotations"]) == 3 + boxes


def test_projections_of_a_training_case_hold_disease_for_both_sides(waters: Path) -> None:
    case = next(c for c in manifest(waters)["cases"] if c["split"] == "train")
    projections = load_projections(waters / case["files"]["projections"])
    for side in Side:
        assert projections.shadows_of(side)
        assert projections.shadows_of(side)[0].soft.max() > 0.2


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(waters: Path, tmp_path: Path) -> None:
    run(waters_order(tmp_path / "again"))
    assert content(tmp_path / "again") == content(waters)
    run(waters_order(tmp_path / "other", seed=9))
    assert content(tmp_path / "other") != content(waters)


def several_films_order(out: Path) -> Order:
    order = waters_order(out, patients=2)
    film = order.recipe.film.model_copy(update={"films_per_geometry": 3})  # type: ignore[union-attr]
    return replace(order, recipe=order.recipe.model_copy(update={"film": film}))


def test_films_of_one_geometry_differ_in_disease_and_vendor_but_not_in_anatomy(tmp_path: Path) -> None:
    run(several_films_order(tmp_path))
    cases = manifest(tmp_path)["cases"]
    assert len(cases) == 6
    for films in (cases[:3], cases[3:]):
        assert len({c["patient_id"] for c in films}) == len({str(c["anatomy"]) for c in films}) == 1
        headers = [pydicom.dcmread(tmp_path / c["files"]["image"]) for c in films]
        assert len({ds.StudyInstanceUID for ds in headers}) == len({ds.PixelData for ds in headers}) == 3
        assert len({(str(ds.PatientName), ds.PatientSex) for ds in headers}) == 1


def test_a_lost_film_of_a_geometry_is_made_again_by_itself_with_the_same_bytes(tmp_path: Path) -> None:
    run(several_films_order(tmp_path))
    before = content(tmp_path)
    (tmp_path / "cases" / "waters-00001-2" / "waters.dcm").unlink()
    assert run(several_films_order(tmp_path))["made"] == 1
    assert content(tmp_path) == before


def test_patients_of_two_seeds_or_two_recipes_share_no_identifier(waters: Path, tmp_path: Path) -> None:
    order = waters_order(tmp_path / "seed", seed=9)
    run(order)
    run(replace(order, out=tmp_path / "name", recipe=order.recipe.model_copy(update={"name": "another"})))
    ids, uids = [], []
    for folder in (waters, tmp_path / "seed", tmp_path / "name"):
        headers = [pydicom.dcmread(folder / c["files"]["image"]) for c in manifest(folder)["cases"]]
        ids.append({(ds.PatientID, str(ds.PatientName)) for ds in headers})
        uids.append({ds.StudyInstanceUID for ds in headers} | {ds.SOPInstanceUID for ds in headers})
    assert len(set.union(*ids)) == sum(map(len, ids)) == 9
    assert len(set.union(*uids)) == sum(map(len, uids)) == 18


def test_adults_of_a_bank_are_warped_from_a_few_built_heads_and_children_are_built(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from sinustrainer.simulate.anatomy.parametric import head as module

    built: list[float] = []
    real = module.parametric_head

    def counted(rng: np.random.Generator, age: float = 40.0, sex: str = "F", spacing_mm: float = 4.0) -> Any:
        built.append(age)
        return real(rng, age, sex, 4.0)

    monkeypatch.setattr(module, "parametric_head", counted)
    anatomist._banked_head.cache_clear()
    section = AnatomySection(parametric_share=1.0, parametric_bank=1)
    source = anatomist.SimulatedAnatomy({}, section)
    first, second = (source.draw_head(np.random.default_rng(s), 50, "M", "train") for s in (1, 2))
    assert built == [40.0]
    assert first.source == second.source == "parametric"
    assert first.hu.shape != second.hu.shape
    source.draw_head(np.random.default_rng(3), 6, "M", "train")
    assert built == [40.0, 6]
    anatomist._banked_head.cache_clear()


@pytest.mark.slow
def test_worker_processes_give_the_same_bytes_as_none(waters: Path, tmp_path: Path) -> None:
    run(waters_order(tmp_path / "out", workers=2))
    assert content(tmp_path / "out") == content(waters)


def test_an_interrupted_cohort_goes_on_where_it_stopped(
    waters: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, made = CancelToken(), []
    real = waters_case.film_of

    def counted(case: Any, *rest: Any) -> Any:
        made.append(case.case_id)
        if len(made) == 2:
            token.cancel()
        return real(case, *rest)

    monkeypatch.setattr(waters_case, "film_of", counted)
    with pytest.raises(CancelledError):
        run(waters_order(tmp_path), token)
    assert not (tmp_path / "manifest.json").exists()
    assert run(waters_order(tmp_path))["made"] == 1
    assert len(made) == len(set(made)) == 3
    assert content(tmp_path) == content(waters)


def test_a_half_written_case_is_never_taken_for_a_whole_one(
    waters: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: Any) -> Any:
        folder = next((tmp_path / "cases").glob(".*.part"))
        (folder / "waters.dcm").write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(waters_case, "film_of", dies)
        with pytest.raises(StorageError, match="the disk is full") as caught:
            run(waters_order(tmp_path))
    assert "\n" not in str(caught.value)
    assert [p.name for p in (tmp_path / "cases").iterdir()] == [".waters-00001.part"]
    run(waters_order(tmp_path))
    assert content(tmp_path) == content(waters)


def test_a_write_error_wrapped_by_a_library_still_says_why() -> None:
    wrapped = OSError("Error while writing the pixels")
    wrapped.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    assert "the disk is full" in str(store.as_storage_error(wrapped, Path("out")))
    assert "could not be written" in str(store.as_storage_error(OSError("odd"), Path("out")))


def test_a_case_that_lost_a_file_or_has_another_plan_is_made_again(waters: Path, tmp_path: Path) -> None:
    run(waters_order(tmp_path))
    (tmp_path / "cases" / "waters-00002" / "waters.dcm").unlink()
    assert run(waters_order(tmp_path))["made"] == 1
    assert content(tmp_path) == content(waters)
    order = waters_order(tmp_path)
    film = order.recipe.film.model_copy(update={"image_px": 170})  # type: ignore[union-attr]
    assert run(replace(order, recipe=order.recipe.model_copy(update={"film": film})))["made"] == 3
    assert store.finished_case(tmp_path, "waters-00001", "another plan") is None


def test_ct_cases_have_masks_outcome_clinical_table_and_truth(ct: Path) -> None:
    import SimpleITK as sitk

    cases = manifest(ct)["cases"]
    assert {c["labels"]["recurrence"] for c in cases} == {0, 1}
    for case in cases:
        assert case["clinical"].keys() >= {"age", "female", "asthma", "allergic_rhinitis", "eosinophils_per_ul"}
        labels = case["labels"]
        assert labels["endotype"] in ("ecrs", "necrs")
        assert 0 < labels["true_risk"] < 1
        slices = sorted((ct / case["files"]["image"]).glob("*.dcm"))
        mask = sitk.GetArrayFromImage(sitk.ReadImage(str(ct / case["files"]["labels"])))
        filled = sitk.GetArrayFromImage(sitk.ReadImage(str(ct / case["files"]["opacified"])))
        assert mask.shape == filled.shape == (len(slices), 64, 64)
        assert set(np.unique(mask)) <= {0, 1, 2}
        assert not filled[mask == 0].any()


def test_lund_mackay_follows_the_true_shares(ct: Path) -> None:
    for case in manifest(ct)["cases"]:
        scores, shares = case["labels"]["lund_mackay"], case["labels"]["opacified_fraction"]
        for name, share in shares.items():
            assert scores[name] == (0 if share < 0.03 else 2 if share >= 0.95 else 1)
        assert scores["total"] == sum(v for k, v in scores.items() if k != "total")


def test_the_rules_and_the_attainable_ceilings_lie_beside_the_data(ct: Path, waters: Path) -> None:
    ceilings = json.loads((ct / "ceilings.json").read_text(encoding="utf-8"))
    assert ceilings["attainable"]["endotype"]["many_patients"]["auc"] == pytest.approx(0.93, abs=0.015)
    assert ceilings["attainable"]["recurrence"]["many_patients"]["image_score"]["auc"] == pytest.approx(0.80, abs=0.02)
    assert "likelihood ratio" in ceilings["rules"]["endotype"]
    assert (waters / "ceilings.json").exists()


def test_an_endotype_cohort_has_no_outcome(tmp_path: Path) -> None:
    run(ct_order(tmp_path, "ecrs_hua2022_small"))
    cases = manifest(tmp_path)["cases"]
    assert {c["labels"]["endotype"] for c in cases} == {"ecrs", "necrs"}
    assert all("recurrence" not in c["labels"] for c in cases)
