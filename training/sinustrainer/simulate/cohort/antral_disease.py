"""Disease of the antra as Oh 2021's subclasses, drawn at random."""

import numpy as np

from sinustrainer.simulate.head import DiseaseForm, SinusDisease
from sinusviewer.domain.anatomy import SINUS_CODES, Side, Sinus

SUBCLASS_OF_FORM = {
    DiseaseForm.MUCOSAL_THICKENING: "mucosal_thickening",
    DiseaseForm.POLYPOID_THICKENING: "mucosal_thickening",
    DiseaseForm.AIR_FLUID: "air_fluid",
    DiseaseForm.CYST: "cyst",
    DiseaseForm.FULL_OPACIFICATION: "full_opacification",
    DiseaseForm.POLYPS: "full_opacification",
}
_SEVERITY = {
    DiseaseForm.MUCOSAL_THICKENING: (0.15, 0.65),
    DiseaseForm.POLYPOID_THICKENING: (0.2, 0.7),
    DiseaseForm.AIR_FLUID: (0.25, 0.8),
    DiseaseForm.CYST: (0.1, 0.45),
    DiseaseForm.FULL_OPACIFICATION: (1.0, 1.0),
}
TRAINING_MIX = {"mucosal_thickening": 0.32, "cyst": 0.22, "air_fluid": 0.2, "full_opacification": 0.26}
"""Half of the draws on thin thickening and small cysts: the rest is learnt early (simulation facts, pilot 8)."""


def draw_antral_disease(rng: np.random.Generator, side: Side, subclass: str) -> SinusDisease:
    """One antrum's disease of a given subclass."""
    form = DiseaseForm(subclass)
    if form is DiseaseForm.MUCOSAL_THICKENING and rng.random() < 0.35:
        form = DiseaseForm.POLYPOID_THICKENING
    low, high = _SEVERITY[form]
    dense = form is DiseaseForm.FULL_OPACIFICATION and rng.random() < 0.25
    return SinusDisease(
        SINUS_CODES[Sinus.MAXILLARY, side],
        form,
        severity=float(low + (high - low) * rng.beta(1.4, 1.8)),
        hu=float(np.clip(rng.normal(28, 9), 8, 55)),
        hyperdense=float(rng.uniform(0.1, 0.5)) if dense else 0.0,
        osteitis=float(rng.uniform(0.2, 0.9)) if rng.random() < 0.25 else 0.0,
    )


def draw_subclass(rng: np.random.Generator) -> str:
    """A subclass in the training mix."""
    names = list(TRAINING_MIX)
    return names[int(rng.choice(len(names), p=list(TRAINING_MIX.values())))]
