"""Batches as they are given away: inputs with the names of their columns, or transformed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from importlib import import_module
from typing import Any, Self

from minnet.common.types import Array, Matrix
from minnet.streams.epoch import Epoch
from minnet.streams.source import Source

__all__ = ["Batches"]


class Batches:
    """An iterator over the batches of an epoch.

    Parameters
    ----------
    epoch : Epoch
    source : Source
        Knows the names.
    transform : callable or None
        Of the inputs.
    """

    def __init__(
        self, epoch: Epoch, source: Source, transform: Callable[[Any], Matrix] | None
    ) -> None:
        self._epoch, self._source, self._transform = epoch, source, transform

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> tuple[Any, ...]:
        X, *others = next(self._epoch)
        names = self._source.feature_names
        named = X if names is None else _with_names(X, names)
        return (named if self._transform is None else self._transform(named), *others)

    def skip(self, n: int) -> None:
        """Pass over the next n batches.

        Parameters
        ----------
        n : int
        """
        self._epoch.skip(n)

    def close(self) -> None:
        """End the epoch: what is open in the source, such as a cursor, is closed."""
        self._epoch.close()


def _with_names(X: Array, names: list[str]) -> Any:
    """Return an array as a frame of the first of these libraries that is there; pandas copies nothing."""
    with contextlib.suppress(ImportError):
        return import_module("pandas").DataFrame(X, columns=names, copy=False)
    with contextlib.suppress(ImportError):
        return import_module("polars").DataFrame(X, schema=names, orient="row")
    with contextlib.suppress(ImportError):
        return import_module("pyarrow").table(list(X.T), names=names)
    return X
