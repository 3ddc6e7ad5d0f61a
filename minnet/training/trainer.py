"""The trainer: epochs, shuffling, early stopping, and what is remembered of them."""

import contextlib
import hashlib
import warnings

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from minnet.backends import Hyper, check_backend, check_n_threads, make_backend
from minnet.common.checks import check_whole
from minnet.common.fields import (
    checked,
    count,
    curve,
    either,
    flag,
    number,
    optional,
    real,
    whole,
)
from minnet.descend import shuffled_order
from minnet.network import Network
from minnet.optimizers import get_optimizer
from minnet.schedules import Adaptive, get_schedule
from minnet.training.callback import StopTraining, as_callback
from minnet.training.divergence import divergence
from minnet.training.interrupts import Interrupts
from minnet.training.progress import Progress, say
from minnet.training.reading import Batches, InMemory
from minnet.training.run import Run

__all__ = ["Trainer"]


class Trainer:
    """Trains a network, epoch by epoch; a later call goes on where the last one stopped.

    Parameters
    ----------
    network : Network
        Initialized; its parameters change in place.
    optimizer : str or Optimizer, default="adam"
        Copied.
    batch_size : int, default=32
        More than there are rows means all of them.
    learning_rate : str, callable or Schedule, default="constant"
        "constant", "invscaling", "adaptive", a schedule such as :class:`minnet.optimizers.Cosine`, or a
        function of the step that returns the rate; where it starts is the optimizer's
        ``learning_rate``.
    power_t : float, default=0.5
        Exponent of "invscaling".
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
        Decoupled weight decay, added to that of the optimizer where it has some (``AdamW``).
    backend : str, default="auto"
    n_threads : int or None, default=None
    verbose : bool or int, default=False
        1 or True shows progress from the third second on: a bar with loss, validation score, rows per
        second and time left (``pip install 'minnet-learn[progress]'``), or a line every few seconds; a
        closing line says why training ended. From 2 on there is a line an epoch instead.

    Attributes
    ----------
    optimizer : Optimizer
        With its state and the current ``learning_rate``.
    n_epochs : int
        Epochs over all calls.
    n_steps : int
        Steps made by this trainer.
    n_steps_before : int
        Steps of the trainers that it continues from: where schedules by step go on.
    n_parts : int
        Pieces of data over all calls: one an epoch, or the batches of a stream.
    n_seen : int
        Samples drawn over all calls.
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
    tol: float = number(0)
    n_iter_no_change: float = either(whole(0), number(np.inf), what="a whole number or infinite")
    clip_value: float | None = optional(number(0, left=False))
    clip_norm: float | None = optional(number(0, left=False))
    weight_decay: float = real(0)
    backend: str = checked(check_backend)
    n_threads: int | None = checked(check_n_threads)
    verbose: int = either(flag(), whole(0), what="True, False or a whole number")
    n_epochs: int = count()
    n_steps: int = count()
    n_steps_before: int = count()
    n_parts: int = count()
    n_seen: int = count()
    no_improvement_count: int = count()
    initial_rate: float = number(0)
    best_loss: float = number()
    best_score: float = number()
    loss_curve: list[float] = curve()
    validation_scores: list[float] = curve()
    validation_loss_curve: list[float] = curve()

    def __init__(
        self,
        network,
        optimizer="adam",
        *,
        batch_size=32,
        learning_rate="constant",
        power_t=0.5,
        shuffle=True,
        tol=1e-4,
        n_iter_no_change=10,
        clip_value=None,
        clip_norm=None,
        weight_decay=0.0,
        backend="auto",
        n_threads=None,
        verbose=False,
    ):
        if not isinstance(network, Network):
            raise TypeError(f"network must be a Network, got {network!r:.200}")
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
        self._runner = make_backend(backend, network, n_threads)
        self.n_epochs = self.n_steps = self.n_parts = self.n_seen = self.no_improvement_count = 0
        self.n_steps_before = 0
        self.run = self._source = self._named = None
        self.loss_curve, self.validation_scores, self.validation_loss_curve = [], [], []
        self.best_loss, self.best_score = np.inf, -np.inf

    def __getstate__(self):
        return vars(self) | {"_runner": None, "_source": None, "_named": None}

    def __setstate__(self, state):
        vars(self).update(state, _runner=None, _source=None, _named=None)

    def fit(
        self,
        X,
        T,
        sample_weight=None,
        *,
        max_epochs=200,
        validate=None,
        early_stopping=True,
        callbacks=(),
    ):
        """Train until loss or score stalls, at most ``max_epochs`` epochs.

        Parameters
        ----------
        X, T, sample_weight
            As :meth:`minnet.Network.loss_and_grad` takes them.
        max_epochs : int, default=200
        validate : callable, default=None
            ``validate(network)`` returns a score, the higher the better, or a pair of score and loss. It
            is called after every epoch.
        early_stopping : bool, default=True
            With ``validate``: training stops when the score stalls, and the weights of the best epoch
            come back. Where epochs were made before, those of the start take part, with their score on
            what is validated now. False only notes the scores.
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

        Warns
        -----
        ConvergenceWarning
            If ``max_epochs`` is reached first, if training diverges under early stopping, or if no score
            is a number above minus infinity: then the weights of the last epoch stay.
        """
        check_whole("max_epochs", max_epochs)
        data = self.network.check_batch(X, T, sample_weight)
        stopped = self._train(InMemory(data), max_epochs, validate, early_stopping, callbacks)
        if stopped == "max_epochs":
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({max_epochs}) reached and the "
                "optimization hasn't converged yet.",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def fit_stream(
        self,
        batches,
        *,
        n_epochs=1,
        batches_per_epoch=None,
        validate=None,
        early_stopping=True,
        callbacks=(),
    ):
        """Train on data that come batch by batch, and need not fit into memory.

        Each batch is cut into mini-batches of ``batch_size`` rows, shuffled within itself, and trained on
        once an epoch, with the steps that :meth:`run_epoch` takes on it. A thread reads and checks the
        next batches meanwhile.

        Parameters
        ----------
        batches : iterable or callable
            Of ``(X, T)`` or ``(X, T, sample_weight)``, each as :meth:`fit` takes them; or a function that
            returns such an iterable, called once an epoch. If it is an iterator with a method
            ``skip(n)``, a training that is taken up again tells it what to leave out; others are read
            from their beginning.
        n_epochs : int, default=1
            At most; a stall ends training as in :meth:`fit`.
        batches_per_epoch : int or None, default=None
            None: an epoch is one pass. Otherwise ``batches`` is passed through once, endless or not, and
            so many of it are called an epoch: a loss is noted and validation is due after each.
        validate, early_stopping, callbacks
            As in :meth:`fit`.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a batch does not fit, with its number; or as :meth:`fit` does.

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
        source = batches
        if not isinstance(source, Batches):
            source = Batches(batches, n_epochs, batches_per_epoch)
            source.prepare = self.network.check_batch
        self._train(source, n_epochs, validate, early_stopping, callbacks)
        return self

    def _train(self, source, max_epochs, validate, early_stopping, callbacks):
        """Train on the parts of the source, epoch after epoch; return the reason to stop."""
        if validate is not None and (not callable(validate) or isinstance(validate, type)):
            raise TypeError(
                f"validate must be a function of the network or None, got {validate!r:.200}"
            )
        if not isinstance(callbacks, list | tuple):
            raise TypeError(f"callbacks must be a list of callbacks, got {callbacks!r:.200}")
        self.no_improvement_count, self.best_score = 0, -np.inf
        stopping = validate is not None and early_stopping
        best = self._snapshot() if stopping else None
        fresh = self.run = Run(first_score=len(self.validation_scores), best=best)
        callbacks = [as_callback(callback) for callback in callbacks]
        if self.verbose == 1:
            callbacks.append(Progress(max_epochs, source.X))
        self._source, self._named = source, None
        try:
            if any(callback.takes_up for callback in callbacks):
                fresh.fingerprint = self.fingerprint(validate, stopping)
            for callback in sorted(callbacks, key=lambda c: not c.takes_up):
                callback.begin(self)  # which may put another run in its place: one to be taken up
            run = self.run
            with Interrupts() as interrupts, source:
                try:
                    if run is fresh and stopping and self.n_epochs:
                        self.best_score = max(-np.inf, _score_and_loss(validate, self.network)[0])
                    while run.stopped is None and run.n_epochs < max_epochs:
                        for callback in callbacks:
                            callback.begin_epoch(self)
                        with contextlib.closing(source.epoch(run)) as parts:
                            if not self._run_epoch(parts, callbacks, interrupts):
                                run.stopped = "end_of_stream"
                                break
                        reason = self._judge(validate, stopping, callbacks)
                        with interrupts.held():
                            run.n_epochs, run.judging, run.stopped = run.n_epochs + 1, False, reason
                    if run.stopped is None:
                        run.stopped = "max_epochs"
                except KeyboardInterrupt as stop:
                    run.stopped = "callback" if isinstance(stop, StopTraining) else "interrupted"
                    warnings.warn(str(stop) or "Training interrupted by user.", stacklevel=3)
            for callback in callbacks:
                callback.end(self)
            self._say_if_none_was_best(run)
            self.leave()
            return run.stopped
        except BaseException:
            for callback in callbacks:
                callback.abort(self)
            raise
        finally:
            self.run = self._source = self._named = None

    def fingerprint(self, validate=None, stopping=False):
        """Return what tells the training that is about to begin from others, in 16 letters.

        It is made of the network's configuration and random key, the options that decide what steps are
        taken, what was done before, and the data: their shape, their targets, and some of their rows. If
        ``validate`` has a method ``digest``, what that returns counts, too.
        """
        network = self.network
        options = ("initial_rate", "batch_size", "shuffle", "clip_value", "clip_norm",
                   "weight_decay", "n_parts", "n_seen", "n_steps_before")  # fmt: skip
        parts = [network, network.sizes, network.dtype.name, network.key, type(self.optimizer)]
        parts += [self.optimizer.get_config() | {"learning_rate": self.initial_rate}, self.schedule]
        parts += [getattr(self, name) for name in options] + [self._source.digest()]
        parts += [
            stopping,
            validate is not None,
            validate.digest() if hasattr(validate, "digest") else 0,
        ]
        return hashlib.sha256("\n".join(map(repr, parts)).encode()).hexdigest()[:16]

    def take_up(self, saved):
        """Go on with the training that another trainer was in: weights, optimizer, records and place."""
        self.network.params[...] = saved.network.params
        self.network.state[...] = saved.network.state
        self.optimizer.state[...] = saved.optimizer.state
        self.optimizer.step = saved.optimizer.step
        self.optimizer.learning_rate = saved.optimizer.learning_rate
        self.continue_from(saved)
        self.n_steps, self.n_steps_before = saved.n_steps, saved.n_steps_before
        self.no_improvement_count = saved.no_improvement_count
        self.run = saved.run
        stalled = (
            self.run.stopped == "stalled" and self.no_improvement_count > self.n_iter_no_change
        )
        if not stalled and self.run.stopped != "diverged":  # there may be more to do now
            self.run.stopped = None

    def leave(self):
        """Come out of a training that is not gone on with, at the best weights where some were kept."""
        run, self.run = self.run, None
        if run.best is not None and (self.best_score > -np.inf or not self.is_finite()):
            self.network.params[...], self.network.state[...] = run.best

    def _judge(self, validate, stopping, callbacks):
        """Validate after an epoch, note what is best; return the reason to stop, if there is one."""
        diverged = self._divergence(self._source.X)
        if diverged:
            if not stopping or self.best_score == -np.inf:
                raise ValueError(diverged)
            self._note(np.nan, np.nan)
            warnings.warn(
                diverged + " The weights of the best epoch were restored.",
                ConvergenceWarning,
                stacklevel=4,
            )
            return "diverged"
        if validate is not None and self._validate(validate, stopping) and stopping:
            self.run.best = self._snapshot()
        stalled = self.check_stall(stopping)
        answers = [callback.end_epoch(self) for callback in callbacks]
        if stalled:
            return "stalled"
        return "callback" if any(isinstance(a, bool | np.bool_) and a for a in answers) else None

    def _say_if_none_was_best(self, run):
        none = self.best_score == -np.inf and self.is_finite()
        if run.best is not None and none and len(self.validation_scores) > run.first_score:
            warnings.warn(
                "The validation score was NaN or minus infinity in every epoch, so that none is the best: "
                "the weights of the last one were kept.",
                ConvergenceWarning,
                stacklevel=4,
            )

    def continue_from(self, previous):
        """Take over another trainer's records: epochs, schedules and random streams go on."""
        self.n_epochs, self.n_parts = previous.n_epochs, previous.n_parts
        self.n_seen = previous.n_seen
        self.n_steps_before = previous.n_steps_before + previous.optimizer.step
        self.loss_curve = list(previous.loss_curve)
        self.validation_scores = list(previous.validation_scores)
        self.validation_loss_curve = list(previous.validation_loss_curve)
        self.best_loss, self.best_score = previous.best_loss, previous.best_score

    def run_epoch(self, X, T, sample_weight=None):
        """Take the steps of one epoch over data that were checked; note its loss."""
        self.run, self._named = Run(), None
        try:
            with Interrupts() as interrupts:
                self._run_epoch([(X, T, sample_weight)], (), interrupts)
        finally:
            self.run = self._named = None

    def _run_epoch(self, parts, callbacks, interrupts):
        """Take the steps of one epoch, or of what is left of it; return False where there are no rows."""
        run = self.run
        for X, T, sample_weight in parts:
            self._run_part(X, T, sample_weight, callbacks, interrupts)
            if not self.is_finite():
                break
        if not run.n_rows:
            return False
        with interrupts.held():
            # Summed at the end: where the epoch pauses must not change a bit.
            self.loss_curve.append(float(np.concatenate(run.losses).sum()) / run.n_rows)
            self.n_epochs += 1
            run.part, run.n_rows, run.losses, run.judging = 0, 0, [], True
        if self.verbose > 1 or (self.verbose and not callbacks):  # otherwise the bar tells it
            print(f"Iteration {self.n_epochs}, loss = {self.loss_curve[-1]:.8f}")
        return True

    def _run_part(self, X, T, sample_weight, callbacks, interrupts):
        """Take the steps on a piece of data that is in memory, or those that are left.

        It pauses where the callbacks want it to.
        """
        run, optimizer = self.run, self.optimizer
        n_samples = X.shape[0]
        weight_sum = float(n_samples if sample_weight is None else sample_weight.sum())
        order = None
        if self.shuffle:
            order = shuffled_order(n_samples, self.network.key, self.n_parts)
        batch_size = min(self.batch_size, n_samples)
        n_steps = -(-n_samples // batch_size)
        step = self.n_steps_before + optimizer.step - run.start
        where = (optimizer.learning_rate, self.initial_rate, step)
        rates = self.schedule.rates(*where, n_steps, self.n_seen)
        hyper = Hyper(
            batch_size=batch_size,
            rates=rates,
            optimizer=optimizer,
            n_samples=n_samples,
            weight_sum=weight_sum,
            position=self.n_seen,
            clip_value=self.clip_value,
            clip_norm=self.clip_norm,
            weight_decay=self.weight_decay,
            interrupted=lambda: interrupts.came,
        )
        if self._runner is None:  # after unpickling
            self._runner = make_backend(self.backend, self.network, self.n_threads)
        run.pauses_exactly = not (sparse.issparse(X) and optimizer.is_plain)
        while run.start < n_steps:
            stop = self._pause(callbacks, n_steps - run.start) + run.start
            with interrupts.held():
                data = X, T, sample_weight, order
                losses = self._runner.train_steps(*data, run.start, stop, hyper)
                run.losses.append(losses)
                run.start += len(losses)
                self.n_steps += len(losses)
        with interrupts.held():
            run.start, run.part, run.n_rows = 0, run.part + 1, run.n_rows + n_samples
            self.n_parts += 1
            self.n_seen += n_samples
            optimizer.learning_rate = self.schedule.after_epoch(
                float(rates[-1]), self.initial_rate, step + n_steps, self.n_seen
            )

    def _pause(self, callbacks, n_steps):
        """Let the callbacks whose step it is do their work; return after how many steps to pause next."""
        # What a callback said last counts too: it may name the step after this one by now.
        for callback, named in zip(callbacks, self._named or [None] * len(callbacks), strict=True):
            if self.n_steps in (named, callback.next_step(self)):
                callback.at_step(self)
        self._named = [callback.next_step(self) for callback in callbacks]
        later = [step - self.n_steps for step in self._named if step is not None]
        return min([n_steps, *(step for step in later if step > 0)])

    def check_stall(self, validated=False):
        """Count epochs without improvement; return whether training should stop.

        A schedule may answer a stall with a lower rate instead.
        """
        if not validated:
            loss = self.loss_curve[-1]
            self._count(loss <= self.best_loss - self.tol)
            self.best_loss = min(self.best_loss, loss)
        if self.no_improvement_count <= self.n_iter_no_change:
            return False
        what = "Validation score" if validated else "Training loss"
        message = (
            f"{what} did not improve more than tol={self.tol:f} for "
            f"{self.n_iter_no_change} consecutive epochs."
        )
        rate = self.schedule.reduce(self.optimizer.learning_rate)
        if rate is None:
            if self.verbose:
                too_small = (
                    " Learning rate too small." if isinstance(self.schedule, Adaptive) else ""
                )
                say(f"{message}{too_small} Stopping.")
            return True
        self.optimizer.learning_rate = rate
        self.no_improvement_count = 0
        if self.verbose:
            say(f"{message} Setting learning rate to {rate:f}")
        return False

    def _validate(self, validate, stopping):
        """Note the validation score and loss; return whether the score is the best so far."""
        self._note(np.nan, np.nan)  # as long as the loss curve, should the function be interrupted
        score, loss = _score_and_loss(validate, self.network)
        self.validation_scores[-1], self.validation_loss_curve[-1] = score, loss
        if self.verbose > 1:
            print(f"Validation score: {score:f}")
        if stopping:
            self._count(score > -np.inf and score >= self.best_score + self.tol)
        better = score > self.best_score
        self.best_score = max(self.best_score, score) if not np.isnan(score) else self.best_score
        return better

    def _note(self, score, loss):
        self.validation_scores.append(score)
        self.validation_loss_curve.append(loss)

    def _count(self, improved):
        self.no_improvement_count = 0 if improved else self.no_improvement_count + 1

    @property
    def ran(self):
        """Return the name of the backend whose code took the steps; None after unpickling."""
        return None if self._runner is None else self._runner.ran

    def is_finite(self):
        """Return whether all parameters are finite."""
        return bool(np.isfinite(self.network.params).all())

    def raise_if_diverged(self, X=None):
        """Raise the ValueError of divergence if a parameter or the last loss is NaN or infinite.

        With the inputs ``X`` it names the layer whose outputs are.
        """
        diverged = self._divergence(X)
        if diverged:
            raise ValueError(diverged)

    def _divergence(self, X):
        """Return what to say of it, or None if all is finite."""
        loss = self.loss_curve[-1] if self.loss_curve else 0.0
        if np.isfinite(loss) and self.is_finite():
            return None
        rate = self.optimizer.learning_rate
        when = f"in epoch {self.n_epochs}, at learning rate {rate:g}"
        cure = ", lower the learning rate or set clip_norm"
        return divergence(self.network, loss, X, when, cure)

    def _snapshot(self):
        return self.network.params.copy(), self.network.state.copy()


def _score_and_loss(validate, network):
    """Return what ``validate`` says, as two floats; the loss is NaN where it gives none."""
    given = validate(network)
    score, loss = given if isinstance(given, tuple) else (given, np.nan)
    return float(score), float(loss)
