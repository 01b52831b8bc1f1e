"""Where labels of a slice network end up in a volume: sides, grids, orientation, cancelling."""

import numpy as np
import numpy.typing as npt
import pytest

from sinusviewer.domain.image import Identity, Volume
from sinusviewer.errors import CancelledError, GeometryError
from sinusviewer.inference.model_card import InputSpec, ModelCard, ModelTask, OutputSpec
from sinusviewer.inference.segmenter import remove_crumbs, segment_volume
from sinusviewer.jobs.runner import CancelToken, silent_progress

LABELS = ("background", "right_maxillary", "left_maxillary")


def card(size: int = 64, spacing_mm: float = 3.0, **parameters: object) -> ModelCard:
    return ModelCard(
        name="toy", version="1", task=ModelTask.SINUS_SEGMENTATION, sha256="0" * 64, threshold=0.5, trained_on="nothing",
        input=InputSpec(
            name="image", shape=(None, 2, size, size),
            preprocessing={"name": "ct_axial_v1", "size": size, "spacing_mm": spacing_mm, "front_mm": 6.0},
        ),
        outputs=(OutputSpec(name="probabilities", meaning="", shape=(None, 3, size, size)),), labels=LABELS,
        parameters=parameters,
    )  # fmt: skip


def oracle(images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Dark holes of the head are sinuses: on the image's left half (the patient's right) 1, on the other 2."""
    n, _, size, _ = images.shape
    head = images[:, 0] > 0.05
    inside = np.logical_or.accumulate(head, axis=1) & np.logical_or.accumulate(head[:, ::-1], axis=1)[:, ::-1]
    hole = inside & ~head
    left_half = np.broadcast_to(np.arange(size)[None, None] < size / 2, hole.shape)
    result = np.zeros((n, 3, size, size), np.float32)
    result[:, 1] = hole & left_half
    result[:, 2] = hole & ~left_half
    result[:, 0] = 1 - result[:, 1] - result[:, 2]
    return result


def head(spacing: tuple[float, float, float] = (3.0, 1.5, 1.5)) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.uint8]]:
    """Canonical voxels and labels: an oval head with one large hole on its right and a small one on its left."""
    shape = (16, 140, 140)
    z, y, x = np.ogrid[tuple(slice(n) for n in shape)]
    voxels = np.full(shape, -1000, np.int16)
    voxels[np.broadcast_to(((x - 70) / 52) ** 2 + ((y - 70) / 62) ** 2 < 1, shape)] = 40
    labels = np.zeros(shape, np.uint8)
    labels[((x - 48) ** 2 + (y - 40) ** 2 < 14**2) & (z > 3) & (z < 12)] = 1
    labels[((x - 92) ** 2 + (y - 40) ** 2 < 9**2) & (z > 3) & (z < 12)] = 2
    voxels[labels > 0] = -950
    return voxels, labels


def dice(a: npt.NDArray[np.bool_], b: npt.NDArray[np.bool_]) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


@pytest.mark.parametrize("mirrored", [False, True], ids=["x to the left", "x to the right"])
@pytest.mark.parametrize("upside_down", [False, True], ids=["z to the head", "z to the feet"])
@pytest.mark.parametrize("coronal", [False, True], ids=["axial", "coronal"])
def test_sides_are_the_patients_however_the_volume_is_stored(mirrored: bool, upside_down: bool, coronal: bool) -> None:
    voxels, truth = head()
    affine = np.diag([1.5, 1.5, 3.0, 1.0])
    if mirrored:
        voxels, truth = voxels[:, :, ::-1], truth[:, :, ::-1]
        affine[0, 0], affine[0, 3] = -1.5, 139 * 1.5
    if upside_down:
        voxels, truth = voxels[::-1], truth[::-1]
        affine[2, 2], affine[2, 3] = -3.0, 15 * 3.0
    if coronal:
        voxels, truth = voxels.transpose(1, 0, 2), truth.transpose(1, 0, 2)
        affine = affine[:, [0, 2, 1, 3]]
    volume = Volume(np.ascontiguousarray(voxels), affine, Identity())
    found = segment_volume(oracle, volume, card())
    assert found.shape == truth.shape
    assert dice(found == 1, truth == 1) > 0.9
    assert dice(found == 2, truth == 2) > 0.85
    assert not ((found == 1) & (truth == 2)).any()


def test_a_finer_grid_gives_a_finer_mask() -> None:
    voxels, truth = head()
    volume = Volume(voxels, np.diag([1.5, 1.5, 3.0, 1.0]), Identity())
    coarse, fine = (segment_volume(oracle, volume, card(size, mm)) for size, mm in ((64, 3.0), (160, 1.2)))
    assert dice(fine == 1, truth == 1) > 0.97
    assert dice(fine == 1, truth == 1) >= dice(coarse == 1, truth == 1)


@pytest.mark.parametrize("batch", [1, 3, 16, 100])
def test_the_batch_size_changes_nothing_even_with_smoothing_over_slices(batch: int) -> None:
    voxels, _ = head()
    volume = Volume(voxels, np.diag([1.5, 1.5, 3.0, 1.0]), Identity())
    smooth = card(smooth_mm=6.0)
    expected = segment_volume(oracle, volume, smooth, batch=8)
    np.testing.assert_array_equal(segment_volume(oracle, volume, smooth, batch=batch), expected)


def test_a_cancelled_segmentation_stops_before_the_next_batch() -> None:
    voxels, _ = head()
    token = CancelToken()
    calls: list[int] = []

    def run(images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        calls.append(len(images))
        token.cancel()
        return oracle(images)

    with pytest.raises(CancelledError):
        segment_volume(run, Volume(voxels, np.eye(4) * 2, Identity()), card(), silent_progress(), token, batch=4)
    assert calls == [4]


def test_air_without_a_head_is_refused() -> None:
    volume = Volume(np.full((10, 32, 32), -1000, np.int16), np.eye(4), Identity())
    with pytest.raises(GeometryError, match="No head"):
        segment_volume(oracle, volume, card())


def test_crumbs_go_and_large_parts_stay() -> None:
    labels = np.zeros((1, 20, 40), np.uint8)
    labels[0, 2:12, 2:12] = 1
    labels[0, 2:7, 20:28] = 1
    labels[0, 15, 15] = 1
    labels[0, 18, 38] = 2
    remove_crumbs(labels, voxel_ml=0.01)
    assert (labels == 1).sum() == 140
    assert (labels == 2).sum() == 1
