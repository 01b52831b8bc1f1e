import pytest

from sinusviewer.domain.reading import RecurrenceReading
from sinusviewer.domain.scoring import risk_percent, score_text
from sinusviewer.report.wording import recurrence_sentences


@pytest.mark.parametrize(
    ("score", "written"),
    [(0.0, "0.00"), (0.0049, "<0.01"), (0.005, "0.01"), (0.43, "0.43"),
     (0.9949, "0.99"), (0.995, ">0.99"), (0.9996, ">0.99"), (1.0, ">0.99")],
)  # fmt: skip
def test_a_score_is_never_written_as_certain(score, written):
    assert score_text(score) == written


def test_a_risk_is_never_none_and_never_certain() -> None:
    assert [risk_percent(r) for r in (0.0, 0.004, 0.184, 0.99994, 1.0)] == ["<1 %", "<1 %", "18 %", ">99 %", ">99 %"]


def test_a_report_and_the_window_write_the_same_interval() -> None:
    recurrence = RecurrenceReading(0.998, None, (0.18, 0.99994), ("asthma",), {}, None)
    said = " ".join(recurrence_sentences(recurrence))
    assert "between 18 % and >99 %" in said
    assert "score >0.99." in said
