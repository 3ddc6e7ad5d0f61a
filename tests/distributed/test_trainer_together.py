"""Trainers of several ranks, which are threads here: as one process that takes the same batches."""

import functools
import itertools
import os
import sys

import numpy as np
import pytest
from scipy import sparse

import minnet
from minnet import (
    SGD,
    Dense,
    EnsembleTrainer,
    MinNetClassifier,
    Network,
    Trainer,
)
from minnet.callbacks import Checkpoint, History, TimeLimit
from minnet.common.communicator import _in_use
from minnet.distributed import Shards, together
from minnet.schedules import Cosine
from minnet.training.callback import Callback, StopTraining
from minnet.training.lbfgs import minimize_lbfgs
from tests.distributed.in_threads import OfThreads, _Place, outcomes, run_ranks
from tests.distributed.trainings import (
    CLASSES,
    EARLY_ZERO,
    NUMBERS,
    SHARDINGS,
    WEIGHTS,
    N,
    X,
    assert_equal,
    assert_is_one,
    both,
    network,
    part,
    slow,
    state,
)

FOLDER = os.path.dirname(minnet.__file__)

OPTIONS = [
    {"optimizer": "sgd"},
    {"optimizer": SGD(0.05, momentum=0.9, nesterov=True), "clip_norm": 0.3, "learning_rate": "invscaling"},
    {"optimizer": "adam", "clip_value": 0.1, "weight_decay": 0.01},
    {"optimizer": "rmsprop", "learning_rate": Cosine()},
    {"optimizer": "adamw", "shuffle": False, "learning_rate": lambda step: 0.01 / (1 + step)},
]  # fmt: skip


