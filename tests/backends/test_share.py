"""Steps that several processes take together are those of one process that has the same rows of each.

The processes are threads here, each with a network and a backend of its own.
"""

import itertools
import threading

import numpy as np
import pytest
from parity import (
    FACTORS,
    MODES,
    N_ROWS,
    OPTIMIZERS,
    all_pairs,
    assert_close,
    compiled,
    problem,
)
from scipy import sparse

from minnet.backends import Hyper, list_backends, make_backend
from minnet.backends.share import Share

BACKENDS = [name for name in ("cython", "numpy") if name in list_backends()]

#: Rows of each process.
SIZES = ((20, 6), (0, 26), (0, 9, 17), (5, 0, 11, 10))


class Meeting:
    """Where the threads sum up; what one raises ends all."""

    def __init__(self, size):
        self.barrier, self.arrays = threading.Barrier(size, timeout=60), [None] * size
        self.n_sums = 0

    def sum_of(self, rank):
        def sum_up(numbers):
            assert numbers.ndim == 1
            assert numbers.flags.c_contiguous
            self.arrays[rank] = numbers.copy()
            self.barrier.wait()
            assert len({(a.shape, a.dtype) for a in self.arrays}) == 1
            numbers[...] = np.sum(self.arrays, axis=0, dtype=numbers.dtype)
            self.n_sums += rank == 0
            self.barrier.wait()

        return sum_up

    def run(self, function):
        """Return ``function(rank)`` of all, or the error instead."""
        results = [None] * len(self.arrays)

        def of(rank):
            try:
                results[rank] = function(rank)
            except BaseException as error:
                results[rank] = error
                self.barrier.abort()

        threads = [threading.Thread(target=of, args=(rank,)) for rank in range(len(results))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results


def all_or_raise(results):
    errors = [one for one in results if isinstance(one, BaseException)]
    for error in sorted(errors, key=lambda e: isinstance(e, threading.BrokenBarrierError)):
        raise error
    return results


class Cut:
    """Which process has which rows of each step: any that it has, in a random order."""

    def __init__(self, sizes, batch_size, rng, weights=None):
        n, ends = sum(sizes), np.cumsum(sizes)
        self.starts = ends - sizes
        rows = rng.permutation(n)
        owner = np.searchsorted(ends, rows, side="right")
        step = np.arange(n) // batch_size
        by_step = np.lexsort((np.arange(n), owner, step))
        self.order, owner = rows[by_step], owner[by_step]  # of one process
        self.orders = [self.order[owner == r] - self.starts[r] for r in range(len(sizes))]
        n_steps = step[-1] + 1
        counts = np.array(
            [np.bincount(step[owner == r], minlength=n_steps) for r in range(len(sizes))]
        )
        self.lengths = counts.sum(axis=0)
        self.bounds = [np.concatenate([[0], np.cumsum(one)]) for one in counts]
        before = np.cumsum(self.lengths) - self.lengths
        self.positions = [before + counts[:r].sum(axis=0) for r in range(len(sizes))]
        self.weights = self.squares = None
        if weights is not None:
            w = weights[self.order]
            self.weights = np.bincount(step, w)
            with np.errstate(invalid="ignore"):
                self.squares = np.bincount(step, w * w) / self.weights**2

    def share(self, rank, sum=None, **given):
        arrays = self.bounds[rank], self.positions[rank], self.lengths, self.weights, self.squares
        return Share(*arrays, sum=sum, leads=rank == 0, **given)


def hyper_of(case, optimizer, n, weights, epoch=0, share=None):
    n_steps = -(-n // case["batch_size"])

    return Hyper(
        batch_size=case["batch_size"],
        rates=optimizer.learning_rate * np.linspace(1, 0.5, n_steps),
        optimizer=optimizer,
        n_samples=n,
        weight_sum=float(n if weights is None else weights.sum()),
        position=100 + n * epoch,
        share=share,
        **MODES[case["mode"]],
    )


def prepared(case, network):
    optimizer = OPTIMIZERS[case["optimizer"]]()
    optimizer.prepare(network.params)
    return optimizer


def part_of(array, cut, rank, sizes):
    """Return the rows of a process, which may be none; a view where there are some."""
    return None if array is None else array[cut.starts[rank] : cut.starts[rank] + sizes[rank]]


def trained(case, sizes, cuts, meeting=None, rank=0, backend="numpy", n_threads=1, parts=1):
    """Train in one process, or as one of several; return what the training changed."""
    network, X, T, weights = problem(case)
    if case.get("sparse"):
        X = sparse.csr_matrix(X)
    optimizer, losses, n = prepared(case, network), [], X.shape[0]
    runner = compiled(backend, network, n_threads)
    for epoch, cut in enumerate(cuts):
        if meeting is None:
            data, order, share = (X, T, weights), cut.order, None
        else:
            data = [part_of(array, cut, rank, sizes) for array in (X, T, weights)]
            order = cut.orders[rank]
            share = cut.share(rank, meeting.sum_of(rank))
        hyper = hyper_of(case, optimizer, n, weights, epoch, share)
        places = np.unique(np.linspace(0, len(cut.lengths), parts + 1).astype(int))
        for start, stop in itertools.pairwise(places):
            losses.append(runner.train_steps(*data, order, int(start), int(stop), hyper))
    return network.params, network.state, optimizer.state, optimizer.step, np.concatenate(losses)


def cuts_of(case, sizes, n_epochs=2):
    weights = problem(case)[3]
    rng = np.random.default_rng(8)
    return [Cut(sizes, case["batch_size"], rng, weights) for _ in range(n_epochs)]


def compare(case, sizes, backend, n_threads=1):
    dtype, cuts = case["dtype"], cuts_of(case, sizes)
    times = 10 if dtype == "float32" else 1  # a batch of few rows is normalized: rounding grows
    network = problem(case)[0]
    expected = trained(case, sizes, cuts)
    meeting = Meeting(len(sizes))
    ranks = all_or_raise(
        meeting.run(
            lambda rank: trained(
                case, sizes, cuts, meeting, rank, backend, n_threads, parts=1 + rank
            )
        )
    )
    assert 1e-5 < np.abs(expected[0] - network.params).max() < 10, "the case says nothing"
    for rank in ranks:
        for mine, first in zip(rank, ranks[0], strict=True):
            np.testing.assert_array_equal(mine, first)
    params, state, moments, step, losses = ranks[0]
    assert_close(params, expected[0], network.params, dtype, "parameters", times)
    assert_close(state, expected[1], network.state, dtype, "layer state", times)
    for mine, theirs in zip(moments, expected[2], strict=True):
        assert_close(mine, theirs, 0, dtype, "optimizer state", times)
    assert step == expected[3]
    np.testing.assert_allclose(losses, expected[4], rtol=1e-9 if dtype == "float64" else 1e-3)


CASES = all_pairs(
    FACTORS
    | {
        "activation": ("tanh", "relu", "gelu"),
        "loss": ("softmax", "squared", "sigmoid", "huber"),
        "optimizer": ("sgd", "nesterov", "adamw", "rmsprop_momentum"),
        "batch_size": (3, 7, N_ROWS),
        "layout": ("C", "strided"),
        "order": ("permuted",),
        "sizes": SIZES,
        "backend": tuple(BACKENDS),
        "n_threads": (1, 2),
    }
)


def label(value):
    return "-".join(map(str, value.values()))


@pytest.fixture
def all_threads(monkeypatch):
    """As many threads as asked for, however small the work."""
    from minnet.backends import cython

    monkeypatch.setattr(cython, "_MULTIPLICATIONS_A_THREAD", 1)


@pytest.mark.parametrize("one", CASES, ids=label)
def test_several_processes_take_the_steps_of_one(one, all_threads):
    compare(one, one["sizes"], one["backend"], one["n_threads"])


PLAIN = {
    "layers": "dense", "activation": "tanh", "loss": "softmax", "optimizer": "momentum", "alpha": 0.5,
    "mode": "both_clips", "dtype": "float64", "weights": "weighted", "batch_size": 7, "layout": "C",
    "order": "permuted",
}  # fmt: skip


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch_size", [2, N_ROWS])
def test_a_process_without_rows_of_wide_layers(batch_size, dtype, backend, all_threads):
    one = PLAIN | {"layers": "wide", "batch_size": batch_size, "dtype": dtype}
    for n_threads in (1, 2):
        compare(one, (0, 9, 17), backend, n_threads)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("mode", ["fused", "clip_norm"])
def test_sparse_rows(backend, optimizer, mode):
    one = PLAIN | {"sparse": True, "optimizer": optimizer, "mode": mode}
    compare(one, (0, 9, 17), backend)


# ---- the bounds of steps alone: one process has all rows of several


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("layers", ["dropout", "batch_norm", "piecewise"])
@pytest.mark.parametrize("mode", ["fused", "clip_norm"])
def test_one_process_takes_steps_of_any_length(backend, layers, mode):
    one = PLAIN | {"layers": layers, "mode": mode}
    cuts = cuts_of(one, (9, 17))
    expected = trained(one, (26,), cuts, backend=backend)
    network, X, T, weights = problem(one)
    optimizer, runner, losses = prepared(one, network), compiled(backend, network), []
    for epoch, cut in enumerate(cuts):
        bounds = np.concatenate([[0], np.cumsum(cut.lengths)])
        share = Share(bounds, bounds[:-1], cut.lengths)
        hyper = hyper_of(one, optimizer, 26, weights, epoch, share)
        losses.append(runner.train_steps(X, T, weights, cut.order, 0, len(cut.lengths), hyper))
    mine = (
        network.params,
        network.state,
        optimizer.state,
        optimizer.step,
        np.concatenate(losses),
    )
    for ours, theirs in zip(mine, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


# ---- what comes in between


def interrupted(backend, when, layers="batch_norm", step=2):
    """Train on two ranks of which rank 1 does something; return outcomes and what was left."""
    one, sizes = PLAIN | {"layers": layers}, (13, 13)
    (cut,) = cuts_of(one, sizes, 1)
    meeting, left = Meeting(2), [None, None]

    def run(rank):
        network, X, T, weights = problem(one)
        optimizer, sum_up = prepared(one, network), meeting.sum_of(rank)
        asked = itertools.count()

        def stops():
            return when == "stops" and rank == 1 and next(asked) == step

        def failing(numbers):
            if rank == 1 and next(asked) == when:
                raise KeyboardInterrupt("in a sum")
            sum_up(numbers)

        share = cut.share(rank, sum_up if when == "stops" else failing, stops=stops)
        hyper = hyper_of(one, optimizer, 26, weights, 0, share)
        data = [part_of(array, cut, rank, sizes) for array in (X, T, weights)]
        left[rank] = network, optimizer
        return compiled(backend, network).train_steps(*data, cut.orders[rank], 0, 4, hyper)

    return meeting.run(run), left, cut, one


def after(one, cut, backend, n_steps):
    """Return what so many steps of one process leave."""
    network, X, T, weights = problem(one)
    optimizer = prepared(one, network)
    hyper = hyper_of(one, optimizer, 26, weights)
    losses = compiled(backend, network).train_steps(X, T, weights, cut.order, 0, n_steps, hyper)
    return network, optimizer, losses


def assert_left(left, cut, one, backend, n_steps):
    expected, oracle, _ = after(one, cut, backend, n_steps)
    for network, optimizer in left:
        np.testing.assert_allclose(network.params, expected.params, rtol=0, atol=1e-12)
        np.testing.assert_allclose(network.state, expected.state, rtol=0, atol=1e-12)
        np.testing.assert_allclose(optimizer.state, oracle.state, rtol=0, atol=1e-12)
        assert optimizer.step == n_steps


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("step", [0, 2, 3])
def test_all_stop_before_the_same_step(backend, step):
    results, left, cut, one = interrupted(backend, "stops", step=step)
    losses = after(one, cut, backend, step)[2]
    for rank in all_or_raise(results):
        np.testing.assert_allclose(rank, losses)
    assert_left(left, cut, one, backend, step)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "when", range(8)
)  # sums of BatchNorm, forward and backward, and of the gradient
def test_a_sum_that_fails_leaves_what_whole_steps_made(backend, when):
    results, left, cut, one = interrupted(backend, 7 + when)
    assert isinstance(results[1], KeyboardInterrupt)
    assert isinstance(results[0], threading.BrokenBarrierError)
    n_steps = left[1][1].step
    assert 1 <= n_steps <= 2
    assert_left(left[1:], cut, one, backend, n_steps)
    assert_left(left[:1], cut, one, backend, left[0][1].step)


# ---- the objective of all rows


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("sizes", SIZES)
def test_parts_of_objective_and_gradient_sum_up(backend, weighted, sizes):
    one = PLAIN | {"weights": "weighted" if weighted else "unweighted"}
    network, X, T, weights = problem(one)
    loss, grads = make_backend("numpy", network).loss_and_grad(X, T, weights)
    total = float(26 if weights is None else weights.sum())
    cut, runner = Cut(sizes, 26, np.random.default_rng(0)), make_backend(backend, network)
    parts = [
        runner.loss_and_grad(
            *(part_of(array, cut, rank, sizes) for array in (X, T, weights)), total, rank == 0
        )
        for rank in range(len(sizes))
    ]
    np.testing.assert_allclose(sum(part[0] for part in parts), loss, rtol=1e-12)
    np.testing.assert_allclose(sum(part[1] for part in parts), grads, rtol=0, atol=1e-12)
