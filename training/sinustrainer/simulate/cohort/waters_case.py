"""One case of a cohort of radiographs: head, disease, projections, film, files, manifest entry."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sinustrainer.simulate.anatomy.boxes import box_of
from sinustrainer.simulate.cohort.anatomist import Anatomist
from sinustrainer.simulate.cohort.antral_disease import SUBCLASS_OF_FORM, draw_subclass
from sinustrainer.simulate.cohort.planning import exact_age
from sinustrainer.simulate.cohort.recipe import FilmSection
from sinustrainer.simulate.cohort.waters_plan import WatersCase
from sinustrainer.simulate.dicom.header import Subject, subject_of
from sinustrainer.simulate.dicom.radiograph import Orientation, StoredFilm, write_radiograph
from sinustrainer.simulate.disease.patterns import draw_antral_disease, draw_bystanders
from sinustrainer.simulate.head import DiseaseForm, Head, SinusDisease
from sinustrainer.simulate.radiograph import physics
from sinustrainer.simulate.radiograph.acquire import PaintedDisease, acquire, film_geometry, shadow_of
from sinustrainer.simulate.radiograph.clutter import Clutter, Text, draw_clutter
from sinustrainer.simulate.radiograph.film import DrawnFilm, FilmSettings, make_film
from sinustrainer.simulate.radiograph.geometry import FilmGeometry, Positioning
from sinustrainer.simulate.radiograph.physics import Exposure, Image
from sinustrainer.simulate.radiograph.projections import Box, Projections, save_projections
from sinustrainer.simulate.radiograph.vendors import VENDORS, Vendor, draw_look
from sinusviewer.domain.anatomy import Side

IMAGE, PROJECTIONS = "waters.dcm", "projections.npz"
_THROUGH_NECK_G_CM2 = 6.0
"""Less lies in the middle of the film only where there is no head any more."""


@dataclass(frozen=True, slots=True, eq=False)
class PositionedHead:
    """A head on the detector with its healthy projection: what all films of one geometry share."""

    head: Head
    positioning: Positioning
    geometry: FilmGeometry
    healthy: Projections
    antrum_ml: dict[Side, float]


def make_waters_case(case: WatersCase, section: FilmSection, anatomist: Anatomist, folder: Path) -> dict[str, Any]:
    """Write a case's files into ``folder``; return its manifest entry, file names relative to that folder."""
    return film_of(case, position_head(case, section, anatomist), section, anatomist, folder)


def position_head(case: WatersCase, section: FilmSection, anatomist: Anatomist) -> PositionedHead:
    """Draw the case's head, put it to the detector and project it: the slow part, the same for all films of its geometry."""
    rng = np.random.default_rng([_patient_seed(case), 1])
    head = anatomist.draw_head(rng, exact_age(case.age, _patient_seed(case)), case.sex, case.split)
    positioning = Positioning(
        orbitomeatal_deg=case.orbitomeatal_deg if section.view == "waters" else case.orbitomeatal_deg + 38,
        yaw_deg=case.yaw_deg,
        roll_deg=case.roll_deg,
        source_detector_mm=case.source_detector_mm,
        air_gap_mm=float(rng.uniform(8, 30)),
        shift_left_mm=float(rng.normal(0, 4)),
        shift_down_mm=float(rng.normal(-12, 5)),
    )
    geometry = film_geometry(head, positioning, section.projection_px)
    numbers = {
        "orbitomeatal_deg": positioning.orbitomeatal_deg, "yaw_deg": case.yaw_deg, "roll_deg": case.roll_deg,
        "age": case.age, "female": float(case.sex == "F"),
    }  # fmt: skip
    healthy = acquire(head, geometry, (), numbers)
    antrum_ml = {side: healthy.numbers[f"antrum_ml_{side.value}"] for side in Side}
    return PositionedHead(head, positioning, geometry, healthy, antrum_ml)


