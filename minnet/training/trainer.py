"""The trainer: epochs and their steps, and what is remembered of them."""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from minnet.backends import check_backend, check_n_threads
from minnet.common.callers import level_of_user
from minnet.common.checks import check_verbose, check_whole
from minnet.common.communicator import in_use, leads, on_all_ranks, refuse_together
from minnet.common.entry import KnownKeywords, entry
from minnet.common.fields import checked, count, finite, flag, number, optional, real, whole
from minnet.common.flat_parameters import check_is_network
from minnet.common.types import ArrayLike, Matrix
from minnet.network import Network
from minnet.optimizers import Optimizer, get_optimizer
from minnet.schedules import Schedule, get_schedule
from minnet.training.call import Call, OneCallAtATime
from minnet.training.callback import Callback, StopTraining
from minnet.training.cut import check_batch_size, check_n_rows
from minnet.training.divergence import training_divergence
from minnet.training.epochs import EpochsAhead
from minnet.training.growth import warn_if_grown
from minnet.training.progress import Progress
from minnet.training.ranks import Ranks
from minnet.training.reading import Batch, Batches, InMemory, no_rows
from minnet.training.resume import fingerprint, told_of
from minnet.training.run import Run
from minnet.training.shown_trainer import ShownTrainer
from minnet.training.steps import Steps
from minnet.training.stopping import EarlyStopping, Validation

__all__ = ["Trainer"]


