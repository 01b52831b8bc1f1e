"""Who has what: antra of a Waters' cohort, and chronic rhinosinusitis of the two endotypes on CT.

ECRS starts in the ethmoid and the olfactory cleft, on both sides, and its mucin is hyperdense; NECRS is maxillary, often
one-sided, with fluid (Hua 2022; JESREC; Meng 2019). Both overlap: a patient is drawn from latent normal variables whose means
differ by endotype, everything seen follows from these alone, and the means are set so that the likelihood ratio of the true
latents, the best classifier there can be, reaches a patient AUC of about 0.93.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from sinustrainer.simulate.head import DiseaseForm, SinusDisease
from sinusviewer.domain.anatomy import SINUS_CODES, Side, Sinus, Structure


class Endotype(StrEnum):
    """Eosinophilic chronic rhinosinusitis or not."""

    ECRS = "ecrs"
    NECRS = "necrs"


class Pattern(StrEnum):
    """Patterns of spread on CT (Babbel 1992)."""

    INFUNDIBULAR = "infundibular"
    OSTIOMEATAL = "ostiomeatal"
    SPHENOETHMOIDAL = "sphenoethmoidal"
    POLYPOSIS = "polyposis"
    SPORADIC = "sporadic"


@dataclass(frozen=True, slots=True)
class CrsParameters:
    """The latent numbers one patient's disease follows from (standard normal within an endotype, up to their mean).

    Attributes
    ----------
    ethmoid, maxillary, cleft
        Extent in the ethmoids, the antra, and the olfactory cleft and nasal cavity.
    dense
        How hyperdense the content is.
    sidedness
        How unlike the two sides are.
    fluid
        An air-fluid level in the worse antrum.
    """

    ethmoid: float
    maxillary: float
    cleft: float
    dense: float
    sidedness: float
    fluid: bool
    pattern: Pattern
    worse_side: Side


_DIFFERENCE: dict[str, float] = {  # mean in ECRS minus mean in NECRS, in SD; together they give an AUC of 0.93
    "ethmoid": 1.0,
    "maxillary": -0.6,
    "cleft": 1.0,
    "dense": 0.9,
    "sidedness": -0.7,
}
_FLUID: dict[Endotype, float] = {Endotype.ECRS: 0.14, Endotype.NECRS: 0.34}
_PATTERNS: dict[Endotype, dict[Pattern, float]] = {
    Endotype.ECRS: {
        Pattern.INFUNDIBULAR: 0.06,
        Pattern.OSTIOMEATAL: 0.22,
        Pattern.SPHENOETHMOIDAL: 0.18,
        Pattern.POLYPOSIS: 0.42,
        Pattern.SPORADIC: 0.12,
    },
    Endotype.NECRS: {
        Pattern.INFUNDIBULAR: 0.18,
        Pattern.OSTIOMEATAL: 0.34,
        Pattern.SPHENOETHMOIDAL: 0.10,
        Pattern.POLYPOSIS: 0.20,
        Pattern.SPORADIC: 0.18,
    },
}

_LEVEL: dict[Sinus, tuple[float, float, float]] = {
    # Log odds of the share filled: constant, per ethmoid latent, per maxillary latent.
    Sinus.MAXILLARY: (-0.2, 0.0, 1.2),
    Sinus.ANTERIOR_ETHMOID: (0.3, 1.2, 0.0),
    Sinus.POSTERIOR_ETHMOID: (-0.1, 1.2, 0.0),
    Sinus.FRONTAL: (-0.7, 0.6, 0.2),
    Sinus.SPHENOID: (-1.1, 0.5, 0.1),
}
_SPREAD: dict[Pattern, dict[Sinus, tuple[float, float]]] = {
    # Added to the log odds on the worse and on the other side.
    Pattern.INFUNDIBULAR: {
        Sinus.MAXILLARY: (0.6, -1.2),
        Sinus.ANTERIOR_ETHMOID: (-0.5, -1.0),
        Sinus.POSTERIOR_ETHMOID: (-1.0, -1.0),
        Sinus.FRONTAL: (-1.5, -1.5),
        Sinus.SPHENOID: (-1.5, -1.5),
    },
    Pattern.OSTIOMEATAL: {
        Sinus.MAXILLARY: (0.5, -0.6),
        Sinus.ANTERIOR_ETHMOID: (0.5, -0.4),
        Sinus.POSTERIOR_ETHMOID: (-0.7, -0.7),
        Sinus.FRONTAL: (0.6, -0.8),
        Sinus.SPHENOID: (-1.2, -1.2),
    },
    Pattern.SPHENOETHMOIDAL: {
        Sinus.MAXILLARY: (-0.6, -0.6),
        Sinus.POSTERIOR_ETHMOID: (0.7, 0.0),
        Sinus.SPHENOID: (1.3, 0.2),
        Sinus.FRONTAL: (-0.6, -0.6),
    },
    Pattern.POLYPOSIS: dict.fromkeys(Sinus, (0.7, 0.7)),
    Pattern.SPORADIC: dict.fromkeys(Sinus, (-0.8, -0.8)),
}
_CLEAR_BELOW, _FULL_FROM = 0.06, 0.9


def draw_crs(rng: np.random.Generator, endotype: Endotype) -> tuple[tuple[SinusDisease, ...], CrsParameters]:
    """One patient's disease and the parameters it follows from."""
    parameters = draw_parameters(rng, endotype)
    return diseases_of(parameters, rng), parameters


