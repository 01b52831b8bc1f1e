"""Recipes: the shipped ones hold the papers' margins, bad ones end in one clear line."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from sinustrainer.simulate.cohort.anatomist import template_paths
from sinustrainer.simulate.cohort.apportion import apportion, decade_ages
from sinustrainer.simulate.cohort.ct_plan import CtCase, plan_ct
from sinustrainer.simulate.cohort.planning import exact_age
from sinustrainer.simulate.cohort.recipe import AnatomySection, CtRecipe, WatersRecipe, load_recipe
from sinustrainer.simulate.cohort.waters_plan import WatersCase, plan_waters
from sinusviewer.errors import InputError

RECIPES = Path(__file__).resolve().parents[3] / "training" / "recipes"
COHORTS = ["waters_oh2021", "ecrs_hua2022", "recurrence_he2023"]


def waters_plan(name: str = "waters_oh2021", patients: int | None = None) -> tuple[WatersCase, ...]:
    recipe = load_recipe(RECIPES / f"{name}.toml")
    assert isinstance(recipe, WatersRecipe)
    return plan_waters(recipe, recipe.seed, patients)


def ct_plan(name: str, patients: int | None = None) -> tuple[CtCase, ...]:
    recipe = load_recipe(RECIPES / f"{name}.toml")
    assert isinstance(recipe, CtRecipe)
    return plan_ct(recipe, recipe.seed, patients)


@pytest.mark.parametrize("size", ["", "_small", "_large"])
@pytest.mark.parametrize("name", COHORTS)
def test_every_shipped_recipe_is_valid_in_every_size(name: str, size: str) -> None:
    recipe = load_recipe(RECIPES / f"{name}{size}.toml")
    assert recipe.name == f"{name}{size}"


@pytest.mark.parametrize(
    ("split", "labels", "female", "mean_age", "vendors"),
    [  # Oh 2021, Table 1
        ("train", (1227, 188, 177, 232), 944, 34.84, {"Philips Medical Systems": 1027, "SIEMENS": 657, "Agfa": 124, "INFINITT": 16}),
        ("internal", (149, 51, 36, 62), 140, 34.21, {"Philips Medical Systems": 208, "SIEMENS": 49, "Agfa": 41}),
        ("external_1", (193, 33, 33, 41), 164, 35.18, {"Philips Medical Systems": 300}),
        ("external_2", (104, 33, 24, 39), 102, 46.04, {"Philips Medical Systems": 200}),
        (
            "external_3", (82, 32, 25, 61), 78, 18.46,
            {"LISTEM": 124, "DongKang": 54, "Samsung Electronics": 15, "GE Healthcare": 7},
        ),
    ],
)  # fmt: skip
def test_the_waters_cohort_has_the_margins_of_table_1(
    split: str, labels: tuple[int, ...], female: int, mean_age: float, vendors: dict[str, int]
) -> None:
    members = [c for c in waters_plan() if c.split == split]
    counts = Counter(c.label for c in members)
    assert tuple(counts[k] for k in ("normal", "right", "left", "bilateral")) == labels
    assert sum(c.sex == "F" for c in members) == female
    assert Counter(c.manufacturer for c in members) == vendors
    assert np.mean([c.age for c in members]) == pytest.approx(mean_age, abs=3.5)
    assert min(c.age for c in members) >= (0 if split == "external_3" else 1)


def test_sick_antra_have_the_subclasses_of_table_3_in_proportion() -> None:
    table = {
        "internal": (100, 28, 24, 59), "external_1": (70, 21, 15, 35), "external_2": (40, 15, 10, 49),
        "external_3": (113, 7, 7, 37),
    }  # fmt: skip
    plan = waters_plan()
    for split, counts in table.items():
        found = Counter(name for c in plan if c.split == split for name in c.subclasses.values())
        share = np.array(counts) / sum(counts)
        names = ("full_opacification", "air_fluid", "cyst", "mucosal_thickening")
        np.testing.assert_allclose([found[n] / found.total() for n in names], share, atol=0.01)


def test_every_antrum_that_the_label_names_has_a_subclass() -> None:
    for case in waters_plan(patients=60):
        sides = {side.value for side in case.subclasses}
        wanted = {"normal": set(), "bilateral": {"right", "left"}}.get(case.label, {case.label})
        assert sides == wanted


def test_no_patient_is_in_two_splits_and_every_split_is_in_a_small_cohort() -> None:
    for plan in (waters_plan(patients=40), waters_plan()):
        patients = Counter(c.patient_id for c in plan)
        assert max(patients.values()) == 1
        assert {c.split for c in plan} == {"train", "internal", "external_1", "external_2", "external_3"}


def test_the_endotype_cohort_has_878_patients_at_four_to_one() -> None:
    plan = ct_plan("ecrs_hua2022")
    counts = Counter((c.split, c.endotype) for c in plan)
    assert len(plan) == 878
    assert sum(c.endotype == "ecrs" for c in plan) == 343
    assert counts["train", "ecrs"] + counts["train", "necrs"] == 702
    assert {c.protocol.kvp for c in plan} == {120}


EOSINOPHILS_SD = {390.9: 277.73, 257.02: 192.12, 621.43: 683.44, 244.71: 189.90}


@pytest.mark.parametrize(
    ("split", "outcome", "n", "female", "asthma", "rhinitis", "eosinophils", "age"),
    [  # He 2023, Table 1
        ("train", 1, 85, 27, 32, 29, 390.9, 44.18),
        ("train", 0, 115, 36, 6, 14, 257.02, 43.71),
        ("test", 1, 14, 5, 4, 11, 621.43, 50.79),
        ("test", 0, 51, 13, 8, 17, 244.71, 50.49),
    ],
)
def test_the_recurrence_cohort_has_the_margins_of_table_1(
    split: str, outcome: int, n: int, female: int, asthma: int, rhinitis: int, eosinophils: float, age: float
) -> None:
    rows = [c.clinical for c in ct_plan("recurrence_he2023") if c.split == split and c.recurrence == outcome]
    assert len(rows) == n
    assert sum(bool(r["female"]) for r in rows) == female
    assert sum(bool(r["asthma"]) for r in rows) == asthma
    assert sum(bool(r["allergic_rhinitis"]) for r in rows) == rhinitis
    drawn = np.array([r["eosinophils_per_ul"] for r in rows])
    assert drawn.mean() == pytest.approx(eosinophils, rel=0.01)
    assert drawn.std(ddof=1) == pytest.approx(EOSINOPHILS_SD[eosinophils], rel=0.01)
    assert np.mean([r["age"] for r in rows]) == pytest.approx(age, abs=1.0)


def test_sexes_and_ages_of_case_and_clinical_table_agree() -> None:
    for case in ct_plan("recurrence_he2023", 40):
        assert (case.sex == "F") == case.clinical["female"]
        assert case.age == case.clinical["age"]


def test_a_child_is_as_old_as_its_seed_says_between_two_birthdays() -> None:
    ages = [exact_age(3.0, seed) for seed in range(200)]
    assert ages == [exact_age(3.0, seed) for seed in range(200)]
    assert min(ages) >= 3
    assert max(ages) < 4
    assert np.std(ages) > 0.2
    assert exact_age(3.25, 1) == 3.25


def test_the_same_seed_gives_the_same_plan() -> None:
    assert waters_plan(patients=30) == waters_plan(patients=30)
    assert ct_plan("ecrs_hua2022", 20) == ct_plan("ecrs_hua2022", 20)


def test_another_seed_gives_other_patients_with_other_identifiers() -> None:
    waters, ct = (load_recipe(RECIPES / f"{name}.toml") for name in ("waters_oh2021", "ecrs_hua2022"))
    assert isinstance(waters, WatersRecipe)
    assert isinstance(ct, CtRecipe)
    for first, second in (
        (plan_waters(waters, 1, 30), plan_waters(waters, 2, 30)),
        (plan_ct(ct, 1, 30), plan_ct(ct, 2, 30)),
    ):
        assert not {c.patient_id for c in first} & {c.patient_id for c in second}


def test_further_films_of_a_geometry_keep_the_patient_and_the_cohorts_margins() -> None:
    recipe = load_recipe(RECIPES / "waters_oh2021.toml")
    assert isinstance(recipe, WatersRecipe)
    film = recipe.film.model_copy(update={"films_per_geometry": 4})
    plan = plan_waters(recipe.model_copy(update={"film": film}), 1, 100)
    assert len(plan) == 400
    assert len({c.case_id for c in plan}) == len({c.seed for c in plan}) == 400
    first = [c for c in plan if c.case_id.count("-") == 1]
    assert len(first) == 100
    for k in range(0, 400, 4):
        shared = [(c.patient_id, c.age, c.sex, c.split, c.geometry_seed, c.orbitomeatal_deg) for c in plan[k : k + 4]]
        assert len(set(shared)) == 1
    for name in ("label", "manufacturer"):
        once, four = (Counter(getattr(c, name) for c in films) for films in (first, plan))
        assert four == Counter({key: 4 * count for key, count in once.items()})
    assert sum(plan[k].label != plan[k + 1].label for k in range(0, 400, 4)) > 10


def test_apportioning_keeps_the_total_and_the_proportions() -> None:
    assert apportion({"a": 1227, "b": 188, "c": 177, "d": 232}, 1824) == {"a": 1227, "b": 188, "c": 177, "d": 232}
    assert apportion({"a": 2, "b": 1}, 4) == {"a": 3, "b": 1}
    assert sum(apportion({"a": 3, "b": 3, "c": 3}, 100).values()) == 100
    ages = decade_ages([5, 0, 5], 10, (1, 90), np.random.default_rng(0))
    assert sorted(int(a // 10) for a in ages) == [0] * 5 + [2] * 5


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ('name = "x"\ncolour = "red"', "unknown key colour"),
        ('[film]\nimage_px = 12', "film.image_px"),
        ('[film]\nview = "lateral"', "film.view"),
        ('schema_version = 2', "schema_version"),
        ('[anatomy]\nparametric_share = 1.5', "anatomy.parametric_share"),
        ('groups = []', "groups"),
        ('patients = 0', "patients"),
        ('this is no toml', "no TOML"),
    ],
)  # fmt: skip
def test_a_bad_recipe_ends_in_one_clear_line(tmp_path: Path, change: str, line: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(f'extends = "{RECIPES / "waters_oh2021.toml"}"\n{change}\n', encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_recipe(path)
    assert line in caught.value.message
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('task = "mri"', "task is 'mri'"),
        ('extends = "bad.toml"', "extends itself"),
        ('extends = "elsewhere.toml"', "There is no recipe"),
    ],
)
def test_a_recipe_that_cannot_be_resolved_says_why(tmp_path: Path, text: str, line: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=line):
        load_recipe(path)


def test_groups_whose_numbers_disagree_are_refused(tmp_path: Path) -> None:
    text = (RECIPES / "waters_oh2021.toml").read_text(encoding="utf-8")
    for old, new, line in (
        ("SIEMENS = 657", "SIEMENS = 600", "manufacturers add up"),
        ("SIEMENS = 657", "Voxelworks = 657", "no vendor Voxelworks"),
        ("female = 944", "female = 2000", "2000 women"),
    ):
        path = tmp_path / "bad.toml"
        path.write_text(text.replace(old, new), encoding="utf-8")
        with pytest.raises(InputError, match=line):
            load_recipe(path)


def test_a_missing_template_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no template"):
        template_paths(AnatomySection(templates=("nobody",)), tmp_path, None)
    with pytest.raises(InputError, match="There is no folder"):
        template_paths(AnatomySection(), tmp_path, tmp_path / "nowhere")


def test_all_templates_of_the_folder_are_used_where_the_recipe_names_none(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "head.nii.gz").touch()
    (tmp_path / "other").mkdir()
    assert list(template_paths(AnatomySection(), tmp_path, tmp_path)) == ["a", "b"]
    assert list(template_paths(AnatomySection(templates=("b",)), tmp_path, tmp_path)) == ["b"]


def test_too_few_patients_for_the_groups_is_an_input_error() -> None:
    with pytest.raises(InputError, match="too few"):
        waters_plan(patients=3)
    with pytest.raises(InputError, match="too few"):
        ct_plan("ecrs_hua2022", 2)
