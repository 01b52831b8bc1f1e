from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from sinusviewer.analysis import film_checks
from sinusviewer.errors import ModelFileError
from sinusviewer.imaging.preprocess import FilmSource
from sinusviewer.inference import film_template
from sinusviewer.inference.detector import ScoredBox

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


def refusal_of(source: FilmSource, template: film_template.FilmTemplate) -> str:
    return film_checks.refuse_patch(source, BOX, film_template.fit_patch(source, BOX, template), template)


@pytest.fixture(scope="module")
def template() -> film_template.FilmTemplate:
    vectors = np.array([film_template.patch_vector(face(i), BOX) for i in range(40)])
    return film_template.fit(vectors[:30], vectors[30:], 8, "hand-made faces")


def test_a_face_of_the_cohort_passes_whatever_its_exposure(template: film_template.FilmTemplate) -> None:
    usual = face(99)
    assert refusal_of(usual, template) == ""
    dim = FilmSource(usual.values * np.float32(0.3) + np.float32(50))
    assert refusal_of(dim, template) == ""
    inverted = FilmSource(2000 - usual.values, None, inverted=True)
    assert refusal_of(inverted, template) == ""


def test_a_face_upside_down_is_named_so(template: film_template.FilmTemplate) -> None:
    turned = FilmSource(np.ascontiguousarray(face(99).values[::-1]))
    fit = film_template.fit_patch(turned, BOX, template)
    found = ScoredBox(BOX, 0.6, "face", 0.6)
    others = [film_checks.TurnedFace(way, film, 0.9, BOX) for way, film in film_checks.turned_films(turned)]
    assert "upside down" in film_checks.refuse_turned(found, 0.4, fit, others, template)


def test_a_face_lying_on_its_side_is_named_so(template: film_template.FilmTemplate) -> None:
    turned = FilmSource(np.ascontiguousarray(np.rot90(face(99).values)))
    fit = film_template.fit_patch(turned, BOX, template)
    others = [film_checks.TurnedFace(way, film, 0.9, BOX) for way, film in film_checks.turned_films(turned)]
    assert "on its side" in film_checks.refuse_turned(ScoredBox(BOX, 0.6, "face", 0.6), 0.4, fit, others, template)


def test_an_upright_face_is_not_called_turned(template: film_template.FilmTemplate) -> None:
    usual = face(99)
    fit = film_template.fit_patch(usual, BOX, template)
    others = [film_checks.TurnedFace(way, film, 0.5, BOX) for way, film in film_checks.turned_films(usual)]
    assert film_checks.refuse_turned(ScoredBox(BOX, 0.9, "face", 0.9), 0.4, fit, others, template) == ""


def test_what_looks_like_a_face_no_way_round_is_not_called_upside_down(template: film_template.FilmTemplate) -> None:
    noise = FilmSource(np.random.default_rng(1).normal(0, 1, (200, 200)).astype(np.float32))
    fit = film_template.fit_patch(noise, BOX, template)
    others = [film_checks.TurnedFace(way, film, 0.9, BOX) for way, film in film_checks.turned_films(noise)]
    said = film_checks.refuse_turned(ScoredBox(BOX, 0.2, "face", 0.2), 0.4, fit, others, template)
    assert said.startswith("Not assessed")
    assert "upside down" not in said


def test_grey_values_the_wrong_way_round_are_named_so(template: film_template.FilmTemplate) -> None:
    assert "inverted" in refusal_of(FilmSource(2000 - face(99).values), template)


def leaning(source: FilmSource, degrees: float) -> FilmSource:
    """The film turned clockwise, the patient's left (the film's right) down."""
    turned = ndimage.rotate(source.values, -degrees, reshape=False, order=1, mode="nearest")
    return FilmSource(np.ascontiguousarray(turned, dtype=np.float32))


@pytest.mark.parametrize("degrees", [-25, -14, 14, 25])
def test_the_lean_of_a_head_is_found(degrees: float, template: film_template.FilmTemplate) -> None:
    template = replace(template, limit=0.5)  # noise-free faces of one kind lie closer together than real ones
    fit = film_template.fit_patch(leaning(face(99), degrees), BOX, template)
    assert fit.lean_deg == pytest.approx(degrees, abs=4.5)
    if abs(degrees) > 20:
        assert "leans" in refusal_of(leaning(face(99), degrees), template)
    else:
        assert [mark.code for mark in film_checks.marks_of_pose(fit)] == ["head_leans"]


