"""The schedules by step: their formulas, and that every backend takes each step at its own rate."""

import itertools
import math

import numpy as np
import pytest
from sklearn.base import clone

from minnet import SGD, Adam, Dense, MinNetClassifier, MinNetRegressor, Network, Trainer
from minnet.backends import list_backends
from minnet.callbacks import Callback
from minnet.schedules import (
    ByStep,
    Constant,
    Cosine,
    FlatThenCosine,
    FunctionOfStep,
    StepDecay,
    WarmUp,
    get_schedule,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def stepwise(t):
    return 0.5 ** math.floor(t / 3)


def cosine(t):
    return 0.1 + 0.9 * (1 + math.cos(math.pi * min(t, 7) / 7)) / 2


def flat_then_cosine(t):
    falling = max(min(t, 10) - 4, 0) / 6
    return 0.1 + 0.9 * (1 + math.cos(math.pi * falling)) / 2


def warm_up(t):
    return 0.2 + 0.8 * (t + 1) / 5 if t < 5 else 1.0


#: Each schedule beside its factor, written out.
FORMULAS = [
    (StepDecay(3, factor=0.5), stepwise),
    (Cosine(7, final=0.1), cosine),
    (FlatThenCosine(0.4, 10, final=0.1), flat_then_cosine),
    (WarmUp(5, start=0.2), warm_up),
    (WarmUp(5, then=Cosine(7, final=0.1), start=0.2), lambda t: warm_up(t) * cosine(max(0, t - 5))),
    (WarmUp(5, StepDecay(3, 0.5), 0.2), lambda t: warm_up(t) * stepwise(max(0, t - 5))),
    (WarmUp(2, WarmUp(5, start=0.2)), lambda t: (t + 1) / 2 if t < 2 else warm_up(t - 2)),
]
formulas = pytest.mark.parametrize(
    ("schedule", "factor"), FORMULAS, ids=[str(s) for s, _ in FORMULAS]
)


@formulas
def test_formulas(schedule, factor):
    expected = [0.3 * factor(t) for t in range(25)]
    np.testing.assert_allclose(schedule.rates(9.0, 0.3, 0, 25, 0), expected, rtol=1e-14)
    parts = [schedule.rates(9.0, 0.3, start, 5, 0) for start in range(0, 25, 5)]
    np.testing.assert_allclose(np.concatenate(parts), expected, rtol=1e-14)
    assert schedule.reduce(0.3) is None


def test_ends_of_the_lines():
    np.testing.assert_allclose(WarmUp(4).rates(0, 1.0, 0, 6, 0), [0.25, 0.5, 0.75, 1, 1, 1])
    # PyTorch's own numbers: CosineAnnealingLR(SGD(lr=1), T_max=4).
    half = 0.5 + math.sqrt(0.125)
    np.testing.assert_allclose(
        Cosine(4).rates(0, 1.0, 0, 6, 0), [1, half, 0.5, 1 - half, 0, 0], atol=1e-15
    )


# The gradient of |w - t| in w is -1 while w is far below t, so that w grows by the rate in each step of
# plain SGD, and by the rate times 1 / (1 + epsilon) in each of Adam.
FAR = np.full((10, 1), 1e6)
ONES = np.ones((10, 1))


@formulas
@pytest.mark.parametrize("backend", list_backends())
@pytest.mark.parametrize("optimizer", [SGD(0.25), Adam(0.25)], ids=["sgd", "adam"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_step_of_every_backend_has_its_rate(schedule, factor, backend, optimizer, dtype):
    net = Network([Dense(1, bias_init="zeros")], loss="absolute_error", init="zeros")
    net.initialize(1, random_state=0, dtype=dtype)
    trainer = Trainer(net, optimizer, batch_size=4, learning_rate=schedule, backend=backend)
    X, T = ONES.astype(dtype), FAR.astype(dtype)
    for epoch in range(1, 5):  # of three steps each
        trainer.run_epoch(*net.check_batch(X, T))
        expected = math.fsum(0.25 * factor(t) for t in range(3 * epoch))
        rtol = 1e-6 if dtype == "float32" else 1e-7
        np.testing.assert_allclose(net.layers[0].W, [[expected]], rtol=rtol)
        assert trainer.optimizer.learning_rate == pytest.approx(0.25 * factor(3 * epoch - 1))


REG = {
    "hidden_layer_sizes": (),
    "loss": "absolute_error",
    "init": "zeros",
    "alpha": 0,
    "batch_size": 4,
    "learning_rate_init": 0.25,
}


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_schedules_go_on_in_partial_fit_and_warm_starts(solver):
    schedule = WarmUp(5, then=Cosine(20))
    expected = schedule.rates(0, 0.25, 0, 12, 0)

    options = {"solver": "sgd", "momentum": 0} if solver == "sgd" else {"solver": solver}
    reg = MinNetRegressor(**REG, **options, learning_rate=schedule)
    for epoch in range(1, 5):
        reg.partial_fit(ONES, FAR.ravel())
        assert reg.coefs_[0][0, 0] == pytest.approx(expected[: 3 * epoch].sum(), rel=1e-7)

    reg = MinNetRegressor(**REG, **options, learning_rate=schedule, max_iter=1, warm_start=True)
    for epoch in range(1, 4):
        reg.fit(ONES, FAR.ravel())
        assert reg.coefs_[0][0, 0] == pytest.approx(expected[: 3 * epoch].sum(), rel=1e-7)
    reg.partial_fit(ONES, FAR.ravel())  # and from the one to the other
    assert reg.coefs_[0][0, 0] == pytest.approx(expected.sum(), rel=1e-7)
    reg.set_params(warm_start=False).fit(ONES, FAR.ravel())
    assert reg.coefs_[0][0, 0] == pytest.approx(expected[:3].sum(), rel=1e-7)


def test_a_function_of_the_step_goes_on_in_a_warm_start():
    asked = []

    def rate(step):
        asked.append(step)
        return 0.1

    options = {**REG, "learning_rate_init": 0.001, "learning_rate": rate}
    reg = MinNetRegressor(**options, max_iter=1, warm_start=True)
    reg.fit(ONES, FAR.ravel()).fit(ONES, FAR.ravel())
    assert asked == [0, 1, 2, 3, 4, 5]


# ---- over this fit


class Noting(SGD):
    """Notes the rate of each step."""

    compiled = None

    def prepare(self, params):
        super().prepare(params)
        self.noted = []

    def update(self, params, grads, rates):
        self.noted.append(float(rates))
        super().update(params, grads, rates)


#: Beside its factor in a fit of T steps, written out.
OVER_THE_FIT = {
    "cosine": (Cosine(final=0.1), lambda t, T: 0.1 + 0.9 * (1 + math.cos(math.pi * t / T)) / 2),
    "flat": (
        FlatThenCosine(0.4),
        lambda t, T: (1 + math.cos(math.pi * max(t / T - 0.4, 0) / 0.6)) / 2,
    ),
    "warm-up": (
        WarmUp(4, Cosine()),
        lambda t, T: (t + 1) / 4 if t < 4 else (1 + math.cos(math.pi * (t - 4) / (T - 4))) / 2,
    ),
}
over_the_fit = pytest.mark.parametrize("name", OVER_THE_FIT)
PARTS = [(ONES[:6], FAR[:6]), (ONES[6:], FAR[6:])]  # two steps of 4 rows in one, one in the other
EVEN = [(ONES[:8], FAR[:8]), (ONES[:7], FAR[:7])]  # two in each


def of_trainer(schedule):
    net = Network([Dense(1)], loss="absolute_error").initialize(1, random_state=0)
    return Trainer(net, Noting(0.5), batch_size=4, learning_rate=schedule, n_iter_no_change=99)


def of_estimator(schedule, **options):
    return MinNetRegressor(
        hidden_layer_sizes=(),
        solver=Noting(0.5),
        learning_rate=schedule,
        batch_size=4,
        n_iter_no_change=99,
        **options,
    )


def noted(reg):
    return reg._trainer.optimizer.noted


#: Calls that return the rates of their steps, beside how many there are.
FITS = {
    "trainer": (15, lambda s: of_trainer(s).fit(ONES, FAR, max_epochs=5).optimizer.noted),
    "trainer's second fit": (
        6,
        lambda s: of_trainer(s).fit(ONES, FAR).fit(ONES, FAR, max_epochs=2).optimizer.noted[600:],
    ),
    "estimator": (15, lambda s: noted(of_estimator(s, max_iter=5).fit(ONES, FAR.ravel()))),
    "warm start": (
        9,
        lambda s: noted(
            of_estimator(s, max_iter=5, warm_start=True)
            .fit(ONES, FAR.ravel())
            .set_params(max_iter=3)
            .fit(ONES, FAR.ravel())
        ),
    ),
    "stream, a list": (20, lambda s: of_trainer(s).fit_stream(EVEN, n_epochs=5).optimizer.noted),
    "endless stream": (
        12,
        lambda s: (
            of_trainer(s)
            .fit_stream(itertools.cycle(EVEN), n_epochs=6, batches_per_epoch=1)
            .optimizer.noted
        ),
    ),
    "estimator's stream": (
        20,
        lambda s: noted(of_estimator(s).fit_stream([(X, T.ravel()) for X, T in EVEN], n_epochs=5)),
    ),
}


@over_the_fit
@pytest.mark.parametrize("fit", FITS)
def test_a_schedule_over_the_fit_has_its_end_where_the_fit_has(name, fit):
    (schedule, factor), (n_steps, rates_of) = OVER_THE_FIT[name], FITS[fit]
    expected = [0.5 * factor(t, n_steps) for t in range(n_steps)]
    np.testing.assert_allclose(rates_of(schedule), expected, rtol=1e-12, atol=1e-15)


@over_the_fit
def test_batches_of_other_lengths_keep_begin_and_end(name):
    schedule, factor = OVER_THE_FIT[name]
    if name != "warm-up":  # which counts updates
        rates = of_trainer(schedule).fit_stream(PARTS, n_epochs=4).optimizer.noted
        shares = [epoch / 4 + share for epoch in range(4) for share in (0, 1 / 16, 1 / 8)]
        expected = [0.5 * factor(share, 1) for share in shares]
        np.testing.assert_allclose(rates, expected, rtol=1e-12)


@over_the_fit
@pytest.mark.parametrize(
    "call",
    [
        lambda s: of_trainer(s).run_epoch(ONES, FAR),
        lambda s: of_estimator(s).partial_fit(ONES, FAR.ravel()),
        lambda s: of_trainer(s).fit_stream(lambda: iter(PARTS), n_epochs=2),
        lambda s: of_trainer(s).fit_stream(iter(PARTS)),
        lambda s: s.rates(0.5, 0.5, 0, 3, 0),
    ],
)
def test_where_nobody_knows_the_length(name, call):
    with pytest.raises(ValueError, match=r"n_steps of .*Cosine must be a number of updates where"):
        call(OVER_THE_FIT[name][0])


@over_the_fit
@pytest.mark.parametrize("backend", list_backends())
def test_it_has_the_bits_of_the_schedule_that_counts(name, backend):
    schedule, _ = OVER_THE_FIT[name]
    X, y = np.random.default_rng(0).normal(size=(50, 3)), np.arange(50) % 3
    options = {"batch_size": 16, "max_iter": 4, "random_state": 0, "backend": backend}
    found = [
        MinNetClassifier((5,), learning_rate=each, **options).fit(X, y).network_.params
        for each in (schedule, schedule.over(16))
    ]
    np.testing.assert_array_equal(*found)


class Told(Callback):
    def begin_epoch(self, trainer):
        self.told.append(trainer.next_rate())

    def next_step(self, trainer):
        return trainer.n_steps + 1

    def at_step(self, trainer):
        if trainer.run.start:
            self.told.append(trainer.next_rate())

    told = ()


@over_the_fit
def test_callbacks_are_told_the_rate_of_the_next_step(name):
    told = Told()
    told.told = []
    trainer = of_trainer(OVER_THE_FIT[name][0]).fit(ONES, FAR, max_epochs=4, callbacks=[told])
    assert sorted(set(told.told), reverse=True) == sorted(
        set(trainer.optimizer.noted), reverse=True
    )


class Halves(ByStep):
    """One of a user's own that goes by the length of the fit."""

    def __init__(self, n_steps=None):
        self.n_steps = n_steps

    def over(self, n_steps):
        return Halves(n_steps)

    def factors(self, steps):
        return np.where(2 * steps < self.n_steps, 1.0, 0.5)


def test_one_of_your_own_may_go_by_the_length_of_the_fit():
    trainer = of_trainer(Halves()).fit(ONES, FAR, max_epochs=2).fit(ONES, FAR, max_epochs=4)
    assert trainer.optimizer.noted == [0.5] * 3 + [0.25] * 3 + [0.5] * 6 + [0.25] * 6


def test_schedules_are_arguments_as_scikit_learn_has_them():
    clf = MinNetClassifier(learning_rate=WarmUp(5, then=StepDecay(10)))
    copy = clone(clf)
    assert copy.learning_rate == clf.learning_rate
    assert copy.learning_rate is not clf.learning_rate
    assert copy.set_params(learning_rate=Cosine(3)).get_params()["learning_rate"] == Cosine(3)
    assert repr(clf) == "MinNetClassifier(learning_rate=WarmUp(5, then=StepDecay(10)))"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: StepDecay(0), "n_steps must be a whole number of at least 1, got 0"),
        (lambda: Cosine(2.5), "n_steps must be None or a whole number of at least 1, got 2.5"),
        (lambda: FlatThenCosine(1), "flat must be at least 0 and below 1, got 1"),
        (lambda: WarmUp(True), "n_steps must be a whole number of at least 1, got True"),
        (lambda: StepDecay(3, 0), "factor must be above 0 and at most 1, got 0"),
        (lambda: StepDecay(3, np.nan), "factor must be above 0 and at most 1, got nan"),
        (lambda: Cosine(3, 1.5), "final must be at least 0 and at most 1, got 1.5"),
        (lambda: WarmUp(3, start=-1), "start must be at least 0 and at most 1, got -1"),
    ],
)
def test_wrong_numbers(make, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        make()


@pytest.mark.parametrize("then", [Constant(), "constant", FunctionOfStep(abs), 5], ids=str)
def test_only_schedules_by_step_follow_a_warm_up(then):
    with pytest.raises(TypeError, match="then must be None or a schedule by step"):
        WarmUp(3, then=then)


def test_a_class_is_no_schedule():
    with pytest.raises(TypeError, match=r"'learning_rate' parameter .*Got <class .*Cosine"):
        MinNetRegressor(learning_rate=Cosine).fit(ONES, FAR.ravel())
    with pytest.raises(
        TypeError, match=r"must be a name, a Schedule object or .*, got <class .*Cosine"
    ):
        get_schedule(Cosine)


class Wrong(ByStep):
    def __init__(self, value):
        self.value = value

    def factors(self, steps):
        return self.value


@pytest.mark.parametrize("value", [1.0, np.nan, [-1.0, 1, 1], [np.inf] * 3, [1, 1]], ids=str)
def test_a_users_schedule_must_give_factors(value):
    reg = MinNetRegressor(**REG, learning_rate=Wrong(value))
    with pytest.raises(ValueError, match="learning_rate must have 3 finite factors of at least 0"):
        reg.fit(ONES, FAR.ravel())
    assert not hasattr(reg, "network_")
    with pytest.raises(TypeError, match="ByStep must define factors"):
        reg.set_params(learning_rate=ByStep()).fit(ONES, FAR.ravel())
