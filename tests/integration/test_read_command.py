import csv
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK
import tiny_models
from made_dicom import ROOT, write_ct, write_film
from phantom_head import phantom_head
from shared_data import needs_shared, shared_dir

from sinusviewer import cli, paths
from sinusviewer.__main__ import main
from sinusviewer.domain.anatomy import Structure
from sinusviewer.errors import StorageError
from sinusviewer.report import study_folder

HEAD = phantom_head(2.5, left_antrum_scale=0.75)


def run(*arguments: object) -> int:
    return main([str(a) for a in arguments])


def index_of(out: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((out / "index.json").read_text(encoding="utf-8"))
    return content


def readings_of(out: Path) -> list[dict[str, Any]]:
    return [
        json.loads((out / s["path"] / "reading.json").read_text(encoding="utf-8")) for s in index_of(out)["studies"]
    ]


def series_of(out: Path) -> dict[str, Any]:
    (reading,) = readings_of(out)
    (series,) = reading["series"]
    only: dict[str, Any] = series
    return only


def film_pixels(bright_left: bool = True) -> np.ndarray[Any, Any]:
    pixels = np.repeat(600 * np.linspace(1.0, 0.25, 240)[:, None], 200, axis=1)
    pixels[:, :100] += 400
    return (pixels if bright_left else pixels[:, ::-1]).astype(np.uint16)


@pytest.fixture(scope="module")
def ct_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ct")
    write_ct(folder, HEAD.hu, 2.5)
    return folder


@pytest.fixture
def _no_networks(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if none were bundled: the toy head is measured by rules, whatever networks of real heads make of it."""
    empty = tmp_path_factory.mktemp("models")
    monkeypatch.setattr(paths, "bundled_models_dir", lambda: empty)


@pytest.fixture
def tiny_waters(tmp_path: Path) -> None:
    """Install and activate hand-made detectors through the command itself."""
    models = tiny_models.waters_models(tmp_path / "made")
    for name in ("waters_patch", "waters_sinusitis"):
        card = json.loads((models / name / "card.json").read_text(encoding="utf-8")) | {"version": "0.0-test"}
        (models / name / "card.json").write_text(json.dumps(card), encoding="utf-8")
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as archive:
            for member in ("model.onnx", "card.json"):
                archive.write(models / name / member, member)
        assert run("models", "install", tmp_path / f"{name}.zip") == 0
        assert run("models", "activate", name, "0.0-test") == 0


@pytest.mark.usefixtures("_no_networks")
def test_a_ct_gives_everything_the_contract_names(ct_folder: Path, tmp_path: Path) -> None:
    assert run("read", ct_folder, "--out", tmp_path, "--task", "opacification") == 0
    index = index_of(tmp_path)
    assert [f["status"] for f in index["files"]] == ["read"] * len(HEAD.hu)
    folder = tmp_path / index["studies"][0]["path"]
    assert {"reading.json", "report.html", "report.pdf", "images", "masks"} <= {p.name for p in folder.iterdir()}
    assert (folder / "report.pdf").read_bytes().startswith(b"%PDF")
    assert "Research use only" in (folder / "report.html").read_text(encoding="utf-8")
    assert list((folder / "images").glob("*.png"))
    assert series_of(tmp_path)["status"] == "read"


@pytest.mark.usefixtures("_no_networks")
def test_a_mask_lies_on_the_patient_in_nifti_space(ct_folder: Path, tmp_path: Path) -> None:
    run("read", ct_folder, "--out", tmp_path, "--task", "opacification")
    folder = tmp_path / index_of(tmp_path)["studies"][0]["path"] / "masks"
    listed = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
    assert listed["labels"][str(int(Structure.RIGHT_MAXILLARY))] == "right_maxillary"
    image = SimpleITK.ReadImage(str(folder / listed["files"][0]["path"]))
    mask = SimpleITK.GetArrayFromImage(image)
    assert mask.shape == HEAD.hu.shape
    assert image.GetSpacing() == pytest.approx((2.5, 2.5, 2.5))
    assert image.GetDirection() == pytest.approx((1, 0, 0, 0, 1, 0, 0, 0, 1))
    assert image.GetOrigin() == pytest.approx((0, 0, 0), abs=1e-4)


@pytest.mark.usefixtures("_no_networks")
def test_mirroring_a_ct_swaps_the_sides(ct_folder: Path, tmp_path: Path) -> None:
    write_ct(tmp_path / "mirrored", HEAD.hu[:, :, ::-1], 2.5)
    run("read", ct_folder, "--out", tmp_path / "a", "--task", "opacification")
    run("read", tmp_path / "mirrored", "--out", tmp_path / "b", "--task", "opacification")
    one, other = ({s["side"]: s.get("volume_ml") for s in series_of(tmp_path / p)["sinuses"]
                   if s["sinus"] == "maxillary"} for p in "ab")  # fmt: skip
    assert one["right"] > one["left"] * 1.5
    assert one["right"] == pytest.approx(other["left"], rel=0.02)
    assert one["left"] == pytest.approx(other["right"], rel=0.02)


@pytest.mark.parametrize("kind", ["no air", "water phantom", "few slices"])
def test_what_cannot_be_assessed_is_refused_never_called_opacified(kind: str, tmp_path: Path) -> None:
    hu = HEAD.hu.copy()
    if kind == "no air":
        hu[(HEAD.labels == Structure.RIGHT_MAXILLARY) | (HEAD.labels == Structure.LEFT_MAXILLARY)] = 30
    elif kind == "water phantom":
        z, y, x = np.ogrid[: hu.shape[0], : hu.shape[1], : hu.shape[2]]
        inside = (y - hu.shape[1] / 2) ** 2 + (x - hu.shape[2] / 2) ** 2 < 30**2
        hu = np.where(inside & (z >= 0), 0, -1000).astype(np.int16)
    else:
        hu = hu[:5]
    write_ct(tmp_path / "in", hu, 2.5)
    assert run("read", tmp_path / "in", "--out", tmp_path / "out") == 0
    series = series_of(tmp_path / "out")
    assert series["status"] == "refused"
    assert "annot assess" in series["reason"]
    assert "sinuses" not in series
    assert "endotype" not in series


@pytest.mark.usefixtures("tiny_waters")
@pytest.mark.parametrize(
    ("orientation", "label", "sides"),
    [
        ("L\\F", "right", {"right", "left"}),
        ("R\\F", "left", {"right", "left"}),
        (None, "unverified", {"image-right", "image-left"}),
    ],
)
def test_a_film_speaks_of_the_side_its_header_proves(
    orientation: str | None, label: str, sides: set[str], tmp_path: Path
) -> None:
    write_film(tmp_path / "in" / "film.dcm", film_pixels(), orientation)
    assert run("read", tmp_path / "in", "--out", tmp_path / "out", "--task", "waters") == 0
    waters = series_of(tmp_path / "out")["waters"]
    assert waters["label"] == label
    assert {s["side"] for s in waters["sides"]} == sides
    assert len(waters["boxes"]) == 1
    box = waters["boxes"][0]
    assert 0 <= box["xyxy"][0] < box["xyxy"][2] <= 100, "the bright half of the stored film is its left one"
    assert waters["model"]["trained_on"]
    codes = {w["code"] for w in series_of(tmp_path / "out")["warnings"]}
    assert ("side_unverified" in codes) == (orientation is None)
    assert ("stored_mirrored" in codes) == (orientation == "R\\F")


@pytest.mark.usefixtures("tiny_waters")
def test_a_png_film_is_unverified(tmp_path: Path) -> None:
    from PIL import Image

    (tmp_path / "in").mkdir()
    Image.fromarray(film_pixels()).save(tmp_path / "in" / "film.png")
    assert run("read", tmp_path / "in", "--out", tmp_path / "out", "--task", "waters") == 0
    series = series_of(tmp_path / "out")
    assert series["status"] != "read" or series["waters"]["label"] == "unverified"


def test_garbage_alone_is_nothing_readable(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "notes.txt").write_text("hello", encoding="utf-8")
    (tmp_path / "in" / "broken.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\xff" * 200)
    assert run("read", tmp_path / "in", "--out", tmp_path / "out") == 2
    assert {f["status"] for f in index_of(tmp_path / "out")["files"]} <= {"ignored", "failed"}
    assert index_of(tmp_path / "out")["studies"] == []


def test_a_path_that_is_not_there_is_nothing_readable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("read", tmp_path / "absent", "--out", tmp_path / "out") == 2
    assert "absent" in capsys.readouterr().err


def test_a_broken_file_among_good_ones_is_listed_and_the_rest_is_read(ct_folder: Path, tmp_path: Path) -> None:
    write_film(tmp_path / "in" / "film.dcm", film_pixels())
    whole = (tmp_path / "in" / "film.dcm").read_bytes()
    (tmp_path / "in" / "cut.dcm").write_bytes(
        whole.replace(f"{ROOT}.5".encode(), f"{ROOT}.6".encode())[: len(whole) // 2]
    )
    assert run("read", tmp_path / "in", "--out", tmp_path / "out") == 1
    files = {Path(f["path"]).name: f for f in index_of(tmp_path / "out")["files"]}
    assert files["film.dcm"]["status"] == "read"
    assert files["cut.dcm"]["status"] == "failed"
    assert files["cut.dcm"]["reason"]


def test_a_broken_file_in_a_zip_is_listed_by_its_name_in_the_zip(tmp_path: Path) -> None:
    good = write_film(tmp_path / "film.dcm", film_pixels())
    whole = good.read_bytes()
    with zipfile.ZipFile(tmp_path / "cd.zip", "w") as archive:
        archive.write(good, "a/film.dcm")
        archive.writestr("a/cut.dcm", whole.replace(f"{ROOT}.5".encode(), f"{ROOT}.6".encode())[: len(whole) // 2])
    assert run("read", tmp_path / "cd.zip", "--out", tmp_path / "out") == 1
    states = {f["path"].replace("\\", "/").rsplit("/", 1)[-1]: f["status"] for f in index_of(tmp_path / "out")["files"]}
    assert states["film.dcm"] == "read"
    assert states["cut.dcm"] == "failed"


@pytest.mark.parametrize("uid", ["../../evil", "/etc/passwd", "..", "a\\b", "CON", "x" * 60])
def test_a_hostile_study_uid_stays_inside_the_output_folder(uid: str, tmp_path: Path) -> None:
    write_film(tmp_path / "in" / "film.dcm", film_pixels(), StudyInstanceUID=uid)
    before = set(tmp_path.rglob("*"))
    out = tmp_path / "deep" / "out"
    run("read", tmp_path / "in", "--out", out)
    new = set(tmp_path.rglob("*")) - before
    assert all(p == out.parent or p.is_relative_to(out) for p in new)
    (study,) = index_of(out)["studies"]
    assert "/" not in study["path"]
    assert "\\" not in study["path"]
    assert (out / study["path"] / "reading.json").is_file()


def test_two_runs_differ_only_in_their_time(ct_folder: Path, tmp_path: Path) -> None:
    for name in "ab":
        assert run("read", ct_folder, "--out", tmp_path / name) == 0
    files = [sorted(p.relative_to(tmp_path / n) for p in (tmp_path / n).rglob("*") if p.is_file()) for n in "ab"]
    assert files[0] == files[1]
    for relative in files[0]:
        if relative.suffix in (".png", ".gz") or relative.name in ("index.json", "labels.json"):
            assert (tmp_path / "a" / relative).read_bytes() == (tmp_path / "b" / relative).read_bytes(), relative

    def timeless(out: Path) -> list[dict[str, Any]]:
        result = readings_of(out)
        for series in result[0]["series"]:
            series["provenance"].pop("created")
            series["provenance"].pop("seconds", None)
        return result

    assert timeless(tmp_path / "a") == timeless(tmp_path / "b")


def test_reading_again_into_the_same_folder_replaces_the_results(ct_folder: Path, tmp_path: Path) -> None:
    assert run("read", ct_folder, "--out", tmp_path) == 0
    assert run("read", ct_folder, "--out", tmp_path) == 0
    assert not [p for p in tmp_path.rglob("*") if p.name.endswith(".part")]


def test_clinical_data_of_the_wrong_kind_are_named_and_nothing_is_read(
    ct_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "clinical.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["patient_id", "age", "asthma"], ["P1", "forty", "1"]])
    assert run("read", ct_folder, "--out", tmp_path / "out", "--clinical", table) == 2
    assert "age is no number" in capsys.readouterr().err
    assert not (tmp_path / "out" / "index.json").exists()


def test_an_unknown_task_is_refused(ct_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("read", ct_folder, "--out", tmp_path, "--task", "waters,teeth") == 2
    assert "teeth" in capsys.readouterr().err


def test_an_output_folder_that_cannot_be_is_one_clear_line(
    ct_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert run("read", ct_folder, "--out", tmp_path / "file" / "out") == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_a_full_disk_is_one_clear_line_and_leaves_no_half_file(
    ct_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> None:
        raise StorageError(f"“{path.name}” could not be written: No space left on device.")

    monkeypatch.setattr(study_folder, "write_bytes", full)
    assert run("read", ct_folder, "--out", tmp_path) == 2
    assert capsys.readouterr().err.strip().splitlines()[-1].endswith("No space left on device.")


def test_a_link_in_the_output_folder_is_not_followed_out_of_it(ct_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    try:
        (tmp_path / "out" / f"{ROOT}.1").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    except OSError:
        pytest.skip("links cannot be made here")
    assert run("read", ct_folder, "--out", tmp_path / "out") == 2
    assert not list((tmp_path / "elsewhere").iterdir())


def test_several_jobs_read_the_same_as_one(ct_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(ct_folder, tmp_path / "in" / "a")
    write_film(tmp_path / "in" / "film.dcm", film_pixels())
    assert run("read", tmp_path / "in", "--out", tmp_path / "one") == 0
    assert run("read", tmp_path / "in", "--out", tmp_path / "two", "--jobs", "2") == 0
    assert index_of(tmp_path / "one") == index_of(tmp_path / "two")


def test_reading_loads_neither_torch_nor_qt(ct_folder: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from sinusviewer.__main__ import main; "
        f"code = main(['read', {str(ct_folder)!r}, '--out', {str(tmp_path)!r}]); "
        "assert not {'torch', 'PySide6', 'pyqtgraph', 'onnx'} & set(sys.modules), sorted(sys.modules); sys.exit(code)"
    )
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_library_is_a_sentence(
    ct_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(_given: object) -> int:
        raise ImportError("No module named 'gdcm'", name="gdcm")

    monkeypatch.setattr(cli, "_read", missing)
    assert run("read", ct_folder, "--out", tmp_path) == 2
    assert "gdcm" in capsys.readouterr().err


def test_the_selftest_says_usable(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("selftest") == 0
    page = capsys.readouterr().out
    assert "CPUExecutionProvider" in page or "CUDAExecutionProvider" in page
    assert page.strip().endswith("Usable.")


@needs_shared
def test_every_odd_file_is_accounted_for_once(tmp_path: Path) -> None:
    shared = shared_dir()
    assert shared is not None
    folder = shared / "data" / "dicom_odd"
    given = sorted(str(p) for p in folder.rglob("*") if p.is_file())
    status = run("read", folder, "--out", tmp_path)
    files = index_of(tmp_path)["files"]
    assert sorted(f["path"] for f in files) == given
    assert all(f["reason"] for f in files if f["status"] != "read")
    assert status == (1 if any(f["status"] == "failed" for f in files) else 0)
    assert {p.name for p in tmp_path.iterdir()} == {"index.json", *(s["path"] for s in index_of(tmp_path)["studies"])}
    assert all("waters" not in s for r in readings_of(tmp_path) for s in r["series"])


@needs_shared
def test_the_tilted_head_ct_says_what_it_withholds(tmp_path: Path) -> None:
    shared = shared_dir()
    assert shared is not None
    assert run("read", shared / "data" / "head_ct_ge_tilt", "--out", tmp_path) == 0
    series = series_of(tmp_path)
    assert {"gantry_tilt", "uneven_spacing"} <= {w["code"] for w in series["warnings"]}
    assert all("volume_ml" not in sinus for sinus in series.get("sinuses", []))
