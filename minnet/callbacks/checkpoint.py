"""Checkpoints: a training that was killed goes on where it was."""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
import warnings
from numbers import Integral
from typing import Any

from minnet.common.callers import level_of_user, within_a_search
from minnet.common.fields import instance, number
from minnet.persistence.files import read_model, save_model
from minnet.persistence.numbers import check_arrays
from minnet.training import EnsembleTrainer, Trainer
from minnet.training.callback import Callback
from minnet.training.per_trainer import PerTrainer
from minnet.training.resume import but_for_weights, differences, resume
from minnet.training.run import Run
from minnet.training.step_timer import StepTimer

__all__ = ["Checkpoint"]

_log = logging.getLogger("minnet")

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Checkpoint(Callback):
    """Writes a training into a file as it goes, and resumes it from there when it is run again.

    For ``Trainer.fit(callbacks=[...])`` or ``estimator.set_callbacks(...)``, with the solvers "sgd" and
    "adam"; ``fit`` and ``fit_stream``, not ``partial_fit``. A script that was killed is simply run again:
    the fit ends with the same bits as if nothing had happened. Where a fit is already complete in the
    file, its outcome is there at once.

    Parameters
    ----------
    path : path-like
        A file; or a folder (one that exists; with a slash at its end it is made if need be), in which each
        training gets a file of its own, named by its arguments and data: that is for grid searches, whose
        fits must not share one.
    every : float, default=60.0
        Seconds between checkpoints, within epochs too. There is one at the beginning and one at the end.
    resume : bool, default=True
        Whether to go on from what the file has. False begins anew and replaces it. A file of another fit
        is refused; with ``fit_stream`` the arguments alone tell, since a stream cannot be looked at.

    Notes
    -----
    The file is one of :func:`minnet.save_model`: the estimator, fitted as far as it got, or the Trainer,
    with the optimizer's state and the place in the order of the samples. :func:`minnet.load_model` reads
    it, with the best weights so far where early stopping is on, so that what is there can be used while
    the fit goes on. It is replaced as a whole, so a process that is killed while it writes leaves the
    checkpoint before.

    To end with the same bits, the fit must be the same: ``random_state`` a whole number, the same
    arguments, data, backend and kernels. Network, optimizer, batch size, random key, validation and every
    number of the data (which takes about a second a gigabyte, when the training begins) are compared, and
    a file of another fit is refused; the weights that an estimator's fit begins with are compared, too,
    those of a :class:`minnet.Trainer`'s network not: the file's replace them. The batches of a stream
    cannot be compared: that they are the same is for you to see to. ``max_iter`` and
    ``n_iter_no_change`` may grow.

    Weights that are NaN or infinite are not written: of a training that diverges the last good checkpoint
    stays, and with early stopping the outcome is the best epoch's.

    Where X is sparse and the optimizer plain SGD, checkpoints are between epochs only, since pausing
    within one would change how sums are rounded.

    Warns
    -----
    UserWarning
        If the fit was complete in its file, so that its outcome was read and nothing was trained, and if
        ``random_state`` is no whole number, so that a killed fit could not be gone on from; in a search
        the log says so. If a checkpoint cannot be written, since the disk is full for example: once a fit
        for each cause. The training goes on and tries again; the last complete checkpoint stays.
        That it can be written again is said in the log.

    Raises
    ------
    ValueError
        When a training begins: if the file is not a checkpoint of this training, or if the model has a
        part that a file cannot keep.
    OSError
        When a training begins, if the file cannot be written for another reason than a full disk, or if
        ``path`` is that of a device, a pipe or a socket.

    See Also
    --------
    minnet.save_model : What the file can keep.

    Examples
    --------
    >>> import os, tempfile
    >>> from minnet import MinNetClassifier, load_model
    >>> from minnet.callbacks import Checkpoint
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = MinNetClassifier((32,), max_iter=15, n_iter_no_change=15, random_state=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "digits.safetensors")
    ...     _ = clf.set_callbacks(Checkpoint(path)).fit(X / 16, y)
    ...     clf.set_params(max_iter=30)  # what was done is not done again
    ...     _ = clf.fit(X / 16, y)
    ...     load_model(path).n_iter_
    MinNetClassifier(hidden_layer_sizes=(32,), max_iter=30, n_iter_no_change=15,
                     random_state=0)
    30
    """

    resumes = True

    path: str | os.PathLike[str] = instance((str, os.PathLike), "a string or a path")
    every: float = number(0)
    resume: bool = instance(bool, "True or False")

    def __init__(
        self, path: str | os.PathLike[str], *, every: float = 60.0, resume: bool = True
    ) -> None:
        self.path = path
        self.every = every
        self.resume = resume
        self._estimators: dict[int, Any] = {}
        self._fits = PerTrainer()

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_estimators": {}}

    def __repr__(self) -> str:
        return f"Checkpoint({os.fspath(self.path)!r}, every={self.every!r}, resume={self.resume!r})"

    # ---- what a Trainer asks

    def begin(self, trainer: Trainer | EnsembleTrainer) -> None:
        """Go on from what the file has, or write the first checkpoint."""
        path = os.fspath(self.path)
        if path.endswith((os.sep, os.altsep or os.sep)):
            os.makedirs(path, exist_ok=True)
        path = os.path.abspath(path)  # for the whole fit, should it change the working directory
        if os.path.isdir(path):
            path = os.path.join(path, f"fit-{trainer.run.fingerprint}.safetensors")
        estimator = self._estimators.get(threading.get_ident())
        fit = self._fits[trainer] = _Fit(path, estimator, self.every)
        fit.begin(trainer, resume=self.resume and os.path.exists(path))

    def begin_epoch(self, trainer: Trainer | EnsembleTrainer) -> None:
        """Write a checkpoint, if it is time."""
        self._fits[trainer].save_if_due(trainer)

    def next_step(self, trainer: Trainer | EnsembleTrainer) -> int | None:
        """Return when to look at the clock."""
        return self._fits[trainer].next_step(trainer)

    def at_step(self, trainer: Trainer | EnsembleTrainer) -> None:
        """Write a checkpoint, if it is time."""
        self._fits[trainer].at_step(trainer)

    def end(self, trainer: Trainer | EnsembleTrainer) -> None:
        """Write the last checkpoint."""
        fit = self._fits.pop(trainer)
        fit.tell_if_nothing_was_left(trainer)
        if not trainer.run.ending_epoch:
            fit.save(trainer)

    def abort(self, trainer: Trainer | EnsembleTrainer) -> None:
        """Leave the last checkpoint as it is."""
        self._fits.pop(trainer, None)

    # ---- what scikit-learn's estimators ask of a callback

    def setup(self, estimator: Any, context: Any) -> None:
        """Take note of whose fit it is."""
        self._estimators[threading.get_ident()] = estimator

    def teardown(self, estimator: Any, context: Any) -> None:
        """Let go of the estimator."""
        self._estimators.pop(threading.get_ident(), None)


