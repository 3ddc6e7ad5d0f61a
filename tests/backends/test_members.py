"""The border of compiled members: what does not fit a network is refused before anything is read."""

import numpy as np
import pytest

from minnet import SGD, Adam, BatchNorm, Dense, Network
from minnet.backends import Hyper, list_backends

if "cython" not in list_backends():
    pytest.skip("needs the extension", allow_module_level=True)

from minnet.backends.cython import CythonBackend
from minnet.backends.members import CompiledMembers, HeldRows, Task
from minnet_ext import _members

N = 21
X = np.random.default_rng(0).normal(size=(N, 3))
T = (X[:, 0] > 0).astype(np.int64)


def a_task(seed=0, dtype="float64", **given):
    network = Network([Dense(4), BatchNorm(activation="tanh"), Dense(2)])
    network.initialize(3, random_state=seed, dtype=dtype)
    optimizer = Adam()
    optimizer.prepare(network.params)
    hyper = Hyper(10, np.full(6, 0.01), optimizer, N, float(N))
    arguments = {
        "backend": CythonBackend(network), "hyper": hyper, "X": X.astype(dtype), "T": T, "weights": None,
        "rows": np.arange(N), "held": np.arange(5), "held_weight": 5.0, "order": np.zeros(N, np.int64),
        "ordered": -1, "shuffle": True, "part": 0, "losses_before": np.empty(0), "n_steps": 2,
        "long_step": True, "start": 0, "n_epochs": 2, "stop": 1, "scoring": "loss",
        "best": (network.params.copy(), network.state.copy()), "best_score": -np.inf,
    }  # fmt: skip
    return Task(**arguments | given)


def test_what_fits_is_done():
    tasks = [a_task(seed) for seed in range(3)]
    CompiledMembers(2).take(tasks)
    for task in tasks:
        assert (task.done, task.start, task.status) == (2, 1, 0)
        assert task.hyper.optimizer.step == 5
        assert np.isfinite(task.scores[:2]).all()
        assert task.best_score == task.scores[:2].max()


def test_each_scores_all_of_its_held_rows_whoever_is_beside_it():
    many = np.random.default_rng(1).normal(size=(700, 3))  # several blocks of a prediction
    given = {
        "X": many, "T": (many[:, 0] > 0).astype(np.int64), "held": np.arange(700), "held_weight": 700.0,
    }  # fmt: skip
    beside, alone = [a_task(seed, **given) for seed in range(3)], []
    CompiledMembers(3).take(beside)
    for seed in range(3):
        alone.append(a_task(seed, **given))
        CompiledMembers(1).take(alone[-1:])
    for one, other in zip(beside, alone, strict=True):
        np.testing.assert_array_equal(one.scores, other.scores)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_held", [1, 192, 193, 500])
@pytest.mark.parametrize("n_units", [3, 64])
def test_held_rows_are_those_that_are_named(n_units, n_held, dtype):
    rng = np.random.default_rng(1)
    many = rng.normal(size=(700, 20)).astype(dtype)
    network = Network([Dense(n_units, "tanh"), Dense(2)]).initialize(
        20, random_state=0, dtype=dtype
    )
    classes, held = (many[:, 0] > 0).astype(np.int64), rng.permutation(700)[:n_held]
    optimizer = SGD()
    optimizer.prepare(network.params)
    task = a_task(
        backend=CythonBackend(network), hyper=Hyper(700, np.full(1, 0.1), optimizer, 700, 700.0), X=many,
        T=classes, rows=None, held=held, held_weight=float(n_held), order=np.zeros(700, np.int64),
        n_steps=1, long_step=False, n_epochs=1, stop=0, best=None,
    )  # fmt: skip
    CompiledMembers(1).take([task])
    own = network.predict(many[held])[np.arange(n_held), classes[held]]
    np.testing.assert_allclose(task.scores, np.log(own).mean(), rtol=1e-5)


@pytest.mark.parametrize(
    "wrong",
    [
        {"rows": np.arange(N) + 1},
        {"rows": -np.arange(N)},
        {"rows": np.empty(0, np.int64)},
        {"held": np.array([N])},
        {"held": np.array([-1])},
        {"held": None},
        {"held_weight": 0.0},
        {"held_weight": np.nan},
        {"order": np.zeros(N - 1, np.int64)},
        {"order": None},
        {"order": np.full(N, N), "ordered": 0},
        {"n_epochs": 3},
        {"n_epochs": -1},
        {"n_epochs": 0, "stop": 0},
        {"stop": 2},
        {"stop": -1},
        {"start": 2, "losses_before": np.zeros(2)},
        {"part": 2**32 - 1},
        {"part": -1},
        {"long_step": False},
        {"weights": np.ones(N - 1)},
        {"T": T[:-1]},
        {"X": X[:, :2]},
        {"X": X[:0]},
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(wrong):
    task = a_task(**wrong)
    before = task.params.copy()
    with pytest.raises((ValueError, TypeError)):
        _members.Members().advance([task], 1, 1)
    np.testing.assert_array_equal(task.params, before)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("losses", np.zeros(5)),
        ("mean_losses", np.zeros(0)),
        ("scores", np.zeros(2)),
        ("held_losses", np.zeros(0)),
        ("losses", np.zeros(12)[::2]),
        ("params", np.zeros(8)),
        ("state", np.zeros(8)),
        ("best", (np.zeros(8), np.zeros(8))),
        ("scoring", 3),
        ("scoring", 4),
        ("scoring", -1),
    ],
)
def test_arrays_that_do_not_fit_are_refused(name, value):
    task = a_task()
    setattr(task, name, value)
    with pytest.raises(ValueError, match=r".+"):
        _members.Members().advance([task], 1, 1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X", X[:, :2]),
        ("X", X[:-1]),
        ("X", X.astype("float32")),
        ("T", T[:-1]),
        ("weights", np.ones(N - 1)),
        ("weight_sum", 0.0),
        ("weight_sum", np.nan),
        ("params", np.zeros(8)),
        ("state", np.zeros(8)),
    ],
)
def test_held_rows_that_do_not_fit_are_refused(name, value):
    rows = HeldRows(a_task().backend, X, T, None)
    score, loss = rows.score()
    assert 0 <= score <= 1
    assert loss > 0
    setattr(rows, name, value)
    with pytest.raises(ValueError, match=r".+"):
        _members.score(rows)
    task = a_task(scoring="accuracy", held_rows=rows, rows=None, held=None)
    with pytest.raises(ValueError, match=r".+"):
        _members.Members().advance([task], 1, 1)


def test_a_class_that_no_output_has_is_not_right():
    rows = HeldRows(a_task().backend, X, T, None)
    rows.T = np.full(N, 7)
    score, loss = rows.score()
    assert score == 0
    assert np.isnan(loss)


def test_members_must_be_of_their_own():
    one, other = a_task(), a_task(1)
    other.params = one.params
    with pytest.raises(ValueError, match="same parameters"):
        _members.Members().advance([one, other], 1, 1)
    with pytest.raises(ValueError, match="two dtypes"):
        _members.Members().advance([one, a_task(1, "float32")], 1, 1)
    squared = a_task()
    squared.loss, squared.scoring, squared.T = (2, 0.0), 2, np.zeros((N, 2))
    with pytest.raises(ValueError, match="scoring"):
        _members.Members().advance([squared], 1, 1)
