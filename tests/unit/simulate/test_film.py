"""Films on the fly: labels, combinations of disease, randomisation, the stored projections."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from phantom_head import phantom_head

from sinustrainer.simulate.radiograph.acquire import PaintedDisease, acquire, film_geometry
from sinustrainer.simulate.radiograph.clutter import Clutter, draw_clutter
from sinustrainer.simulate.radiograph.film import Strength, draw_film, draw_settings, make_film
from sinustrainer.simulate.radiograph.geometry import Positioning
from sinustrainer.simulate.radiograph.processing import Look, process
from sinustrainer.simulate.radiograph.projections import Projections, load_projections, save_projections
from sinustrainer.simulate.radiograph.vendors import VENDORS, draw_look
from sinusviewer.domain.anatomy import SINUS_CODES, Side, Sinus
from sinusviewer.errors import InputError


@pytest.fixture(scope="module")
def projections() -> Projections:
    head = phantom_head(2.5)
    painted = []
    for side in Side:
        full = (head.labels == SINUS_CODES[Sinus.MAXILLARY, side]) * np.int16(1025)
        where = tuple(slice(0, n) for n in head.hu.shape)
        painted.append(PaintedDisease(side, "full_opacification", 1.0, 1.0, where, full.astype(np.int16)))
        half = full.copy()
        half[head.hu.shape[0] // 3 :] = 0
        painted.append(PaintedDisease(side, "air_fluid", 0.4, 0.4, where, half.astype(np.int16)))
    return acquire(head, film_geometry(head, Positioning(), 256), tuple(painted), {"age": 40.0})


def brightness(film, side: Side) -> float:  # type: ignore[no-untyped-def]
    x0, y0, x1, y1 = next(a.xyxy for a in film.antra if a.side is side)
    width, height = x1 - x0, y1 - y0
    middle = film.pixels[
        round(y0 + 0.3 * height) : round(y1 - 0.3 * height), round(x0 + 0.3 * width) : round(x1 - 0.3 * width)
    ]
    return float(middle.mean())


def test_a_sick_antrum_is_brighter_than_the_healthy_other_side(projections: Projections) -> None:
    for side in Side:
        shadow = projections.shadows_of(side)[0]
        film = draw_film(projections, np.random.default_rng(3), "clean", shadows=(shadow,))
        assert brightness(film, side) > brightness(film, side.opposite) + 0.1
        diseased = {a.side: a.diseased for a in film.antra}
        assert diseased == {side: True, side.opposite: False}


def test_one_geometry_gives_all_combinations_of_disease(projections: Projections) -> None:
    seen = set()
    rng = np.random.default_rng(0)
    for _ in range(60):
        film = draw_film(projections, rng, "medium", size_px=64)
        seen.add(tuple(a.subclass for a in film.antra))
        assert [a.side for a in film.antra] == list(Side)
    assert len(seen) == 9


@pytest.mark.parametrize("strength", list(Strength))
def test_films_of_every_strength_are_finite_and_their_boxes_lie_inside(
    projections: Projections, strength: Strength
) -> None:
    rng = np.random.default_rng(5)
    for _ in range(8):
        film = draw_film(projections, rng, strength, size_px=96)
        assert film.pixels.shape == (96, 96)
        assert film.pixels.dtype == np.float32
        assert np.isfinite(film.pixels).all()
        assert film.pixels.min() >= 0
        assert film.pixels.max() <= 1
        assert film.pixels.std() > 0.02
        for box in (film.face_box, *(a.xyxy for a in film.antra)):
            assert 0 <= box[0] < box[2] <= 96
            assert 0 <= box[1] < box[3] <= 96


def test_the_same_seed_gives_the_same_film(projections: Projections) -> None:
    one = draw_film(projections, np.random.default_rng(8), "strong")
    two = draw_film(projections, np.random.default_rng(8), "strong")
    np.testing.assert_array_equal(one.pixels, two.pixels)
    assert one.antra == two.antra


def test_clean_films_are_never_inverted_and_strong_ones_sometimes(projections: Projections) -> None:
    rng = np.random.default_rng(2)
    assert not any(draw_film(projections, rng, "clean", size_px=48).inverted for _ in range(40))
    assert any(draw_film(projections, rng, "strong", size_px=48).inverted for _ in range(60))


def test_lumens_come_on_the_films_own_grid(projections: Projections) -> None:
    film = draw_film(projections, np.random.default_rng(4), "clean", lumens=True)
    for antrum in film.antra:
        rows, columns = np.nonzero(film.lumens[antrum.side] > 5)
        x0, y0, x1, y1 = antrum.xyxy
        assert x0 - 2 <= columns.min() < columns.max() <= x1 + 2
        assert y0 - 2 <= rows.min() < rows.max() <= y1 + 2


def test_projections_survive_their_file(projections: Projections, tmp_path: Path) -> None:
    path = tmp_path / "projections.npz"
    save_projections(projections, path)
    again = load_projections(path)
    np.testing.assert_allclose(again.soft, projections.soft, atol=6e-4)
    np.testing.assert_allclose(again.shadows[0].soft, projections.shadows[0].soft, atol=6e-4)
    assert again.face_box == projections.face_box
    assert again.antra == projections.antra
    assert [(s.side, s.subclass) for s in again.shadows] == [(s.side, s.subclass) for s in projections.shadows]
    assert again.numbers == projections.numbers
    assert list(tmp_path.iterdir()) == [path]


def test_a_broken_file_of_projections_is_an_input_error(tmp_path: Path) -> None:
    path = tmp_path / "projections.npz"
    path.write_bytes(b"PK\x03\x04 half of something")
    with pytest.raises(InputError, match="no projections"):
        load_projections(path)


def test_letters_name_the_side_they_lie_on() -> None:
    rng = np.random.default_rng(0)
    leads = [lead for _ in range(300) for lead in draw_clutter(rng, 1.0).leads]
    assert {lead.text[0] for lead in leads} == {"R", "L"}
    for lead in leads:
        assert (lead.column < 0.5) == (lead.text[0] == "R")  # the patient's right is on the film's left


def test_lead_is_white_and_can_be_left_out(projections: Projections) -> None:
    rng = np.random.default_rng(0)
    settings = draw_settings(projections, rng, "clean", size_px=128)
    marked = draw_clutter(np.random.default_rng(3), 0.0)
    assert marked.leads
    without = make_film(projections, (), replace(settings, clutter=Clutter()), np.random.default_rng(1))
    with_lead = make_film(projections, (), replace(settings, clutter=marked), np.random.default_rng(1))
    changed = np.abs(with_lead.pixels - without.pixels) > 0.3
    assert changed.any()
    assert with_lead.pixels[changed].mean() > without.pixels[changed].mean()


def test_every_vendor_gives_a_film_of_its_own() -> None:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:96, :96] / 96
    signal = (0.02 * np.exp(-1.5 * np.exp(-((x - 0.5) ** 2 + (y - 0.5) ** 2) * 9))).astype(np.float32)
    signal *= 1 + 0.05 * rng.standard_normal(signal.shape).astype(np.float32)
    films = {
        name: process(signal, draw_look(v, np.random.default_rng(1)), 0.5, (10, 10, 86, 86))
        for name, v in VENDORS.items()
    }
    assert len(films) >= 6
    names = list(films)
    for i, name in enumerate(names):
        assert films[name].min() >= 0
        assert films[name].max() <= 1
        for other in names[:i]:
            assert np.abs(films[name] - films[other]).mean() > 0.005


def test_without_enhancement_or_curve_a_film_is_the_logarithm() -> None:
    signal = np.exp(-np.linspace(2, 4, 64, dtype=np.float32))[None].repeat(64, 0)
    plain = Look(0, 100, slope=0, gains=(1,), latitude=1.0, sharpen=0.0)
    film = process(signal, plain, 0.5, (0, 0, 64, 64))
    np.testing.assert_allclose(film[32, 4:-4], np.linspace(0, 1, 64)[4:-4], atol=0.03)
