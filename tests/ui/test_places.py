"""Shares that do not answer, media that were taken out: the window never waits for them."""

import threading
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QTreeWidget
from window_parts import engines, film, identity, study

from sinusviewer.app import Program
from sinusviewer.jobs import places
from sinusviewer.jobs.places import Places

pytestmark = pytest.mark.gui


class Share:
    """Hangs until it is let go; local paths answer at once."""

    def __init__(self) -> None:
        self.back = threading.Event()
        self.asked_by: set[threading.Thread] = set()

    def exists(self, source: str) -> bool:
        self.asked_by.add(threading.current_thread())
        if source.startswith("/mnt/share"):
            self.back.wait(20)
        return not source.endswith("gone")


@pytest.fixture
def share(monkeypatch):
    one = Share()
    monkeypatch.setattr(places, "_exists", one.exists)
    monkeypatch.setattr(Places.__init__, "__defaults__", (one.exists,))
    yield one
    one.back.set()


@pytest.fixture
def hanging(share, monkeypatch):
    monkeypatch.setattr(places, "QUICK_S", 0.001)  # it does not answer, however long one waits
    return share


def test_local_paths_are_answered_at_once(share):
    asked = Places()
    assert asked.there("/data/here") is True
    assert asked.there("/data/gone") is False
    assert asked.there("") is False


def test_a_share_that_hangs_holds_up_nobody_else(hanging):
    asked = Places()
    told = threading.Event()
    asked.on_changed = told.set
    assert [asked.there(f"/mnt/share/{n}") for n in range(50)] == [None] * 50, "none of them waits for the share"
    hanging.back.set()
    assert told.wait(20)
    assert asked.there("/data/gone") in (False, None)
    assert asked.there("/mnt/share/7") is True


def test_the_window_opens_while_a_share_hangs_and_hears_when_it_is_back(hanging, qtbot):
    program = Program(engines((film(),)))
    for number, source in enumerate(("/mnt/share/old", "/mnt/share/gone", "/data/gone")):
        who = replace(identity(f"old-{number}", date="20200302"), patient_name=f"N{number}", patient_id=f"Q{number}")
        program.index.add(replace(study((film(),), f"s-{number}", f"old-{number}"), identity=who, source=source))
    assert program.close()

    def enabled() -> dict[str, bool]:
        tree = program.window.findChild(QTreeWidget, "study_tree")
        head = tree.topLevelItem(0)
        lines = [head.child(n) for n in range(head.childCount())]
        return {i.text(0).split("\n")[0]: bool(i.flags() & Qt.ItemFlag.ItemIsEnabled) for i in lines}

    hanging.asked_by.clear()
    program = Program(engines((film(),)))  # with a synchronous look this would wait for the share
    program.window.show()
    assert enabled()["N0"], "not known to be gone: it may be tried"
    assert enabled()["N1"]
    assert hanging.asked_by
    assert threading.main_thread() not in hanging.asked_by
    qtbot.waitUntil(lambda: not enabled()["N2"])
    hanging.back.set()
    qtbot.waitUntil(lambda: not enabled()["N1"])
    assert enabled()["N0"]
    assert program.close()
