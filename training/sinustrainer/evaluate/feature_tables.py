"""The tables of what patient models read, kept beside an evaluation: named by their networks, so that no other's are taken for them."""

from collections.abc import Sequence
from pathlib import Path

from sinustrainer.data.manifest import Case
from sinustrainer.patient_features import (
    FEATURES,
    PatientFeatures,
    PatientReader,
    load_features,
    read_patients,
    truth_of,
)
from sinusviewer.errors import InputError
from sinusviewer.inference.model_card import ModelCard, load_card
from sinusviewer.jobs.runner import CancelToken, Progress

LABELLED = "labelled masks"


def features_table(out: Path, card: ModelCard, segmentation: Path | None) -> Path:
    """Where an evaluation in ``out`` keeps what these two networks read; ``segmentation`` None: by labelled masks."""
    masks = "labelled" if segmentation is None else load_card(segmentation).sha256[:8]
    return out / f"patient_features_{card.name}_{card.sha256[:8]}_{masks}.csv"


def masks_name(segmentation: Path | None) -> str:
    """What the sinuses were found by."""
    if segmentation is None:
        return LABELLED
    card = load_card(segmentation)
    return f"{card.name} {card.version}"


def read_features(
    folder: Path,
    segmentation: Path | None,
    cases: Sequence[Case],
    table: Path,
    progress: Progress,
    token: CancelToken,
) -> tuple[PatientFeatures, ...]:
    """Read the patients that ``table`` lacks with the model in ``folder``, and go on with the table.

    Raises
    ------
    InputError
        Where the table is of other patients, or lacks an input of the model's; or where that is not measured any more.
    """
    card = load_card(folder)
    wanted = () if card.patient_model is None else tuple(term.name for term in card.patient_model.terms)
    stranger = next((name for name in wanted if name not in FEATURES.get(card.task, ())), None)
    if stranger is not None:
        raise InputError(f"{card.name} {card.version} reads {stranger!r}, which is not measured.", "Fit it again.")
    kept = load_features(table) if table.is_file() else ()
    lacking = next((name for row in kept for name in wanted if name not in row.values), None)
    if lacking is not None:
        raise InputError(f"{table.name} lacks {lacking!r}, which {card.name} reads.", "Delete it; it is made anew.")
    rows = read_patients(PatientReader(folder, segmentation), cases, table, progress, token)
    truth = {case.case_id: truth_of(case, card.task) for case in cases}
    for row in rows:
        if truth[row.case_id] != row.positive:
            raise InputError(
                f"{table.name} is of other patients: {row.case_id} differs.", "Delete it; it is made anew."
            )
    return rows
