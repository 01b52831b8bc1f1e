"""Spectrum, attenuation, detector: against published figures and closed forms."""

import numpy as np
import pytest
from phantom_head import phantom_head

from sinustrainer.simulate.radiograph import physics
from sinustrainer.simulate.radiograph.acquire import film_geometry
from sinustrainer.simulate.radiograph.geometry import Positioning
from sinustrainer.simulate.radiograph.labels import lumen_path
from sinustrainer.simulate.radiograph.physics import Exposure
from sinustrainer.simulate.radiograph.projector import CORTICAL_DENSITY, CORTICAL_HU, decompose, project_hu
from sinusviewer.domain.anatomy import Structure


@pytest.mark.parametrize(
    ("kvp", "half_value_layer_mm", "mean_kev"),
    # SpekPy 2.5.4, tungsten, 12 degrees, 2.8 mm aluminium.
    [(60.0, 2.219, 36.45), (70.0, 2.555, 39.94), (80.0, 2.914, 43.47), (100.0, 3.677, 49.74)],
)
def test_the_spectrum_has_the_hardness_of_a_published_model(
    kvp: float, half_value_layer_mm: float, mean_kev: float
) -> None:
    energy, fluence = physics.spectrum(kvp)
    assert fluence.sum() == pytest.approx(1)
    assert (energy * fluence).sum() == pytest.approx(mean_kev, rel=0.03)
    assert physics.half_value_layer_mm_al(kvp) == pytest.approx(half_value_layer_mm, rel=0.10)


def test_attenuation_of_water_is_that_of_the_nist_tables() -> None:
    water = physics.attenuation({"H": 0.1119, "O": 0.8881}, np.array([40.0, 60.0, 80.0]))
    np.testing.assert_allclose(water, [0.2683, 0.2059, 0.1837], rtol=0.02)


def test_the_polynomial_follows_the_sum_over_the_spectrum() -> None:
    soft, bone = np.meshgrid(np.linspace(0, 26, 27), np.linspace(0, 6, 13))
    exact = -np.log(physics.detector_signal(75.0, soft, bone))
    fast = physics.optical_path(75.0, soft.astype(np.float32), bone.astype(np.float32))
    assert np.abs(fast - exact).max() < 0.07
    assert np.abs(fast - exact)[:, 8:].max() < 0.03


def test_thicker_tissue_hardens_the_beam() -> None:
    soft = np.array([5.0, 10.0, 20.0])
    path = -np.log(physics.detector_signal(75.0, soft, np.zeros(3))) / soft
    assert path[0] > path[1] > path[2]


def test_filling_an_aerated_antrum_lowers_the_signal_behind_it_by_15_to_35_percent() -> None:
    head = phantom_head(2.0)
    geometry = film_geometry(head, Positioning(), 128)
    healthy = project_hu(head.hu, head.affine, geometry)
    sick = head.hu.copy()
    sick[head.labels == Structure.RIGHT_MAXILLARY] = 40
    filled = project_hu(sick, head.affine, geometry)
    window, path_mm = lumen_path(head, Structure.RIGHT_MAXILLARY, geometry)
    x0, y0, x1, y1 = window
    behind = path_mm > 15
    exposure = Exposure(scatter_to_primary=0.25)
    signals = [
        physics.expose(physics.optical_path(75.0, a.soft, a.bone), exposure, geometry.pixel_mm, None)[y0:y1, x0:x1][
            behind
        ]
        for a in (healthy, filled)
    ]
    drop = 1 - float(np.mean(signals[1] / signals[0]))
    assert 0.15 < drop < 0.35


def test_soft_tissue_and_bone_add_up_to_the_voxels_density() -> None:
    hu = np.array([[[-1000, -500, -100, 0, 40, 60]]], np.int16)
    soft, bone = decompose(hu)
    np.testing.assert_allclose(soft[0, 0], [0, 0.5, 0.9, 1.0, 1.04, 1.06], atol=1e-6)
    assert not bone.any()
    soft, bone = decompose(np.array([[[round(CORTICAL_HU)]]]))
    assert bone[0, 0, 0] == pytest.approx(CORTICAL_DENSITY)
    assert soft[0, 0, 0] == pytest.approx(0, abs=1e-5)
    ramp = decompose(np.arange(-1000, 3000, dtype=np.int16)[None, None])
    assert np.abs(np.diff(ramp, axis=-1)).max() < 0.01  # no step anywhere
    assert (ramp >= 0).all()


def test_noise_falls_with_the_square_root_of_the_exposure() -> None:
    path = np.full((128, 128), 4.0, np.float32)
    spreads = []
    for photons in (10_000.0, 40_000.0):
        exposure = Exposure(photons=photons, electronic=0.0, scatter_to_primary=0.0, blur_mm=0.0)
        spreads.append(physics.expose(path, exposure, 0.5, np.random.default_rng(1)).std())
    assert spreads[0] / spreads[1] == pytest.approx(2.0, rel=0.05)


def test_scatter_adds_the_share_asked_for_inside_a_wide_body() -> None:
    path = np.full((200, 200), 4.0, np.float32)
    signal = physics.expose(path, Exposure(scatter_to_primary=0.3, blur_mm=0.0), 1.0, None)
    assert signal[100, 100] / np.exp(-4.0) == pytest.approx(1.3, rel=0.02)


def test_bone_is_brighter_on_ct_at_lower_voltage() -> None:
    contrast = [physics.bone_contrast(kvp) for kvp in (80.0, 100.0, 120.0, 140.0)]
    assert contrast == sorted(contrast, reverse=True)
    assert 1.25 < contrast[0] / contrast[2] < 1.6
