"""What the papers report of their own patients, to stand beside our figures and marked as theirs; never a target.

Hua 2022 (preprint, Authorea 164972524.42674152): section 3; its abstract exchanges mean AUC and mean accuracy of the patient unit,
which the networks' AUCs in section 3.3 show. He 2023 (iScience 26, 106527): Results and Table 2, whose rates fit about 31 events in
64 patients and cannot come from the 14 in 65 of its Table 1.
"""

from dataclasses import dataclass

HUA, HE = "Hua 2022 (their patients)", "He 2023 (their patients)"
HUA_DICE = {"deeplab": 0.961, "unet": 0.953}
"""By a word in the network's name."""
HUA_AUC = {
    "efficientnet_b0": (0.84, 0.89),
    "resnet50": (0.86, 0.90),
    "inception_resnet_v2": (0.83, 0.88),
    "xception": (0.86, 0.90),
}
"""By network: image as unit, patient as unit."""
HUA_MEAN = {"image": (0.848, 0.762), "patient": (0.893, 0.853)}
"""Mean of the four networks by unit: AUC, accuracy."""
HUA_COHORT = "878 patients, 343 ECRS and 535 NECRS; 22,671 and 34,221 slices; 702 for training, 176 for validation"
HE_DICE = {"multi_task": "0.833", "single_segmentation": "0.837"}
HE_DICE_FOLDS, HE_DICE_P = "0.843", "0.477"


@dataclass(frozen=True, slots=True)
class HeRow:
    """A row of He 2023's Table 2, test cohort."""

    auc: str
    accuracy: float
    sensitivity: float
    specificity: float
    fpr: float
    fnr: float


HE_TABLE_2 = {
    "dlr": HeRow("0.742 (0.619-0.865)", 0.719, 0.677, 0.758, 0.242, 0.322),
    "radiomics": HeRow("0.496 (0.360-0.648)", 0.446, 0.903, 0.029, 0.971, 0.097),
    "clinical": HeRow("0.766 (0.642-0.881)", 0.750, 0.806, 0.697, 0.303, 0.193),
    "nomogram": HeRow("0.842 (0.740-0.943)", 0.813, 0.774, 0.848, 0.152, 0.226),
}
HE_TABLE_2_NOTE = (
    "He 2023's rates fit about 31 events in 64 patients, not the 14 in 65 of its Table 1: they stand here to be seen, "
    "not to be met."
)


def hua_auc(network: str) -> tuple[float, float] | None:
    """Image and patient unit of one of the four networks, by its name."""
    plain = network.lower().replace("-", "_")
    return next((v for k, v in HUA_AUC.items() if plain.startswith(k)), None)
