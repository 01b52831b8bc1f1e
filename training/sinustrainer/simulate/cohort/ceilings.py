"""What a perfect reader could reach on a cohort, from the true parameters: written beside the data as ``ceilings.json``."""

from typing import Any

import numpy as np
import numpy.typing as npt

from sinustrainer.simulate.disease import patterns
from sinustrainer.simulate.disease import recurrence as outcome
from sinusviewer.statistics.delong import auc

_DRAWS = 4000
RULES = {
    "waters": (
        "An antrum is diseased where disease was painted into it, whether or not the film shows it. Subclasses follow the "
        "recipe's margins. Half of the thickenings are 3-5 mm thin and half of the cysts 9-16 mm small. No ceiling is known: "
        "a lining that hides in the wall's shadow cannot be read by anyone."
    ),
    "endotype": (
        "Ethmoid, maxillary and olfactory cleft extent, density, sidedness, fluid and pattern of spread are drawn from "
        "distributions that differ between ECRS and NECRS; everything painted follows from them. The ceiling is the AUC of "
        "the true likelihood ratio."
    ),
    "recurrence": (
        "The image score weighs ethmoid against maxillary disease, extent and endotype. Disease is drawn given the outcome; "
        "clinical factors follow the recipe's margins given the outcome. Odds multiply: odds(recurrence) = prior odds x "
        "ratio(image score) x ratio(asthma, allergic rhinitis, eosinophils). The ceilings are the AUCs of the true image "
        "score and of the true risk."
    ),
}


def ceilings(task: str, entries: list[dict[str, Any]], seed: int) -> dict[str, Any]:
    """Rules and attainable AUCs, on these cases by split and on many drawn patients."""
    if task == "waters":
        return {"schema_version": 1, "rules": {"waters": RULES["waters"]}, "attainable": {}}
    rules = {"endotype": RULES["endotype"]}
    attainable: dict[str, Any] = {"endotype": {"many_patients": _endotype_auc(seed)}}
    splits = sorted({e["split"] for e in entries})
    for split in splits:
        members = [e["labels"] for e in entries if e["split"] == split]
        truth = np.array([m["endotype"] == "ecrs" for m in members])
        attainable["endotype"][split] = _auc(truth, [m["true_endotype_score"] for m in members])
    with_outcome = [e for e in entries if "recurrence" in e["labels"]]
    if with_outcome:
        rules["recurrence"] = RULES["recurrence"]
        attainable["recurrence"] = {}
        for split in splits:
            members = [e["labels"] for e in with_outcome if e["split"] == split]
            truth = np.array([m["recurrence"] == 1 for m in members])
            attainable["recurrence"][split] = {
                "image_score": _auc(truth, [m["true_image_score"] for m in members]),
                "image_and_clinical": _auc(truth, [m["true_risk"] for m in members]),
            }
        attainable["recurrence"]["many_patients"] = {"image_score": _recurrence_auc(seed)}
    return {"schema_version": 1, "rules": rules, "attainable": attainable}


def _auc(truth: npt.NDArray[np.bool_], scores: list[float]) -> dict[str, float | int | None]:
    area = auc(truth.astype(int), np.asarray(scores)) if truth.size else None
    return {"auc": None if area is None else round(area, 4), "n": int(truth.size)}


def _endotype_auc(seed: int) -> dict[str, float | int | None]:
    rng = np.random.default_rng([seed, 1])
    scores = [
        patterns.log_likelihood_ratio(patterns.draw_parameters(rng, endotype))
        for endotype in (patterns.Endotype.ECRS, patterns.Endotype.NECRS)
        for _ in range(_DRAWS)
    ]
    return _auc(np.repeat([True, False], _DRAWS), scores)


def _recurrence_auc(seed: int) -> dict[str, float | int | None]:
    rng = np.random.default_rng([seed, 2])
    truth, scores = [], []
    for _ in range(_DRAWS):
        endotype = patterns.Endotype.ECRS if rng.random() < outcome.ECRS_SHARE else patterns.Endotype.NECRS
        score = outcome.image_score(patterns.draw_parameters(rng, endotype))
        truth.append(bool(rng.random() < outcome.recurrence_probability(score)))
        scores.append(score)
    return _auc(np.asarray(truth), scores)
