from pathlib import Path

import numpy as np
import pytest

from sinusviewer.analysis import film_checks
from sinusviewer.errors import ModelFileError
from sinusviewer.imaging.preprocess import FilmSource
from sinusviewer.inference import film_template

BOX = (20.0, 20.0, 180.0, 180.0)


def face(seed: int) -> FilmSource:
    """A face of sorts: two dark orbits above, two darker antra below, a bright band at the bottom, all a little varied."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:200, :200] / 100.0 - 1
    image = 1000 - 300 * (x**2 + y**2)
    for side in (-1, 1):
        for down, depth in ((-0.35, 250), (0.15, 400)):
            dx, dy = x - side * (0.33 + rng.normal(0, 0.02)), y - (down + rng.normal(0, 0.02))
            image -= depth * np.exp(-(dx**2 + dy**2) * 40)
    image += 300 * np.exp(-((y - 0.6) ** 2) * 60)
    return FilmSource((image + rng.normal(0, 5, image.shape)).astype(np.float32))


@pytest.fixture(scope="module")
def template() -> film_template.FilmTemplate:
    vectors = np.array([film_template.patch_vector(face(i), BOX) for i in range(40)])
    return film_template.fit(vectors[:30], vectors[30:], 8, "hand-made faces")


def test_a_face_of_the_cohort_passes_whatever_its_exposure(template: film_template.FilmTemplate) -> None:
    usual = face(99)
    assert film_checks.refuse_patch(usual, BOX, template) == ""
    dim = FilmSource(usual.values * np.float32(0.3) + np.float32(50))
    assert film_checks.refuse_patch(dim, BOX, template) == ""
    inverted = FilmSource(2000 - usual.values, None, inverted=True)
    assert film_checks.refuse_patch(inverted, BOX, template) == ""


def test_a_face_upside_down_is_named_so(template: film_template.FilmTemplate) -> None:
    turned = FilmSource(np.ascontiguousarray(face(99).values[::-1]))
    assert "upside down" in film_checks.refuse_patch(turned, BOX, template)


@pytest.mark.parametrize("kind", ["noise", "stripes", "disc", "blank"])
def test_what_is_no_face_is_refused(kind: str, template: film_template.FilmTemplate) -> None:
    y, x = np.mgrid[:200, :200].astype(np.float32)
    images = {
        "noise": np.random.default_rng(1).normal(0, 1, (200, 200)),
        "stripes": np.sin(x / 7),
        "disc": ((x - 100) ** 2 + (y - 100) ** 2 < 60**2) * 1.0,
        "blank": np.zeros((200, 200)),
    }
    refusal = film_checks.refuse_patch(FilmSource(images[kind].astype(np.float32)), BOX, template)
    assert refusal.startswith("Not assessed")


def test_without_a_template_the_check_is_left_out() -> None:
    assert film_checks.refuse_patch(face(1), BOX, None) == ""


def test_a_template_comes_back_from_its_file(template: film_template.FilmTemplate, tmp_path: Path) -> None:
    film_template.save(template, tmp_path / film_template.TEMPLATE_FILE)
    again = film_template.of_model(tmp_path)
    assert again is not None
    vector = film_template.patch_vector(face(7), BOX)
    assert again.distance(vector) == pytest.approx(template.distance(vector), abs=1e-3)
    assert (again.limit, again.fitted_on) == (template.limit, template.fitted_on)


@pytest.mark.parametrize("content", ["", "{}", '{"mean": [1], "components": [[1]], "limit": 1, "fitted_on": ""}'])
def test_a_damaged_template_is_named(content: str, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(content, encoding="utf-8")
    with pytest.raises(ModelFileError, match="template"):
        film_template.load(tmp_path / "t.json")
