import pytest

from sinusviewer.domain.scoring import score_text


@pytest.mark.parametrize(
    ("score", "written"),
    [(0.0, "0.00"), (0.0049, "<0.01"), (0.005, "0.01"), (0.43, "0.43"),
     (0.9949, "0.99"), (0.995, ">0.99"), (0.9996, ">0.99"), (1.0, ">0.99")],
)  # fmt: skip
def test_a_score_is_never_written_as_certain(score, written):
    assert score_text(score) == written