def film_of(
    case: WatersCase, positioned: PositionedHead, section: FilmSection, anatomist: Anatomist, folder: Path
) -> dict[str, Any]:
    """Write one film of a positioned head, with its case's disease, vendor and exposure; return its manifest entry."""
    rng = np.random.default_rng([case.seed, 2])
    head, geometry = positioned.head, positioned.geometry

    def antral(side: Side, subclass: str) -> PaintedDisease:
        drawn = draw_antral_disease(rng, side, DiseaseForm(subclass), positioned.antrum_ml[side])
        return _paint(head, drawn, side, geometry, anatomist, rng)

    shown = [antral(side, subclass) for side, subclass in case.subclasses.items()]
    bystanders = draw_bystanders(rng, frozenset(case.subclasses))
    shown += [
        _paint(head, disease, None, geometry, anatomist, rng)
        for disease in bystanders
        if box_of(head.labels, disease.structure) is not None
    ]
    more: list[PaintedDisease] = []
    stored_for_training = section.store_projections and case.split == "train"
    if stored_for_training and not case.first_case_id:
        for side in Side:
            for _ in range(section.disease_draws_per_side - (1 if side in case.subclasses else 0)):
                more.append(antral(side, draw_subclass(rng)))
    shadows = tuple(shadow_of(head, geometry, disease) for disease in (*shown, *more))
    projections = replace(positioned.healthy, shadows=shadows)
    vendor = VENDORS[case.manufacturer]
    clutter = _clutter(section, vendor, rng)
    settings = _settings(projections, case, section, vendor, clutter, rng)
    film = make_film(projections, shadows[: len(shown)], settings, rng)
    stored = _stored(film, case, section, vendor, clutter, positioned.positioning)
    files = {"image": IMAGE}
    key = f"{case.patient_id}-{case.case_id}-{case.seed}-{head.source}"
    write_radiograph(folder / IMAGE, stored, _subject(case, vendor, section, key), key)
    if stored_for_training and case.first_case_id:
        files["projections"] = f"../{case.first_case_id}/{PROJECTIONS}"
    elif stored_for_training:
        save_projections(projections, folder / PROJECTIONS)
        files["projections"] = PROJECTIONS
    return {
        "case_id": case.case_id,
        "patient_id": case.patient_id,
        "site": case.site,
        "split": case.split,
        "age": case.age,
        "sex": case.sex,
        "files": files,
        "labels": _labels(film, case, stored),
        "clinical": {},
        "acquisition": {
            "manufacturer": vendor.name, "kvp": case.kvp, "mas": case.mas, "exposure_ms": case.exposure_ms,
            "sdd_mm": case.source_detector_mm, "tilt_deg": positioned.positioning.orbitomeatal_deg,
            "yaw_deg": case.yaw_deg, "roll_deg": case.roll_deg, "orientation": stored.orientation.value,
            "photometric": "MONOCHROME1" if stored.monochrome1 else "MONOCHROME2", "rows": film.pixels.shape[0],
            "columns": film.pixels.shape[1],
        },
        "anatomy": {"source": head.source, **{k: round(v, 2) for k, v in projections.numbers.items() if "antrum_ml" in k}},
        "seed": case.seed,
    }  # fmt: skip


def _paint(
    head: Head,
    disease: SinusDisease,
    side: Side | None,
    geometry: FilmGeometry,
    anatomist: Anatomist,
    rng: np.random.Generator,
) -> PaintedDisease:
    local = anatomist.paint(head, (disease,), geometry.gravity, rng)[0]
    lumen = head.labels[local.where] == disease.structure
    fraction = int(np.count_nonzero(local.opacified & lumen)) / max(1, int(np.count_nonzero(lumen)))
    subclass = SUBCLASS_OF_FORM[disease.form] if side is not None else "other"
    return PaintedDisease(side, subclass, disease.severity, fraction, local.where, local.delta_hu)


def _clutter(section: FilmSection, vendor: Vendor, rng: np.random.Generator) -> Clutter:
    clutter = draw_clutter(rng, section.clutter)
    texts = clutter.texts
    if rng.random() < section.burned_in_text_share and not texts:
        texts = (Text("PNS WATERS", 0.14, 0.95, 0.02),)
    return Clutter(
        clutter.leads, texts, clutter.earrings, clutter.spectacles, clutter.hand, clutter.chin_rest, clutter.seed
    )


