"""The nomogram: coefficients → axes → points → total points → risk, as R's ``rms::nomogram`` draws it.

Each predictor's axis carries points, the widest axis 100. With ``sc`` points per unit of the linear predictor,

    points_i = (effect_i - lowest effect on the axis of i) * sc
    risk     = logistic(intercept_adjusted + total points / sc)

so a negative coefficient reverses its axis. Nothing is rounded and nothing is clamped: a patient beyond an axis keeps his
own points; only a drawing may stop at the end of the axis.
Source: Harrell, Regression Modeling Strategies, and ``fit → nomogram(fit, fun = plogis, maxscale = 100, nint = 10)``.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import jsonschema
import numpy as np
import numpy.typing as npt

from sinusviewer.domain.finding import ModelReference
from sinusviewer.errors import InputError
from sinusviewer.paths import resources_dir
from sinusviewer.statistics.pretty import pretty
from sinusviewer.statistics.spline import restricted_cubic_spline

SCHEMA_VERSION = 1
MAX_POINTS = 100.0  # rms: maxscale
INTERVALS = 10  # rms: nint
DISTINCT_VALUES = 10  # rms: datadist's n.unique; an axis of at most so many values shows exactly these


def axis_ticks(training_values: npt.ArrayLike) -> tuple[float, ...]:
    """Return a predictor's axis: the distinct training values if at most ten, else ``pretty(min, max, 10)``.

    Blank cells (NaN) are left out. All patients of the training file count, also those the fit could not use, as with
    ``datadist``.
    """
    values = np.unique(np.asarray(training_values, dtype=np.float64))
    values = values[np.isfinite(values)]
    if values.size < 2:
        raise InputError("An axis needs at least two distinct training values.")
    if values.size <= DISTINCT_VALUES:
        return tuple(float(v) for v in values)
    return pretty(float(values[0]), float(values[-1]), INTERVALS)


@dataclass(frozen=True, slots=True)
class Tick:
    """A labelled position: its value and where it stands on the points (or total points) scale."""

    value: float
    points: float


@dataclass(frozen=True, slots=True)
class Predictor:
    """One axis.

    Attributes
    ----------
    unit
        As printed, e.g. ``cells/µL``; empty for a yes/no or a score.
    coefficients
        One for a linear term; with knots, one per column of the spline basis.
    ticks
        The axis, ascending; its ends are the first and the last.
    training_range
        Smallest and largest value the model was fitted on; beyond it a prediction is extrapolated.
    """

    name: str
    label: str
    unit: str
    coefficients: tuple[float, ...]
    ticks: tuple[float, ...]
    training_range: tuple[float, float]
    knots: tuple[float, ...] = ()

    def effect(self, value: float) -> float:
        """Contribution to the linear predictor."""
        if not self.knots:
            return self.coefficients[0] * value
        return float(restricted_cubic_spline(value, self.knots) @ np.array(self.coefficients))

    @property
    def axis(self) -> tuple[float, float]:
        return self.ticks[0], self.ticks[-1]

    @property
    def effect_range(self) -> tuple[float, float]:
        """Lowest and highest effect on the axis."""
        effects = [self.effect(tick) for tick in self.ticks]
        return min(effects), max(effects)

    @property
    def reversed(self) -> bool:
        """Whether points fall as the value rises."""
        return self.effect(self.ticks[-1]) < self.effect(self.ticks[0])

    @property
    def binary(self) -> bool:
        return self.ticks == (0.0, 1.0)

    def outside_training(self, value: float) -> bool:
        return not self.training_range[0] <= value <= self.training_range[1]


@dataclass(frozen=True, slots=True)
class CohortSummary:
    """Whom the model was fitted on or tested in, and how it did there; ``None`` is "not estimable"."""

    name: str
    n: int
    events: int
    auc: float | None = None
    auc_ci95: tuple[float, float] | None = None
    brier: float | None = None
    calibration_intercept: float | None = None
    calibration_slope: float | None = None


@dataclass(frozen=True, slots=True)
class FitSummary:
    """How the coefficients were found. ``separation`` names predictors without a finite maximum-likelihood estimate."""

    method: str
    converged: bool
    separation: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    auc_optimism_corrected: float | None = None
    slope_optimism_corrected: float | None = None


@dataclass(frozen=True, slots=True)
class NomogramReading:
    """What the nomogram says of one patient.

    Attributes
    ----------
    points
        Of every known predictor, unrounded.
    total_points, linear_predictor, risk
        ``None`` while an input is missing: then only the intervals are known.
    risk_interval
        From the least to the greatest risk the missing inputs allow over their axes; both ends equal the risk when
        nothing is missing.
    outside_training
        Predictors whose value lies beyond the training data.
    """

    points: dict[str, float]
    total_points: float | None
    linear_predictor: float | None
    risk: float | None
    total_points_interval: tuple[float, float]
    risk_interval: tuple[float, float]
    missing: tuple[str, ...]
    outside_training: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Nomogram:
    """A fitted logistic model with its axes. Arguments of every method are in the predictors' own units."""

    outcome: str
    intercept: float
    predictors: tuple[Predictor, ...]
    linear_predictor_range: tuple[float, float]
    trained_on: str
    cohort: CohortSummary
    fit: FitSummary
    test_cohort: CohortSummary | None = None
    cutoff: float | None = None
    score_model: ModelReference | None = None
    """The network whose scores it was fitted on; None where nobody said."""

    def __post_init__(self) -> None:
        if not self.predictors or len({p.name for p in self.predictors}) != len(self.predictors):
            raise InputError("A nomogram needs at least one predictor, each named once.")
        numbers = [self.intercept, *self.linear_predictor_range, *(c for p in self.predictors for c in p.coefficients)]
        if not all(math.isfinite(number) for number in numbers):
            raise InputError("A nomogram needs finite coefficients.")
        if max(high - low for low, high in (p.effect_range for p in self.predictors)) <= 0.0:
            raise InputError("A nomogram needs a predictor with an effect; all coefficients are 0.")

    @property
    def points_per_unit(self) -> float:
        """Points per unit of the linear predictor (rms: sc)."""
        return MAX_POINTS / max(high - low for low, high in (p.effect_range for p in self.predictors))

    @property
    def intercept_adjusted(self) -> float:
        """Linear predictor at 0 total points (rms: Intercept)."""
        return self.intercept + sum(p.effect_range[0] for p in self.predictors)

    def predictor(self, name: str) -> Predictor:
        for candidate in self.predictors:
            if candidate.name == name:
                return candidate
        raise InputError(f"This nomogram has no predictor named {name!r}.")

    def points(self, name: str, value: float) -> float:
        """Points of one value; below 0 or above the axis for a value beyond it."""
        predictor = self.predictor(name)
        if not math.isfinite(value):
            raise InputError(f"{predictor.label} must be a number, got {value}.")
        return (predictor.effect(value) - predictor.effect_range[0]) * self.points_per_unit

    def max_points(self, name: str) -> float:
        low, high = self.predictor(name).effect_range
        return (high - low) * self.points_per_unit

    def value_at_points(self, name: str, points: float) -> float:
        """Return the value on a predictor's axis nearest to a number of points: where a dragged marker stands."""
        predictor = self.predictor(name)
        effect = points / self.points_per_unit + predictor.effect_range[0]
        low, high = predictor.axis
        if not predictor.knots and predictor.coefficients[0] != 0.0:
            return min(max(effect / predictor.coefficients[0], low), high)
        values = np.linspace(low, high, 1001)
        effects = np.array([predictor.effect(float(value)) for value in values])
        return float(values[int(np.abs(effects - effect).argmin())])

    def risk_at(self, total_points: float) -> float:
        return _logistic(self.intercept_adjusted + total_points / self.points_per_unit)

    def total_points_at(self, risk: float) -> float:
        """Total points of a risk strictly between 0 and 1."""
        if not 0.0 < risk < 1.0:
            raise InputError(f"A risk on the axis lies strictly between 0 and 1, got {risk}.")
        return (math.log(risk / (1.0 - risk)) - self.intercept_adjusted) * self.points_per_unit

    def read(self, values: Mapping[str, float | None]) -> NomogramReading:
        """Read one patient; a predictor that is absent or ``None`` is missing, further keys are ignored."""
        known = {p.name: float(value) for p in self.predictors if (value := values.get(p.name)) is not None}
        points = {name: self.points(name, value) for name, value in known.items()}
        missing = tuple(p.name for p in self.predictors if p.name not in known)
        least = sum(points.values())
        most = least + sum(self.max_points(name) for name in missing)
        # From the effects, not from the points: free of the rounding of a division and a multiplication by sc.
        linear = self.intercept + sum(self.predictor(name).effect(value) for name, value in known.items())
        low, high = (linear + sum(self.predictor(name).effect_range[end] for name in missing) for end in (0, 1))
        complete = not missing
        return NomogramReading(
            points=points,
            total_points=least if complete else None,
            linear_predictor=linear if complete else None,
            risk=_logistic(linear) if complete else None,
            total_points_interval=(least, most),
            risk_interval=(_logistic(low), _logistic(high)),
            missing=missing,
            outside_training=tuple(n for n, value in known.items() if self.predictor(n).outside_training(value)),
        )

    def predictor_ticks(self, name: str) -> tuple[Tick, ...]:
        return tuple(Tick(value, self.points(name, value)) for value in self.predictor(name).ticks)

    @property
    def total_points_axis(self) -> tuple[float, ...]:
        highest = max(MAX_POINTS, self._points_of(self._linear_ticks[-1])) if len(self.predictors) > 1 else MAX_POINTS
        return pretty(0.0, highest, INTERVALS)

    @property
    def linear_predictor_axis(self) -> tuple[Tick, ...]:
        return tuple(Tick(value, self._points_of(value)) for value in self._linear_ticks)

    @property
    def risk_axis(self) -> tuple[Tick, ...]:
        """Round risks within the range of the linear predictor axis, at their exact places (rms interpolates)."""
        low, high = _logistic(self._linear_ticks[0]), _logistic(self._linear_ticks[-1])
        ticks = [value for value in pretty(low, high, INTERVALS) if low <= value <= high and 0.0 < value < 1.0]
        return tuple(Tick(value, self.total_points_at(value)) for value in ticks)

    @property
    def _linear_ticks(self) -> tuple[float, ...]:
        return pretty(*self.linear_predictor_range, INTERVALS)

    def _points_of(self, linear_predictor: float) -> float:
        return (linear_predictor - self.intercept_adjusted) * self.points_per_unit


