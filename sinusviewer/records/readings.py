"""Readings kept between starts: plain data with a checksum, one row for each reading, an earlier one never overwritten."""

import hashlib
import re
from dataclasses import dataclass, fields, replace
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from sinusviewer.domain.finding import ModelReference
from sinusviewer.domain.image import ImageWarning
from sinusviewer.domain.reading import (
    AirMeasurement,
    EndotypeReading,
    LundMackay,
    Provenance,
    RecurrenceReading,
    SeriesReading,
    SeriesStatus,
    SinusMeasurement,
    WatersReading,
)
from sinusviewer.records.database import Database
from sinusviewer.records.study_keys import RecordsKey


@dataclass(frozen=True, slots=True)
class InputMark:
    """What a reading was made of. A reading belongs to an image only while all three are the same."""

    instances: str
    """Digest of the SOP instance UIDs of the series, or of the one film."""
    hanging: str
    """Which side was known, and whether the geometry was accepted: the wording of a reading follows from both."""
    pixels: str
    """Digest of all pixels and their place in space."""


@dataclass(frozen=True, slots=True)
class HeatNote:
    """One heat map in a file of masks: which result's it is ("endotype" or "recurrence"), and what a `Heatmap` says of itself."""

    of: str
    method: str
    layer: str
    window: str = ""
    inside_mask: float | None = None


@dataclass(frozen=True, slots=True)
class MasksFile:
    """A file of masks beside the database: its name, the checksum of its content, and what is not an array."""

    name: str
    sha256: str
    author: str = "ai"
    opacified_by_rule: bool = False
    heats: tuple[HeatNote, ...] = ()


class KeptReading(BaseModel):
    """A reading without its arrays, and what it was made of; validated when it comes back."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")

    form: Literal[1] = 1
    mark: InputMark
    masks: MasksFile | None = None
    series_instance_uid: str
    modality: str
    status: SeriesStatus
    reason: str | None = None
    warnings: tuple[ImageWarning, ...] = ()
    sop_instance_uid: str = ""
    waters: WatersReading | None = None
    sinuses: tuple[SinusMeasurement, ...] = ()
    lund_mackay: LundMackay | None = None
    endotype: EndotypeReading | None = None
    recurrence: RecurrenceReading | None = None
    segmentation_model: ModelReference | None = None
    provenance: Provenance
    air: AirMeasurement | None = None

    def reading(self) -> SeriesReading:
        """The reading, without masks and heat."""
        plain = {name: getattr(self, name) for name in PLAIN_FIELDS}
        return SeriesReading(**plain | {"endotype": _by_todays_rules(self.endotype, self.warnings)})


_MASK_NAME = re.compile(r"[0-9a-f]{32}\.npz")
ARRAYS = frozenset({"segmentation", "heatmaps", "recurrence_heat"})
PLAIN_FIELDS = tuple(f.name for f in fields(SeriesReading) if f.name not in ARRAYS)


def _by_todays_rules(endotype: EndotypeReading | None, warnings: tuple[ImageWarning, ...]) -> EndotypeReading | None:
    """Earlier versions gave a probability also where it is withheld now, and said its doubts as warnings only."""
    if endotype is None or endotype.probability_ecrs is None or endotype.doubts:
        return endotype
    said = {w.code: w.message for w in warnings}
    if "endotype_of_a_part" in said:
        return EndotypeReading(None, (), endotype.models, endotype.threshold, withheld=said["endotype_of_a_part"])
    doubt = said.get("heat_outside_sinuses")
    return replace(endotype, doubts=(doubt,)) if doubt else endotype


def kept_reading(reading: SeriesReading, mark: InputMark, masks: MasksFile | None = None) -> KeptReading:
    """What is kept of a reading."""
    plain = {name: getattr(reading, name) for name in PLAIN_FIELDS}
    return KeptReading(mark=mark, masks=masks, **plain)


@dataclass(frozen=True, slots=True)
class Recalled:
    """What the store has of a study: the newest reading of each key, and the keys whose newest one was damaged."""

    readings: dict[str, KeptReading]
    damaged: tuple[str, ...] = ()


class ReadingStore:
    """Keeps readings in the database. On disk when `keep` returns."""

    def __init__(self, database: Database) -> None:
        self._database, self._key = database, database.keys.of

    def key_of(self, study_instance_uid: str) -> RecordsKey:
        """Whose records a UID stands for now; what is written later, by this key, is still theirs."""
        return self._key(study_instance_uid)

    def keep(self, study_instance_uid: str, key: str, kept: KeptReading) -> None:
        content = kept.model_dump_json()
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO kept_reading (study_instance_uid, reading_key, created, content, sha256) VALUES (?,?,?,?,?)",
                (self._key(study_instance_uid), key, kept.provenance.created, content, _digest(content)),
            )

    def recall(self, study_instance_uid: str) -> Recalled:
        """The newest reading of each key. A damaged one is dropped from the store, and the one before it is not shown instead."""
        rows = self._database.query(
            "SELECT number, reading_key, content, sha256 FROM kept_reading WHERE number IN (SELECT MAX(number) FROM kept_reading"
            " WHERE study_instance_uid=? GROUP BY reading_key) ORDER BY number",
            (self._key(study_instance_uid),),
        )
        good: dict[str, KeptReading] = {}
        damaged = []
        for _number, key, content, sha256 in rows:
            try:
                if _digest(content) != sha256:
                    raise ValueError("the checksum differs")
                good[key] = KeptReading.model_validate_json(content)
            except (ValidationError, ValueError, TypeError):
                damaged.append(key)
        for key in damaged:
            self.drop(study_instance_uid, key)
        return Recalled(good, tuple(damaged))

    def mask_files_needed(self) -> frozenset[str]:
        """Names of mask files that must stay: of the newest reading of each image, and of every reading that people relied on.

        Relied on are all readings of a study whose report is signed, and of a series of which a reader corrected or decided
        anything: what the network said stays beside what the reader made of it.
        """
        rows = self._database.query(
            "SELECT content FROM kept_reading AS kept WHERE number IN"
            " (SELECT MAX(number) FROM kept_reading GROUP BY study_instance_uid, reading_key)"
            " OR EXISTS (SELECT 1 FROM signed_report AS s WHERE s.study_instance_uid = kept.study_instance_uid)"
            " OR EXISTS (SELECT 1 FROM finding_event AS e WHERE e.study_instance_uid = kept.study_instance_uid"
            "  AND e.finding_id LIKE '%#%' AND e.action NOT IN ('proposed', 'undone')"
            "  AND (e.series_instance_uid = kept.reading_key OR e.finding_id LIKE kept.reading_key || '#%'))"
        )
        # By their form and not by parsing: of a damaged row the names count too.
        return frozenset(name for (content,) in rows for name in _MASK_NAME.findall(str(content)))

    def drop(self, study_instance_uid: str, key: str) -> None:
        """Forget all readings of a key."""
        with self._database.transaction() as connection:
            connection.execute(
                "DELETE FROM kept_reading WHERE study_instance_uid=? AND reading_key=?",
                (self._key(study_instance_uid), key),
            )


def _digest(content: object) -> str:
    """Of a text; anything else, which only a damaged row holds, has a digest that fits nothing."""
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest() if isinstance(content, str) else ""
