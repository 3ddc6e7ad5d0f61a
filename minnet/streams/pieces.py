"""Pieces of a source, one after the other: what is wrong with one is said with its place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from minnet.streams.rows import Rows
from minnet.streams.source import Source

__all__ = ["read_pieces", "row_counts"]

_KINDS = {"b": "booleans", "O": "texts"}


def read_pieces(source: Source, pieces: Iterable[int]) -> Iterator[Rows]:
    """Read pieces, block by block."""
    kind = ""
    for piece in pieces:
        n_read, where = 0, source.where(piece)
        for rows in _read(source, piece):
            kind = kind or _kind(rows)
            if _kind(rows) != kind:
                raise ValueError(
                    f"targets must be of one kind, got {_kind(rows)} in {where} after {kind}"
                )
            n_read += len(rows[0])
            yield rows
        n_rows = source.n_rows(piece)
        if n_rows not in (None, n_read):
            raise ValueError(
                f"source must stay as it is, got {n_read} rows in {where} that had {n_rows} when the "
                "stream was made"
            )


def _read(source: Source, piece: int) -> Iterator[Rows]:
    """Read a piece; say of an error of another library where it was."""
    where = source.where(piece)
    try:
        yield from source.rows(piece)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"source must stay as it is: {where} was there when the stream was made, and is no more"
        ) from error
    except ValueError as error:
        if where in str(error):
            raise
        raise ValueError(f"source could not be read at {where}: {error}") from error
    except Exception as error:
        error.add_note(f"It was raised in reading {where}.")
        raise


def row_counts(source: Source, pieces: Iterable[int]) -> list[int] | None:
    """Return how many rows each piece has; None where that is not known of all."""
    counts = [source.n_rows(piece) for piece in pieces]
    return None if None in counts else counts  # type: ignore[return-value]  # None is not in it


def _kind(rows: Rows) -> str:
    """Return what the targets are."""
    y = rows[1]
    columns = f" in {y.shape[1]} columns" if y.ndim == 2 else ""
    return _KINDS.get(y.dtype.kind, "numbers") + columns
