"""Wires the worklist: what is open and how far each film has come; next and previous follow the order on screen."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Set
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer

from sinusviewer.actions.reading import outdated
from sinusviewer.domain.anatomy import ImageSide
from sinusviewer.domain.reading import EndotypeReading, SeriesReading, SeriesStatus, Standing, WatersReading
from sinusviewer.domain.scoring import score_text
from sinusviewer.domain.study import SeriesKind, Study
from sinusviewer.ui.panels.worklist_model import Badge, WorklistItem
from sinusviewer.ui.panels.worklist_panel import WorklistPanel
from sinusviewer.ui.view_painter import date_text

if TYPE_CHECKING:
    from sinusviewer.ui.main_window import MainWindow


SOON_MS = 150
_MadeOf = tuple[tuple[object, ...], tuple[object, ...]]
"""What a line was made of: objects that never change, and plain values."""


class WorklistWiring:
    """Owns the panel's connections.

    Parameters
    ----------
    signed_of
        Which of some studies have a signed report.
    """

    def __init__(self, window: "MainWindow", signed_of: Callable[[Iterable[str]], Set[str]]) -> None:
        self._session, self._actions, self._signed_of = window.session, window.actions_, signed_of
        self._lines: dict[str, tuple[_MadeOf, WorklistItem]] = {}  # by series: what a line was made of, and the line
        self.panel = WorklistPanel()
        self._soon = QTimer(self.panel)
        self._soon.setSingleShot(True)
        self._soon.setInterval(SOON_MS)
        self._soon.timeout.connect(self.refresh)
        self.panel.open_requested.connect(self._open)
        self.panel.read_requested.connect(lambda keys: self._actions.reading.read_many(keys))
        window.read_list_requested.connect(self._read_new)
        self.panel.cancel_requested.connect(lambda: self._actions.desk.cancel_group("batch"))

    def _read_new(self) -> None:
        self.refresh()  # what came in a moment ago counts too
        if not self.panel.read_new():
            self._session.say(
                "Nothing in the list is new or out of date.", hint="Ctrl+R reads the image on screen again."
            )

    def release(self) -> None:
        """Refresh no more: what the list is made from is about to be closed."""
        self._soon.stop()

    def refresh_soon(self) -> None:
        """Once for all that changes until then: while 200 films are read the list is not made anew 200 times."""
        if not self._soon.isActive():
            self._soon.start()

    def refresh(self) -> None:
        session = self._session
        readings: dict[str, list[SeriesReading]] = defaultdict(list)
        touched: set[str] = set()
        for key, reading in session.readings.items():
            readings[key.partition("/")[0]].append(reading)
        for key, marks in session.marks.items():
            if marks.judged:
                touched.add(key.partition("/")[0])
        items: list[WorklistItem] = []
        lines: dict[str, tuple[_MadeOf, WorklistItem]] = {}
        signed = self._signed_of(session.studies)
        for study in session.studies.values():
            for series in study.series:
                if series.kind in (SeriesKind.RADIOGRAPH, SeriesKind.VOLUME):
                    of_series = tuple(readings.get(series.key, ()))
                    edited, is_signed = series.key in touched, study.study_instance_uid in signed
                    made_of = (
                        (study, *(part for r in of_series for part in _parts(r))),
                        (edited, is_signed, session.models),
                    )
                    known = self._lines.get(series.key)
                    if known is not None and _same(known[0], made_of):
                        item = known[1]
                    else:
                        item = worklist_item(series.key, study, of_series, edited=edited, signed=is_signed)
                        if item.badge is Badge.READ and any(outdated(r, session.models) for r in of_series):
                            item = replace(item, badge=Badge.OUTDATED)
                    lines[series.key] = made_of, item
                    items.append(item)
        self._lines = lines
        self.panel.set_items(tuple(items), session.views[session.active_view].series_key)
        found = (session.studies.holding(key) for key in self.panel.keys_in_order())
        session.study_order = tuple(dict.fromkeys(pair[0].study_instance_uid for pair in found if pair is not None))

    def show_jobs(self) -> None:
        batch = next(
            (j for j in self._session.jobs.values() if " of " in j.stage and j.stage.startswith("Reading ")), None
        )
        if batch is None:
            self.panel.set_progress(None)
            return
        number, _, total = batch.stage.removeprefix("Reading ").partition(" of ")
        if number.isdigit() and total.isdigit():
            self.panel.set_progress(int(number) - 1, int(total), batch.seconds_left)

    def _open(self, key: str) -> None:
        study = self._session.study_of(key)
        if study is not None:
            self._actions.opening.show_study(study.study_instance_uid)
            if self._session.views[self._session.active_view].series_key != key:
                self._actions.opening.show_series(key)


def _parts(reading: SeriesReading) -> tuple[object, ...]:
    """All of a reading that a line can speak of, without its masks, which must not be kept in memory for that."""
    return (reading.status, reading.reason, reading.waters, reading.endotype, reading.recurrence, reading.lund_mackay,
            reading.segmentation_model)  # fmt: skip


def _same(before: _MadeOf, now: _MadeOf) -> bool:
    """Whether a line would say the same: made of the same objects, which never change."""
    one, other = before[0], now[0]
    return len(one) == len(other) and before[1] == now[1] and all(a is b for a, b in zip(one, other, strict=True))


def worklist_item(
    key: str, study: Study, readings: tuple[SeriesReading, ...], *, edited: bool = False, signed: bool = False
) -> WorklistItem:
    """One line of the list; of several films in a series the most suspicious counts."""
    who = study.identity
    name = who.patient_name.replace("^", " ").strip() or who.patient_id or "no name"
    date = date_text(who.study_date)
    if not readings:
        return WorklistItem(key, name, date)
    reading = max(readings, key=lambda r: -1.0 if (score := _score(r)) is None else score)
    badge = Badge.SIGNED if signed else Badge.EDITED if edited else Badge.READ
    if reading.status is SeriesStatus.REFUSED:
        badge = Badge.WITHHELD
    return WorklistItem(key, name, date, _score(reading), _result(reading), badge)


def _score(reading: SeriesReading) -> float | None:
    if reading.waters is not None:
        return max(side.score for side in reading.waters.sides)
    return reading.endotype.probability_ecrs if reading.endotype is not None else None


def _result(reading: SeriesReading) -> str:
    if reading.status is not SeriesStatus.READ:
        return (reading.reason or "withheld").removeprefix("Not assessed: ").partition(". ")[0]
    if reading.waters is not None:
        return waters_words(reading.waters)
    parts = []
    if reading.endotype is not None:
        parts.append(_endotype_words(reading.endotype))
    if reading.lund_mackay is not None and reading.lund_mackay.total is not None:
        parts.append(f"Lund-Mackay {reading.lund_mackay.total}")
    return ", ".join(parts)


def _endotype_words(endotype: EndotypeReading) -> str:
    if endotype.probability_ecrs is None:
        return "ECRS withheld"
    doubtful = ", doubtful" if endotype.standing is Standing.DOUBTFUL else ""
    return f"ECRS {score_text(endotype.probability_ecrs)}{doubtful}"


def waters_words(waters: WatersReading) -> str:
    """The four-way result for one cell: "right", "both sides", "none above 0.43"; never "normal"."""
    positive = [side.side for side in waters.sides if side.positive]
    if not positive:
        return f"none above {waters.threshold:.2f}"
    if len(positive) == 2:
        return "both sides" + (", side unverified" if isinstance(positive[0], ImageSide) else "")
    return positive[0].value
