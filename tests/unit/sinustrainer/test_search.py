"""The Bayesian search: ranges, the winner kept, going on where it stopped."""

import json
from pathlib import Path

import pytest
from toy_films import ToyFilms, toy_manifest

from sinustrainer import search
from sinustrainer.tasks import detection
from sinustrainer.train_recipe import TrainRecipe, load_recipe, parse_recipe
from sinusviewer.errors import InputError
from sinusviewer.jobs.runner import CancelToken, silent_progress


@pytest.fixture(autouse=True)
def _toy_films(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detection, "films_of", lambda cases, strengths=None: ToyFilms(len(cases)))


def recipe() -> TrainRecipe:
    return parse_recipe({
        "task": "waters_sinusitis", "name": "toy", "validation_share": 0.3,
        "loop": {"steps": 2, "batch": 4, "validate_every": 2},
        "options": {"backbone": "mobilenetv3_small_050", "weights": "none", "size": 64, "width": 16},
    })  # fmt: skip


def test_the_papers_ranges_are_the_default() -> None:
    ranges = {r.name: (r.low, r.high) for r in search.paper_ranges(32, minutes=False)}
    assert ranges == {
        "size": (224, 512), "anchors": (13, 20), "epochs": (30, 100), "learning_rate": (1e-6, 1e-3), "l2": (1e-6, 1e-3),
    }  # fmt: skip


@pytest.mark.parametrize("text", ["size", "size=a:b", "size=300:200", "colour=1:2"])
def test_a_range_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is no range"):
        search.with_limits(search.paper_ranges(16, minutes=True), [text])


def test_a_search_goes_on_where_it_stopped_and_keeps_the_winner(tmp_path: Path) -> None:
    data = toy_manifest(tmp_path / "data", 10)
    ranges = search.with_limits(search.paper_ranges(16, minutes=True), ["size=64:64", "anchors=2:3"])
    for trials, done in ((1, 1), (3, 3), (3, 3)):
        result = search.search(recipe(), data, tmp_path / "out", ranges, trials, silent_progress(), CancelToken())
        assert result["trials"] == done
    content = json.loads((tmp_path / "out" / "search.json").read_text())
    assert content["best"]["objective"] == min(t["objective"] for t in content["trials"])
    best = load_recipe(tmp_path / "out" / "best_recipe.json")
    assert best.options["anchors"] == content["best"]["parameters"]["anchors"]
    assert best.optimiser.learning_rate == content["best"]["parameters"]["learning_rate"]