def test_a_readout_learns_the_pose_and_marks_what_is_out_of_range() -> None:
    rng = np.random.default_rng(3)
    poses = rng.normal((37, 0, 0), (6, 4, 4), (300, 3))
    basis = rng.normal(0, 0.01, (3, 256))
    vectors = (poses - (37, 0, 0)) @ basis + rng.normal(0, 0.002, (300, 256))
    readout = film_template.fit_readout(vectors[:200], poses[:200], vectors[200:], poses[200:])
    assert max(readout.error_deg) < 2.0
    far = readout.pose((np.array([52.0, 12.0, 0.0]) - (37, 0, 0)) @ basis)
    assert far.tilt == pytest.approx(52, abs=4)
    marks = film_checks.marks_of_pose(film_template.PatchFit(0.5, 0.5, far.lean, far))
    assert [mark.code for mark in marks] == ["under_tilted", "head_turned"]
    over = film_template.Pose(24.0, 0.0, 0.0)
    assert [m.code for m in film_checks.marks_of_pose(film_template.PatchFit(0.5, 0.5, 0.0, over))] == ["over_tilted"]


@pytest.mark.parametrize(
    ("pose", "said"),
    [
        (film_template.Pose(65.0, 0.0, 0.0), "petrous ridges"),
        (film_template.Pose(10.0, 0.0, 0.0), "foreshortened"),
        (film_template.Pose(37.0, -28.0, 0.0), "turned about 28"),
    ],
)
def test_a_head_far_out_of_place_is_refused(
    pose: film_template.Pose, said: str, template: film_template.FilmTemplate
) -> None:
    fit = film_template.PatchFit(0.02, 0.02, 0.0, pose)
    assert said in film_checks.refuse_patch(face(1), BOX, fit, template)


@pytest.mark.parametrize("kind", ["noise", "stripes", "disc", "blank"])
def test_what_is_no_face_is_refused(kind: str, template: film_template.FilmTemplate) -> None:
    y, x = np.mgrid[:200, :200].astype(np.float32)
    images = {
        "noise": np.random.default_rng(1).normal(0, 1, (200, 200)),
        "stripes": np.sin(x / 7),
        "disc": ((x - 100) ** 2 + (y - 100) ** 2 < 60**2) * 1.0,
        "blank": np.zeros((200, 200)),
    }
    refusal = refusal_of(FilmSource(images[kind].astype(np.float32)), template)
    assert refusal.startswith("Not assessed")


def test_without_a_template_the_check_is_left_out() -> None:
    assert film_checks.refuse_patch(face(1), BOX, None, None) == ""


def test_a_template_comes_back_from_its_file(template: film_template.FilmTemplate, tmp_path: Path) -> None:
    film_template.save(template, tmp_path / film_template.TEMPLATE_FILE)
    again = film_template.of_model(tmp_path)
    assert again is not None
    assert again.readout is None
    vector = film_template.patch_vector(face(7), BOX)
    assert again.distance(vector) == pytest.approx(template.distance(vector), abs=1e-3)
    assert (again.limit, again.fitted_on) == (template.limit, template.fitted_on)


def test_a_readout_comes_back_from_the_file(template: film_template.FilmTemplate, tmp_path: Path) -> None:
    weights = np.random.default_rng(0).normal(0, 5, (3, 256))
    readout = film_template.PoseReadout(weights, np.array([37.0, 0.0, 0.0]), (2.5, 2.0, 1.5))
    film_template.save(replace(template, readout=readout), tmp_path / "t.json")
    again = film_template.load(tmp_path / "t.json").readout
    assert again is not None
    vector = film_template.patch_vector(face(7), BOX)
    assert again.pose(vector).tilt == pytest.approx(readout.pose(vector).tilt, abs=0.05)
    assert again.error_deg == (2.5, 2.0, 1.5)


@pytest.mark.parametrize("content", ["", "{}", '{"mean": [1], "components": [[1]], "limit": 1, "fitted_on": ""}'])
def test_a_damaged_template_is_named(content: str, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(content, encoding="utf-8")
    with pytest.raises(ModelFileError, match="template"):
        film_template.load(tmp_path / "t.json")
