"""Make ``resources/sample``: one simulated patient on the parametric head, a Waters' film and, later, a sinus CT.

Needs the training extra: ``python packaging/make_sample.py [SEED]``. Same seed, same bytes.
"""

import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import pydicom
from pydicom.uid import JPEG2000Lossless

from sinustrainer.simulate.cohort.anatomist import SimulatedAnatomy
from sinustrainer.simulate.cohort.ct_case import make_ct_case
from sinustrainer.simulate.cohort.ct_plan import CtCase
from sinustrainer.simulate.cohort.recipe import AnatomySection, FilmSection
from sinustrainer.simulate.cohort.waters_case import make_waters_case
from sinustrainer.simulate.cohort.waters_plan import WatersCase
from sinustrainer.simulate.ct.scanners import CtProtocol
from sinusviewer.domain.anatomy import Side
from sinusviewer.paths import resources_dir

NAME, IDENTIFIER, AGE, SEX, BORN = "Simulated^Sample", "SIM-SAMPLE", 44.0, "M", "19811105"
"""The age is that of the CT; on the film the patient is 42."""
CLINICAL: dict[str, float | bool] = {
    "age": AGE, "female": False, "asthma": True, "allergic_rhinitis": False, "eosinophils_per_ul": 420.0,
    "smoking": False, "drinking": True, "hypertension": False, "diabetes": False,
}  # fmt: skip


def film_case(seed: int) -> WatersCase:
    return WatersCase(
        case_id="sample-film", patient_id=IDENTIFIER, site="sample", split="sample", age=AGE, sex=SEX, label="right",
        subclasses={Side.RIGHT: "air_fluid"}, manufacturer="Philips Medical Systems", kvp=76.0, mas=20.0,
        exposure_ms=80.0, source_detector_mm=1500.0, orbitomeatal_deg=38.0, yaw_deg=0.6, roll_deg=-0.4,
        orientation="normal", monochrome1_draw=0.99, seed=seed,
    )  # fmt: skip


def ct_case(seed: int) -> CtCase:
    protocol = CtProtocol(scanner="SOMATOM Force", kvp=120, mas=220, slice_mm=1.5, matrix=256, field_mm=200.0)
    return CtCase(
        "sample-ct", IDENTIFIER, "sample", "sample", AGE, SEX, "ecrs", None, dict(CLINICAL), protocol, False, seed
    )


def adopt(file: Path, date: str) -> None:
    """Give a file the sample patient's name and a date; the pixels stay."""
    dataset = pydicom.dcmread(file)
    dataset.PatientName, dataset.PatientBirthDate = NAME, BORN
    dataset.PatientAge = f"{(int(date) - int(BORN)) // 10000:03d}Y"
    for keyword in ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"):
        if keyword in dataset:
            setattr(dataset, keyword, date)
    dataset.compress(JPEG2000Lossless, generate_instance_uid=False)
    dataset.save_as(file)


def write_clinical_table(path: Path) -> None:
    known = {k: v for k, v in CLINICAL.items() if k != "age"}
    header = ["patient_id", "age", *known]
    values = [IDENTIFIER, f"{AGE:.0f}", *(f"{float(v):g}" for v in known.values())]
    path.write_text(",".join(header) + "\n" + ",".join(values) + "\n", encoding="utf-8")


def main() -> int:
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    anatomist = SimulatedAnatomy({}, AnatomySection(parametric_share=1.0))
    target = resources_dir() / "sample"
    # Made beside its place and moved there at the end: whoever reads the old sample meanwhile still finds it whole.
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        work, sample = Path(scratch), Path(scratch) / "sample"
        for folder in (work / "film", work / "ct", sample / "ct"):
            folder.mkdir(parents=True)
        section = FilmSection(store_projections=False, burned_in_text_share=0.0, clutter=0.0)
        entry = make_waters_case(film_case(seed), section, anatomist, work / "film")
        made = make_ct_case(ct_case(seed), False, anatomist, work / "ct")
        shutil.copy(work / "film" / entry["files"]["image"], sample / "waters.dcm")
        adopt(sample / "waters.dcm", "20240312")
        for file in sorted((work / "ct" / made["files"]["image"]).iterdir()):
            shutil.copy(file, sample / "ct" / file.name)
            adopt(sample / "ct" / file.name, "20260120")
        write_clinical_table(sample / "clinical.csv")
        if target.exists():
            target.replace(work / "old")
        sample.replace(target)
    sizes = np.array([f.stat().st_size for f in target.rglob("*") if f.is_file()])
    sys.stdout.write(f"{len(sizes)} files, {sizes.sum() / 2**20:.1f} MiB in {target}\n")
    sys.stdout.write(f"true labels: film {entry['labels']['label']}, CT {made['labels']}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