def _logistic(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x)) if x >= 0.0 else math.exp(x) / (1.0 + math.exp(x))


_Part = TypeVar("_Part", Predictor, CohortSummary, FitSummary)


def nomogram_to_json(nomogram: Nomogram) -> dict[str, Any]:
    """Return the content of ``nomogram.json``: the fields, and beside them what follows from them."""
    content = asdict(nomogram)
    for predictor, p in zip(content["predictors"], nomogram.predictors, strict=True):
        predictor |= {
            "axis": p.axis,
            "tick_points": [tick.points for tick in nomogram.predictor_ticks(p.name)],
            "coefficient": p.coefficients[0],
            "max_points": nomogram.max_points(p.name),
            "reversed": p.reversed,
        }
    content |= {
        "schema_version": SCHEMA_VERSION,
        "research_use_only": True,
        "points_per_unit": nomogram.points_per_unit,
        "intercept_adjusted": nomogram.intercept_adjusted,
        "axes": {
            "total_points": nomogram.total_points_axis,
            "linear_predictor": [asdict(tick) for tick in nomogram.linear_predictor_axis],
            "risk": [asdict(tick) for tick in nomogram.risk_axis],
        },
    }
    plain: dict[str, Any] = json.loads(json.dumps(content, allow_nan=False))  # tuples become lists
    return plain


