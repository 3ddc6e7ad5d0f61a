"""Several networks of one architecture, trained at the same time."""

from __future__ import annotations

import copy
import threading
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from minnet.backends import check_backend, check_n_threads, make_backend
from minnet.backends.numpy import NumpyBackend
from minnet.common.callers import level_of_user
from minnet.common.checks import check_verbose, check_whole
from minnet.common.communicator import refuse_together
from minnet.common.entry import KnownKeywords, entry
from minnet.common.fields import checked, fields, flag, number, one_of, optional, real, whole
from minnet.common.types import ArrayLike, Matrix
from minnet.losses import SigmoidCrossEntropy, SoftmaxCrossEntropy
from minnet.network import Network
from minnet.optimizers import Optimizer, get_optimizer
from minnet.schedules import Adaptive, Schedule, get_schedule
from minnet.training.call import Call, OneCallAtATime
from minnet.training.callback import Callback, StopTraining
from minnet.training.cut import check_batch_size, check_n_rows
from minnet.training.divergence import divergence
from minnet.training.ensemble_checks import Told, check_networks, check_rows
from minnet.training.ensemble_records import EnsembleRecords
from minnet.training.member import Member, Work, parts
from minnet.training.members import MembersInTurn, MembersTogether, score
from minnet.training.progress import Progress
from minnet.training.reading import InMemory
from minnet.training.resume import fingerprint, take_over, told_of
from minnet.training.run import Run

__all__ = ["EnsembleTrainer"]

# So many steps of each network, at most, where several epochs are run at once: their rates are made
# before.
_STEPS_AT_ONCE = 2**15