class _Fit:
    """One training and its file."""

    def __init__(self, path: str, estimator: Any, every: float) -> None:
        self.path, self.estimator, self.every = path, estimator, every
        self._saved = time.monotonic()  # when
        self._timer: StepTimer  # from the beginning of the training on
        self._due: int | None = None
        self._failing: bool = False
        self._warned_of: set[Any] = set()
        self._resumed_at: int | None = None  # number of steps

    def begin(self, trainer: Trainer | EnsembleTrainer, resume: bool) -> None:
        if resume:
            self.resume_from_file(trainer)
        else:
            self.save(trainer, first=True)
            self.tell_if_it_cannot_be_gone_on_from()
        self._timer = StepTimer(trainer)
        self._look_again(trainer)

    def resume_from_file(self, trainer: Trainer | EnsembleTrainer) -> None:
        model = read_model(self.path)
        saved = getattr(model, "_trainer", model)
        run = getattr(saved, "run", None)
        if run is None or type(saved) is not type(trainer):
            raise ValueError(
                f"path must be that of a checkpoint, got {self.path!r}, which has a model that was not "
                "in training, or another kind of one"
            )
        if not self._is_same_fit(run, trainer.run):
            found = differences(run.told, trainer.run.told) if run.told else "data or arguments"
            raise ValueError(
                f"path must be that of a checkpoint of the same fit, got {self.path!r}, whose fit differs "
                f"in {found}: give another path, a folder, or resume=False"
            )
        if isinstance(trainer, EnsembleTrainer):
            trainer.resume(saved)
        else:
            resume(trainer, saved)
        self._resumed_at = trainer.n_steps
        _log.info("the fit goes on from %r, after %d epochs", self.path, trainer.run.n_epochs)

    def _is_same_fit(self, saved: Run, run: Run) -> bool:
        if self.estimator is None and saved.told:
            # What a script does to new weights, as pre-training, it may leave out where there is a file.
            return but_for_weights(saved.told) == but_for_weights(run.told)
        return saved.fingerprint == run.fingerprint

    def tell_if_it_cannot_be_gone_on_from(self) -> None:
        """Say of a fit that draws other numbers each time that its file will be of another fit."""
        seed = getattr(self.estimator, "random_state", 0)
        if not isinstance(seed, Integral):
            self.tell(
                "random_state must be a whole number for a killed fit to go on from its checkpoint, got "
                f"{seed!r}: the next run will draw other weights and refuse {self.path!r}"
            )

    def tell_if_nothing_was_left(self, trainer: Trainer | EnsembleTrainer) -> None:
        """Say of a fit that was complete in its file that nothing was trained."""
        if self._resumed_at != trainer.n_steps:
            return
        self.tell(
            f"the fit was complete in {self.path!r}: its outcome, of {trainer.run.n_epochs} epochs, was "
            "read from there, and nothing was trained. resume=False or another path begins anew"
        )

    def tell(self, sentence: str) -> None:
        """Warn the user; in a search tell the log."""
        if within_a_search():  # whose fits are told by the hundred
            _log.info("%s", sentence)
        else:
            warnings.warn(sentence, stacklevel=level_of_user())

    def next_step(self, trainer: Trainer | EnsembleTrainer) -> int | None:
        return self._due if trainer.run.pauses_exactly else None

    def at_step(self, trainer: Trainer | EnsembleTrainer) -> None:
        self.save_if_due(trainer)
        self._look_again(trainer)

    def _look_again(self, trainer: Trainer | EnsembleTrainer) -> None:
        self._due = self._timer.after(trainer, self._saved + self.every - time.monotonic())

    def save_if_due(self, trainer: Trainer | EnsembleTrainer) -> None:
        if time.monotonic() - self._saved >= self.every:
            self.save(trainer)

    def save(self, trainer: Trainer | EnsembleTrainer, first: bool = False) -> None:
        try:
            check_arrays(trainer)
        except ValueError:
            return  # it is diverging: the last good checkpoint stays
        model: Any = trainer
        # An ensemble is kept itself.
        if self.estimator is not None and isinstance(trainer, Trainer):
            model = self.estimator._as_fitted(trainer.network, trainer.run.n_epochs, trainer)
        try:
            save_model(model, self.path)
        except OSError as error:
            if first and error.errno not in _NO_ROOM:
                raise
            self._warn(error)
        except (TypeError, ValueError) as error:
            raise type(error)(f"a checkpoint cannot keep this training: {error}") from error
        else:
            if self._failing:
                _log.info("the checkpoint %r could be written again", self.path)
            self._failing = False
        self._saved = time.monotonic()

    def _warn(self, error: OSError) -> None:
        """Warn of a checkpoint that could not be written, unless the same was said before."""
        self._failing = True
        cause = error.errno or str(error)
        if cause not in self._warned_of:
            self._warned_of.add(cause)
            warnings.warn(
                f"the checkpoint {self.path!r} could not be written ({error}): the training goes on and "
                "tries again without another word, and the last complete checkpoint stays",
                stacklevel=level_of_user(),
            )