def nomogram_from_json(content: Any) -> Nomogram:
    """Rebuild a nomogram; points and axes are computed anew and must agree with those written.

    Raises
    ------
    InputError
        If the content breaks the schema, or its scale does not follow from its coefficients.
    """
    check_schema(content, "nomogram.schema.json")
    test = content["test_cohort"]
    nomogram = Nomogram(
        outcome=content["outcome"],
        intercept=float(content["intercept"]),
        predictors=tuple(_dataclass_from(Predictor, p) for p in content["predictors"]),
        linear_predictor_range=_tuples(content["linear_predictor_range"]),
        trained_on=content["trained_on"],
        cohort=_dataclass_from(CohortSummary, content["cohort"]),
        fit=_dataclass_from(FitSummary, content["fit"]),
        test_cohort=None if test is None else _dataclass_from(CohortSummary, test),
        cutoff=content["cutoff"],
        score_model=None if (network := content.get("score_model")) is None else ModelReference(**network),
    )
    for key, computed in (
        ("points_per_unit", nomogram.points_per_unit),
        ("intercept_adjusted", nomogram.intercept_adjusted),
    ):
        if not math.isclose(content[key], computed, rel_tol=1e-9, abs_tol=1e-9):
            raise InputError(
                f"The nomogram's {key} is {content[key]:g}, but its coefficients give {computed:g}.",
                "The file was changed after it was fitted; fit the nomogram again.",
            )
    return nomogram


def _dataclass_from(kind: type[_Part], content: dict[str, Any]) -> _Part:
    return kind(**{field.name: _tuples(content[field.name]) for field in fields(kind)})


def _tuples(value: Any) -> Any:
    return tuple(float(v) if isinstance(v, int) else v for v in value) if isinstance(value, list) else value


def write_nomogram(nomogram: Nomogram, path: Path) -> None:
    """Write ``nomogram.json``, validated against its schema."""
    content = nomogram_to_json(nomogram)
    check_schema(content, "nomogram.schema.json")
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def read_nomogram(path: Path) -> Nomogram:
    """Read ``nomogram.json``."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{path.name} cannot be read as a nomogram.", "Choose a nomogram.json.") from error
    return nomogram_from_json(content)


def check_schema(content: Any, schema_name: str) -> None:
    """Validate JSON content against one of the schemas in ``resources/schemas``."""
    error = jsonschema.exceptions.best_match(_validator(schema_name).iter_errors(content))
    if error is not None:
        raise InputError(f"{schema_name.partition('.')[0]}.json is not valid at {error.json_path}: {error.message}.")


@cache
def _validator(schema_name: str) -> jsonschema.Draft202012Validator:
    schema = json.loads((resources_dir() / "schemas" / schema_name).read_text(encoding="utf-8"))
    return jsonschema.Draft202012Validator(schema)