class EnsembleTrainer(OneCallAtATime, EnsembleRecords, KnownKeywords):
    """Trains several networks of one architecture at the same time, each on rows of its own.

    Each gets the same bits as from a :class:`minnet.Trainer` of its own, on the backend "cython" for any
    number of threads. On it the steps of all networks are one compiled call, in which each thread takes
    the steps of one network at a time: without waiting for each other, two threads train five small
    networks almost twice as fast as one, where the steps of a single one have too little in them to be
    split so well. More threads than networks have nothing to do, but those of a single network share its
    steps. Other backends, sparse rows and parts that cannot be compiled train one network after the other.

    Parameters
    ----------
    networks : list of Network
        Initialized, with equal layers, loss and ``alpha``; their parameters change in place.
    optimizer : str or Optimizer, default="adam"
        Copied for each.
    batch_size : int, default=32
        As for :class:`minnet.Trainer`.
    learning_rate : str, callable or Schedule, default="constant"
        "constant", "invscaling", a schedule such as :class:`minnet.optimizers.Cosine`, or a function of
        the step. Not "adaptive": no stall is looked for.
    shuffle : bool, default=True
        Visit the rows in a new random order in each epoch, each network by its own key.
    clip_value, clip_norm : float or None, default=None
        Clipping of the gradient, by element and by norm.
    weight_decay : float, default=0.0
        Decoupled weight decay, added to that of the optimizer.
    scoring : {"loss", "refinement"} or None, default=None
        What is measured on ``held`` rows after each epoch, the higher the better: minus their mean loss,
        or minus the log loss at the temperature that fits them best
        (:func:`minnet.temperature.best_temperature`).
    keep : {"best", "last"}, default="best"
        Which weights a network with held rows ends with: those of the epoch with the best score, the
        earliest of equals, or those of the last one. Others end with their last ones.
    joint : bool, default=False
        With ``keep="best"``, whether all networks end with the same epoch: that in which the mean score
        of all held rows is best, where the score of a few rows is noisy.
    backend : str, default="auto"
        What runs the training; "auto" takes the first that is installed.
    n_threads : int or None, default=None
        Threads, of which each trains a network; None takes as many as the machine has, at most one a
        network. Of a single network, and where networks are trained in turn, it is that of
        :class:`minnet.Trainer`.
    verbose : bool or int, default=False
        As for :class:`minnet.Trainer`.

    Attributes
    ----------
    networks : list of Network
        Those given.
    loss_curves, validation_scores_of : list of list of float
        For each network the mean objective, and the score of its held rows, of each epoch; NaN where
        there is none, as after a network has diverged.
    best_epochs : list of int
        The epoch, from 1 on, with the best score of each network, of the last call of ``fit``; 0 where
        none was better than the weights that it began with, or none is scored.
    best_scores : list of float
        Their scores.
    best_epoch, best_score : int, float
        The epoch with the best mean score, and this.
    loss_curve, validation_scores, validation_loss_curve : list of float
        Means over the networks for each epoch, those of held rows weighted as the rows are. With folds as
        held rows they are out-of-fold scores.
    n_epochs : int
        Over all calls.
    n_steps, n_seen : int
        Steps and samples of all networks together.
    run : Run or None
        Where a training is that goes on at present: what callbacks read.

    See Also
    --------
    minnet.Trainer : One network, with stalls that end the training, and streams.

    Notes
    -----
    Callbacks are called as by a :class:`minnet.Trainer`, with means over the networks. ``n_steps`` counts
    the steps of all of them: a pause that a callback asks for comes when so many are made, or a few more.
    Where there are callbacks, all networks wait for the last one at the end of each epoch. Compiled scores
    and those of other backends differ in the last digits.

    Examples
    --------
    >>> import numpy as np
    >>> from minnet import Dense, EnsembleTrainer, Network
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 3))
    >>> y = (X[:, 0] + rng.normal(size=200) > 0).astype(int)
    >>> folds = np.arange(200) % 4
    >>> networks = [
    ...     Network([Dense(16, "tanh"), Dense(2)]).initialize(3, random_state=i) for i in range(4)
    ... ]
    >>> trainer = EnsembleTrainer(networks, scoring="loss")
    >>> trainer = trainer.fit(
    ...     X,
    ...     y,
    ...     rows=[np.flatnonzero(folds != i) for i in range(4)],
    ...     held=[np.flatnonzero(folds == i) for i in range(4)],
    ...     max_epochs=20,
    ... )
    >>> trainer.n_epochs, trainer.n_steps
    (20, 400)
    >>> P = np.mean([network.predict(X) for network in networks], axis=0)  # all of them together
    >>> P.shape
    (200, 2)
    """

    batch_size: int = whole()
    shuffle: bool = flag()
    clip_value: float | None = optional(number(0, left=False))
    clip_norm: float | None = optional(number(0, left=False))
    weight_decay: float = real(0)
    scoring: str | None = optional(one_of("loss", "refinement"))
    keep: str = one_of("best", "last")
    joint: bool = flag()
    backend: str = checked(check_backend)
    n_threads: int | None = checked(check_n_threads)
    verbose: int = checked(check_verbose)

    def __init__(
        self,
        networks: Sequence[Network],
        optimizer: str | Optimizer = "adam",
        *,
        batch_size: int = 32,
        learning_rate: str | Callable[[int], float] | Schedule = "constant",
        shuffle: bool = True,
        clip_value: float | None = None,
        clip_norm: float | None = None,
        weight_decay: float = 0.0,
        scoring: str | None = None,
        keep: str = "best",
        joint: bool = False,
        backend: str = "auto",
        n_threads: int | None = None,
        verbose: int = False,
    ) -> None:
        self.networks = check_networks(networks)
        self.schedule = get_schedule(learning_rate)
        if isinstance(self.schedule, Adaptive):
            raise ValueError(
                "learning_rate must not be 'adaptive' for an EnsembleTrainer, which looks for no stall"
            )
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.clip_value = clip_value
        self.clip_norm = clip_norm
        self.weight_decay = weight_decay
        self.scoring = scoring
        self.keep = keep
        self.joint = joint
        self.backend = backend
        self.n_threads = n_threads
        self.verbose = verbose
        self.n_epochs = self.n_seen = 0
        self.loss_curve, self.validation_scores, self.validation_loss_curve = [], [], []
        self.run: Any = None
        self.members = []
        for network in self.networks:
            own = copy.deepcopy(get_optimizer(optimizer))
            own.prepare(network.params)
            self.members.append(Member(network, own, self.schedule))
        self.best_score, self.best_epoch = -np.inf, 0
        self._runner: Any = None
        self._backends: dict[int, Any] = {}
        self._made_for: tuple[Any, ...] = ()
        self._call: Any = None
        self._busy = threading.Lock()
        self._make_runner()

    def __getstate__(self) -> dict[str, Any]:
        own = ("_runner", "_backends", "_made_for", "_call", "_busy")
        return {name: value for name, value in vars(self).items() if name not in own}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(
            state, _runner=None, _backends={}, _made_for=(), _call=None, _busy=threading.Lock()
        )

    @property
    def backend_in_use(self) -> Any:
        """Return the name of the backend whose code took the steps; None after unpickling."""
        return None if self._runner is None else self._backends[id(self.network)].name_in_use

    # ---- one call

    @entry
    def fit(
        self,
        X: Matrix,
        T: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        rows: Sequence[ArrayLike | None] | None = None,
        held: Sequence[ArrayLike | None] | None = None,
        max_epochs: int = 200,
        callbacks: Sequence[Callback | Callable[[EnsembleTrainer], Any]] = (),
    ) -> Self:
        """Train all networks for so many epochs; a later call goes on where the last one stopped.

        Parameters
        ----------
        X, T, sample_weight
            As :meth:`minnet.Network.loss_and_grad` takes them. They are shared: no network has a copy.
        rows : list of array-like of int, or None, default=None
            For each network the rows of X that it is trained on: their numbers, which may occur several
            times, or a mask. None, here or in the list: all.
        held : list of array-like of int, or None, default=None
            For each network the rows of X that it is scored on after each epoch; None in the list: this
            one is not scored.
        max_epochs : int, default=200
            Passes of each network over its rows.
        callbacks : sequence of Callback or callable, default=()
            As for :meth:`minnet.Trainer.fit`.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If data do not fit, or if a network's parameters or loss become NaN or infinite and it has no
            best epoch to come back to.
        RuntimeError
            If this trainer is in training already.
        KeyboardInterrupt
            As :meth:`minnet.Trainer.fit`.

        Warns
        -----
        UserWarning
            If Ctrl-C or a callback ended the training early.
        ConvergenceWarning
            If a network has diverged and ends with its best epoch, or if none of its scores is a number.
        """
        refuse_together("EnsembleTrainer.fit")
        check_whole("max_epochs", max_epochs)
        if not isinstance(X, InMemory):  # an estimator's data are checked
            X = InMemory(self.network.check_batch(X, T, sample_weight))
        call = Call(X, None, callbacks, max_epochs)
        with self._alone(call):
            work = self._begin_members(call, rows, held)
            if self.verbose == 1:
                n_rows = sum(member.n_rows for member in self.members)
                call.callbacks.append(Progress(max_epochs, call.source.X, n_rows))
            with call.watched(self):
                self._begin(call, work)
                self._train_until_stopped(call, work, max_epochs)
            self._end(work)
        return self

    def _begin_members(self, call: Call, rows: Any, held: Any) -> Work:
        """Give each member its rows, or say what is wrong with them."""
        X, T, weights = call.source.data
        check_batch_size(self.network, self.batch_size)
        if (held is None) != (self.scoring is None):
            raise ValueError(
                "held must be given where scoring is, and only there, got "
                f"scoring={self.scoring!r} {'without' if held is None else 'beside'} it"
            )
        log_loss = SoftmaxCrossEntropy, SigmoidCrossEntropy
        if self.scoring == "refinement" and not isinstance(self.network.loss_, log_loss):
            raise ValueError(
                "scoring must be 'loss' for a network whose loss is no log loss, got 'refinement' for "
                f"{self.network.loss_!r}"
            )
        n = len(self.networks)
        all_rows, all_held = (
            check_rows(*each, n, X.shape[0]) for each in (("rows", rows), ("held", held))
        )
        if held is not None and not any(rows is not None for rows in all_held):
            raise ValueError(
                "held must have rows for one network at least, got None for all of them"
            )
        for i, member in enumerate(self.members):
            member.take_rows(all_rows[i], all_held[i], weights, X.shape[0], self.batch_size)
            for name, total in (("rows", member.weight_sum), ("held", member.held_weight)):
                if not total > 0 and (name == "rows" or member.held is not None):
                    raise ValueError(f"sample_weight must not be all zero in {name}[{i}]")
            some = all_rows[i]
            check_n_rows(
                self.network,
                np.empty((member.n_rows, 0)),
                weights if weights is None or some is None else weights[some],
            )
        return Work(
            X, T, weights, self.scoring, self.keep == "best" and not self.joint, call.n_epochs,
            self.shuffle, self.clip_value, self.clip_norm, self.weight_decay, call.interrupts,
        )  # fmt: skip

    def _begin(self, call: Call, work: Work) -> None:
        """Get ready, the callbacks too."""
        self._make_runner()
        for member in self.members:
            member.begin(self._keeps(member))
        self.best_score, self.best_epoch = -np.inf, 0
        if self.n_epochs and self.scoring is not None:  # the weights that are there take part
            for member in self.members:
                if member.held is not None:
                    backend = self._backends[id(member.network)]
                    member.best_score = max(-np.inf, score(member, backend, work)[0])
            self.best_score = max(-np.inf, self.mean_score([m.best_score for m in self.members]))
        call.next_steps = [None] * len(call.callbacks)
        self._paused_at = -1
        run = self.run = Run(first_score=len(self.validation_scores))
        if any(callback.resumes for callback in call.callbacks):
            call.validation = Told(self.members, self.scoring, self.keep, self.joint)
            run.told = told_of(self, call)
            run.fingerprint = fingerprint(run.told)
        call.begin(self)

    def resume(self, saved: Any) -> None:
        """Go on with the training that another trainer was in, in the place of the one that begins.

        Parameters
        ----------
        saved : EnsembleTrainer
            Of a file, in the middle of a training.
        """
        run = saved.run
        for member, other in zip(self.members, saved.members, strict=True):
            if other.start >= member.cut.n_steps or (other.best is None) != (member.best is None):
                raise ValueError(
                    "the file must be of this training, got one that was at another place"
                )
        for member, other in zip(self.members, saved.members, strict=True):
            take_over(member, other)
            for name in (*fields(Member), "losses", "best"):
                setattr(member, name, getattr(other, name))
        for name in fields(EnsembleRecords):
            setattr(self, name, getattr(saved, name))
        if run.stopped != "diverged":
            run.stopped = None  # there may be more to do now
        self.run = run

    def _keeps(self, member: Member) -> bool:
        """Return whether a member keeps its best weights."""
        scored = [each.held is not None for each in (self.members if self.joint else [member])]
        return self.keep == "best" and any(scored)

    def _train_until_stopped(self, call: Call, work: Work, max_epochs: int) -> None:
        """Train for epochs until there is a reason to stop."""
        run = self.run
        with call.interrupts:
            try:
                while run.stopped is None and run.n_epochs < max_epochs:
                    self._run_epochs(call, work, max_epochs - run.n_epochs)
                if run.stopped is None:
                    run.stopped = "max_epochs"
            except (StopTraining, KeyboardInterrupt) as cause:
                call.stop(run, cause)

    # ---- one epoch, or several if nobody looks at each

    def _run_epochs(self, call: Call, work: Work, n_epochs: int) -> None:
        """Train for an epoch or for what is left of one that is resumed; for several without callbacks."""
        run, runner = self.run, self._make_runner()
        # One that is an epoch ahead, where Ctrl-C came before the others had it, waits for them.
        active = [m for m in self.members if not m.diverged and len(m.loss_curve) <= self.n_epochs]
        call.begin_epoch(self)
        if call.callbacks or self.joint or self.verbose:
            n_epochs = 1
        longest = max(member.cut.n_steps for member in active)
        n_epochs = max(1, min(n_epochs, _STEPS_AT_ONCE // longest))
        stops: list[int] | None = []
        while stops is not None:
            stops = parts(active, self._pause(call))
            before = self.n_steps
            with call.interrupts.held():
                runner.advance(active, n_epochs, stops, work)
                run.losses = [losses for member in active for losses in member.losses]
                run.start += self.n_steps - before
                if stops is None:
                    self.note_epochs()
        reason = self._end_epoch(call, active)
        with call.interrupts.held():
            run.ending_epoch, run.stopped = False, reason

    def _pause(self, call: Call) -> float:
        """Let the callbacks whose step it is do their work; return after how many steps to pause next."""
        before, now = self._paused_at, self.n_steps
        self._paused_at = now
        for callback, step in zip(call.callbacks, call.next_steps, strict=True):
            # What a callback said last counts too: it may name the step after this one by now.
            named = [step, callback.next_step(self)]
            if any(each is not None and before < each <= now for each in named):
                callback.at_step(self)
        call.next_steps[:] = [callback.next_step(self) for callback in call.callbacks]
        later = [step - now for step in call.next_steps if step is not None]
        return min([np.inf, *(step for step in later if step > 0)])

    def _end_epoch(self, call: Call, active: Sequence[Member]) -> str | None:
        """Look for divergence, tell the callbacks; return the reason to stop, if there is one."""
        diverged = [member for member in active if member.diverged]
        for member in diverged:
            self._end_diverged(member, call.source.X)
        if diverged and (self.joint or len(diverged) == len(active)):
            return "diverged"
        return "callback" if call.end_epoch(self) else None

    def _end_diverged(self, member: Member, X: Matrix) -> None:
        """Let a member that has diverged return to its best weights; raise where it has none."""
        i = self.members.index(member)
        epoch = member.n_trained
        said = divergence(
            member.network,
            member.loss_curve[epoch - 1],
            X,
            f"in epoch {epoch} of networks[{i}], at learning rate {member.optimizer.learning_rate:g}",
            ", lower the learning rate or set clip_norm",
        )
        best = self.best_score if self.joint else member.best_score
        if not self._keeps(member) or best == -np.inf:
            raise ValueError(said)
        member.return_to_best()
        warnings.warn(
            f"{said} The weights of its best epoch were restored.",
            ConvergenceWarning,
            stacklevel=level_of_user(),
        )

    # ---- the end

    def _end(self, work: Work) -> None:
        """End the run, each network with the weights that it shall have; warn where they are no good."""
        run = self.run
        scored = [m for m in self.members if m.held is not None]
        none = [i for i, m in enumerate(self.members) if m in scored and m.best_score == -np.inf]
        if self.keep == "best" and none and run.n_epochs:
            warnings.warn(
                f"The score of networks[{none[0]}] was NaN or minus infinity in every epoch, so that none "
                "is the best: the weights of the last one were kept.",
                ConvergenceWarning,
                stacklevel=level_of_user(),
            )
        for member in self.members:
            member.warn_if_grown(work)
            member.forget_epochs(self.n_epochs)  # Ctrl-C came before the others had them
        self.restore_best_weights()

    def restore_best_weights(self) -> None:
        """End the run, each network with the weights of the epoch that it keeps."""
        self.run = None
        for member in self.members:
            if self.joint and self.keep == "best":
                member.take_epoch(self.best_epoch)
            best = self.best_score if self.joint else member.best_score
            if member.best is not None and (best > -np.inf or not member.is_finite()):
                member.network.params[...], member.network.state[...] = member.best
            member.best = None

    def _make_runner(self) -> Any:
        """Return what takes the steps, for the options as they are now."""
        made_for = self.backend, self.n_threads
        if self._runner is None or self._made_for != made_for:
            self._backends = {
                id(network): make_backend(self.backend, network, self.n_threads)
                for network in self.networks
            }
            if isinstance(self._backends[id(self.network)], NumpyBackend):
                self._runner = MembersInTurn(self._backends)
            else:
                self._runner = MembersTogether(self._backends, self.n_threads)
            self._made_for = made_for
        return self._runner
