"""The base of all callbacks."""

import warnings
from collections.abc import Callable
from typing import Any

from minnet.common.entry import KnownKeywords
from minnet.common.names import nearest

__all__ = ["Callback", "StopTraining", "as_callback"]

_NAMES = ("Checkpoint", "History", "TensorBoard", "TimeLimit")  # in minnet.callbacks


class StopTraining(Exception):  # noqa: N818  # no error: a callback's way out of an epoch
    """Ends a training between two steps; its text is the warning that the user gets.

    For :meth:`Callback.at_step`. The epoch is left in the middle: the weights are those of its last step
    and its loss is not noted, but with early stopping the best weights come back. Where an epoch's end is
    early enough, :meth:`Callback.end_epoch` returns True instead.

    Examples
    --------
    >>> import numpy as np
    >>> from minnet import Dense, Network, Trainer
    >>> from minnet.callbacks import Callback, StopTraining
    >>> class Steps(Callback):
    ...     def next_step(self, trainer):
    ...         return 5
    ...     def at_step(self, trainer):
    ...         raise StopTraining("5 steps are enough")

    >>> X = np.random.default_rng(0).normal(size=(100, 3))
    >>> net = Network([Dense(1)], loss="squared_error").initialize(3, random_state=0)
    >>> trainer = Trainer(net, "sgd", batch_size=10).fit(X, X[:, :1], callbacks=[Steps()])
    >>> trainer.n_steps, trainer.n_epochs
    (5, 0)
    """


class Callback(KnownKeywords):
    """Base of the callbacks of :meth:`minnet.Trainer.fit`: a subclass has the methods that it needs.

    Each is called with the trainer, whose ``network``, ``n_steps``, ``n_epochs`` and ``loss_curve`` tell
    where the training is. A search hands the same object to many fits, in threads at the same time: what
    belongs to one fit is kept apart by its trainer. And it sends copies to other processes: what cannot
    be pickled, such as an open file, is opened in ``begin`` and not kept as an attribute.

    Attributes
    ----------
    resumes : bool
        Whether ``begin`` may put the trainer into the middle of a training, as a checkpoint's does: then
        it is called before that of the others, which shall see where the training begins.

    Examples
    --------
    >>> import numpy as np
    >>> from minnet import Dense, Network, Trainer
    >>> from minnet.callbacks import Callback
    >>> class StopBelow(Callback):
    ...     def __init__(self, loss):
    ...         self.loss = loss
    ...     def end_epoch(self, trainer):
    ...         return trainer.loss_curve[-1] < self.loss

    >>> X = np.random.default_rng(0).normal(size=(100, 3))
    >>> net = Network([Dense(1)], loss="squared_error").initialize(3, random_state=0)
    >>> trainer = Trainer(net, "sgd").fit(X, X[:, :1], max_epochs=500, callbacks=[StopBelow(0.1)])
    >>> trainer.loss_curve[-1] < 0.1 <= trainer.loss_curve[-2]
    True
    """

    resumes = False

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name in vars(cls):  # other libraries' begin with on_
            if name.startswith("on_") and not hasattr(Callback, name):
                warnings.warn(
                    f"{cls.__name__}.{name} is never called: the methods of a callback are begin, "
                    "begin_epoch, next_step, at_step, end_epoch, end and abort",
                    stacklevel=2,
                )

    def begin(self, trainer: Any) -> None:
        """Get ready for a training."""

    def begin_epoch(self, trainer: Any) -> None:
        """Do something before an epoch."""

    def next_step(self, trainer: Any) -> int | None:
        """Return at which number of steps (``trainer.n_steps``) to pause; None or a past one for not."""
        return None

    def at_step(self, trainer: Any) -> None:
        """Do something at the step that :meth:`next_step` named."""

    def end_epoch(self, trainer: Any) -> Any:
        """Do something after an epoch; True ends the training."""

    def end(self, trainer: Any) -> None:
        """Do something after a training, also one that was interrupted."""

    def abort(self, trainer: Any) -> None:
        """Let go of what is open, after an error: called in the place of :meth:`end`."""

    # ---- what scikit-learn's estimators ask of a callback

    def setup(self, estimator: Any, context: Any) -> None:
        """Do something before the fit of an estimator."""

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Do nothing: the trainer calls."""

    def on_fit_task_end(self, estimator: Any, context: Any) -> None:
        """Do nothing: the trainer calls."""

    def teardown(self, estimator: Any, context: Any) -> None:
        """Do something after the fit of an estimator, also one that failed."""


class _AfterEachEpoch(Callback):
    """Calls a function after each epoch."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function

    def end_epoch(self, trainer: Any) -> Any:
        return self.function(trainer)


def as_callback(spec: Any, name: str = "spec") -> Callback:
    """Return a callback from one, or from a function to be called after each epoch.

    Raises
    ------
    TypeError
        If it is neither.
    """
    if isinstance(spec, Callback):
        return spec
    if not callable(spec) or isinstance(spec, type):
        close = nearest(spec, _NAMES)
        hint = f": did you mean minnet.callbacks.{close}(...)?" if close else ""
        sentence = (
            f"{name} must be a Callback or a function of the trainer, got {spec!r:.200}{hint}"
        )
        raise TypeError(sentence)
    return _AfterEachEpoch(spec)
