"""Whole numbers of patients in given proportions, and their random order."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

_Name = TypeVar("_Name", bound=str)


def apportion(counts: Mapping[_Name, int], total: int) -> dict[_Name, int]:
    """``total`` in the proportions of ``counts``, by largest remainder; exact where the counts add up to it."""
    whole = float(sum(counts.values()))
    if whole <= 0:
        return dict.fromkeys(counts, 0)
    exact = {key: value * total / whole for key, value in counts.items()}
    result = {key: int(value) for key, value in exact.items()}
    by_remainder = sorted(counts, key=lambda key: (result[key] - exact[key], -counts[key], key))
    for key in by_remainder[: total - sum(result.values())]:
        result[key] += 1
    return result


def shuffled(counts: Mapping[_Name, int], rng: np.random.Generator) -> list[_Name]:
    """Each key as often as it counts, in random order."""
    items = [key for key, count in counts.items() for _ in range(count)]
    return [items[i] for i in rng.permutation(len(items))]


def decade_ages(
    decades: Sequence[int], total: int, limits: tuple[float, float], rng: np.random.Generator
) -> list[float]:
    """Ages in whole years, so many in each decade of life, in random order."""
    names = {str(number): count for number, count in enumerate(decades)}
    ages: list[float] = []
    for name, count in apportion(names, total).items():
        low, high = max(limits[0], int(name) * 10), min(limits[1] + 1, int(name) * 10 + 10)
        ages.extend(float(np.floor(rng.uniform(low, max(low + 1, high)))) for _ in range(count))
    return [min(limits[1], ages[i]) for i in rng.permutation(len(ages))]
