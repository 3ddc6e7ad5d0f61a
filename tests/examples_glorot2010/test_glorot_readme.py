"""The README's table is that of the curves in the repository."""

from pathlib import Path

import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("examples.glorot2010.figure11")
from examples.glorot2010 import figure11, table1
from examples.glorot2010.curves import read_curves
from examples.glorot2010.report import markdown_table
from examples.glorot2010.source import Source
from examples.glorot2010.table1 import COMMITTED

README = Path(__file__).parents[2] / "README.md"


def test_the_table_of_the_readme_is_up_to_date():
    numbers = figure11.measure(Source(read_curves(COMMITTED)))
    table = "\n".join(markdown_table(table1.table(numbers["summary"])))
    assert table in README.read_text()
