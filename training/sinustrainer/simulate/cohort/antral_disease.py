"""Antral disease as Oh 2021 sorts it, and which of it training sees."""

import numpy as np

from sinustrainer.simulate.head import DiseaseForm

SUBCLASS_OF_FORM = {
    DiseaseForm.MUCOSAL_THICKENING: "mucosal_thickening",
    DiseaseForm.POLYPOID_THICKENING: "mucosal_thickening",
    DiseaseForm.AIR_FLUID: "air_fluid",
    DiseaseForm.CYST: "cyst",
    DiseaseForm.FULL_OPACIFICATION: "full_opacification",
    DiseaseForm.POLYPS: "full_opacification",
}
TRAINING_MIX = {"mucosal_thickening": 0.32, "cyst": 0.22, "air_fluid": 0.2, "full_opacification": 0.26}
"""Half of the draws on thickening and cysts: the rest is learnt early (simulation facts, pilot 8)."""


def draw_subclass(rng: np.random.Generator) -> str:
    """A subclass in the training mix."""
    names = list(TRAINING_MIX)
    return names[int(rng.choice(len(names), p=list(TRAINING_MIX.values())))]
