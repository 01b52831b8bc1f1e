"""The reading: all that was found in one study, with its provenance. Mirrors ``reading.json`` of the contract."""

from dataclasses import dataclass, field
from enum import StrEnum

from sinusviewer.domain.anatomy import AnySide, Side, Sinus
from sinusviewer.domain.finding import Detection, Heatmap, ModelReference, Segmentation
from sinusviewer.domain.image import ImageWarning


class SeriesStatus(StrEnum):
    """What became of a series."""

    READ = "read"
    REFUSED = "refused"
    VIEWED_ONLY = "viewed_only"


class WatersLabel(StrEnum):
    """The four-way report of Oh 2021, and what is said when the side is unverified."""

    NORMAL = "normal"
    RIGHT = "right"
    LEFT = "left"
    BILATERAL = "bilateral"
    UNVERIFIED = "unverified"


@dataclass(frozen=True, slots=True)
class SideScore:
    """The score of one antrum, 0-1; ``positive`` is ``score >= threshold``."""

    side: AnySide
    score: float
    positive: bool
    subclass: str = ""
    """Hint at the form of disease (air_fluid, full_opacification, cyst, mucosal_thickening); empty where negative."""
    normal_evidence: float | None = None
    """The network's own score for "a clear antrum is seen here"; None for the published variant."""


@dataclass(frozen=True, slots=True)
class WatersReading:
    """A Waters' view, read."""

    label: WatersLabel
    sides: tuple[SideScore, SideScore]
    face_box: tuple[float, float, float, float]
    boxes: tuple[Detection, ...]
    threshold: float
    model: ModelReference
    patch_model: ModelReference | None = None
    calibrated_on: str = ""


@dataclass(frozen=True, slots=True)
class SinusMeasurement:
    """One sinus of one side on CT. Values are None where they cannot be known.

    ``side`` is the patient's; on a volume whose left and right nothing proves it is the displayed image's.
    """

    sinus: Sinus
    side: AnySide
    volume_ml: float | None
    opacified_fraction: float | None
    mean_hu: float | None
    lund_mackay: int | None
    complete: bool
    reason: str = ""
    edited_by_reader: bool = False
    """Whether a reader changed the mask that this follows from."""
    air_fluid_level: bool | None = None
    """Whether the masks show air above fluid, in a maxillary sinus; None elsewhere and where it cannot be known."""


@dataclass(frozen=True, slots=True)
class LundMackay:
    """Totals; the ostiomeatal complex is proposed and a reader may change it."""

    right: int | None
    left: int | None
    ostiomeatal_right: int | None
    ostiomeatal_left: int | None
    ostiomeatal_by_reader: bool = False
    """Whether a reader scored a complex; otherwise both scores are proposals."""
    complexes_by_reader: tuple[Side, ...] = ()
    """Whose complex a reader scored; the other one's score is still a proposal."""

    @property
    def total(self) -> int | None:
        return None if self.right is None or self.left is None else self.right + self.left


@dataclass(frozen=True, slots=True)
class AirMeasurement:
    """Enclosed air in a head CT, measured by a threshold and rules, without a network; says nothing of opacification."""

    method: str
    threshold_hu: float
    right_ml: float | None
    left_ml: float | None
    total_ml: float


@dataclass(frozen=True, slots=True)
class SliceProbability:
    """The probability of ECRS on one slice."""

    sop_instance_uid: str
    probability: float
    slice_index: int = -1


class Standing(StrEnum):
    """What a reader may make of a computed probability."""

    GIVEN = "given"
    DOUBTFUL = "doubtful"
    WITHHELD = "withheld"


@dataclass(frozen=True, slots=True)
class Reason:
    """One input of a patient model: what it adds to the log odds beside a usual patient's, and whether it lies above usual."""

    name: str
    log_odds: float
    above_usual: bool


@dataclass(frozen=True, slots=True)
class EndotypeReading:
    """Probability of eosinophilic CRS; ECRS = eosinophils >= 10 % of inflammatory cells in tissue (Hua 2022)."""

    probability_ecrs: float | None
    """None where it is withheld; ``withheld`` then says why."""
    slices: tuple[SliceProbability, ...]
    models: tuple[ModelReference, ...]
    threshold: float
    attention_probability: float | None = None
    spread: float | None = None
    heat_inside_mask: float | None = None
    calibrated_on: str = ""
    """What the probability was calibrated on; empty where it was not."""
    withheld: str = ""
    """Why no probability is given, as sentences; empty where one is."""
    doubts: tuple[str, ...] = ()
    """What must be weighed beside the probability, as sentences; stands wherever it is shown or written."""
    heat_if_even: float | None = None
    """What ``heat_inside_mask`` would be if the heat were spread evenly over the network's images."""
    network_threshold: float | None = None
    """Of ``mean_probability``; None where it is ``threshold``."""
    slice_threshold: float | None = None
    """Of slices and attention, which are not calibrated; None where it is ``threshold``."""
    mean_probability: float | None = None
    """Calibrated mean of the slices, as published; ``probability_ecrs`` is this, unless a patient model made that."""
    patient_model: str = ""
    """On whom the model of slices and measured extent was fitted that made ``probability_ecrs``; empty where none did."""
    reasons: tuple["Reason", ...] = ()
    """What the inputs of the patient model add, the largest first."""

    @property
    def standing(self) -> Standing:
        if self.probability_ecrs is None:
            return Standing.WITHHELD
        return Standing.DOUBTFUL if self.doubts else Standing.GIVEN


@dataclass(frozen=True, slots=True)
class RecurrenceReading:
    """Recurrence after surgery: radiomic score, risk and how it comes about (He 2023)."""

    dlr_score: float
    risk: float | None
    risk_interval: tuple[float, float]
    missing: tuple[str, ...]
    points: dict[str, float]
    total_points: float | None
    model: ModelReference | None = None
    nomogram_cohort: str = ""
    overruled_dlr_score: float | None = None
    """What a reader put in the place of ``dlr_score``; points and risk then follow from it."""
    from_header: tuple[str, ...] = ()
    """Inputs of the nomogram that nobody gave and the image's header had."""
    values: dict[str, float] = field(default_factory=dict)
    """The inputs that were known, by the contract's names and units; the points follow from these."""
    outside_training: tuple[str, ...] = ()
    """Inputs that no patient of the nomogram's training data had: the risk is extrapolated."""
    doubts: tuple[str, ...] = ()
    """What else must be weighed beside the risk, as sentences; stands wherever it is written."""
    network_score: float | None = None
    """What the network alone said, where ``dlr_score`` joins that with the measured extent of disease."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """How a series came to be read: when, on what, how long each step took."""

    created: str = ""
    software: str = ""
    device: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    input_sop_instance_uids: tuple[str, ...] = ()
    override_reason: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class SeriesReading:
    """All that was found in one series."""

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
    segmentation: Segmentation | None = None
    heatmaps: tuple[Heatmap, ...] = ()
    segmentation_model: ModelReference | None = None
    provenance: Provenance = field(default_factory=Provenance)
    air: AirMeasurement | None = None
    recurrence_heat: Heatmap | None = None
    """Where the network looked that gave the radiomic score; on a coarser grid than the volume's."""

    @property
    def asks_to_be_read(self) -> bool:
        """Whether nobody has read it yet: not while a network's masks are there before its numbers, but with stored masks."""
        network_is_at_work = self.segmentation is not None and self.segmentation_model is not None
        return self.status is SeriesStatus.VIEWED_ONLY and not network_is_at_work


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """All that was found in one study."""

    study_instance_uid: str
    series: tuple[SeriesReading, ...] = ()
