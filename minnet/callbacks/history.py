"""The figures of every epoch, kept."""

from typing import Any

import numpy as np

from minnet.callbacks.epoch import FIGURES, Epoch
from minnet.common import html
from minnet.common.checks import is_whole
from minnet.common.extras import import_extra
from minnet.common.shown import Shown, text_table
from minnet.training.callback import Callback
from minnet.training.per_trainer import PerTrainer

__all__ = ["History"]

_HEADS = ("epoch", "loss", "val loss", "val score", "rate", "seconds", "rows/s")
_VALIDATION = _HEADS[2:4]  # NaN without validation


class History(Shown, Callback):
    """Keeps the figures of each epoch: loss, validation, learning rate, time and speed.

    Attributes
    ----------
    fits : list of dict of str to list
        One dict for each fit watched, in the order in which they began, with an element for each epoch:
        ``epoch`` (counted from 1; a warm start goes on), ``loss``, ``validation_loss`` and
        ``validation_score`` (NaN without validation), ``learning_rate`` (of the epoch's first step),
        ``seconds`` (validation included) and ``rows_per_second``. An epoch that was left in the middle
        is not there.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from minnet import MinNetClassifier
    >>> from minnet.callbacks import History
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = MinNetClassifier((8,), max_iter=3, learning_rate_init=0.1, n_iter_no_change=3)
    >>> history = History()
    >>> clf = clf.set_callbacks(history).fit(X, y)
    >>> history.to_dict()["learning_rate"]
    [0.1, 0.1, 0.1]
    >>> history.to_dict()["loss"] == clf.loss_curve_
    True
    >>> history.to_frame().columns.tolist()
    ['loss', 'validation_loss', 'validation_score', 'learning_rate', 'seconds', 'rows_per_second']
    """

    def __init__(self) -> None:
        self.fits: list[dict[str, list[float]]] = []
        self._running = PerTrainer()

    def _title(self) -> str:
        n = len(self.fits)
        title = f"History of {n} fit{'s' * (n != 1)}"
        if not n:
            return title
        epochs = len(self.fits[-1]["epoch"])
        return f"{title}; {'the last' if n > 1 else 'it'} has {epochs} epoch{'s' * (epochs != 1)}"

    def _columns(self) -> dict[str, list[float]]:
        """Return what there is of the last fit, by the heads of a table."""
        last = self.fits[-1] if self.fits else {}
        found = {
            head: last[name] for name, head in zip(FIGURES, _HEADS, strict=True) if name in last
        }
        return {
            head: values
            for head, values in found.items()
            if head not in _VALIDATION or not np.isnan(values).all()
        }

    def _rows(self) -> list[tuple[Any, ...]]:
        columns = [
            [None if np.isnan(value) else value for value in values]  # an epoch without validation
            if head in _VALIDATION
            else values
            for head, values in self._columns().items()
        ]
        return list(zip(*columns, strict=False))  # a fit may be going on

    def _text(self) -> str:
        rows = self._rows()
        table = "\n" + text_table(list(self._columns()), rows) if rows else ""
        return self._title() + table

    def _html(self) -> str:
        columns = self._columns()
        curves = [None, *list(columns.values())[1:]]
        table = html.table(list(columns), self._rows(), curves=curves) if columns else ""
        return html.page(self._title(), table)

    def to_dict(self, fit: int = -1) -> dict[str, list[float]]:
        """Return the figures of one fit as lists by name.

        Parameters
        ----------
        fit : int, default=-1
            Which of ``fits``; the last one unless given.

        Returns
        -------
        dict of str to list
        """
        if not is_whole(fit, -len(self.fits), len(self.fits) - 1):
            raise ValueError(f"fit must be one of the {len(self.fits)} fits watched, got {fit!r}")
        return {name: list(values) for name, values in self.fits[fit].items()}

    def to_frame(self, fit: int = -1) -> Any:
        """Return the figures of one fit as a data frame with a row for each epoch.

        Parameters
        ----------
        fit : int, default=-1
            As in :meth:`to_dict`.

        Returns
        -------
        pandas.DataFrame
            With the epochs as its index.

        Raises
        ------
        ImportError
            Without pandas, which is an extra: ``pip install 'minnet-learn[frame]'``.
        """
        pd = import_extra(
            "pandas",
            "a data frame needs pandas: pip install 'minnet-learn[frame]', or take to_dict()",
        )
        return pd.DataFrame(self.to_dict(fit)).set_index("epoch")

    def begin(self, trainer: Any) -> None:
        """Open the record of a fit."""
        figures: dict[str, list[float]] = {name: [] for name in FIGURES}
        self.fits.append(figures)
        self._running[trainer] = [figures, None]

    def begin_epoch(self, trainer: Any) -> None:
        """Take the time."""
        self._running[trainer][1] = Epoch(trainer)

    def end_epoch(self, trainer: Any) -> None:
        """Note the figures."""
        figures, epoch = self._running[trainer]
        for name, value in epoch.figures(trainer).items():
            figures[name].append(value)

    def end(self, trainer: Any) -> None:
        """Close the record."""
        self._running.pop(trainer, None)

    abort = end
