"""Two windows that keep notes of one study: what the other wrote since this one looked is joined, and never silently replaced."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Content = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Joined:
    """What is to be written; ``both`` where the other window's part is in it, ``aside`` what has to be kept beside it."""

    content: Content
    both: bool = False
    aside: Content | None = None


def join(name: str, base: Content | None, theirs: Content | None, mine: Content) -> Joined:
    """What a note says after both windows.

    Parameters
    ----------
    base
        What this window last saw or wrote; None where it never looked, and then nothing is known of any other window.
    theirs
        What is in the records.
    """
    mine = json.loads(json.dumps(mine))
    if base is None or theirs is None or theirs in (base, mine):
        return Joined(mine)
    how = _HOW.get(name.partition(" ")[0])
    if how is not None:
        content = how(base, theirs, mine)
        return Joined(content, content != mine)
    return Joined(mine, aside=theirs if any(theirs.values()) else None)


def _by_item(field: str, identity: Callable[[Any], Any]) -> Callable[[Content, Content, Content], Content]:
    """Items of both: what one window changed follows it, what one added stays; only what this window took away goes."""

    def joined(base: Content, theirs: Content, mine: Content) -> Content:
        before, other, own = ({identity(i): i for i in note.get(field, ())} for note in (base, theirs, mine))
        items = [other.get(key, item) if item == before.get(key) else item for key, item in own.items()]
        items += [item for key, item in other.items() if key not in own and before.get(key) != item]
        return {**mine, field: items}

    return joined


def _by_field(base: Content, theirs: Content, mine: Content) -> Content:
    """Each field from the window that changed it; where both did, from this one."""
    names = dict.fromkeys((*theirs, *mine))
    picked = {n: theirs if mine.get(n) == base.get(n) else mine for n in names}
    return {n: picked[n][n] for n in names if n in picked[n]}


_HOW: dict[str, Callable[[Content, Content, Content], Content]] = {
    "measurements": _by_item("items", lambda item: item["identifier"]),
    "key_images": _by_item("items", lambda item: tuple((k, v) for k, v in sorted(item.items()) if k != "note")),
    "masks": _by_item("in_force", lambda identifier: identifier),
    "clinical": _by_field,
    "ostiomeatal": _by_field,
}
"""By the first word of a note's name. Anything else (a text, a side) is one statement: the last one stands, the other is kept aside."""