class Trainer(OneCallAtATime, ShownTrainer, Steps, EarlyStopping, KnownKeywords):
    """Trains a network, epoch by epoch; a later call goes on where the last one stopped.

    Parameters
    ----------
    network : Network
        Initialized; its parameters change in place.
    optimizer : str or Optimizer, default="adam"
        Copied.
    batch_size : int, default=32
        More than there are rows means all of them. In a network with :class:`BatchNorm` at least 2; where
        one row alone would be left over for the last step of an epoch, the step before takes it too.
    learning_rate : str, callable or Schedule, default="constant"
        "constant", "invscaling", "adaptive", a schedule such as :class:`minnet.optimizers.Cosine`, or a
        function of the step that returns the rate; it starts at the optimizer's ``learning_rate``.
    power_t : float, default=0.5
        Exponent of "invscaling"; refused beside another ``learning_rate``.
    shuffle : bool, default=True
        Visit the rows in a new random order in each epoch.
    tol : float, default=1e-4
        What counts as an improvement of loss or score.
    n_iter_no_change : int, default=10
        More than that many epochs in a row without improvement is a stall, which ends training or
        (with "adaptive") lowers the rate.
    clip_value, clip_norm : float or None, default=None
        Clipping of the gradient, by element and by norm.
    weight_decay : float, default=0.0
        Decoupled weight decay, added to that of the optimizer (``AdamW``); at most 2 / learning rate.
        A layer's ``decay_factor``, or ``lr_factor`` where it names none, multiplies it.
    backend : str, default="auto"
        What runs the training; "auto" takes the first that is installed.
    n_threads : int or None, default=None
        Threads; None leaves the libraries' settings alone. On the backend "cython" the bits of the result
        do not depend on it; on "numpy" and "numba", whose sums BLAS makes, the last ones may.
    verbose : bool or int, default=False
        1 or True shows progress from the third second on: a bar with loss, validation score, rows per
        second and time left (``pip install 'minnet-learn[progress]'``), or a line every few seconds; a
        closing line says why training ended. From 2 on there is a line an epoch instead.

    Attributes
    ----------
    optimizer : Optimizer
        With its state and the current ``learning_rate``.
    n_epochs, n_parts, n_seen : int
        Over all calls: epochs; pieces of data, one an epoch or the batches of a stream; samples drawn.
    n_steps, n_steps_before : int
        Steps made by this trainer, and by those that it continues from: where schedules by step go on.
    loss_curve : list of float
        Mean objective of each epoch.
    validation_scores, validation_loss_curve : list of float
        Score and loss after each epoch that was validated; NaN where there is none.
    best_loss, best_score : float
        Smallest loss; largest score since the last call of ``fit`` began.
    no_improvement_count : int
        Epochs since the last improvement.
    run : Run or None
        Where a training is that goes on at present: what callbacks read.

    Examples
    --------
    >>> import numpy as np
    >>> from minnet import Dense, Network, SGD, Trainer
    >>> X = np.random.default_rng(0).normal(size=(100, 3))
    >>> net = Network([Dense(1)], loss="squared_error").initialize(3, random_state=0)
    >>> trainer = Trainer(net, SGD(0.1), batch_size=10)
    >>> trainer.fit(X, X @ [1.0, -2.0, 3.0], max_epochs=50).n_epochs < 50  # the loss stalled
    True
    >>> net.layers[0].W.ravel().round(2)
    array([ 1., -2.,  3.])
    """

    # What it was told, and what it remembers: checked when set, and kept in files.
    batch_size: int = whole()
    shuffle: bool = flag()
    clip_value: float | None = optional(number(0, left=False))
    clip_norm: float | None = optional(number(0, left=False))
    weight_decay: float = real(0)
    backend: str = checked(check_backend)
    n_threads: int | None = checked(check_n_threads)
    verbose: int = checked(check_verbose)
    n_epochs: int = count()
    n_steps: int = count()
    n_steps_before: int = count()
    n_parts: int = count()
    n_seen: int = count()
    initial_rate: float = finite(0)

    def __init__(
        self,
        network: Network,
        optimizer: str | Optimizer = "adam",
        *,
        batch_size: int = 32,
        learning_rate: str | Callable[[int], float] | Schedule = "constant",
        power_t: float = 0.5,
        shuffle: bool = True,
        tol: float = 1e-4,
        n_iter_no_change: float = 10,
        clip_value: float | None = None,
        clip_norm: float | None = None,
        weight_decay: float = 0.0,
        backend: str = "auto",
        n_threads: int | None = None,
        verbose: int = False,
    ) -> None:
        check_is_network("network", network)
        if not hasattr(network, "params"):
            raise ValueError("network must be initialized: call initialize(n_features) first")
        self.network = network
        self.optimizer = get_optimizer(optimizer)
        self.optimizer.prepare(network.params)
        self.initial_rate = self.optimizer.learning_rate
        self.schedule = get_schedule(learning_rate, power_t)
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.clip_value = clip_value
        self.clip_norm = clip_norm
        self.weight_decay = weight_decay
        self.backend = backend
        self.n_threads = n_threads
        self.verbose = verbose
        self.n_epochs = self.n_steps = self.n_parts = self.n_seen = self.no_improvement_count = 0
        self.n_steps_before = 0
        self.loss_curve, self.validation_scores, self.validation_loss_curve = [], [], []
        self.best_loss, self.best_score = np.inf, -np.inf
        self.run = None
        self._runner: Any = None
        self._made_for: tuple[Any, ...] = ()
        self._call: Any = None
        self._busy = threading.Lock()
        self._make_runner()

    def __getstate__(self) -> dict[str, Any]:
        own = ("_runner", "_made_for", "_call", "_busy")
        return {name: value for name, value in vars(self).items() if name not in own}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _runner=None, _made_for=(), _call=None, _busy=threading.Lock())

    @entry
    @on_all_ranks
    def fit(
        self,
        X: Matrix,
        T: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        max_epochs: int = 200,
        validate: Callable[[Network], Any] | None = None,
        early_stopping: bool = True,
        keep: str | None = None,
        callbacks: Sequence[Callback | Callable[[Trainer], Any]] = (),
    ) -> Self:
        """Train until loss or score stalls, at most ``max_epochs`` epochs.

        Parameters
        ----------
        X, T, sample_weight
            As :meth:`minnet.Network.loss_and_grad` takes them.
        max_epochs : int, default=200
            Passes over the data at most.
        validate : callable, default=None
            ``validate(network)`` returns a score, the higher the better, or a pair of score and loss. It
            is called after every epoch.
        early_stopping : bool, default=True
            With ``validate``: training stops when the score stalls, and the weights of the best epoch
            come back. Where epochs were made before, those of the start take part, with their score on
            what is validated now. False only notes the scores.
        keep : {"best", "last"} or None, default=None
            "best": all epochs are made, and the weights of the epoch with the best score come back;
            "last": all are made, and the weights of the last stay. A stall may lower the rate
            ("adaptive"), and ends nothing. None leaves it to ``early_stopping``.
        callbacks : sequence of Callback or callable, default=()
            See :class:`minnet.callbacks.Callback`. A function is called with the trainer after every
            epoch, and ends training if it returns True.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If data do not fit, or if parameters or the loss become NaN or infinite and there is no best
            epoch to come back to.
        RuntimeError
            If this trainer is in training already, in another thread or in a callback's call.
        KeyboardInterrupt
            If Ctrl-C comes in one of many fits, those of a search or a worker process, or a second time
            within two seconds. Otherwise it ends the training between two steps.

        Warns
        -----
        UserWarning
            If Ctrl-C or a callback ended the training early.
        ConvergenceWarning
            If ``max_epochs`` is reached first, unless ``keep`` asks for all; if training diverges under
            early stopping; if the loss of the weights that stay has grown to twice what it was and
            what a constant answer has; or if no score is a number above minus infinity: then the weights
            of the last epoch stay.

        Notes
        -----
        In a block of :func:`minnet.distributed.together` all ranks call this, each with its own rows, of
        which one may have none, and with equal networks and arguments. ``batch_size`` is that of all ranks
        together. Callbacks, progress and warnings are those of rank 0; ``validate`` is called on all
        ranks, and what it returns on rank 0 counts. Ctrl-C on any of them, or a callback of rank 0, ends
        the training of all after the same step; an error on one is an error on all. A Ctrl-C waits for
        the end of a validation or a callback; a second one within two seconds does not.
        """
        check_whole("max_epochs", max_epochs)
        validation = Validation(validate, early_stopping, keep)
        source = self._in_memory(X, T, sample_weight)
        stopped = self._train(Call(source, validation, callbacks, max_epochs), max_epochs)
        if stopped == "max_epochs" and keep is None and leads():
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({max_epochs}) reached and the "
                "optimization hasn't converged yet.",
                ConvergenceWarning,
                stacklevel=level_of_user(),
            )
        return self

    @entry
    def fit_stream(
        self,
        batches: Any,
        *,
        n_epochs: int = 1,
        batches_per_epoch: int | None = None,
        validate: Callable[[Network], Any] | None = None,
        early_stopping: bool = True,
        keep: str | None = None,
        callbacks: Sequence[Callback | Callable[[Trainer], Any]] = (),
    ) -> Self:
        """Train on data that come batch by batch, and need not fit into memory.

        Each batch is cut into mini-batches of ``batch_size`` rows, shuffled within itself, and trained on
        once an epoch, with the steps that :meth:`run_epoch` takes on it. A thread reads and checks the
        next batches meanwhile.

        Parameters
        ----------
        batches : iterable or callable
            Of ``(X, T)`` or ``(X, T, sample_weight)``, each as :meth:`fit` takes them; or a function that
            returns such an iterable, called once an epoch. One without any row is left out. If it is an
            iterator with a method ``skip(n)``, a training that is resumed tells it what to leave out;
            others are read from their beginning.
        n_epochs : int, default=1
            At most; a stall ends training as in :meth:`fit`.
        batches_per_epoch : int or None, default=None
            None: an epoch is one pass. Otherwise ``batches`` is passed through once, endless or not, and
            so many of it are called an epoch: a loss is noted and validation is due after each.
        validate, early_stopping, keep, callbacks
            As in :meth:`fit`.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a batch does not fit, with its number, counted from 0; if none has a row; or as :meth:`fit`
            does. An error that ``batches`` raises stays what it is, with the number in a note.

        Examples
        --------
        >>> import numpy as np
        >>> from minnet import Dense, Network, SGD, Trainer
        >>> def endless():
        ...     rng = np.random.default_rng(0)
        ...     while True:
        ...         X = rng.normal(size=(100, 3))
        ...         yield X, X @ [1.0, -2.0, 3.0]

        >>> net = Network([Dense(1)], loss="squared_error").initialize(3, random_state=0)
        >>> trainer = Trainer(net, SGD(0.1)).fit_stream(endless(), n_epochs=20, batches_per_epoch=10)
        >>> net.layers[0].W.ravel().round(2)
        array([ 1., -2.,  3.])
        """
        refuse_together("fit_stream")
        validation, source = Validation(validate, early_stopping, keep), batches
        if not isinstance(source, Batches):
            source = Batches(batches, n_epochs, batches_per_epoch)
            source.prepare = self.check_batch
        check_batch_size(self.network, self.batch_size)
        self._train(Call(source, validation, callbacks, n_epochs), n_epochs)
        return self

    @on_all_ranks
    def run_epoch(self, X: Any, T: Any, sample_weight: Any = None) -> None:
        """Take the steps of one epoch; note its loss.

        Parameters
        ----------
        X, T, sample_weight
            As :meth:`fit` takes them.

        Raises
        ------
        ValueError
            If data do not fit.
        RuntimeError
            As in :meth:`fit`.
        """
        source = self._in_memory(X, T, sample_weight)
        with self._alone(Call(source)) as call, call.interrupts:
            self.run = Run()
            if call.ranks is not None:
                call.ranks.begin(self, call)
            self._take_steps(source.epoch(self.run))
            if call.ranks is not None:
                call.ranks.end_epoch(self, None)
            self._warn_if_grown(self.loss_curve[-1])

    def set_options(self, **options: Any) -> None:
        """Set options of ``__init__`` anew, all or none: ``batch_size``, ``tol``, ``verbose`` ...

        Raises
        ------
        ValueError
            If one cannot be what is given.
        RuntimeError
            As in :meth:`fit`.
        """
        before = {name: getattr(self, name) for name in options}
        with self._alone(Call()):
            try:
                for name, value in options.items():
                    setattr(self, name, value)
            except (TypeError, ValueError):
                vars(self).update(before)
                raise

    def continue_from(self, previous: Trainer) -> None:
        """Take over another trainer's records: epochs, schedules and random streams go on."""
        self.n_steps_before = previous.n_steps_before + previous.optimizer.step
        for name in ("n_epochs", "n_parts", "n_seen", "best_loss", "best_score"):
            setattr(self, name, getattr(previous, name))
        for name in ("loss_curve", "validation_scores", "validation_loss_curve"):
            setattr(self, name, list(getattr(previous, name)))

    # ---- one call

    def _in_memory(self, X: Any, T: Any, sample_weight: Any) -> InMemory:
        """Return data that fit; an estimator gives an InMemory of what it has checked itself."""
        communicator = in_use()
        if communicator is not None:
            X = Ranks.gathered(communicator, self.network, X, T, sample_weight)
        else:
            if not isinstance(X, InMemory):
                X = InMemory(self.network.check_batch(X, T, sample_weight))
            check_n_rows(self.network, *X.rows)
        check_batch_size(self.network, self.batch_size)
        return X

    def check_batch(self, X: Any, T: Any, sample_weight: Any = None) -> Batch:
        """Return a batch as training takes it, or say what is wrong with it.

        Parameters
        ----------
        X, T, sample_weight
            As :meth:`fit` takes them.
        """
        batch = self.network.check_batch(X, T, sample_weight)
        check_n_rows(self.network, batch[0], batch[2])
        return batch

    def _train(self, call: Call, max_epochs: int) -> str:
        """Train epoch after epoch; return why training ended."""
        if self.verbose == 1 and leads():
            n_rows = None if call.ranks is None else call.ranks.n_samples
            call.add([Progress(max_epochs, call.source.X, n_rows)])
        with self._alone(call):
            with call.watched(self):
                resumed = self._begin()
                self._train_until_stopped(max_epochs, resumed)
            run = self.run
            self._warn_if_none_was_best(run)
            self._warn_if_grown(self.loss_of_kept_weights())
            self.restore_best_weights()
            return run.stopped

    def _begin(self) -> bool:
        """Get ready, the callbacks too; return whether one of them has resumed an earlier training."""
        call, ranks = self._call, self._call.ranks
        self.no_improvement_count, self.best_score = 0, -np.inf
        call.next_steps = [None] * len(call.callbacks)
        best = self._copy_weights() if call.validation.decides else None
        run = self.run = Run(first_score=len(self.validation_scores), best=best)
        resumes = any(callback.resumes for callback in call.callbacks)
        if ranks is not None:
            resumes = ranks.begin(self, call)
        if resumes:
            run.told = told_of(self, call)
            run.fingerprint = fingerprint(run.told)
        call.begin(self)
        if ranks is not None:
            ranks.take_over(self, resumed=self.run is not run)
        return self.run is not run

    def _train_until_stopped(self, max_epochs: int, resumed: bool) -> None:
        """Train for epochs until there is a reason to stop."""
        call, run = self._call, self.run
        with call.interrupts, call.source:
            try:
                if call.validation.decides and self.n_epochs and not resumed:
                    self.best_score = max(-np.inf, call.validate(self.network)[0])
                ahead = EpochsAhead(self, call)
                while run.stopped is None and run.n_epochs < max_epochs:
                    # Held back over both: compiled code has scored the last epoch, and kept it if it is
                    # the best one.
                    with call.interrupts.held():
                        taken = ahead.take(max_epochs - run.n_epochs)
                        if taken:
                            self._end_epoch()
                    if not taken:
                        if not self._run_epoch():
                            break
                        self._end_epoch()
                if call.ranks is not None:
                    call.ranks.agree()
                if run.stopped is None:
                    run.stopped = "max_epochs"
            except (StopTraining, KeyboardInterrupt) as cause:
                call.stop(run, cause)

    def _warn_if_grown(self, loss: float) -> None:
        """Warn where the loss of the weights that are kept has grown in this call."""
        call = self._call
        if call.first_loss is None or call.targets is None:
            return
        # The best one is not noted where a score decides, or where epochs are run one by one.
        best = self.best_loss if self.best_loss < np.inf else min(self.loss_curve, default=np.inf)
        warn_if_grown(
            self.network,
            self.optimizer,
            self.weight_decay,
            loss=loss,
            first_loss=call.first_loss,
            best_loss=best,
            targets=call.targets,
        )

    # ---- one epoch

    def _run_epoch(self) -> bool:
        """Take the steps of an epoch, or what is left of one that is resumed; return False at the end."""
        call, run = self._call, self.run
        call.begin_epoch(self)
        with contextlib.closing(call.source.epoch(run)) as chunks:
            if self._take_steps(chunks):
                return True
        if run.n_epochs == 0:
            raise no_rows(run.n_empty)
        run.stopped = "end_of_stream"
        return False

    def _end_epoch(self) -> None:
        """Do what follows the steps of an epoch."""
        call, run = self._call, self.run
        reason = self._reason_to_stop()
        if call.ranks is not None:
            reason = call.ranks.end_epoch(self, reason)
        with call.interrupts.held():
            run.n_epochs, run.ending_epoch, run.stopped = run.n_epochs + 1, False, reason

    def _reason_to_stop(self) -> str | None:
        """Validate, count stalls, tell the callbacks; return the reason to stop, if there is one."""
        call = self._call
        diverged = training_divergence(self, call.source.X)
        if diverged:
            if not call.validation.decides or self.best_score == -np.inf:
                raise ValueError(diverged)
            self._note(np.nan, np.nan)
            self._return_to_best()
            if leads():
                warnings.warn(
                    diverged + " The weights of the best epoch were restored.",
                    ConvergenceWarning,
                    stacklevel=level_of_user(),
                )
            return "diverged"
        if call.validation.function is not None:
            self._validate(call)
        stalled = self.check_stall(call.validation.decides, call.validation.stall_ends)
        ended = call.end_epoch(self)
        if stalled:
            return "stalled"
        return "callback" if ended else None

    def raise_if_diverged(self, X: Matrix | None = None) -> None:
        """Raise the ValueError of divergence if a parameter or the last loss is NaN or infinite.

        With the inputs ``X`` it names the layer whose outputs are.
        """
        diverged = training_divergence(self, X)
        if diverged:
            raise ValueError(diverged)
