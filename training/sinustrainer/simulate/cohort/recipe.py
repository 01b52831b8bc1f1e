"""Recipes: what a cohort is made of, read from TOML and checked before anything is simulated."""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sinustrainer.simulate.ct.scanners import SCANNERS
from sinustrainer.simulate.radiograph.vendors import VENDORS
from sinusviewer.errors import InputError

WATERS_LABELS = ("normal", "right", "left", "bilateral")
SUBCLASSES = ("full_opacification", "air_fluid", "cyst", "mucosal_thickening")
SPLITS = ("train", "internal", "external_1", "external_2", "external_3", "test")

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Range = tuple[float, float]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Spread(_Part):
    """A number that varies between patients: normal, cut off at the ends."""

    mean: float
    sd: Annotated[float, Field(ge=0)]
    low: float
    high: float

    @model_validator(mode="after")
    def _ordered(self) -> "Spread":
        if not self.low <= self.mean <= self.high:
            raise ValueError(f"mean {self.mean} is not between low {self.low} and high {self.high}")
        return self


class AnatomySection(_Part):
    """Where heads come from.

    Attributes
    ----------
    templates
        Folders of real heads, relative to ``--templates`` or the recipe; those of ``--templates`` all, if none is named.
    parametric_share
        Share of patients on the parametric head, of those that may have a template; without templates, all.
    parametric_bank
        Parametric heads to build once per process, adults then being warped from them as from templates, in a third of the
        time; 0 builds a new one for each patient. Children are always built.
    held_out
        Split to the templates that only that split uses, so that it is judged on anatomy never trained on.
    """

    templates: tuple[str, ...] = ()
    parametric_share: Share = 0.3
    parametric_bank: Annotated[int, Field(ge=0, le=64)] = 0
    held_out: dict[Literal["train", "internal", "external_1", "external_2", "external_3", "test"], tuple[str, ...]] = {}


class WatersGroup(_Part):
    """One set of radiographs: a split of a site, with its margins."""

    split: Literal["train", "internal", "external_1", "external_2", "external_3", "test"]
    site: str
    female: Count
    labels: dict[Literal["normal", "right", "left", "bilateral"], Count]
    subclasses: dict[Literal["full_opacification", "air_fluid", "cyst", "mucosal_thickening"], Count]
    manufacturers: dict[str, Count]
    age_decades: dict[Literal["normal", "sinusitis"], tuple[Count, ...]]
    age_range: tuple[float, float]
    age_mean: float
    kvp: Spread
    mas: Spread
    exposure_ms: Spread
    source_detector_mm: Spread
    orbitomeatal_deg: Spread = Spread(mean=37, sd=3, low=29, high=47)
    yaw_sd_deg: Annotated[float, Field(ge=0, le=15)] = 2.5
    roll_sd_deg: Annotated[float, Field(ge=0, le=15)] = 2.0
    mirrored_share: Share = 0.02
    orientation_absent_share: Share = 0.15

    @property
    def patients(self) -> int:
        return sum(self.labels.values())

    @model_validator(mode="after")
    def _sums(self) -> "WatersGroup":
        n = self.patients
        if n == 0:
            raise ValueError(f"group {self.split} has no patients")
        if self.female > n:
            raise ValueError(f"group {self.split}: {self.female} women among {n} patients")
        if sum(self.manufacturers.values()) != n:
            raise ValueError(
                f"group {self.split}: manufacturers add up to {sum(self.manufacturers.values())}, labels to {n}"
            )
        unknown = sorted(set(self.manufacturers) - set(VENDORS))
        if unknown:
            raise ValueError(f"group {self.split}: no vendor {unknown[0]}; there are {', '.join(VENDORS)}")
        if any(len(v) > 11 or sum(v) == 0 for v in self.age_decades.values()):
            raise ValueError(f"group {self.split}: age_decades wants 1 to 11 counts that are not all 0")
        if set(self.age_decades) != {"normal", "sinusitis"}:
            raise ValueError(f"group {self.split}: age_decades wants normal and sinusitis")
        return self


class FilmSection(_Part):
    """How films are written.

    Attributes
    ----------
    films_per_geometry
        Films of each patient: the same head in the same position with other disease, vendor and exposure, as on other days.
        Projecting is the slow part of a film, so a second one costs a fraction of the first.
    """

    image_px: Annotated[int, Field(ge=128, le=3000)] = 1024
    projection_px: Annotated[int, Field(ge=128, le=1024)] = 512
    disease_draws_per_side: Annotated[int, Field(ge=1, le=20)] = 4
    films_per_geometry: Annotated[int, Field(ge=1, le=20)] = 1
    store_projections: bool = True
    store_lumens: bool = False
    view: Literal["waters", "caldwell"] = "waters"
    burned_in_text_share: Share = 0.25
    clutter: Share = 0.5


class WatersRecipe(_Part):
    """A cohort of radiographs."""

    schema_version: Literal[1]
    task: Literal["waters"]
    name: str
    description: str = ""
    seed: int = 1
    patients: Annotated[int, Field(ge=1)] | None = None
    anatomy: AnatomySection = AnatomySection()
    film: FilmSection = FilmSection()
    groups: tuple[WatersGroup, ...] = Field(min_length=1)


