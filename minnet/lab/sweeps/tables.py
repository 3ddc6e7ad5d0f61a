"""Results in rows: printed, in a notebook, as columns, as a frame of pandas."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from minnet.common import html
from minnet.common.checks import is_finite_real, is_real
from minnet.common.extras import import_extra
from minnet.common.names import check_name
from minnet.common.shown import Shown, text_table
from minnet.common.types import Array

__all__ = ["Table", "check_rows", "frame_of"]


def frame_of(rows: list[dict[str, Any]], columns: list[str]) -> Any:
    """Return rows as a DataFrame of pandas, or say how to get that."""
    pd = import_extra("pandas", "to_frame needs pandas: pip install 'minnet-learn[frame]'")
    return pd.DataFrame({name: [row.get(name) for row in rows] for name in columns})


def check_rows(name: str, rows: Any) -> None:
    """Raise if rows are no list of dictionaries with names of columns."""
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise TypeError(f"{name} must be a list of dictionaries, got {rows!r:.200}")


class Table(Shown):
    """Rows with named columns.

    Parameters
    ----------
    rows : list of dict
    columns : list of str
        In their order; a row need not have all.
    """

    def __init__(self, rows: list[dict[str, Any]], columns: list[str]) -> None:
        self.rows = rows
        self.columns = columns

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[str]:
        """Yield the names of the columns, as a DataFrame does."""
        return iter(self.columns)

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def __getitem__(self, name: str) -> Array:
        check_name("column", name, self.columns)
        return np.array([row.get(name) for row in self.rows])

    def to_frame(self) -> Any:
        """Return a pandas DataFrame with the rows and columns of the table (``minnet-learn[frame]``)."""
        return frame_of(self.rows, self.columns)

    def _title(self) -> str:
        return f"{len(self)} rows"

    def _shown(self) -> tuple[list[str], list[list[Any]]]:
        """Return heads and cells: a mean and its half width share one."""
        heads = [name for name in self.columns if not name.endswith("_half_width")]
        cells = [[_cell(row, name) for name in heads] for row in self.rows]
        return heads, cells

    def _text(self) -> str:
        heads, cells = self._shown()
        left = [i for i in range(len(heads)) if any(_is_word(row[i]) for row in cells)]
        return f"{self._title()}\n{text_table(heads, cells, left=left or [0], digits=4)}"

    def _html(self) -> str:
        heads, cells = self._shown()
        return html.page(self._title(), html.table(heads, cells))


def _cell(row: dict[str, Any], name: str) -> Any:
    value, half = row.get(name), row.get(f"{name}_half_width")
    if not is_real(value) or not is_finite_real(half):
        return value
    return f"{value:.4g} +- {half:.1g}"  # in ASCII, since a terminal may have nothing else


def _is_word(cell: Any) -> bool:
    return isinstance(cell, str) and " +- " not in cell
