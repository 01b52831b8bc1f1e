"""What plans of films and of scans have in common: who a cohort is, how large its groups are, numbers that vary."""

import hashlib
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from sinustrainer.simulate.cohort.apportion import apportion
from sinustrainer.simulate.cohort.recipe import Spread
from sinusviewer.errors import InputError

_SINCE_BIRTHDAY = 365
"""Tells the generator of exact ages from the others that start from a case's seed."""


class Group(Protocol):
    """A group of a recipe."""

    @property
    def patients(self) -> int: ...


def cohort_tag(name: str, seed: int, patients: int) -> str:
    """Six hexadecimal digits that tell cohorts apart: patients of two of them must never share an identifier."""
    return hashlib.sha256(f"{name}|{seed}|{patients}".encode()).hexdigest()[:6]


def cohort_rng(seed: int, tag: str, group: int) -> np.random.Generator:
    """The generator of one group's plan; other cohorts of the same seed draw other numbers."""
    return np.random.default_rng([seed, int(tag, 16), group])


def group_sizes(name: str, groups: Sequence[Group], total: int, least: int) -> tuple[int, ...]:
    """``total`` patients over the groups in proportion, at least ``least`` in each.

    Raises
    ------
    InputError
        Where so few patients cannot fill the groups.
    """
    if total < least * len(groups):
        raise InputError(f"{total} patients are too few: {name} has {len(groups)} groups of at least {least}.")
    wanted = apportion({str(i): g.patients for i, g in enumerate(groups)}, total)
    for key in wanted:
        while wanted[key] < least:
            wanted[key] += 1
            wanted[max(wanted, key=lambda k: wanted[k])] -= 1
    return tuple(wanted[str(i)] for i in range(len(groups)))


def exact_age(years: float, seed: int) -> float:
    """Age with the part of a year since the last birthday, the same for the same seed; a child grows in between.

    Plans, tables and manifests hold whole years, as charts do; an age that has a fraction already keeps it.
    """
    if years != int(years):
        return years
    return years + float(np.random.default_rng([seed, _SINCE_BIRTHDAY]).random())


def draw_spread(spread: Spread, rng: np.random.Generator) -> float:
    """A normal draw, cut off at the ends."""
    return float(np.clip(rng.normal(spread.mean, spread.sd), spread.low, spread.high))