class ClinicalMargins(_Part):
    """One outcome group of He 2023, Table 1: counts of yes among ``patients``, means and standard deviations."""

    patients: Annotated[int, Field(ge=1)]
    age_mean: float
    age_sd: Annotated[float, Field(ge=0)]
    female: Count
    asthma: Count
    allergic_rhinitis: Count
    hypertension: Count
    diabetes: Count
    smoking: Count
    drinking: Count
    eosinophils_mean: Annotated[float, Field(gt=0)]
    eosinophils_sd: Annotated[float, Field(gt=0)]

    @model_validator(mode="after")
    def _within(self) -> "ClinicalMargins":
        for name in ("female", "asthma", "allergic_rhinitis", "hypertension", "diabetes", "smoking", "drinking"):
            if getattr(self, name) > self.patients:
                raise ValueError(f"{name} is {getattr(self, name)} of {self.patients} patients")
        return self


class CtGroup(_Part):
    """One set of CT patients: a split of a site.

    Either ``ecrs`` and ``necrs`` (numbers of patients by endotype), or ``recurrence`` and ``no_recurrence`` (their clinical
    margins; the endotype is then drawn).
    """

    split: Literal["train", "internal", "external_1", "external_2", "external_3", "test"]
    site: str
    ecrs: Count = 0
    necrs: Count = 0
    recurrence: ClinicalMargins | None = None
    no_recurrence: ClinicalMargins | None = None
    female_share: Share = 0.4
    age: Spread = Spread(mean=45, sd=15, low=18, high=85)
    scanners: dict[str, Count]
    kvp: tuple[Annotated[int, Field(ge=70, le=150)], ...] = (120,)
    mas: Spread = Spread(mean=200, sd=40, low=60, high=450)
    bone_kernel_share: Share = 0.5
    slice_mm: tuple[Annotated[float, Field(ge=0.4, le=5)], ...] = (1.0,)
    gantry_tilt_share: Share = 0.0
    partial_coverage_share: Share = 0.02
    metal_share: Share = 0.25

    @property
    def by_outcome(self) -> bool:
        return self.recurrence is not None

    @property
    def patients(self) -> int:
        if self.recurrence is not None and self.no_recurrence is not None:
            return self.recurrence.patients + self.no_recurrence.patients
        return self.ecrs + self.necrs

    @model_validator(mode="after")
    def _sums(self) -> "CtGroup":
        if (self.recurrence is None) != (self.no_recurrence is None):
            raise ValueError(f"group {self.split}: recurrence and no_recurrence go together")
        if self.recurrence is not None and self.ecrs + self.necrs > 0:
            raise ValueError(f"group {self.split}: give either endotypes or recurrence margins")
        if self.patients == 0:
            raise ValueError(f"group {self.split} has no patients")
        if sum(self.scanners.values()) == 0:
            raise ValueError(f"group {self.split}: scanners are all 0")
        unknown = sorted(set(self.scanners) - set(SCANNERS))
        if unknown:
            raise ValueError(f"group {self.split}: no scanner {unknown[0]}; there are {', '.join(SCANNERS)}")
        return self


class CtSection(_Part):
    """How scans are made and written."""

    matrix: Annotated[int, Field(ge=64, le=768)] = 256
    field_mm: tuple[Annotated[float, Field(ge=120, le=300)], Annotated[float, Field(ge=120, le=300)]] = (180, 230)
    positioning_sd_deg: Annotated[float, Field(ge=0, le=15)] = 4.0
    write_masks: bool = True


class CtRecipe(_Part):
    """A cohort of CT scans."""

    schema_version: Literal[1]
    task: Literal["ct"]
    name: str
    description: str = ""
    seed: int = 1
    patients: Annotated[int, Field(ge=1)] | None = None
    segmentation_slices: Count = 0
    anatomy: AnatomySection = AnatomySection()
    scan: CtSection = CtSection()
    groups: tuple[CtGroup, ...] = Field(min_length=1)


Recipe = WatersRecipe | CtRecipe


def load_recipe(path: Path) -> Recipe:
    """Read and check a recipe.

    Raises
    ------
    InputError
        In one line: what is wrong and where.
    """
    content = _read(path, ())
    task = content.get("task")
    kinds: dict[Any, type[WatersRecipe] | type[CtRecipe]] = {"waters": WatersRecipe, "ct": CtRecipe}
    if task not in kinds:
        raise InputError(f"{path.name}: task is {task!r}.", f"It must be one of {', '.join(kinds)}.")
    try:
        return kinds[task].model_validate(content)
    except ValidationError as error:
        raise InputError(f"{path.name}: {_first_problem(error)}.") from error


def _read(path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"There is no recipe {path}.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The recipe {path} cannot be read.") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path.name} is no TOML: {error}.") from error
    base = content.pop("extends", None)
    if base is None:
        return content
    if not isinstance(base, str):
        raise InputError(f"{path.name}: extends must name a file.")
    other = (path.parent / base).resolve()
    if other in seen:
        raise InputError(f"{path.name}: extends itself.")
    return _merged(_read(other, (*seen, path.resolve())), content)


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        result[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


def _first_problem(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "recipe"
    if first["type"] == "extra_forbidden":
        return f"unknown key {where}"
    if first["type"] == "missing":
        return f"{where} is missing"
    message = first["msg"].removeprefix("Value error, ")
    more = error.error_count() - 1
    tail = f" (and {more} more)" if more else ""
    return f"{where}: {message}{tail}" if where != "recipe" else f"{message}{tail}"