@pytest.mark.parametrize("backend", ["cython", *slow("numpy")])
@pytest.mark.parametrize("sizes", SHARDINGS, ids=str)
@pytest.mark.parametrize("kind", ["plain", "all", "frozen", "numbers"])
def test_ranks_are_one_process_that_takes_the_same_batches(backend, sizes, kind):
    case = SHARDINGS.index(sizes) + len(kind)
    options = OPTIONS[case % len(OPTIONS)]
    weights = [None, WEIGHTS, EARLY_ZERO][case % 3]
    batch_size = [10, 41, 7, 200][case % 4]
    given = sparse.csr_array(X) if case % 2 and kind != "all" else X

    def fit(X, T, weights):
        trainer = Trainer(network(kind), backend=backend, batch_size=batch_size, **options)
        n_epochs = -(-300 // -(-N // batch_size)) if case % 5 == 0 else 4
        return trainer.fit(X, T, weights, max_epochs=n_epochs, keep="last")

    of_ranks, one = both(sizes, fit, given, NUMBERS if kind == "numbers" else CLASSES, weights)
    assert_is_one(of_ranks, one)


@pytest.mark.parametrize("batch_size", [2, 3, 41, 82, *slow(*range(4, 13), 27, 40, 42, 81, 83, 84)])
def test_every_batch_size_with_a_layer_that_takes_statistics(batch_size):
    def fit(X, T, weights):
        return Trainer(network("all"), batch_size=batch_size).fit(
            X, T, weights, max_epochs=2, keep="last"
        )

    of_ranks, one = both([50, 1, 0, 32], fit, X, CLASSES, None if batch_size % 2 else EARLY_ZERO)
    # A column of few rows that are near each other is stretched, and with it what was rounded.
    assert_is_one(of_ranks, one, rtol=1e-10 if batch_size > 9 else 1e-5)


@pytest.mark.parametrize("shuffle", [True, False])
def test_one_rank_has_the_bits_of_none(shuffle):
    def fit():
        trainer = Trainer(network("all"), batch_size=10, shuffle=shuffle)
        return state(trainer.fit(X, CLASSES, WEIGHTS, max_epochs=3, keep="last"))

    alone = fit()
    assert run_ranks(1, lambda _: fit()) == [alone]
    with together(Shards([N])):
        assert shuffle is False or fit() == alone


def test_float32_and_a_second_call_and_one_epoch():
    def fit(X, T):
        trainer = Trainer(network("all", "float32"), batch_size=10)
        trainer.fit(X, T, max_epochs=2, keep="last")
        trainer.run_epoch(X, T)
        trainer.set_options(batch_size=20)
        return trainer.fit(X, T, max_epochs=1, keep="last")

    of_ranks, one = both([30, 53], fit, X.astype("float32"), CLASSES)
    assert_is_one(of_ranks, one, rtol=1e-3)


# ---- validation, and why a training ends


@pytest.mark.parametrize("keep", [None, "best", "last"])
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_early_stopping_goes_by_the_numbers_of_rank_0(keep):
    def fit(X, T):
        trainer = Trainer(network(), batch_size=10, n_iter_no_change=2, learning_rate="adaptive")
        score = lambda net: (-float(np.abs(net.params).sum()) * (len(X) > 0), 0.5 * len(X))  # noqa: E731
        return trainer.fit(X, T, max_epochs=12, validate=score, keep=keep)

    of_ranks = run_ranks(2, lambda c: fit(part(X, [83, 0], c.rank), part(CLASSES, [83, 0], c.rank)))
    assert_equal([state(trainer) for trainer in of_ranks])
    with together(Shards([83, 0])):
        one = fit(X, CLASSES)
    assert state(of_ranks[1])[1][:6] == state(one)[1][:6]
    np.testing.assert_allclose(of_ranks[1].validation_scores, one.validation_scores, rtol=1e-10)


def test_divergence_is_one_error_on_all_or_gives_back_the_best():
    def fit(communicator, validate):
        diverging = {"optimizer": "sgd", "learning_rate": lambda step: 0.01 if step < 9 else 1e200}
        trainer = Trainer(network(), batch_size=10, **diverging)
        return fit_shard(communicator, (), (80, 0, 3), trainer, validate=validate, keep=None)

    for error, _ in run_ranks(3, lambda c: fit(c, None)):
        assert isinstance(error, ValueError)
        assert "non-finite" in str(error)
    with pytest.warns(match="best epoch were restored"):
        got = run_ranks(3, lambda c: fit(c, lambda net: 1.0 - c.rank))
    assert_equal(got)
    assert got[0][0] is None


class At(Callback):
    """Does something in one of its methods, at a step or an epoch."""

    def __init__(self, method, action, step=0):
        self.step = step
        self.seen = []
        setattr(self, method, functools.partial(self._act, action, method))

    def _act(self, action, method, trainer):
        self.seen.append(trainer.n_steps)
        due = trainer.n_epochs >= 1 or method in ("begin", "at_step")
        if method != "end_epoch" or due:
            return action()
        return None

    def next_step(self, trainer):
        return self.step


def raising(error):
    def action():
        raise error

    return action


def fit_shard(communicator, callbacks=(), sizes=(50, 0, 33), trainer=None, **options):
    """Train on a shard; return the trainer's state, or what was raised with it."""
    trainer = trainer or Trainer(network("all"), batch_size=10)
    rows = [part(d, sizes, communicator.rank) for d in (X, CLASSES, WEIGHTS)]
    options = {"max_epochs": 3, "keep": "last"} | options
    try:
        trainer.fit(*rows, callbacks=callbacks, **options)
    except BaseException as error:
        return error, state(trainer)
    return None, state(trainer)


METHODS = ["begin", "begin_epoch", "next_step", "at_step", "end_epoch", "end"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "raised", [ValueError("no"), StopTraining("stop"), KeyboardInterrupt(), SystemExit(2)], ids=repr
)
@pytest.mark.filterwarnings("ignore:stop", "ignore:Training interrupted")
def test_what_a_callback_raises_reaches_all_ranks_and_the_next_fit_works(method, raised):
    first = At(method, raising(raised), step=4)

    def twice(communicator):
        failed = fit_shard(communicator, [first] if communicator.rank == 0 else [])
        again = Trainer(network("all"), batch_size=10)
        return failed, fit_shard(communicator, trainer=again)

    got = run_ranks(3, twice)
    assert_equal([one[0][1] for one in got])  # wherever it ended, on all the same
    assert_equal([one[1] for one in got])
    assert got[0][1][0] is None
    errors = [one[0][0] for one in got]
    stops = isinstance(raised, StopTraining | KeyboardInterrupt) and method not in ("begin", "end")
    if stops:
        assert errors == [None] * 3
    elif isinstance(raised, StopTraining | KeyboardInterrupt):
        assert [type(error) for error in errors] == [type(raised)] * 3
    else:
        assert errors[0] is raised
        assert str(errors[1]).startswith(f"rank 0 failed: {type(raised).__name__}")
        assert str(errors[2]) == str(errors[1])
    n_steps = got[0][0][1][1][1]
    assert n_steps == {"begin": 0, "begin_epoch": 0, "next_step": 0, "at_step": 4}.get(
        method, n_steps
    )


@pytest.mark.parametrize("step", [1, 5, 9, 10, *slow(2, 3, 4, 6, 7, 8, *range(11, 20))])
@pytest.mark.filterwarnings("ignore:stop")
def test_a_stop_at_any_step_leaves_what_one_process_has_there(step):
    def fit(communicator, sizes=(50, 0, 33)):
        callbacks = [At("at_step", raising(StopTraining("stop")), step)]
        return fit_shard(communicator, callbacks, sizes)

    got = run_ranks(3, fit)
    assert_equal(got)
    with together(Shards([50, 0, 33])) as communicator:
        one = fit(communicator, sizes=[N])
    assert got[0][1][1][:6] == one[1][1][:6]
    assert got[0][1][1][1] == step


@pytest.mark.parametrize("answer", [True, np.bool_(True)])
def test_a_callback_of_rank_0_that_answers_true_ends_all(answer):
    got = run_ranks(
        3, lambda c: fit_shard(c, [At("end_epoch", lambda: answer)] if c.rank == 0 else [])
    )
    assert_equal(got)
    assert got[0][1][1][0] == 1


def test_callbacks_see_one_training_and_others_none():
    seen, histories = [], [History() for _ in range(3)]

    def fit(communicator):
        return fit_shard(
            communicator, [lambda t: seen.append(t.n_seen), histories[communicator.rank]]
        )

    assert_equal(run_ranks(3, fit))
    assert seen == [83, 166, 249]
    assert len(histories[0].epochs if hasattr(histories[0], "epochs") else [1]) > 0


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_a_callback_of_rank_0_may_train_by_itself():
    def train(trainer):
        MinNetClassifier(max_iter=1).fit(X, CLASSES)
        Trainer(network()).fit(X, CLASSES, max_epochs=1, keep="last")

    train = functools.partial(train)
    got = run_ranks(2, lambda c: fit_shard(c, [train] if c.rank == 0 else [], (50, 33)))
    assert_equal(got)
    assert got[0][0] is None


@pytest.mark.filterwarnings("ignore:The limit")
def test_a_time_limit_of_rank_0_ends_all():
    got = run_ranks(
        2,
        lambda c: fit_shard(c, [TimeLimit(0.2)] if c.rank == 0 else [], (50, 33), max_epochs=10**6),
    )
    assert_equal(got)
    assert got[0][0] is None


def test_a_rate_that_a_callback_sets_holds_on_all():
    def lower(trainer):
        trainer.optimizer.learning_rate /= 2

    got = run_ranks(2, lambda c: fit_shard(c, [lower] if c.rank == 0 else [], (50, 33)))
    assert_equal(got)
    assert got[0][1][1][6] == pytest.approx(0.001 / 8)


def test_a_callback_that_changes_weights_or_options_is_an_error_on_all():
    def weights(trainer):
        trainer.network.params[0] += 1

    def options(trainer):
        trainer.batch_size = 7

    for change, match in (
        (weights, "other weights on rank 1 after epoch 1"),
        (options, "batch_size"),
    ):
        change = functools.partial(change)
        got = outcomes(
            2, lambda c, change=change: fit_shard(c, [change] if c.rank == 0 else [], (50, 33))
        )
        assert all(match in str(error) for error, _ in got), got


class InterruptedThreads(OfThreads):
    """Ctrl-C comes to a rank while it is in its n-th sum."""

    trainer, n, end_all = None, None, False

    def sum(self, numbers):
        super().sum(numbers)
        self.n = None if self.n is None else self.n - 1
        if self.n == 0:
            interrupts = self.trainer._call.interrupts
            interrupts.came = True
            interrupts.again = self.end_all


@pytest.mark.parametrize("n", [1, 5, 9, 63, *slow(2, 12, 30, 61, 62, 64, 65, 66)])
@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize("end_all", [False, True])
@pytest.mark.filterwarnings("ignore:Training interrupted")
def test_ctrl_c_on_any_rank_ends_all_after_the_same_step(n, rank, end_all):
    place = _Place(2)

    def fit(own):
        communicator = InterruptedThreads(own.rank, place)
        communicator.trainer = Trainer(network(), batch_size=10)
        communicator.n = n if own.rank == rank else None
        communicator.end_all = end_all
        before = _in_use.set(communicator)
        try:
            return fit_shard(communicator, (), (50, 33), communicator.trainer, max_epochs=7)
        finally:
            _in_use.reset(before)

    got = run_ranks(2, fit)
    assert_equal([one[1] for one in got])
    expected = type(None) if not end_all else KeyboardInterrupt
    assert [type(error) for error, _ in got] == [expected] * 2


# ---- what is wrong


def test_unequal_trainers_are_an_error_that_names_rank_and_argument():
    def unequal(communicator, **options):
        rank = communicator.rank
        options = {name: values[rank] for name, values in options.items()}
        key = options.pop("key", 1)
        fit = {name: options.pop(name) for name in ("max_epochs", "keep") if name in options}
        return fit_shard(communicator, (), (50, 33), Trainer(network(key=key), **options), **fit)

    for name, values in {
        "batch_size": (10, 11), "clip_norm": (None, 0.5), "optimizer": ("sgd", "adam"), "tol": (0.1, 0.2),
        "learning_rate": ("constant", "adaptive"), "weight_decay": (0.0, 0.1), "shuffle": (True, False),
        "backend": ("cython", "numpy"), "max_epochs": (3, 4), "keep": ("last", None),
    }.items():  # fmt: skip
        got = outcomes(2, lambda c, given={name: values}: unequal(c, **given))
        assert all(isinstance(error, ValueError) for error, _ in got), name
        assert all("on rank 1" in str(error) for error, _ in got), name
    for error, _ in outcomes(2, lambda c: unequal(c, key=(1, 2))):
        assert "random_state" in str(error)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda X, T, w: (X * np.nan, T, w), "X must be finite"),
        (lambda X, T, w: (X[:, :3], T, w), "X must have shape"),
        (lambda X, T, w: (X, T + 7, w), "T must"),
        (lambda X, T, w: (X, T[:-1], w), "T must"),
        (lambda X, T, w: (X, T, -w - 1), "sample_weight must be"),
        (lambda X, T, w: (X, T, None), "None on rank 1"),
        (lambda X, T, w: ("rows", T, w), "X must"),
    ],
)  # fmt: skip
def test_bad_rows_on_one_rank_are_an_error_on_all_at_once(change, match):
    def fit(communicator):
        rows = [part(d, [50, 33], communicator.rank) for d in (X, CLASSES, WEIGHTS)]
        if communicator.rank == 1:
            rows = change(*rows)
        trainer = Trainer(network())
        before = state(trainer)
        try:
            trainer.fit(*rows, max_epochs=1)
        except Exception as error:
            return error, state(trainer) == before
        return None

    (first, same), (second, same_there) = run_ranks(2, fit)
    assert same
    assert same_there
    assert match in str(first)
    assert match in str(second)


