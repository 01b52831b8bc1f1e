import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import tiny_models
from made_dicom import ROOT, write_ct, write_film
from phantom_head import phantom_head
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless

from sinusviewer import paths
from sinusviewer.domain.anatomy import Structure
from sinusviewer.errors import CancelledError
from sinusviewer.inference.registry import ModelRegistry
from sinusviewer.jobs.runner import CancelToken
from sinusviewer.nomogram import CohortSummary, FitSummary, Nomogram, Predictor, write_nomogram
from sinusviewer.report.batch import read_paths

HEAD = phantom_head(2.5)


def head_with_fluid() -> np.ndarray[Any, np.dtype[np.int16]]:
    hu = HEAD.hu.copy()
    inside = HEAD.labels == Structure.RIGHT_MAXILLARY
    z = np.argwhere(inside)[:, 0]
    hu[inside & (np.arange(hu.shape[0])[:, None, None] < z.mean())] = 20
    return hu


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> ModelRegistry:
    folder = tmp_path_factory.mktemp("models")
    return ModelRegistry(tiny_models.ct_models(folder / "models"), folder / "own", threads=1)


@pytest.fixture(scope="module")
def ct_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ct")
    write_ct(folder, head_with_fluid(), 2.5)
    return folder


def series_of(out: Path) -> dict[str, Any]:
    index = json.loads((out / "index.json").read_text(encoding="utf-8"))
    reading = json.loads((out / index["studies"][0]["path"] / "reading.json").read_text(encoding="utf-8"))
    series: dict[str, Any] = reading["series"][0]
    return series


def save_nomogram() -> None:
    nomogram = Nomogram(
        "recurrence",
        -2.0,
        (
            Predictor("asthma", "Asthma", "", (1.5,), (0.0, 1.0), (0.0, 1.0)),
            Predictor("dlr", "DLR score", "", (3.0,), (0.0, 0.5, 1.0), (0.0, 1.0)),
        ),
        (-2.0, 2.5),
        "Fitted on simulated patients only.",
        CohortSummary("simulated", 200, 85),
        FitSummary("ml", True),
    )
    write_nomogram(nomogram, paths.user_data_dir() / "nomogram.json")


@pytest.mark.parametrize(
    ("table", "missing"),
    [
        ("study_instance_uid,asthma\n{study},1\n", []),
        ("patient_id,asthma\nP1,0\n", []),
        ("patient_id,asthma\nP1,\n", ["asthma"]),
    ],
)
def test_clinical_data_reach_the_nomogram(
    table: str, missing: list[str], ct_folder: Path, registry: ModelRegistry, tmp_path: Path
) -> None:
    save_nomogram()
    clinical = tmp_path / "clinical.csv"
    clinical.write_text(table.format(study=f"{ROOT}.1"), encoding="utf-8")
    read_paths([str(ct_folder)], tmp_path / "out", ("recurrence",), clinical, registry=registry)
    recurrence = series_of(tmp_path / "out")["recurrence"]
    assert recurrence["missing"] == missing
    assert ("risk" in recurrence) == (not missing)
    low, high = recurrence["risk_interval"]
    assert (low == high) == (not missing)
    assert "dlr_score" in recurrence["points"]


def test_a_whole_ct_reading_with_every_part_fits_the_contract(
    ct_folder: Path, registry: ModelRegistry, tmp_path: Path
) -> None:
    save_nomogram()
    result = read_paths([str(ct_folder)], tmp_path, registry=registry)
    assert result.failed == ()
    series = series_of(tmp_path)
    assert {"sinuses", "endotype", "recurrence", "lund_mackay", "segmentation_model", "provenance"} <= set(series)
    sides = {(s["sinus"], s["side"]): s for s in series["sinuses"]}
    assert len(sides) == 10
    assert sides["maxillary", "right"]["opacified_fraction"] > 0.3 > sides["maxillary", "left"]["opacified_fraction"]
    assert "volume_ml" not in sides["frontal", "left"]
    assert sides["frontal", "left"]["complete"] is False
    folder = tmp_path / result.studies[0][1]
    assert {p.name for p in (folder / "masks").iterdir()} == {"001_CT.nii.gz", "001_CT_opacified.nii.gz", "labels.json"}
    assert len(list((folder / "images").glob("*_heat_*.png"))) == 2


