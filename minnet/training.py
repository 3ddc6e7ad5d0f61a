"""The trainer: epochs, shuffling, early stopping, and what is remembered of them."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from minnet._checks import check_whole, is_real
from minnet.backends import Hyper, make_backend
from minnet.callbacks import as_callback
from minnet.network import Network
from minnet.optimizers import Adaptive, get_optimizer, get_schedule
from minnet.random import Stream

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
        Decoupled weight decay.
    backend : str, default="auto"
    n_threads : int or None, default=None
    verbose : bool or int, default=False
        Print a line an epoch.

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
        batch_size = check_whole("batch_size", batch_size)
        for name, value in (("clip_value", clip_value), ("clip_norm", clip_norm)):
            if value is not None and not (is_real(value) and value > 0):
                raise ValueError(f"{name} must be None or above 0, got {value!r}")
        if not (is_real(weight_decay) and 0 <= weight_decay < np.inf):
            raise ValueError(f"weight_decay must be at least 0, got {weight_decay!r}")
        if not isinstance(network, Network):
            raise TypeError(f"network must be a Network, got {network!r:.200}")
        if not hasattr(network, "params"):
            raise ValueError("network must be initialized: call initialize(n_features) first")
        if not is_real(tol) or tol < 0:
            raise ValueError(f"tol must be a number of at least 0, got {tol!r:.200}")
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
        self.n_epochs = self.n_steps = self.n_seen = self.no_improvement_count = 0
        self.n_steps_before = 0
        self.loss_curve, self.validation_scores, self.validation_loss_curve = [], [], []
        self.best_loss, self.best_score = np.inf, -np.inf

    def __getstate__(self):
        return {name: value for name, value in vars(self).items() if name != "_runner"}

    def __setstate__(self, state):
        vars(self).update(state, _runner=None)

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
            If data do not fit, or if parameters become NaN or infinite and there is no best epoch to
            come back to.

        Warns
        -----
        ConvergenceWarning
            If ``max_epochs`` is reached first, if training diverges under early stopping, or if no score
            is a number above minus infinity: then the weights of the last epoch stay.
        """
        check_whole("max_epochs", max_epochs)
        if validate is not None and (not callable(validate) or isinstance(validate, type)):
            raise TypeError(
                f"validate must be a function of the network or None, got {validate!r:.200}"
            )
        if not isinstance(callbacks, list | tuple):
            raise TypeError(f"callbacks must be a list of callbacks, got {callbacks!r:.200}")
        data = self.network.check_batch(X, T, sample_weight)
        self.no_improvement_count = 0
        self.best_score, n_scores = -np.inf, len(self.validation_scores)
        stopping = validate is not None and early_stopping
        best = self._snapshot() if stopping else None
        callbacks = [as_callback(callback) for callback in callbacks]
        for callback in callbacks:
            callback.begin(self)
        try:
            if stopping and self.n_epochs:
                self.best_score = max(self.best_score, _score_and_loss(validate, self.network)[0])
            for _ in range(max_epochs):
                for callback in callbacks:
                    callback.begin_epoch(self)
                self.run_epoch(*data, callbacks=callbacks)
                if not self.is_finite():
                    if not stopping:
                        raise ValueError(self._divergence())
                    self._note(np.nan, np.nan)
                    warnings.warn(
                        self._divergence() + " The weights of the best epoch were restored.",
                        ConvergenceWarning,
                        stacklevel=2,
                    )
                    break
                if validate is not None and self._validate(validate, stopping) and stopping:
                    best = self._snapshot()
                stalled = self.check_stall(stopping)
                answers = [callback.end_epoch(self) for callback in callbacks]
                if stalled or any(isinstance(a, bool | np.bool_) and a for a in answers):
                    break
            else:
                warnings.warn(
                    f"Stochastic Optimizer: Maximum iterations ({max_epochs}) reached and the "
                    "optimization hasn't converged yet.",
                    ConvergenceWarning,
                    stacklevel=2,
                )
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=2)
        for callback in callbacks:
            callback.end(self)
        if stopping and (self.best_score > -np.inf or not self.is_finite()):
            self.network.params[...], self.network.state[...] = best
        elif stopping and len(self.validation_scores) > n_scores:
            warnings.warn(
                "The validation score was NaN or minus infinity in every epoch, so that none is the best: "
                "the weights of the last one were kept.",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def continue_from(self, previous):
        """Take over another trainer's records: epochs, schedules and random streams go on."""
        self.n_epochs, self.n_seen = previous.n_epochs, previous.n_seen
        self.n_steps_before = previous.n_steps_before + previous.optimizer.step
        self.loss_curve = list(previous.loss_curve)
        self.validation_scores = list(previous.validation_scores)
        self.validation_loss_curve = list(previous.validation_loss_curve)
        self.best_loss, self.best_score = previous.best_loss, previous.best_score

    def run_epoch(self, X, T, sample_weight=None, callbacks=()):
        """Take the steps of one epoch over data that were checked; note its loss.

        It pauses where the callbacks want it to.
        """
        n_samples = X.shape[0]
        weight_sum = float(n_samples if sample_weight is None else sample_weight.sum())
        order = None
        if self.shuffle:
            order = Stream(self.network.key, "shuffle", self.n_epochs).permutation(n_samples)
        batch_size = min(self.batch_size, n_samples)
        n_steps = -(-n_samples // batch_size)
        optimizer = self.optimizer
        step = self.n_steps_before + optimizer.step
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
        )
        if self._runner is None:  # after unpickling
            self._runner = make_backend(self.backend, self.network, self.n_threads)
        start, losses = 0, []
        while start < n_steps:
            stop = self._pause(callbacks, n_steps - start) + start
            losses.append(self._runner.train_steps(X, T, sample_weight, order, start, stop, hyper))
            self.n_steps += stop - start
            start = stop
        self.n_epochs += 1
        self.n_seen += n_samples
        # Summed at the end: where the epoch pauses must not change a bit.
        self.loss_curve.append(float(np.concatenate(losses).sum()) / n_samples)
        optimizer.learning_rate = self.schedule.after_epoch(
            float(rates[-1]), self.initial_rate, step + n_steps, self.n_seen
        )
        if self.verbose:
            print(f"Iteration {self.n_epochs}, loss = {self.loss_curve[-1]:.8f}")

    def _pause(self, callbacks, n_steps):
        """Let the callbacks whose step it is do their work; return after how many steps to pause next."""
        for callback in callbacks:
            if callback.next_step(self) == self.n_steps:
                callback.at_step(self)
        wanted = [callback.next_step(self) for callback in callbacks]
        return min([n_steps, *(step - self.n_steps for step in wanted if step is not None)])

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
                print(f"{message}{too_small} Stopping.")
            return True
        self.optimizer.learning_rate = rate
        self.no_improvement_count = 0
        if self.verbose:
            print(f"{message} Setting learning rate to {rate:f}")
        return False

    def _validate(self, validate, stopping):
        """Note the validation score and loss; return whether the score is the best so far."""
        self._note(np.nan, np.nan)  # as long as the loss curve, should the function be interrupted
        score, loss = _score_and_loss(validate, self.network)
        self.validation_scores[-1], self.validation_loss_curve[-1] = score, loss
        if self.verbose:
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

    def raise_if_diverged(self):
        """Raise the ValueError of divergence if a parameter is NaN or infinite."""
        if not self.is_finite():
            raise ValueError(self._divergence())

    def _divergence(self):
        where = next(
            f"layer {row.layer} ({type(self.network.layers[row.layer]).__name__})"
            for row in self.network.parameter_table
            if not np.isfinite(self.network.params[row.slice]).all()
        )
        return (
            "Solver produced non-finite parameter weights. The input data may contain large values "
            f"and need to be preprocessed. It happened in {where} in epoch {self.n_epochs}, at "
            f"learning rate {self.optimizer.learning_rate:g}: scale the inputs, lower the learning "
            "rate or set clip_norm."
        )

    def _snapshot(self):
        return self.network.params.copy(), self.network.state.copy()


def _score_and_loss(validate, network):
    """Return what ``validate`` says, as two floats; the loss is NaN where it gives none."""
    given = validate(network)
    score, loss = given if isinstance(given, tuple) else (given, np.nan)
    return float(score), float(loss)
