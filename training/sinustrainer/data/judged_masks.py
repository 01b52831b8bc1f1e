"""Which masks may teach: those that a person vouches for. A network that learns from its own masks learns its own mistakes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sinustrainer.data.manifest import Case

_OF_MASKS = ("labels", "opacified")


@dataclass(frozen=True, slots=True)
class JudgedCases:
    """Cases to learn from, and a sentence on those whose masks nobody judged (empty where there were none)."""

    cases: tuple[Case, ...]
    note: str = ""


def nobody_judged_masks(case: Case) -> bool:
    """Whether a case has masks that a network drew and no reader confirmed or edited.

    The window's export says so in the case's ``masks``. Without that entry the labels are exact: simulated, or the hospital's own.
    """
    if "labels" not in case.files or not case.masks:
        return False
    state = case.masks.get("state")
    if state is None:  # exported before it was noted
        return case.masks.get("edited_by_reader") is False
    return bool(state == "network")


def judged(cases: Sequence[Case], *, take_all: bool = False, relabel: bool = False) -> JudgedCases:
    """The cases whose masks may teach.

    Parameters
    ----------
    take_all
        The recipe's ``unjudged_masks``: take all masks as they are.
    relabel
        A segmentation model labels cases without masks: then those that nobody judged are labelled by it, not left out.
    """
    doubtful = {case.case_id for case in cases if nobody_judged_masks(case)}
    if not doubtful:
        return JudgedCases(tuple(cases))
    found = f"{len(doubtful)} of {len(cases)} cases have masks that a network drew and no reader confirmed or edited"
    if take_all:
        return JudgedCases(tuple(cases), f"{found}; taken all the same, as the recipe says.")
    if relabel:
        bare = tuple(_without_masks(case) if case.case_id in doubtful else case for case in cases)
        return JudgedCases(bare, f"{found}; the recipe's segmentation model labels them anew.")
    kept = tuple(case for case in cases if case.case_id not in doubtful)
    return JudgedCases(kept, f"{found}; left out (unjudged_masks = true in the recipe's [options] takes them).")


def _without_masks(case: Case) -> Case:
    return replace(case, files={kind: path for kind, path in case.files.items() if kind not in _OF_MASKS})
