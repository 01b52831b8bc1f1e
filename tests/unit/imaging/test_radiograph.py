"""Films: sides, inversion, spacing, what is padding, and what no model may read."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
from made_dicom import write_film
from made_series import change, codes, only_series
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForProcessing,
    SecondaryCaptureImageStorage,
)

from sinusviewer.domain.image import OrientationEvidence, Radiograph, SpacingKind, VoiFunction
from sinusviewer.domain.study import Instance, SeriesKind
from sinusviewer.imaging.load import load_radiograph, load_series
from sinusviewer.imaging.orientation import read_patient_orientation
from sinusviewer.imaging.windowing import initial_window, to_display_uint8

PIXELS = (np.arange(60 * 40).reshape(60, 40) % 1000).astype(np.uint16)


def film(folder: Path, orientation: str | None = "L\\F", pixels: np.ndarray = PIXELS, **tags: object) -> Radiograph:
    path = write_film(folder / "film.dcm", pixels, orientation, **tags)
    return load_radiograph(only_series(path).instances[0])


# PatientOrientation, patient's right on image-left, upside down, codes
ORIENTATIONS: list[tuple[tuple[str, ...], bool | None, bool, set[str]]] = [
    (("L", "F"), True, False, set()),
    (("R", "F"), False, False, {"stored_mirrored"}),
    (("L", "H"), True, True, {"stored_upside_down"}),
    (("R", "H"), False, True, {"stored_mirrored", "stored_upside_down"}),
    (("LP", "FA"), True, False, set()),
    (("l", "f"), True, False, set()),
    ((), None, False, {"side_unverified"}),
    (("",), None, False, {"side_unverified"}),
    (("", ""), None, False, {"side_unverified"}),
    (("L",), None, False, {"side_unverified"}),
    (("L", "R"), None, False, {"side_unverified"}),
    (("L", "L"), None, False, {"side_unverified"}),
    (("LR", "F"), None, False, {"side_unverified"}),
    (("X", "F"), None, False, {"side_unverified"}),
    (("L", "F", "H"), None, False, {"side_unverified"}),
    (("A", "F"), None, False, {"side_unverified"}),
    (("F", "R"), None, False, {"side_unverified"}),
    (("L", "P"), None, False, {"side_unverified"}),
    (("PL", "F"), None, False, {"side_unverified"}),
]


@pytest.mark.parametrize(("values", "usual", "upside_down", "expected"), ORIENTATIONS)
def test_patient_orientation_proves_only_what_it_says(
    values: tuple[str, ...], usual: bool | None, upside_down: bool, expected: set[str]
) -> None:
    sides = read_patient_orientation(values)
    assert (sides.patient_right_is_image_left, sides.upside_down) == (usual, upside_down)
    assert {w.code for w in sides.warnings} == expected
    assert (sides.evidence is OrientationEvidence.HEADER) == (usual is not None)


@pytest.mark.parametrize(("orientation", "usual"), [("L\\F", True), ("R\\F", False), (None, None)])
def test_a_films_sides_come_from_its_header_and_its_pixels_stay_as_stored(
    tmp_path: Path, orientation: str | None, usual: bool | None
) -> None:
    image = film(tmp_path, orientation)
    assert image.patient_right_is_image_left is usual
    np.testing.assert_array_equal(image.pixels, PIXELS)


def test_a_laterality_tag_proves_no_side(tmp_path: Path) -> None:
    image = film(tmp_path, None, Laterality="R", ImageLaterality="R")
    assert image.patient_right_is_image_left is None
    assert "side_unverified" in codes(image)


@pytest.mark.parametrize("shape", ["INVERSE", None])
def test_monochrome1_with_or_without_its_inverse_shape_inverts_once(tmp_path: Path, shape: str | None) -> None:
    image = film(tmp_path, PhotometricInterpretation="MONOCHROME1", PresentationLUTShape=shape or "")
    assert image.inverted
    shown = to_display_uint8(image)
    assert shown[image.pixels == image.pixels.min()].min() == 255


def test_monochrome2_is_not_inverted(tmp_path: Path) -> None:
    assert not film(tmp_path).inverted


@pytest.mark.parametrize(
    ("pixel", "detector", "calibration", "kind", "spacing"),
    [
        (None, [0.2, 0.2], None, SpacingKind.DETECTOR, (0.2, 0.2)),
        ([0.2, 0.2], [0.2, 0.2], None, SpacingKind.DETECTOR, (0.2, 0.2)),
        ([0.17, 0.17], [0.2, 0.2], None, SpacingKind.CALIBRATED, (0.17, 0.17)),
        ([0.2, 0.2], [0.2, 0.2], "FIDUCIAL", SpacingKind.CALIBRATED, (0.2, 0.2)),
        ([0.2, 0.2], None, None, SpacingKind.CALIBRATED, (0.2, 0.2)),
        (None, None, None, SpacingKind.NONE, None),
        ([0, 0], None, None, SpacingKind.NONE, None),
    ],
)
def test_millimetres_mean_what_the_header_says(
    tmp_path: Path, pixel: object, detector: object, calibration: str | None, kind: SpacingKind, spacing: object
) -> None:
    path = write_film(tmp_path / "f.dcm", PIXELS)
    dataset = pydicom.dcmread(path)
    del dataset.ImagerPixelSpacing
    for keyword, value in (
        ("PixelSpacing", pixel),
        ("ImagerPixelSpacing", detector),
        ("PixelSpacingCalibrationType", calibration),
    ):
        if value is not None:
            setattr(dataset, keyword, value)
    dataset.save_as(path)
    image = load_radiograph(only_series(path).instances[0])
    assert (image.spacing_kind, image.spacing) == (kind, spacing)


def test_padding_and_the_shutter_are_masked(tmp_path: Path) -> None:
    path = write_film(tmp_path / "f.dcm", PIXELS)
    change(path, PixelPaddingValue=7, ShutterShape="RECTANGULAR", ShutterLeftVerticalEdge=5, ShutterRightVerticalEdge=35,
           ShutterUpperHorizontalEdge=10, ShutterLowerHorizontalEdge=50)  # fmt: skip
    padding = load_radiograph(only_series(path).instances[0]).padding
    assert padding is not None
    assert padding[:10].all()
    assert padding[:, :5].all()
    assert padding[:, 34:].all()
    inside = padding[10:49, 5:34]
    np.testing.assert_array_equal(inside, PIXELS[10:49, 5:34] == 7)


@pytest.mark.parametrize(
    ("tags", "outside", "inside"),
    [
        (
            {"ShutterShape": "CIRCULAR", "CenterOfCircularShutter": [30, 20], "RadiusOfCircularShutter": 10},
            (5, 5),
            (29, 19),
        ),
        (
            {"ShutterShape": "POLYGONAL", "VerticesOfThePolygonalShutter": [10, 10, 10, 30, 50, 30, 50, 10]},
            (2, 2),
            (30, 20),
        ),
    ],
)
def test_round_and_polygonal_shutters_are_masked(
    tmp_path: Path, tags: dict[str, object], outside: tuple[int, int], inside: tuple[int, int]
) -> None:
    padding = film(tmp_path, **tags).padding
    assert padding is not None
    assert padding[outside]
    assert not padding[inside]


def test_a_modality_lut_comes_before_everything(tmp_path: Path) -> None:
    item = Dataset()
    item.add_new(0x00283002, "US", [1000, 0, 16])
    item.ModalityLUTType = "US"
    item.add_new(0x00283006, "US", [2 * v + 5 for v in range(1000)])
    image = film(tmp_path, ModalityLUTSequence=Sequence([item]))
    np.testing.assert_array_equal(image.pixels, PIXELS * 2 + 5)


def test_voi_luts_and_windows_with_their_functions_are_kept(tmp_path: Path) -> None:
    item = Dataset()
    item.add_new(0x00283002, "US", [1000, 0, 12])
    item.add_new(0x00283006, "US", list(range(1000)))
    item.LUTExplanation = "NORMAL"
    image = film(
        tmp_path, VOILUTSequence=Sequence([item]), WindowCenter=[500, 600], WindowWidth=[900, 0], VOILUTFunction="SIGMOID",
        WindowCenterWidthExplanation=["Soft", "Broken"],
    )  # fmt: skip
    assert [(w.center, w.width, w.function, w.name) for w in image.windows] == [(500, 900, VoiFunction.SIGMOID, "Soft")]
    assert [(t.first_mapped, t.bits, t.name, len(t.values)) for t in image.voi_luts] == [(0, 12, "NORMAL", 1000)]
    assert initial_window(image) is image.windows[0]


def test_lossy_and_for_processing_images_say_so(tmp_path: Path) -> None:
    image = film(tmp_path, LossyImageCompression="01")
    assert "lossy" in codes(image)
    path = write_film(
        tmp_path / "raw.dcm",
        PIXELS,
        SOPClassUID=DigitalXRayImageStorageForProcessing,
        PresentationIntentType="FOR PROCESSING",
    )
    raw = load_radiograph(only_series(path).instances[0])
    assert "for_processing" in codes(raw)


def test_computed_radiography_is_for_models_and_secondary_capture_is_not(tmp_path: Path) -> None:
    cr = write_film(tmp_path / "cr.dcm", PIXELS, SOPClassUID=ComputedRadiographyImageStorage)
    assert load_radiograph(only_series(cr).instances[0]).for_models
    sc = write_film(tmp_path / "sc.dcm", PIXELS, SOPClassUID=SecondaryCaptureImageStorage)
    series = only_series(sc)
    assert series.kind is SeriesKind.VIEW_ONLY
    image = load_radiograph(series.instances[0])
    assert not image.for_models
    assert "side_unverified" not in codes(image)


def test_the_exposure_is_read(tmp_path: Path) -> None:
    image = film(tmp_path, KVP="75", Exposure="20", ExposureTime="100", DistanceSourceToDetector="1100")
    assert image.exposure == {"kvp": 75.0, "mas": 20.0, "exposure_ms": 100.0, "sdd_mm": 1100.0}


@pytest.mark.parametrize("extension", ["png", "tif"])
def test_16_bit_pictures_keep_their_16_bits_and_prove_no_side(tmp_path: Path, extension: str) -> None:
    pixels = (np.arange(60 * 40).reshape(60, 40) * 20).astype(np.uint16)
    path = tmp_path / f"film.{extension}"
    Image.fromarray(pixels).save(path)
    series = only_series(path)
    image = load_radiograph(series.instances[0], series.identity)
    np.testing.assert_array_equal(image.pixels, pixels)
    assert image.pixels.dtype == np.uint16
    assert series.kind is SeriesKind.RADIOGRAPH
    assert image.for_models
    assert image.patient_right_is_image_left is None
    assert "side_unverified" in codes(image)


def test_a_grey_jpeg_is_marked_lossy_and_a_coloured_picture_view_only(tmp_path: Path) -> None:
    Image.fromarray((PIXELS % 256).astype(np.uint8)).save(tmp_path / "grey.jpg")
    grey = load_series(only_series(tmp_path / "grey.jpg"))
    assert isinstance(grey, tuple)
    assert "lossy" in codes(grey[0])
    colors = np.zeros((20, 30, 3), np.uint8)
    colors[..., 0] = 200
    Image.fromarray(colors).save(tmp_path / "color.png")
    series = only_series(tmp_path / "color.png")
    picture = load_series(series)
    assert isinstance(picture, tuple)
    assert series.kind is SeriesKind.VIEW_ONLY
    assert not picture[0].for_models
    np.testing.assert_array_equal(picture[0].pixels, colors)


def test_a_dicom_file_that_no_scan_has_looked_at_is_loaded_as_what_it_is(tmp_path: Path) -> None:
    write_film(tmp_path / "film", np.arange(64 * 48, dtype=np.uint16).reshape(64, 48))
    loaded = load_radiograph(Instance(tmp_path / "film", ""))
    assert loaded.sop_instance_uid
    assert loaded.identity.modality in ("CR", "DX")