def _settings(
    projections: Projections, case: WatersCase, section: FilmSection, vendor: Vendor, clutter: Clutter,
    rng: np.random.Generator,
) -> FilmSettings:  # fmt: skip
    x0, y0, x1, y1 = projections.face_box
    face = float(max(x1 - x0, y1 - y0))
    aspect = (0.8, 0.8, 0.83, 1.0)[int(rng.integers(4))]
    limit = float(len(projections.soft))
    height = min(limit, face / float(rng.uniform(0.5, 0.68)))
    width = min(limit, height * aspect)
    middle_x = float(np.clip((x0 + x1) / 2 + rng.normal(0, 0.02) * width, width / 2, limit - width / 2))
    middle_y = float(np.clip((y0 + y1) / 2 + rng.normal(0.02, 0.03) * height, height / 2, limit - height / 2))
    upper, lower = collimated(projections.soft, projections.face_box, middle_y - height / 2, middle_y + height / 2)
    height = lower - upper
    edges = (0.0, 0.0, 0.0, 0.0)
    if vendor.border != "cut":
        left, top, right, bottom = rng.uniform(0.0, 0.06, 4)
        edges = (float(left), float(top), float(right), float(bottom))
    return FilmSettings(
        field=(middle_x - width / 2, upper, middle_x + width / 2, lower),
        rows=section.image_px,
        columns=round(section.image_px * width / height),
        exposure=Exposure(
            kvp=case.kvp, mas=case.mas, exposure_ms=case.exposure_ms,
            scatter_to_primary=float(rng.uniform(0.12, 0.32)),
            photons=physics.absorbed_quanta(case.kvp, case.mas, case.source_detector_mm),
            electronic=float(rng.uniform(5e-6, 3e-5)), blur_mm=float(rng.uniform(0.08, 0.16)),
        ),
        look=draw_look(vendor, rng),
        clutter=clutter,
        collimation=edges,
        border="white" if vendor.border == "white" else "black",
    )  # fmt: skip


def collimated(soft: Image, face_box: Box, top: float, bottom: float) -> tuple[float, float]:
    """Upper and lower edge of a field that ends where the head does: a scan cut off at chin or neck must not show as such."""
    x0, _, x1, y1 = face_box
    middle = soft[:, int(0.65 * x0 + 0.35 * x1) : int(0.35 * x0 + 0.65 * x1) + 1]
    rows = np.flatnonzero(np.median(middle, axis=1) > _THROUGH_NECK_G_CM2)
    if rows.size == 0 or rows[-1] + 1 >= bottom:
        return top, bottom
    height = bottom - top
    end = max(float(rows[-1] + 1), min(bottom, y1 + 0.03 * height))
    return max(0.0, top - min(bottom - end, 0.1 * height)), end


def _stored(
    film: DrawnFilm, case: WatersCase, section: FilmSection, vendor: Vendor, clutter: Clutter, positioning: Positioning
) -> StoredFilm:
    orientation = Orientation(case.orientation)
    top = 2**vendor.bits - 1
    return StoredFilm(
        pixels=np.clip(np.rint(film.pixels * top), 0, top).astype(np.uint16),
        bits=vendor.bits,
        monochrome1=case.monochrome1_draw < vendor.inverted_share,
        orientation=orientation,
        pixel_mm=film.pixel_mm,
        # Without PatientOrientation a DX file would break its IOD; such films come from cassettes.
        computed=vendor.computed or orientation is Orientation.ABSENT,
        burned_in_text=bool(clutter.texts),
        view="PNS Waters PA" if section.view == "waters" else "PNS Caldwell PA",
        kvp=case.kvp, mas=case.mas, exposure_ms=case.exposure_ms,
        source_detector_mm=case.source_detector_mm,
        source_patient_mm=case.source_detector_mm - positioning.air_gap_mm - 100,
    )  # fmt: skip


def _patient_seed(case: WatersCase) -> int:
    """The same for all films of one patient in one position."""
    return case.seed if case.geometry_seed is None else case.geometry_seed


def _subject(case: WatersCase, vendor: Vendor, section: FilmSection, key: str) -> Subject:
    rng = np.random.default_rng([case.seed % 2**31, 7])
    view, age = section.view.title(), exact_age(case.age, _patient_seed(case))
    return subject_of(
        case.patient_id, view, case.sex, age, (2016, 2020), rng, case.site, vendor.name, vendor.model, key,
        f"PNS {view.upper()} (SIMULATED)",
    )  # fmt: skip


def _labels(film: DrawnFilm, case: WatersCase, stored: StoredFilm) -> dict[str, Any]:
    """Labels in stored pixels: a film stored mirrored has its boxes mirrored, its sides still the patient's."""
    width = film.pixels.shape[1]

    def box(b: Box) -> list[float]:
        x0, y0, x1, y1 = b
        if stored.orientation is Orientation.MIRRORED:
            x0, x1 = width - x1, width - x0
        return [round(v, 2) for v in (x0, y0, x1, y1)]

    return {
        "label": case.label,
        "face_box": box(film.face_box),
        "boxes": [
            {"xyxy": box(a.xyxy), "side": a.side.value, "subclass": a.subclass} for a in film.antra if a.diseased
        ],
        "antra": [
            {
                "side": a.side.value, "xyxy": box(a.xyxy), "diseased": a.diseased, "subclass": a.subclass,
                "opacified_fraction": round(a.opacified_fraction, 4),
            }
            for a in film.antra
        ],
    }  # fmt: skip
