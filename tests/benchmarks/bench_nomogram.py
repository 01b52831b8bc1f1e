"""How long one step of a drag on the nomogram takes, from the mouse event to the painted frame."""

import time
from typing import Any

import numpy as np
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication

from sinusviewer.nomogram import CohortSummary, FitSummary, Nomogram, Predictor
from sinusviewer.ui.panels.nomogram_geometry import AxisKind
from sinusviewer.ui.panels.nomogram_panel import NomogramPanel

STEPS = 600
FRAME_MS = 16.0


def _nomogram() -> Nomogram:
    eos = tuple(float(v) for v in range(0, 1601, 200))
    return Nomogram(
        outcome="recurrence",
        intercept=-4.6,
        predictors=(
            Predictor("asthma", "Asthma", "", (2.64,), (0.0, 1.0), (0.0, 1.0)),
            Predictor("ar", "Allergic rhinitis", "", (1.03,), (0.0, 1.0), (0.0, 1.0)),
            Predictor("eos", "Eosinophils", "cells/µL", (0.0055,), eos, (41.0, 1511.0)),
            Predictor("dlr", "DLR score", "", (4.2,), tuple(v / 10 for v in range(10)), (0.08, 0.85)),
        ),
        linear_predictor_range=(-4.2, 6.9),
        trained_on="Fitted on simulated patients only.",
        cohort=CohortSummary("simulated training cohort", 200, 85, 0.87, (0.82, 0.92), 0.147, 0.0, 1.0),
        fit=FitSummary("ml", True),
        cutoff=0.435,
    )


def _drag(panel: NomogramPanel, application: QApplication, *, forget: bool) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Milliseconds of each step, ``[steps, (wall, the thread's own CPU)]``.

    ``forget`` draws everything anew each time, as a view without a still layer would.
    """
    view = panel.view
    geometry = view.geometry_of_axes()
    if geometry is None:
        raise RuntimeError("nothing is drawn")
    axis = geometry.axis(AxisKind.PREDICTOR, "eos")

    def send(kind: QEvent.Type, x: float) -> None:
        place = QPointF(x, axis.y)
        event = QMouseEvent(
            kind, place, view.mapToGlobal(place), Qt.MouseButton.LeftButton, Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )  # fmt: skip
        QApplication.sendEvent(view, event)

    send(QEvent.Type.MouseButtonPress, axis.x_start)
    taken = []
    for step in range(STEPS):
        share = 0.5 - 0.5 * np.cos(step / 20)
        start, busy = time.perf_counter(), time.thread_time()
        if forget:
            view.set_unit_labels({"eos": (1.0, "cells/µL" if step % 2 else "cells/µl")})
        send(QEvent.Type.MouseMove, axis.x_start + share * (axis.x_end - axis.x_start))
        application.processEvents()
        taken.append(((time.perf_counter() - start) * 1000, (time.thread_time() - busy) * 1000))
    send(QEvent.Type.MouseButtonRelease, axis.x_end)
    return np.array(taken)


def run() -> list[dict[str, Any]]:
    """Rows for bench.json."""
    found = QApplication.instance()
    application = found if isinstance(found, QApplication) else QApplication([])
    panel = NomogramPanel()
    values: dict[str, float | None] = {"asthma": 1.0, "ar": 0.0, "eos": 350.0, "dlr": 0.52}
    panel.set_nomogram(_nomogram())
    panel.set_values(values)

    def take(name: str, value: float | None) -> None:
        values[name] = value
        panel.set_values(values)

    panel.value_requested.connect(take)
    panel.resize(440, 1000)
    panel.show()
    application.processEvents()
    _drag(panel, application, forget=False)
    live = _drag(panel, application, forget=False)
    whole = _drag(panel, application, forget=True)
    panel.close()
    (p99, busy), (naive, _) = np.percentile(live, 99, axis=0).tolist(), np.percentile(whole, 99, axis=0).tolist()
    shared = {"unit": "ms", "n": STEPS}
    return [
        {
            "name": "nomogram drag, p99 a step",
            "value": p99,
            "compared_with": "everything drawn anew",
            "ratio": p99 / naive,
            **shared,
        },
        {
            "name": "nomogram drag, p99 a step in CPU time of the window's thread",
            "value": busy,
            "compared_with": f"target {FRAME_MS:g} ms",
            "ratio": busy / FRAME_MS,
            **shared,
        },
        {
            "name": "nomogram drag, median a step",
            "value": float(np.median(live[:, 0])),
            "compared_with": None,
            "ratio": None,
            **shared,
        },
        {
            "name": "nomogram drag drawn anew, p99 a step",
            "value": naive,
            "compared_with": None,
            "ratio": None,
            **shared,
        },
    ]


if __name__ == "__main__":
    import json
    import sys

    sys.stdout.write(json.dumps(run(), indent=1) + "\n")
