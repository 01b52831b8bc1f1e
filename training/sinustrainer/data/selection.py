"""Which cases of a data folder are meant: conditions on the manifest's entries, and anatomies that form a set of their own."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sinustrainer.data.manifest import TRAIN, Case, Manifest
from sinusviewer.errors import InputError

ANATOMY = "anatomy "
"""Set of the films of one anatomy: this and the anatomy's name."""
_CONDITION = re.compile(r"\s*([\w.]+)\s*(!=|>=|<=|!~|~|=|<|>)\s*(.+?)\s*")
_ORDERS: dict[str, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
_PLAIN = ("case_id", "patient_id", "site", "split", "age", "sex", "seed")
_NESTED = ("labels", "clinical", "acquisition")


@dataclass(frozen=True, slots=True)
class Condition:
    """``path`` as the manifest has it (``anatomy.source``, ``acquisition.kvp``), a comparison and a value.

    ``=`` and ``!=`` compare text without regard to case, ``~`` and ``!~`` ask whether the text is in it, the others compare
    numbers. A case without the entry meets ``!=`` and ``!~`` only.
    """

    path: str
    comparison: str
    value: str

    def holds(self, case: Case) -> bool:
        found = entry_of(case, self.path)
        if self.comparison in _ORDERS:
            number = _number(found)
            return number is not None and _ORDERS[self.comparison](number, float(self.value))
        text, wanted = "" if found is None else str(found).lower(), self.value.lower()
        if self.comparison in ("=", "!="):
            both = _number(found), _number(self.value)
            same = both[0] == both[1] if None not in both else found is not None and text == wanted
            return same is (self.comparison == "=")
        return (found is not None and wanted in text) is (self.comparison == "~")

    def __str__(self) -> str:
        return f"{self.path}{self.comparison}{self.value}"


def parse_condition(text: str) -> Condition:
    """Read ``PATH OPERATOR VALUE``, for instance ``anatomy.source~visible_human`` or ``age>=18``.

    Raises
    ------
    InputError
        Where it is no condition, names no entry of a manifest, or compares with what is no number.
    """
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise InputError(f"“{text}” is no condition.", "Write for instance anatomy.source~visible_human or age>=18.")
    path, comparison, value = match.groups()
    first, _, rest = path.partition(".")
    if path not in (*_PLAIN, "anatomy.source") and not (first in _NESTED and rest):
        known = ", ".join((*_PLAIN, "anatomy.source", *(f"{name}.…" for name in _NESTED)))
        raise InputError(f"A manifest has no entry “{path}”.", f"There are {known}.")
    if comparison in _ORDERS and _number(value) is None:
        raise InputError(f"“{text}” compares with what is no number.")
    return Condition(path, comparison, value)


def entry_of(case: Case, path: str) -> object:
    """The entry of a case at ``path``; None where it has none."""
    if path == "anatomy.source":
        return case.template or None
    first, _, rest = path.partition(".")
    if not rest:
        return getattr(case, first) or None if first in ("site", "sex") else getattr(case, first)
    found: object = getattr(case, first)
    for part in rest.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def select(
    manifest: Manifest,
    conditions: Sequence[Condition] = (),
    anatomies: Sequence[str] = (),
    trained_on: Sequence[str] | None = None,
) -> Manifest:
    """The cases that meet every condition; those of each of ``anatomies`` form a set of their own, out of their split.

    Parameters
    ----------
    anatomies
        Names, or parts of names, of templates.
    trained_on
        Templates that the model was trained on (its card says so). Where one of ``anatomies`` is not among them, cases of the
        training split join its set, since the model has not seen them. None: not known, and they do not.

    Raises
    ------
    InputError
        Where no case is left, or an anatomy has none.
    """
    cases = [case for case in manifest.cases if all(condition.holds(case) for condition in conditions)]
    for name in anatomies:
        unseen = trained_on is not None and not any(_is_of(template, name) for template in trained_on)
        moved = [
            replace(case, split=ANATOMY + name)
            if _is_of(case.template, name) and (unseen or case.split != TRAIN)
            else case
            for case in cases
        ]
        if moved == cases:
            sources = ", ".join(manifest.templates) or "none named"
            raise InputError(f"No case is of the anatomy “{name}”.", f"The data folder's anatomies: {sources}.")
        cases = moved
    if not cases:
        raise InputError("No case meets the conditions.", "Check --where.")
    return replace(manifest, cases=tuple(cases))


def _is_of(template: str, name: str) -> bool:
    return name.lower() in template.lower()


def _number(value: object) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    try:
        return float(str(value))
    except ValueError:
        return None
