"""May a probability of eosinophilic CRS be given at all, and what casts doubt on one that is? One place, so that all say the same.

Withheld where the region is cut off or the slices do not suffice; a reader may overrule that with a reason, which is
recorded. Anything less is a doubt that stands beside the probability wherever it is shown or written.
"""

import numpy as np

from sinusviewer.analysis import ct_checks
from sinusviewer.domain.anatomy import Structure
from sinusviewer.domain.finding import Segmentation
from sinusviewer.domain.image import Volume
from sinusviewer.domain.reading import EndotypeReading
from sinusviewer.domain.scoring import score_text

FEWEST_SLICES = 3
"""Slices with lesion below which their mean is no reading of a patient."""
FEW_SLICES = 6
WIDE_SPREAD = 0.15
"""A spread between networks above this is pointed out."""
LITTLE_DISEASE = 0.04
"""Opacified share of all sinuses below which this hardly is chronic rhinosinusitis, of which alone the networks learnt."""
NO_LESION = "No slice shows opacified sinus; an endotype cannot be read."


def insufficient(volume: Volume, segmentation: Segmentation) -> str:
    """Why no probability can be given for this CT, as sentences; empty where one can."""
    reasons = []
    if cut_off := ct_checks.incomplete(volume, segmentation):
        reasons.append(f"The sinuses are not wholly on this CT, or were not found: {cut_off}.")
    if not volume.measurable:
        reasons.append("The slices do not form an even volume.")
    return " ".join(reasons)


def too_few_slices(count: int) -> str:
    """Why the mean of so few slices is withheld; empty where there are enough."""
    if count >= FEWEST_SLICES:
        return ""
    return f"Only {count} slice{'s' if count != 1 else ''} with opacified sinus could be read."


def doubts(reading: EndotypeReading, volume: Volume, segmentation: Segmentation) -> tuple[str, ...]:
    """What a reader must weigh beside the probability, as sentences."""
    found = []
    if (looked := _looked_elsewhere(reading)) is not None:
        found.append(looked)
    if len(reading.slices) < FEW_SLICES:
        count = len(reading.slices)
        found.append(
            f"Only {count} slice{'s' if count != 1 else ''} with opacified sinus {'were' if count != 1 else 'was'} read."
        )
    if (opacified := _opacified_share(segmentation)) is not None and opacified < LITTLE_DISEASE:
        found.append(
            f"Only {100 * opacified:.0f} % of the sinuses is opacified: the network learnt from patients with chronic "
            "rhinosinusitis alone."
        )
    if max(volume.spacing) > ct_checks.THICK_SLICE_MM:
        found.append(f"The slices are {max(volume.spacing):.1f} mm apart, thicker than the network was trained on.")
    if reading.spread is not None and reading.spread > WIDE_SPREAD:
        found.append("The networks disagree: treat this probability as undecided.")
    mean, attention = reading.mean_probability, reading.attention_probability
    if mean is None:
        mean = reading.probability_ecrs
    of_mean = reading.threshold if reading.network_threshold is None else reading.network_threshold
    of_slices = reading.threshold if reading.slice_threshold is None else reading.slice_threshold
    if mean is not None and attention is not None and (attention >= of_slices) != (mean >= of_mean):
        found.append(
            f"Mean ({score_text(mean)}) and attention ({score_text(attention)}) fall on different sides of the threshold."
        )
    if (parted := _joined_against_published(reading, of_mean)) is not None:
        found.append(parted)
    return tuple(found)


def _joined_against_published(reading: EndotypeReading, of_mean: float) -> str | None:
    """Where the mean of the slices, as published, and the probability that joins it with measured extent decide differently.

    So on 49 of 293 simulated patients; the joined probability is right in 65 % of these and in 84 % of the others.
    """
    mean, joined = reading.mean_probability, reading.probability_ecrs
    if mean is None or joined is None or not reading.patient_model:
        return None
    if (mean >= of_mean) == (joined >= reading.threshold):
        return None
    places = ("at or above", "below") if mean >= of_mean else ("below", "at or above")
    return (
        f"The mean of the slices, as published, is {places[0]} its threshold ({score_text(mean)}, threshold {of_mean:.2f}), the "
        f"probability joined with the measured extent {places[1]} its own ({score_text(joined)}, threshold {reading.threshold:.2f})."
    )


def _looked_elsewhere(reading: EndotypeReading) -> str | None:
    """Where the heat that speaks for ECRS favours the sinuses no more than chance.

    The heat is coarse (a cell is about 30 mm wide), so that most of it never lies within the mask; it is compared with
    even heat. Of a patient below the threshold little speaks for ECRS, and where that lies means nothing.
    """
    inside, even, probability = reading.heat_inside_mask, reading.heat_if_even, reading.probability_ecrs
    if inside is None or even is None or probability is None or probability < reading.threshold or inside >= even:
        return None
    return (
        f"Only {100 * inside:.0f} % of the heat lies within nose and sinuses (spread evenly it would be {100 * even:.0f} %): "
        "the network looked elsewhere."
    )


def _opacified_share(segmentation: Segmentation) -> float | None:
    """Opacified share of all sinus voxels; None where there are none or nothing says what is opacified."""
    sinus = (segmentation.labels > 0) & (segmentation.labels < Structure.NASAL_CAVITY)
    count = int(np.count_nonzero(sinus))
    if segmentation.opacified is None or count == 0:
        return None
    return float(np.count_nonzero(sinus & segmentation.opacified)) / count
