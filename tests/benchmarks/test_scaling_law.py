"""The law of docs/scaling.rst: its report is the script's, its figures are those of the arithmetic."""

import pytest

from benchmarks.scaling_law import REPORT, render, rows_for, speed_up


def test_the_report_is_what_the_script_writes():
    assert REPORT.read_text(encoding="utf-8") == render()


def test_the_rows_are_those_at_which_computing_takes_its_share():
    rows = rows_for(0.85, 80e9, 10)
    computing, sending = rows * 6 / 80e9, 8 / (0.94 * 10e9 / 8)  # seconds a parameter
    assert computing / (computing + sending) == pytest.approx(0.85)
    # of many ranks: each does as well as 0.85 ranks that send nothing
    assert speed_up(rows * 10**6, 10**6, 80e9, 10) == pytest.approx(0.85 * 10**6, rel=1e-4)


def test_one_rank_is_as_fast_as_one():
    assert speed_up(200, 1, 80e9, 10) == 1