def test_all_ranks_together_must_have_enough():
    def fit(X, T, w=None, kind="plain"):
        return Trainer(network(kind)).fit(X, T, w, max_epochs=1)

    for error in outcomes(2, lambda c: fit(X[:0], CLASSES[:0])):
        assert "X must have at least one row, got none on any rank" in str(error)
    for error in outcomes(2, lambda c: fit(X, CLASSES, 0 * WEIGHTS)):
        assert "sample_weight must not be all zero" in str(error)
    for error in outcomes(2, lambda c: fit(X[: c.rank], CLASSES[: c.rank], kind="all")):
        assert "at least 2 rows" in str(error)
    with (
        together(Shards([3, 4])),
        pytest.raises(ValueError, match="as many rows as all shards, 7, got 83"),
    ):
        fit(X, CLASSES)


def test_what_one_process_trains_refuses():
    trainer = Trainer(network())
    with together(Shards([N])):
        with pytest.raises(RuntimeError, match="fit_stream must be called outside"):
            trainer.fit_stream([(X, CLASSES)])
        with pytest.raises(RuntimeError, match=r"EnsembleTrainer\.fit must be called outside"):
            EnsembleTrainer([network()]).fit(X, CLASSES)


def test_progress_lines_and_warnings_come_once(capsys):
    def fit(communicator):
        trainer = Trainer(network(), batch_size=10, verbose=2)
        return fit_shard(communicator, (), (50, 33), trainer, keep=None)

    with pytest.warns(match="Maximum iterations") as warned:
        assert_equal(run_ranks(2, fit))
    assert len(warned) == 1
    assert capsys.readouterr().out.count("Iteration 2") == 1


