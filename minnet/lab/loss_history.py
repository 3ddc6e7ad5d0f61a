"""The losses of a training that goes on and on, in rows that do not become too many."""

from __future__ import annotations

import numpy as np

from minnet.common.types import Array, Matrix
from minnet.training.stepper import Stepper

__all__ = ["LossHistory"]

_SHARE = 32  # a row for each so manieth of the steps before


class LossHistory:
    """Losses and error of a training: from its start on, row by row some 3 % further.

    So the beginning, where most happens, is there step by step, and ten thousand steps are 250 rows.

    Parameters
    ----------
    stepper : Stepper
        Of a classification.
    X, T, X_test, T_test : ndarray
        Inputs and classes that are trained on, and others.
    before : LossHistory or None, default=None
        Goes on with the rows of this one. Without it the first row is that of the network as it is.

    Attributes
    ----------
    next_step : int
        At which the next row is due: take no further steps before :meth:`add`.

    Examples
    --------
    >>> import numpy as np
    >>> from minnet import SGD, Dense, Network
    >>> from minnet.lab.loss_history import LossHistory
    >>> from minnet.training.stepper import Stepper
    >>> X = np.random.default_rng(0).normal(size=(100, 3))
    >>> T = (X[:, 0] > 0).astype(int)
    >>> net = Network([Dense(2)]).initialize(3, random_state=0)
    >>> sgd = SGD(1.0)
    >>> sgd.prepare(net.params)
    >>> history = LossHistory(Stepper(net, sgd, X[:50], T[:50]), X[:50], T[:50], X[50:], T[50:])
    >>> while len(history.rows()) < 20:
    ...     history.stepper.take(1)
    ...     history.add()
    >>> step, loss, test_loss, test_error = history.rows()[-1]
    >>> int(step), bool(loss < history.rows()[0, 1])
    (19, True)
    """

    next_step: int

    def __init__(
        self,
        stepper: Stepper,
        X: Matrix,
        T: Array,
        X_test: Matrix,
        T_test: Array,
        before: LossHistory | None = None,
    ) -> None:
        self.stepper, self._data = stepper, (X, T, X_test, T_test)
        self._rows: list[tuple[float, ...]] = []
        if before is None:
            self.add()
        else:
            self._rows, self.next_step = before._rows, before.next_step

    def add(self) -> None:
        """Add a row for this moment; the next one's training loss is that of the steps from here."""
        self._rows.append(self._row(forget=True))
        self.next_step = self.stepper.step + max(1, self.stepper.step // _SHARE)

    def rows(self) -> Array:
        """Return the rows, with one for this moment as the last.

        Returns
        -------
        rows : ndarray of float32, shape (n_rows, 4)
            Step; mean loss of the rows trained on since the row before, at step 0 of all of them; loss and
            share of errors of the test data.
        """
        rows = self._rows
        if rows[-1][0] != self.stepper.step:
            rows = [*rows, self._row(forget=False)]
        with np.errstate(over="ignore"):
            return np.array(rows, dtype=np.float32)

    def _row(self, forget: bool) -> tuple[float, ...]:
        stepper, (X, T, X_test, T_test) = self.stepper, self._data
        losses = stepper.network.loss_.value
        with np.errstate(all="ignore"):
            trained = stepper.mean_loss(forget)
            loss = trained if stepper.step else losses(stepper.forward(X), T).mean()
            Z = stepper.forward(X_test)
            return stepper.step, loss, losses(Z, T_test).mean(), (Z.argmax(axis=1) != T_test).mean()
