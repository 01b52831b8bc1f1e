"""Data folders: ``manifest.json`` with cases, files, labels and splits; one patient never over two splits."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sinusviewer.errors import InputError

MANIFEST_FILE = "manifest.json"
TRAIN = "train"


@dataclass(frozen=True, slots=True)
class Case:
    """One image of one patient. ``files`` are absolute paths, ``labels`` as in the manifest's format."""

    case_id: str
    patient_id: str
    site: str
    split: str
    files: dict[str, Path]
    labels: dict[str, Any]
    age: float | None = None
    sex: str = ""
    clinical: dict[str, Any] = field(default_factory=dict)
    acquisition: dict[str, Any] = field(default_factory=dict)
    seed: int | None = None
    template: str = ""
    masks: dict[str, Any] = field(default_factory=dict)
    """How the masks came about, as the window's export says; empty where they are exact, or the hospital's own."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """A data folder. ``statement`` says where it comes from and goes onto every card trained with it."""

    folder: Path
    task: str
    simulated: bool
    statement: str
    recipe: dict[str, Any]
    cases: tuple[Case, ...]

    def of_split(self, split: str) -> tuple[Case, ...]:
        return tuple(case for case in self.cases if case.split == split)

    @property
    def splits(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(case.split for case in self.cases))

    @property
    def templates(self) -> tuple[str, ...]:
        """Anatomies that any case was made from."""
        return tuple(sorted({case.template for case in self.cases if case.template}))


def load_manifest(folder: Path) -> Manifest:
    """Read ``folder/manifest.json``.

    Raises
    ------
    InputError
        Where it is missing or malformed, a case appears twice, or a patient is in two splits.
    """
    path = folder / MANIFEST_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"There is no {MANIFEST_FILE} in “{folder.name}”.", "Give a data folder with one.") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"The {MANIFEST_FILE} of “{folder.name}” is not valid JSON.") from error
    try:
        cases = tuple(_case(entry, folder) for entry in content["cases"])
        manifest = Manifest(
            folder,
            str(content["task"]),
            bool(content.get("simulated", False)),
            str(content.get("statement", "")),
            dict(content.get("recipe") or {}),
            cases,
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(f"The {MANIFEST_FILE} of “{folder.name}” is not valid: {error!r}.") from error
    _refuse_leakage(cases)
    return manifest


def _case(entry: dict[str, Any], folder: Path) -> Case:
    age = entry.get("age")
    return Case(
        case_id=str(entry["case_id"]),
        patient_id=str(entry["patient_id"]),
        site=str(entry.get("site", "")),
        split=str(entry["split"]),
        files={kind: folder / name for kind, name in (entry.get("files") or {}).items() if name},
        labels=dict(entry.get("labels") or {}),
        age=None if age is None else float(age),
        sex=str(entry.get("sex") or ""),
        clinical=dict(entry.get("clinical") or {}),
        acquisition=dict(entry.get("acquisition") or {}),
        seed=entry.get("seed"),
        template=str((entry.get("anatomy") or {}).get("source") or ""),
        masks=dict(entry.get("masks") or {}),
    )


def _refuse_leakage(cases: tuple[Case, ...]) -> None:
    split_of: dict[str, str] = {}
    seen: set[str] = set()
    for case in cases:
        if case.case_id in seen:
            raise InputError(f"Case {case.case_id} appears twice in the manifest.")
        seen.add(case.case_id)
        if split_of.setdefault(case.patient_id, case.split) != case.split:
            raise InputError(
                f"Patient {case.patient_id} is in two splits, {split_of[case.patient_id]} and {case.split}.",
                "Divide by patient: the same patient in training and test makes every figure too good.",
            )


def hold_out(cases: tuple[Case, ...], share: float, seed: int) -> tuple[tuple[Case, ...], tuple[Case, ...]]:
    """Divide cases by patient into kept and held out; a patient's place depends on its id and the seed only."""
    if share <= 0:
        return cases, ()
    patients = sorted({case.patient_id for case in cases}, key=lambda patient: _hash(patient, seed))
    away = set(patients[: max(1, round(share * len(patients)))]) if len(patients) > 1 else set()
    kept = tuple(case for case in cases if case.patient_id not in away)
    return kept, tuple(case for case in cases if case.patient_id in away)


def folds(cases: tuple[Case, ...], count: int, label: str, seed: int) -> tuple[tuple[Case, ...], ...]:
    """Stratified folds by patient: each holds the same share of every value of ``labels[label]``."""
    of_patient = {case.patient_id: case.labels.get(label) for case in cases}
    place: dict[str, int] = {}
    for value in sorted({str(v) for v in of_patient.values()}):
        members = sorted((p for p, v in of_patient.items() if str(v) == value), key=lambda p: _hash(p, seed))
        for patient in members:
            place[patient] = len(place) % count
    return tuple(tuple(case for case in cases if place[case.patient_id] == fold) for fold in range(count))


def _hash(patient: str, seed: int) -> str:
    return hashlib.sha256(f"{seed}/{patient}".encode()).hexdigest()