# ---- a checkpoint


@pytest.mark.parametrize("step", [4, 9, *slow(1, 8, 10, 17, 18, 26)])
@pytest.mark.parametrize("validated", [False, True])
@pytest.mark.filterwarnings("ignore:the fit was complete")
def test_the_checkpoint_of_rank_0_takes_a_training_up_at_any_step(tmp_path, step, validated):
    sizes = (50, 0, 33)

    def fit(communicator, callbacks):
        trainer = Trainer(
            network("all"), batch_size=10, learning_rate="adaptive", n_iter_no_change=2
        )
        options = (
            {"keep": "best", "validate": lambda net: -abs(net.params).sum()} if validated else {}
        )
        return fit_shard(communicator, callbacks, sizes, trainer, max_epochs=4, **options)

    whole = run_ranks(3, lambda c: fit(c, ()))
    path = tmp_path / "training.safetensors"
    killed = run_ranks(
        3,
        lambda c: fit(
            c, [Checkpoint(path, every=0), At("at_step", raising(OSError("killed")), step)]
        ),
    )
    assert all("killed" in str(error) for error, _ in killed)
    resumed = run_ranks(3, lambda c: fit(c, [Checkpoint(path, every=0)]))
    assert_equal(resumed)
    assert resumed == whole
    again = run_ranks(
        3, lambda c: fit(c, [Checkpoint(path)] if c.rank == 0 else [])
    )  # it is complete
    assert again[0][1][0] == whole[0][1][0]
    for error, _ in run_ranks(2, lambda c: fit_shard(c, [Checkpoint(path)], (50, 33))):
        assert "differs in" in str(error)


