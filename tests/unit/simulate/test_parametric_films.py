"""Films of the parametric head against films of real heads: how dark healthy antra are."""

import numpy as np
import pytest
from film_contrast import FilmContrast, film_contrast
from shared_data import needs_shared, shared_dir

from sinustrainer.simulate.anatomy.parametric.head import parametric_head
from sinustrainer.simulate.anatomy.templates import load_template

ADULTS = [(1, "F"), (7, "M")]


@pytest.fixture(scope="module")
def parametric() -> list[FilmContrast]:
    return [film_contrast(parametric_head(np.random.default_rng(seed), 40, sex, 2.0)) for seed, sex in ADULTS]


def test_a_healthy_parametric_antrum_is_darker_than_its_surround(parametric: list[FilmContrast]) -> None:
    for contrast in parametric:
        # The real templates measure 0.29 (an antrum of 4 ml) and 0.61 (17 ml).
        assert 0.25 < contrast.surround < 0.8
        assert contrast.orbit < 0


@pytest.mark.shared
@needs_shared
def test_parametric_films_have_the_contrasts_of_real_heads(parametric: list[FilmContrast]) -> None:
    shared = shared_dir()
    assert shared is not None
    real = [film_contrast(load_template(shared / "data" / n)) for n in ("head_ct_cranium", "head_ct_visible_human")]
    for name, tolerance in (("antrum", 0.25), ("surround", 0.15), ("orbit", 0.15)):
        values = [getattr(c, name) for c in real]
        mean = float(np.mean([getattr(c, name) for c in parametric]))
        assert min(values) - tolerance < mean < max(values) + tolerance, name
    # The templates end at the chin, with next to no jaw or neck in the beam; a whole head is denser there, but not by far.
    assert np.mean([c.below for c in parametric]) < max(c.below for c in real) + 1.0
