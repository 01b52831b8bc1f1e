"""What the simulator writes is what the viewer reads: sides, grey values, geometry, nothing to warn of but what is meant."""

from pathlib import Path

import numpy as np
import pytest
from phantom_head import phantom_head

from sinustrainer.simulate.ct.scan import CtScan, scan
from sinustrainer.simulate.ct.scanners import CtProtocol
from sinustrainer.simulate.dicom.ct import write_ct
from sinustrainer.simulate.dicom.header import Subject, uid_of
from sinustrainer.simulate.dicom.radiograph import Orientation, StoredFilm, write_radiograph
from sinusviewer.domain.image import Volume
from sinusviewer.domain.study import SeriesKind
from sinusviewer.imaging.load import load_radiograph, load_series
from sinusviewer.imaging.scan import scan as scan_files

SUBJECT = Subject(
    "SIM-1", "Simulated^One", "F", 34.0, "20180412", "101500", "SIM1", "Simulated site", "SIEMENS", "Ysio", uid_of("s"), "PNS"
)  # fmt: skip


def written_film(folder: Path, orientation: Orientation, *, inverted: bool = False) -> np.ndarray:
    ramp = np.tile(np.linspace(0, 4095, 60).astype(np.uint16), (80, 1))
    film = StoredFilm(
        ramp, 12, inverted, orientation, 0.3, orientation is Orientation.ABSENT, False, "Waters", 75, 16, 60, 1200, 1085
    )
    write_radiograph(folder / "film.dcm", film, SUBJECT, f"k{orientation}{inverted}")
    return ramp


@pytest.mark.parametrize(("orientation", "known"), [("normal", True), ("mirrored", False), ("absent", None)])
def test_the_viewer_knows_a_simulated_films_sides_as_far_as_its_header_tells(
    tmp_path: Path, orientation: str, known: bool | None
) -> None:
    written_film(tmp_path, Orientation(orientation))
    found = scan_files([tmp_path])
    series = found.studies[0].series[0]
    assert series.kind is SeriesKind.RADIOGRAPH
    radiograph = load_radiograph(series.instances[0], series.identity)
    assert radiograph.patient_right_is_image_left is known
    assert radiograph.for_models
    assert radiograph.identity.patient_name.startswith("Simulated")


def test_an_inverted_film_is_known_as_inverted(tmp_path: Path) -> None:
    ramp = written_film(tmp_path, Orientation.NORMAL, inverted=True)
    series = scan_files([tmp_path]).studies[0].series[0]
    radiograph = load_radiograph(series.instances[0], series.identity)
    assert radiograph.inverted
    np.testing.assert_array_equal(radiograph.pixels, 4095 - ramp.astype(int))


def written_ct(folder: Path, **changes: object) -> CtScan:
    head = phantom_head(4.0)
    protocol = CtProtocol("SOMATOM Force", matrix=64, slice_mm=4.0, interval_mm=4.0, **changes)  # type: ignore[arg-type]
    done = scan(head, head.hu, np.zeros(head.hu.shape, bool), protocol, np.random.default_rng(0))
    write_ct(folder, done, SUBJECT, "k")
    return done


def test_the_viewer_gets_the_volume_that_was_scanned(tmp_path: Path) -> None:
    done = written_ct(tmp_path, pitch_deg=6.0)
    series = scan_files([tmp_path]).studies[0].series[0]
    volume = load_series(series)
    assert isinstance(volume, Volume)
    np.testing.assert_array_equal(volume.voxels, done.voxels)
    np.testing.assert_allclose(volume.affine, done.affine, atol=1e-3)
    assert volume.measurable
    assert volume.warnings == ()


def test_a_tilted_simulated_scan_is_found_to_be_tilted(tmp_path: Path) -> None:
    written_ct(tmp_path, gantry_tilt_deg=15.0)
    series = scan_files([tmp_path]).studies[0].series[0]
    volume = load_series(series)
    assert isinstance(volume, Volume)
    assert "gantry_tilt" in {w.code for w in volume.warnings}