def test_a_file_of_a_zip_whose_pixels_cannot_be_decoded_is_listed_by_its_name_there(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.dcm", np.zeros((64, 64), np.uint16))
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = JPEG2000Lossless
    dataset.PixelData = encapsulate([b"\xff\x4f\xff\x51" + b"\x00" * 400])
    dataset["PixelData"].VR = "OB"
    dataset.save_as(path, enforce_file_format=True)
    with zipfile.ZipFile(tmp_path / "cd.zip", "w") as archive:
        archive.write(path, "disc/broken.dcm")
    result = read_paths([str(tmp_path / "cd.zip")], tmp_path / "out")
    (outcome,) = [f for f in result.files if f.path.endswith("broken.dcm")]
    assert result.images == 0
    assert outcome.status.value == "failed"
    assert outcome.reason
    assert outcome.path.replace("\\", "/").endswith("disc/broken.dcm")


def test_nothing_of_an_archive_stays_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    path = write_film(tmp_path / "film.dcm", np.zeros((64, 64), np.uint16))
    with zipfile.ZipFile(tmp_path / "cd.zip", "w") as archive:
        archive.write(path, "film.dcm")
    read_paths([str(tmp_path / "cd.zip")], tmp_path / "out")
    assert list(place.iterdir()) == []


def test_cancelling_a_batch_stops_it(ct_folder: Path, registry: ModelRegistry, tmp_path: Path) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(CancelledError):
        read_paths([str(ct_folder)], tmp_path, registry=registry, token=token)
    assert not (tmp_path / "index.json").exists()


@pytest.mark.parametrize("place", ["out", "."])
def test_a_second_reading_into_a_folder_of_the_input_reads_no_outputs_of_the_first(tmp_path: Path, place: str) -> None:
    write_film(tmp_path / "film.dcm", np.arange(64 * 48, dtype=np.uint16).reshape(64, 48))
    out = tmp_path / place
    first = read_paths([str(tmp_path)], out, tasks=("waters",))
    (out / "half" / "images").mkdir(parents=True)  # what a killed run leaves: pictures, and no reading
    Image.new("L", (40, 40), 128).save(out / "half" / "images" / "001_DX_film.png")
    again = read_paths([str(tmp_path)], out, tasks=("waters",))
    assert again.studies == first.studies
    assert again.images == 1
    index = json.loads((out / "index.json").read_text(encoding="utf-8"))
    own = [f for f in index["files"] if not f["path"].endswith("film.dcm")]
    assert {f["status"] for f in own} == {"ignored"}
    assert all("earlier reading" in f["reason"] for f in own)
    assert sum(f["path"].endswith("index.json") for f in own) == 1


def test_images_that_lie_in_the_output_folder_are_read_all_the_same(tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "1.2.3" / "images").mkdir(parents=True)
    write_film(out / "1.2.3" / "images" / "film.dcm", np.arange(64 * 48, dtype=np.uint16).reshape(64, 48))
    assert read_paths([str(tmp_path)], out, tasks=("waters",)).images == 1


def test_people_read_file_names_where_programs_read_uids(tmp_path: Path, registry: ModelRegistry) -> None:
    picture = (np.add.outer(np.arange(80), np.arange(64)) * 9).astype(np.uint16)
    write_film(tmp_path / "given" / "first.dcm", picture, "L\\F", study=f"{ROOT}.41.1", SeriesDescription="PNS Waters")
    with zipfile.ZipFile(tmp_path / "given" / "mail.zip", "w") as archive:
        inside = write_film(tmp_path / "second.dcm", picture, "L\\F", study=f"{ROOT}.41.2", SeriesDescription="")
        archive.write(inside, "disc/second.dcm")
    said: list[str] = []
    read_paths([str(tmp_path / "given")], tmp_path / "out", say=said.append, registry=registry)
    assert any("given/first.dcm -> " in line for line in said)
    assert any("disc/second.dcm -> " in line for line in said)
    pages = [p.read_text(encoding="utf-8") for p in sorted((tmp_path / "out").glob("*/report.html"))]
    assert any("<h2>PNS Waters (DX), first.dcm</h2>" in page for page in pages)
    assert any("second.dcm</h2>" in page for page in pages)
    assert not any(ROOT in page.partition("<h2>")[2].partition("</h2>")[0] for page in pages)
