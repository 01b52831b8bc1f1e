"""The table of a CT as CSV, alone and beside a prior."""

import csv

from sinusviewer.actions.reporting import sinus_table
from sinusviewer.domain.anatomy import Side, Sinus
from sinusviewer.domain.reading import SeriesReading, SeriesStatus, SinusMeasurement


def ct(fraction: float | None, score: int | None) -> SeriesReading:
    sinus = SinusMeasurement(Sinus.MAXILLARY, Side.RIGHT, 10.0, fraction, -300.0, score, True)
    return SeriesReading("1.2", "CT", SeriesStatus.READ, sinuses=(sinus,))


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


def test_the_table_without_a_prior_has_no_columns_for_one() -> None:
    (row,) = rows(sinus_table(ct(0.5, 1)))
    assert (row["opacified_fraction"], row["lund_mackay"]) == ("0.5", "1")
    assert not any(name.startswith("prior") for name in row)


def test_the_table_says_what_the_prior_had_and_what_changed() -> None:
    (row,) = rows(sinus_table(ct(0.5, 1), ct(0.2, 1), "20160110"))
    assert row["prior_date"] == "2016-01-10"
    assert (row["prior_opacified_fraction"], row["opacified_fraction_change"]) == ("0.2", "0.3")
    (unknown,) = rows(sinus_table(ct(None, None), ct(0.2, 1), "20160110"))
    assert unknown["opacified_fraction_change"] == ""