def draw_parameters(rng: np.random.Generator, endotype: Endotype) -> CrsParameters:
    """Latents of one patient of an endotype."""
    sign = 0.5 if endotype is Endotype.ECRS else -0.5
    latent = {name: float(rng.standard_normal() + sign * difference) for name, difference in _DIFFERENCE.items()}
    patterns = _PATTERNS[endotype]
    pattern = list(patterns)[int(rng.choice(len(patterns), p=list(patterns.values())))]
    return CrsParameters(
        ethmoid=latent["ethmoid"],
        maxillary=latent["maxillary"],
        cleft=latent["cleft"],
        dense=latent["dense"],
        sidedness=latent["sidedness"],
        fluid=bool(rng.random() < _FLUID[endotype]),
        pattern=pattern,
        worse_side=Side.RIGHT if rng.random() < 0.5 else Side.LEFT,
    )


def log_likelihood_ratio(parameters: CrsParameters) -> float:
    """Log of p(parameters | ECRS) / p(parameters | NECRS): the best score there is for telling the two apart."""
    total = sum(d * getattr(parameters, name) for name, d in _DIFFERENCE.items())
    for endotype, sign in ((Endotype.ECRS, 1.0), (Endotype.NECRS, -1.0)):
        fluid = _FLUID[endotype]
        total += sign * float(np.log(fluid if parameters.fluid else 1 - fluid))
        total += sign * float(np.log(_PATTERNS[endotype][parameters.pattern]))
    return float(total)


def severity_of(parameters: CrsParameters, sinus: Sinus, side: Side) -> float:
    """Share of a sinus that is filled, before the small differences between sinuses of one patient (0-1)."""
    constant, by_ethmoid, by_maxillary = _LEVEL[sinus]
    log_odds = constant + by_ethmoid * parameters.ethmoid + by_maxillary * parameters.maxillary
    worse, other = _SPREAD[parameters.pattern].get(sinus, (0.0, 0.0))
    unlike = 0.9 * float(np.logaddexp(0, parameters.sidedness))
    log_odds += worse + 0.3 * unlike if side is parameters.worse_side else other - 1.1 * unlike
    return _logistic(log_odds)


def diseases_of(parameters: CrsParameters, rng: np.random.Generator) -> tuple[SinusDisease, ...]:
    """The disease that the parameters give. What ``rng`` adds is the same in both endotypes, so it tells nothing more."""
    dense = _logistic(-1.5 + 1.2 * parameters.dense)
    hu = 18 + 14 * _logistic(parameters.dense)
    osteitis = _logistic(-2.2 + 0.8 * (parameters.maxillary + parameters.ethmoid) / 2)
    found: list[SinusDisease] = []
    for (sinus, side), structure in SINUS_CODES.items():
        severity = severity_of(parameters, sinus, side)
        severity = _logistic(float(np.log(severity / (1 - severity)) + 0.4 * rng.standard_normal()))
        if severity < _CLEAR_BELOW:
            continue
        form = _form(sinus, severity, parameters, rng)
        if sinus is Sinus.MAXILLARY and side is parameters.worse_side and parameters.fluid:
            form, severity = DiseaseForm.AIR_FLUID, float(np.clip(severity, 0.2, 0.8))
        found.append(
            SinusDisease(
                structure,
                form,
                1.0 if form is DiseaseForm.FULL_OPACIFICATION else severity,
                hu=float(np.clip(hu + 3 * rng.standard_normal(), 8, 45)),
                hyperdense=float(np.clip(dense * rng.uniform(0.7, 1.3), 0, 0.8)) if severity > 0.3 else 0.0,
                osteitis=float(np.clip(osteitis * rng.uniform(0.3, 1.7), 0, 1)) if severity > 0.3 else 0.0,
            )
        )
    cleft = _logistic(-1.3 + 1.2 * parameters.cleft + (0.6 if parameters.pattern is Pattern.POLYPOSIS else 0.0))
    if cleft > _CLEAR_BELOW:
        found.append(
            SinusDisease(Structure.NASAL_CAVITY, DiseaseForm.POLYPS, min(cleft, 0.95), hu=hu, hyperdense=0.3 * dense)
        )
    return tuple(found)


