"""One case of a cohort of CT scans: head, disease, scan, masks, manifest entry."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sinustrainer.simulate.cohort.anatomist import Anatomist
from sinustrainer.simulate.cohort.ct_plan import CtCase
from sinustrainer.simulate.cohort.planning import exact_age
from sinustrainer.simulate.ct.scan import gravity_in_head, scan
from sinustrainer.simulate.ct.scanners import SCANNERS
from sinustrainer.simulate.dicom.ct import write_ct
from sinustrainer.simulate.dicom.header import Subject, subject_of
from sinustrainer.simulate.fillings import with_fillings
from sinustrainer.simulate.head import Head
from sinustrainer.simulate.nifti import write_nifti
from sinusviewer.domain.anatomy import SINUS_CODES, Side, Sinus

IMAGE, LABELS, OPACIFIED = "ct", "labels.nii.gz", "opacified.nii.gz"
_CLEAR_BELOW, _TOTAL_FROM = 0.03, 0.95
_OSTIOMEATAL_FROM = 0.6


def make_ct_case(case: CtCase, write_masks: bool, anatomist: Anatomist, folder: Path) -> dict[str, Any]:
    """Write a case's files into ``folder``; return its manifest entry, file names relative to that folder."""
    rng = np.random.default_rng(case.seed)
    head = anatomist.draw_head(rng, exact_age(case.age, case.seed), case.sex, case.split)
    if case.metal:
        head = with_fillings(head, int(rng.integers(1, 6)), rng)
    drawn = anatomist.draw_crs(rng, case.endotype, case.recurrence, case.clinical)
    hu, opacified = head.hu.copy(), np.zeros(head.hu.shape, bool)
    for local in anatomist.paint(head, drawn.diseases, gravity_in_head(head, case.protocol), rng):
        hu[local.where] += local.delta_hu
        opacified[local.where] |= local.opacified
    scanned = scan(head, hu, opacified, case.protocol, rng)
    key = f"{case.patient_id}-{case.case_id}-{case.seed}-{head.source}"
    write_ct(folder / IMAGE, scanned, _subject(case, key), key)
    files = {"image": IMAGE}
    if write_masks:
        write_nifti(folder / LABELS, scanned.labels, scanned.affine, "simulated sinus lumens")
        write_nifti(folder / OPACIFIED, scanned.opacified.astype(np.uint8), scanned.affine, "simulated opacification")
        files |= {"labels": LABELS, "opacified": OPACIFIED}
    fractions = opacified_fractions(head, opacified)
    labels: dict[str, Any] = {
        "endotype": drawn.endotype,
        "opacified_fraction": {name: round(value, 4) for name, value in fractions.items() if value is not None},
        "lund_mackay": lund_mackay(fractions),
        **drawn.truth,
    }
    if case.recurrence is not None:
        labels["recurrence"] = case.recurrence
    protocol = case.protocol
    return {
        "case_id": case.case_id,
        "patient_id": case.patient_id,
        "site": case.site,
        "split": case.split,
        "age": case.age,
        "sex": case.sex,
        "files": files,
        "labels": labels,
        "clinical": dict(case.clinical),
        "acquisition": {
            "manufacturer": SCANNERS[protocol.scanner].manufacturer, "model": protocol.scanner, "kvp": protocol.kvp,
            "mas": protocol.mas, "tilt_deg": protocol.gantry_tilt_deg, "slice_mm": protocol.slice_mm,
            "kernel": "bone" if protocol.bone_kernel else "soft", "matrix": protocol.matrix,
            "field_mm": protocol.field_mm, "slices": len(scanned.voxels),
        },
        "anatomy": {"source": head.source},
        "disease": [
            {"structure": d.structure.name.lower(), "form": d.form.value, "severity": round(d.severity, 3),
             "hu": round(d.hu, 1), "hyperdense": round(d.hyperdense, 3), "osteitis": round(d.osteitis, 3)}
            for d in drawn.diseases
        ],
        "seed": case.seed,
    }  # fmt: skip


def opacified_fractions(head: Head, opacified: npt.NDArray[np.bool_]) -> dict[str, float | None]:
    """Share of each lumen that disease fills, by "right_maxillary" and so on; None for a sinus the patient lacks."""
    counts = np.bincount(head.labels.ravel(), minlength=256)
    filled = np.bincount(head.labels[opacified], minlength=256)
    result: dict[str, float | None] = {}
    for (sinus, side), code in SINUS_CODES.items():
        result[f"{side.value}_{sinus.value}"] = float(filled[code] / counts[code]) if counts[code] else None
    return result


def lund_mackay(fractions: dict[str, float | None]) -> dict[str, int]:
    """Lund and Mackay (1993) from the true shares: 0 below 3 %, 2 from 95 %, 1 between; a missing sinus counts 0.

    The ostiomeatal complex is 2 where the maxillary sinus and, to 60 % or more, the anterior ethmoid are opacified.
    """
    scores: dict[str, int] = {}
    for side in Side:
        own = {sinus: fractions[f"{side.value}_{sinus.value}"] or 0.0 for sinus in Sinus}
        for sinus, share in own.items():
            scores[f"{side.value}_{sinus.value}"] = 0 if share < _CLEAR_BELOW else 2 if share >= _TOTAL_FROM else 1
        blocked = own[Sinus.MAXILLARY] >= _CLEAR_BELOW and own[Sinus.ANTERIOR_ETHMOID] >= _OSTIOMEATAL_FROM
        scores[f"{side.value}_ostiomeatal_complex"] = 2 if blocked else 0
    scores["total"] = sum(scores.values())
    return scores


def _subject(case: CtCase, key: str) -> Subject:
    rng = np.random.default_rng([case.seed % 2**31, 7])
    model, age = case.protocol.scanner, exact_age(case.age, case.seed)
    return subject_of(
        case.patient_id, "CT", case.sex, age, (2016, 2022), rng, case.site, SCANNERS[model].manufacturer, model,
        key, "CT PARANASAL SINUSES (SIMULATED)",
    )  # fmt: skip