# ---- L-BFGS


@pytest.mark.parametrize("sizes", SHARDINGS, ids=str)
@pytest.mark.parametrize(
    "weights", [None, WEIGHTS, EARLY_ZERO], ids=["alike", "weights", "a shard of zeros"]
)
@pytest.mark.parametrize("backend", ["cython", *slow("numpy")])
@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
def test_lbfgs_of_ranks_is_that_of_one_process(sizes, weights, backend):
    def fit(X, T, w):
        net = Network([Dense(6, "tanh"), Dense(3)], alpha=0.01).initialize(5, random_state=1)
        return net, minimize_lbfgs(net, X, T, w, max_iter=20, backend=backend)

    of_ranks, one = both(sizes, fit, X, CLASSES, weights)
    assert len({net.params.tobytes() for net, _ in of_ranks}) == 1
    np.testing.assert_allclose(of_ranks[0][0].params, one[0].params, atol=1e-10)
    assert of_ranks[0][1] == pytest.approx(one[1])


# ---- an error anywhere


def in_a_call(k, error):
    """Return a tracer that raises in the k-th call of a function of minnet, in the thread that sets it."""
    calls = itertools.count(1)

    def trace(frame, event, argument):
        ours = event == "call" and frame.f_code.co_filename.startswith(FOLDER)
        if ours and next(calls) == k:
            raise error

    return trace, calls


@pytest.mark.parametrize("call", ["fit", "lbfgs"])
@pytest.mark.parametrize("rank", [0, 1, 2])
@pytest.mark.parametrize("seed", [0, *slow(*range(1, 8))])
@pytest.mark.filterwarnings("ignore")
def test_an_error_anywhere_on_one_rank_is_one_on_all(call, rank, seed, tmp_path):
    def fit(communicator, k, error):
        rows = [part(d, (50, 0, 33), communicator.rank) for d in (X, CLASSES, WEIGHTS)]
        net = network("all" if call == "fit" else "plain")
        trainer = Trainer(net, batch_size=20)
        callbacks = [Checkpoint(tmp_path / f"{k}.safetensors")] if communicator.rank == 0 else []
        trace, calls = in_a_call(k if communicator.rank == rank else 0, error)
        before = sys.gettrace()
        sys.settrace(trace)
        try:
            if call == "fit":
                trainer.fit(*rows, max_epochs=2, validate=lambda net: 1.0, callbacks=callbacks)
            else:
                minimize_lbfgs(net, *rows, max_iter=3)
        except BaseException as raised:
            return raised, next(calls)
        finally:
            sys.settrace(before)
        return None, next(calls)

    done = run_ranks(3, lambda c: fit(c, 0, None))
    assert [error for error, _ in done] == [None] * 3
    random, n_calls = np.random.default_rng(seed), done[rank][1]
    for error in MemoryError(), KeyboardInterrupt(), StopTraining():
        # The first call is the way in, and the last ones the way out.
        k = int(random.integers(10, n_calls - 10))
        errors = [raised for raised, _ in run_ranks(3, lambda c, k=k, e=error: fit(c, k, e))]
        assert all(errors) or not any(errors), (k, errors)