def _form(sinus: Sinus, severity: float, parameters: CrsParameters, rng: np.random.Generator) -> DiseaseForm:
    if severity >= _FULL_FROM:
        return DiseaseForm.FULL_OPACIFICATION
    if sinus is Sinus.MAXILLARY and parameters.pattern is Pattern.SPORADIC and rng.random() < 0.6:
        return DiseaseForm.CYST
    return DiseaseForm.POLYPOID_THICKENING if rng.random() < 0.5 else DiseaseForm.MUCOSAL_THICKENING


def draw_antral_disease(
    rng: np.random.Generator, side: Side, subclass: DiseaseForm, antrum_ml: float = 13.0
) -> SinusDisease:
    """One sick antrum of a Waters' cohort, of one of Oh 2021's subclasses.

    Half of the linings are thin (3-5 mm) and half of the cysts small (9-16 mm across): what is harder is drawn more often
    (pilot in the simulation facts). Sizes are in millimetres, so that a large antrum is not given a lining no reader would see.
    """
    form, severity = subclass, 1.0
    if subclass is DiseaseForm.MUCOSAL_THICKENING:
        form = DiseaseForm.POLYPOID_THICKENING if rng.random() < 0.35 else subclass
        thickness = float(rng.uniform(3, 5) if rng.random() < 0.5 else rng.uniform(5, 10))
        severity = float(np.clip(share_of_lining(thickness, antrum_ml), 0.15, 0.9))
    elif subclass is DiseaseForm.CYST:
        across = float(rng.uniform(9, 16) if rng.random() < 0.5 else rng.uniform(16, 26))
        severity = float(np.clip(np.pi / 6 * across**3 / 1000 / antrum_ml, 0.04, 0.6))
    elif subclass is DiseaseForm.AIR_FLUID:
        severity = float(rng.uniform(0.18, 0.75))
    return SinusDisease(
        SINUS_CODES[Sinus.MAXILLARY, side],
        form,
        severity,
        hu=float(np.clip(rng.normal(26, 8), 8, 50)),
        hyperdense=float(rng.uniform(0.1, 0.5)) if severity > 0.7 and rng.random() < 0.2 else 0.0,
        osteitis=float(rng.uniform(0.2, 0.9)) if severity > 0.5 and rng.random() < 0.25 else 0.0,
    )


def draw_bystanders(rng: np.random.Generator, sick: frozenset[Side]) -> tuple[SinusDisease, ...]:
    """Mild disease of the other sinuses, as found by chance (one patient in five) or beside a sick antrum (more often)."""
    found: list[SinusDisease] = []
    for (sinus, side), structure in SINUS_CODES.items():
        chance = 0.35 if side in sick else 0.08
        if sinus is Sinus.MAXILLARY or rng.random() > chance:
            continue
        form = DiseaseForm.MUCOSAL_THICKENING if rng.random() < 0.7 else DiseaseForm.POLYPOID_THICKENING
        found.append(SinusDisease(structure, form, float(rng.uniform(0.1, 0.5)), hu=float(rng.uniform(15, 35))))
    return tuple(found)


def share_of_lining(thickness_mm: float, volume_ml: float) -> float:
    """Share of a lumen that a lining of a thickness fills, as if the lumen were an ellipsoid a little flatter than a ball."""
    radius = (3 * volume_ml * 1000 / (4 * np.pi)) ** (1 / 3) * 0.9
    return float(1 - max(1 - thickness_mm / radius, 0.0) ** 3)


def _logistic(value: float) -> float:
    return float(1 / (1 + np.exp(-value)))
