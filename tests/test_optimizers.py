"""minnet.optimizers against short reimplementations and scikit-learn's definitions."""

import copy
import logging
import pickle

import numpy as np
import pytest
from sklearn.neural_network._stochastic_optimizers import SGDOptimizer

from minnet import SGD, Adam, AdamW, Dense, Network, RMSProp, Trainer
from minnet.backends import list_backends
from minnet.optimizers import (
    Adaptive,
    Constant,
    FunctionOfStep,
    InvScaling,
    Optimizer,
    Schedule,
    clip_gradients,
    get_optimizer,
    get_schedule,
)

N_STEPS = 20
RATES = 0.1 / np.sqrt(np.arange(1, N_STEPS + 1))  # the rate changes, as momentum's form must stand


def gradients(dtype="float64"):
    return np.random.default_rng(0).normal(size=(N_STEPS, 7)).astype(dtype)


def start(dtype="float64"):
    return np.linspace(-1, 1, 7).astype(dtype)


def run(optimizer, dtype="float64", factors=None):
    W = start(dtype)
    optimizer.prepare(W)
    for g, rate in zip(gradients(dtype), RATES, strict=True):
        optimizer.update(W, g.copy(), rate if factors is None else rate * factors)
    return W


# ---- each optimizer, one parameter at a time, as its paper writes it


def sgd(momentum, nesterov):
    """Sutskever et al. 2013 in the velocity v = -lr V; equal steps by another route."""
    result = []
    for w, column in zip(start(), gradients().T, strict=True):
        w, V = float(w), 0.0
        for g, rate in zip(column, RATES, strict=True):
            V = momentum * V + g
            w = w - rate * (g + momentum * V) if nesterov else w - rate * V
        result.append(w)
    return result


def adam(beta_1=0.9, beta_2=0.999, epsilon=1e-8):
    """Algorithm 1 of Kingma and Ba, with the moments as the sums that they are."""
    result = []
    for w, column in zip(start(), gradients().T, strict=True):
        w = float(w)
        for t, rate in enumerate(RATES, start=1):
            ages = np.arange(t)[::-1]
            m = (1 - beta_1) * (beta_1**ages * column[:t]).sum()
            v = (1 - beta_2) * (beta_2**ages * column[:t] ** 2).sum()
            m_hat, v_hat = m / (1 - beta_1**t), v / (1 - beta_2**t)
            w -= rate * m_hat / (np.sqrt(v_hat) + epsilon)
        result.append(w)
    return result


def rmsprop(rho=0.99, momentum=0.0, epsilon=1e-8):
    """torch.optim.RMSprop's update, the means and the velocity as the sums that they are."""
    result = []
    for w, column in zip(start(), gradients().T, strict=True):
        w, scaled = float(w), []
        for t, rate in enumerate(RATES, start=1):
            v = (1 - rho) * (rho ** np.arange(t)[::-1] * column[:t] ** 2).sum()
            scaled.append(column[t - 1] / (np.sqrt(v) + epsilon))
            w -= rate * (momentum ** np.arange(t)[::-1] * scaled).sum()
        result.append(w)
    return result


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9, 1.0])
def test_sgd(momentum, nesterov):
    W = run(SGD(0.1, momentum, nesterov))
    np.testing.assert_allclose(W, sgd(momentum, nesterov), rtol=1e-12)


@pytest.mark.parametrize(
    "given", [{}, {"beta_1": 0.0}, {"beta_2": 0.9}, {"epsilon": 0.1}, {"beta_1": 0.5}], ids=str
)
def test_adam(given):
    np.testing.assert_allclose(run(Adam(**given)), adam(**given), rtol=1e-11)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"rho": 0.0},
        {"rho": 0.9},
        {"epsilon": 0.1},
        {"momentum": 0.9},
        {"momentum": 1.0, "rho": 0.5},
    ],
    ids=str,
)
def test_rmsprop(given):
    np.testing.assert_allclose(run(RMSProp(**given)), rmsprop(**given), rtol=1e-11)


def network_of_two_layers(**given):
    layers = [Dense(4, "tanh", lr_factor=0.5), Dense(3, trainable=False), Dense(2)]
    network = Network(layers, loss="squared_error", bias_init="uniform").initialize(3, 0)
    X = np.random.default_rng(1).normal(size=(8, 3))
    return network, X, X[:, :2] ** 2


@pytest.mark.parametrize("backend", list_backends())
def test_adamw(backend):
    """torch.optim.AdamW's update of the weights, Adam's of the biases, from the network's gradients."""
    network, X, T = network_of_two_layers()
    trainer = Trainer(
        network, AdamW(0.01, weight_decay=0.3), batch_size=8, shuffle=False, backend=backend
    )
    oracle = copy.deepcopy(network)
    moments = {(row.layer, row.name): [0.0, 0.0] for row in oracle.parameter_table}
    for t in range(1, 6):
        views = oracle.views(oracle.loss_and_grad(X, T)[1])
        for row in oracle.parameter_table:
            w, g = oracle.params[row.slice], views[row.layer][row.name].ravel()
            moment, rate = moments[row.layer, row.name], 0.01 * row.lr_factor * row.trainable
            moment[0] = 0.9 * moment[0] + 0.1 * g
            moment[1] = 0.999 * moment[1] + 0.001 * g**2
            if row.name == "W":
                w -= rate * 0.3 * w
            w -= rate * moment[0] / (1 - 0.9**t) / (np.sqrt(moment[1] / (1 - 0.999**t)) + 1e-8)
        trainer.run_epoch(X, T)
    assert trainer.backend_in_use == backend
    np.testing.assert_allclose(network.params, oracle.params, rtol=1e-9)


@pytest.mark.parametrize("backend", list_backends())
def test_weight_decay_of_optimizer_and_trainer_add_up(backend):
    results = []
    for own, given in ((0.3, 0.2), (0.5, 0.0), (0.0, 0.5)):
        network, X, T = network_of_two_layers()
        optimizer = AdamW(0.01, weight_decay=own) if own else Adam(0.01)
        Trainer(network, optimizer, weight_decay=given, backend=backend).run_epoch(X, T)
        results.append(network.params)
    np.testing.assert_allclose(results[0], results[1], rtol=1e-14)
    np.testing.assert_array_equal(results[1], results[2])


def torch_optimizers():
    torch = pytest.importorskip("torch")
    return torch, {
        "adamw": (
            AdamW(0.01, weight_decay=0.1),
            lambda p: torch.optim.AdamW(p, 0.01, weight_decay=0.1),
        ),
        "rmsprop": (RMSProp(0.01), lambda p: torch.optim.RMSprop(p, 0.01)),
        "rmsprop_momentum": (
            RMSProp(0.01, rho=0.9, momentum=0.8),
            lambda p: torch.optim.RMSprop(p, 0.01, alpha=0.9, momentum=0.8),
        ),
    }


@pytest.mark.parametrize("name", ["adamw", "rmsprop", "rmsprop_momentum"])
def test_steps_are_those_of_torch(name):
    torch, optimizers = torch_optimizers()
    ours, make = optimizers[name]
    theirs = torch.tensor(start(), requires_grad=True)
    optimizer = make([theirs])
    W = start()
    ours.prepare(W)
    for g in gradients():
        theirs.grad = torch.tensor(g)
        optimizer.step()
        W *= 1 - 0.01 * ours.decoupled_weight_decay  # as the loop does it
        ours.update(W, g.copy(), 0.01)
    np.testing.assert_allclose(W, theirs.detach().numpy(), rtol=1e-10)


class Signs(Optimizer):
    def __init__(self, learning_rate=0.01):
        self.learning_rate = learning_rate

    def update(self, params, grads, rates):
        self.step += 1
        params -= rates * np.sign(grads)


class HalfSGD(SGD):
    def update(self, params, grads, rates):
        super().update(params, grads, 0.5 * rates)


@pytest.mark.parametrize("optimizer", [Signs(), HalfSGD(0.01)], ids=repr)
@pytest.mark.parametrize("backend", list_backends())
def test_a_users_optimizer_runs_as_it_is_written(backend, optimizer, caplog):
    caplog.set_level(logging.INFO, "minnet")
    network, X, T = network_of_two_layers()
    expected = copy.deepcopy(network)
    for _ in range(3):
        _, grads = expected.loss_and_grad(X, T)
        own = optimizer.copy()
        own.prepare(expected.params)
        rates = np.zeros_like(grads)
        for row in expected.parameter_table:
            rates[row.slice] = 0.01 * row.lr_factor * row.trainable
        own.update(expected.params, grads, rates)
    trainer = Trainer(network, optimizer, batch_size=8, shuffle=False, backend=backend)
    for _ in range(3):
        trainer.run_epoch(X, T)
    np.testing.assert_allclose(network.params, expected.params, rtol=1e-12)
    assert trainer.backend_in_use == "numpy"
    said = [record for record in caplog.records if "the optimizer is" in record.getMessage()]
    assert len(said) == (backend != "numpy")


def test_what_is_compiled_and_what_is_plain():
    compiled = [SGD(), SGD(momentum=0.5), Adam(), AdamW(), RMSProp(), RMSProp(momentum=0.5)]
    assert all(optimizer.compiled for optimizer in compiled)
    assert [optimizer.is_plain for optimizer in compiled] == [True] + [False] * 5
    # A subclass may do something else: it says for itself that it does not.
    assert HalfSGD().compiled is Signs().compiled is Optimizer.compiled is None
    assert not HalfSGD().is_plain


def test_an_optimizer_that_was_not_prepared_says_so():
    for optimizer in (SGD(momentum=0.5), Adam(), AdamW(), RMSProp()):
        with pytest.raises(ValueError, match="has no state yet: call prepare"):
            optimizer.update(np.ones(2), np.ones(2), 0.1)


def test_adams_first_step_is_the_rate_in_every_direction():
    W = np.zeros(3)
    optimizer = Adam()
    optimizer.prepare(W)
    optimizer.update(W, np.array([1e-5, -1.0, 1e5]), 0.01)
    np.testing.assert_allclose(W, [-0.01, 0.01, -0.01], rtol=2e-3)


def test_momentum_equals_scikit_learns_at_a_constant_rate():
    for nesterov in (False, True):
        W = start()
        theirs = SGDOptimizer([W], learning_rate_init=0.1, momentum=0.9, nesterov=nesterov)
        ours, optimizer = start(), SGD(0.1, 0.9, nesterov)
        optimizer.prepare(ours)
        for g in gradients():
            theirs.update_params([W], [g])
            optimizer.update(ours, g.copy(), 0.1)
        np.testing.assert_allclose(ours, W, rtol=1e-12)


@pytest.mark.parametrize(
    "optimizer",
    [SGD(), SGD(momentum=0.9), SGD(0.1, 0.9, True), Adam(), AdamW(), RMSProp(momentum=0.9)],
    ids=repr,
)
def test_float32_stays_float32(optimizer):
    W = run(optimizer, "float32")
    assert W.dtype == optimizer.state.dtype == np.float32
    np.testing.assert_allclose(W, run(optimizer), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    "optimizer",
    [SGD(0.1, 0.9), SGD(0.1, 0.9, True), Adam(), RMSProp(), RMSProp(momentum=0.5)],
    ids=repr,
)
def test_rates_by_parameter(optimizer):
    factors = np.array([0, 1, 2, 0, 1, 0.5, 1])
    W = run(optimizer, factors=factors)
    np.testing.assert_array_equal(W[[0, 3]], start()[[0, 3]])
    np.testing.assert_allclose(W[[1, 4, 6]], run(optimizer)[[1, 4, 6]])


@pytest.mark.parametrize(
    "make",
    [
        lambda number: SGD(number(0.1), number(0.9), True),
        lambda number: Adam(number(0.1), number(0.9), number(0.99), number(1e-7)),
        lambda number: AdamW(number(0.1), number(0.9), number(0.99), number(1e-7), number(0.1)),
        lambda number: RMSProp(number(0.1), number(0.9), number(0.99), number(1e-7)),
    ],
    ids=["SGD", "Adam", "AdamW", "RMSProp"],
)
def test_numpy_numbers_are_numbers(make):
    np.testing.assert_array_equal(run(make(np.float64), "float32"), run(make(float), "float32"))
    assert repr(make(np.float64)) == repr(make(float))


def test_prepare_starts_anew():
    optimizer = Adam()
    first = run(optimizer)
    assert optimizer.step == N_STEPS
    np.testing.assert_array_equal(run(optimizer), first)


def test_state_has_the_layout_of_the_parameters():
    states = {SGD(): 0, SGD(momentum=0.5): 1, Adam(): 2, RMSProp(): 1, RMSProp(momentum=0.5): 2}
    for optimizer, n_state in states.items():
        optimizer.prepare(start("float32"))
        assert (optimizer.state.shape, optimizer.state.dtype) == ((n_state, 7), np.float32)


def test_padding_stays_zero():
    # The gaps between arrays in the flat buffer have gradient 0 for ever.
    for optimizer in (SGD(0.1, 0.9, True), Adam(), RMSProp(momentum=0.9)):
        W = np.zeros(2)
        optimizer.prepare(W)
        for _ in range(3):
            optimizer.update(W, np.array([0.0, 1.0]), 0.1)
        assert W[0] == 0


# ---- clipping


def test_clip_by_norm_keeps_the_direction():
    g = np.array([3.0, -4.0, 12.0])
    clip_gradients(g, clip_norm=1.3)
    np.testing.assert_allclose(g, np.array([3, -4, 12]) / 10)
    clip_gradients(g, clip_norm=2.0)  # within: as it was
    np.testing.assert_allclose(g, np.array([3, -4, 12]) / 10)


def test_clip_by_value_and_then_by_norm():
    g = np.array([3.0, -4.0, 0.5])
    clip_gradients(g, clip_value=1.0)
    np.testing.assert_array_equal(g, [1, -1, 0.5])
    g = np.array([30.0, -40.0])
    clip_gradients(g, clip_value=1.0, clip_norm=1.0)
    np.testing.assert_allclose(g, [np.sqrt(0.5), -np.sqrt(0.5)])


@pytest.mark.parametrize(
    ("dtype", "size"),
    [("float64", 1e200), ("float64", 1.7e308), ("float32", 3e38), ("float64", 1e-200)],
)
def test_clip_by_norm_does_not_overflow(dtype, size):
    g = np.array([size, -size, 0, size], dtype=dtype)
    with np.errstate(all="raise", under="ignore"):
        clip_gradients(g, clip_norm=min(1.0, size))
    expected = min(1.0, size) / np.sqrt(3)
    np.testing.assert_allclose(g, [expected, -expected, 0, expected], rtol=1e-6)
    assert g.dtype == dtype


@pytest.mark.parametrize("given", [{"clip_norm": 1.0}, {"clip_value": 1.0}], ids=str)
def test_clipping_leaves_nan_and_zero_visible(given):
    g = np.array([np.nan, 100.0])
    clip_gradients(g, **given)
    assert np.isnan(g[0])
    g = np.zeros(3)
    clip_gradients(g, **given)
    assert not g.any()
    clip_gradients(np.zeros(0), **given)


def test_no_clipping_by_default():
    g = np.array([1e9, -1e9])
    clip_gradients(g)
    np.testing.assert_array_equal(g, [1e9, -1e9])


# ---- schedules


def test_constant():
    schedule = Constant()
    np.testing.assert_array_equal(schedule.rates(0.3, 0.5, 7, 4, 100), [0.3] * 4)
    assert schedule.after_epoch(0.3, 0.5, 7, 100) == 0.3
    assert schedule.reduce(0.3) is None


@pytest.mark.parametrize("power_t", [0.25, 0.5, 1.0])
def test_invscaling_is_scikit_learns(power_t):
    theirs = SGDOptimizer(
        [np.zeros(1)], learning_rate_init=0.4, lr_schedule="invscaling", power_t=power_t
    )
    ours = get_schedule("invscaling", power_t)
    assert ours == InvScaling(power_t)
    rate = 0.4
    for n_seen in (0, 150, 300, 450):
        np.testing.assert_array_equal(
            ours.rates(rate, 0.4, 0, 3, n_seen), [theirs.learning_rate] * 3
        )
        theirs.iteration_ends(n_seen + 150)
        rate = ours.after_epoch(rate, 0.4, 0, n_seen + 150)
        assert rate == theirs.learning_rate


def test_adaptive_is_scikit_learns():
    theirs = SGDOptimizer([np.zeros(1)], learning_rate_init=0.01, lr_schedule="adaptive")
    ours, rate = Adaptive(), 0.01
    while not theirs.trigger_stopping("", False):
        rate = ours.reduce(rate)
        assert rate == theirs.learning_rate
        np.testing.assert_array_equal(ours.rates(rate, 0.01, 3, 2, 9), [rate] * 2)
    assert ours.reduce(rate) is None


def test_a_users_function_of_the_step():
    schedule = get_schedule(lambda step: 1 / (1 + step))
    assert isinstance(schedule, FunctionOfStep)
    np.testing.assert_allclose(schedule.rates(9.0, 9.0, 2, 3, 0), [1 / 3, 1 / 4, 1 / 5])


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf, None, [0.1], "a", 1j], ids=str)
def test_a_users_function_must_return_a_rate(value):
    with pytest.raises(ValueError, match="learning_rate must return a finite number of at least 0"):
        get_schedule(lambda step: value).rates(1, 1, 0, 2, 0)


class Halving(Schedule):
    def reduce(self, current):
        return current / 2


def test_a_users_schedule():
    schedule = Halving()
    assert get_schedule(schedule) is schedule
    assert schedule.reduce(1.0) == 0.5


def test_unknown_schedules_get_the_closest():
    with pytest.raises(ValueError, match="'adaptiv': did you mean 'adaptive'"):
        get_schedule("adaptiv")
    with pytest.raises(
        TypeError, match="learning_rate must be a name, a Schedule object or a function"
    ):
        get_schedule(0.1)


# ---- configuration


def test_lookup():
    names = {"sgd": SGD(), "adam": Adam(), "adamw": AdamW(), "rmsprop": RMSProp()}
    assert {name: get_optimizer(name) for name in names} == names
    given = Adam(0.1)
    assert get_optimizer(given) == given
    assert get_optimizer(given) is not given
    with pytest.raises(ValueError, match=r"optimizer must be .* got 'adm': did you mean 'adam'"):
        get_optimizer("adm")
    with pytest.raises(TypeError, match="optimizer must be a name or an Optimizer object, got"):
        get_optimizer(0.1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SGD(-0.1), "learning_rate must be at least 0 and below inf, got -0.1"),
        (lambda: SGD(np.nan), "learning_rate"),
        (lambda: SGD("0.1"), "learning_rate must be at least 0"),
        (lambda: SGD(momentum=1.1), "momentum must be at least 0 and at most 1, got 1.1"),
        (lambda: SGD(momentum=True), "momentum"),
        (lambda: Adam(np.inf), "learning_rate"),
        (lambda: Adam(beta_1=1), "beta_1 must be at least 0 and below 1, got 1"),
        (lambda: Adam(beta_2=-0.1), "beta_2 must be at least 0 and below 1"),
        (lambda: Adam(epsilon=0), "epsilon must be above 0 and below inf, got 0"),
        (lambda: Adam(epsilon=-1e-8), "epsilon must be above 0"),
        (lambda: AdamW(weight_decay=-1), "weight_decay must be at least 0 and below inf, got -1"),
        (lambda: RMSProp(rho=1), "rho must be at least 0 and below 1, got 1"),
        (lambda: RMSProp(momentum=2), "momentum must be at least 0 and at most 1, got 2"),
    ],
)
def test_wrong_settings_get_one_sentence(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_config_equality_repr_copy_pickle():
    optimizer = SGD(0.1, momentum=0.9)
    assert repr(optimizer) == "SGD(learning_rate=0.1, momentum=0.9)"
    assert optimizer == SGD(0.1, 0.9) != SGD(0.1, 0.9, nesterov=True)
    run(optimizer)
    restored = pickle.loads(pickle.dumps(optimizer))
    np.testing.assert_array_equal(restored.state, optimizer.state)
    assert restored.step == N_STEPS
    assert optimizer.copy().state is None  # a copy is the configuration alone


def test_an_incomplete_optimizer_says_what_is_missing():
    with pytest.raises(TypeError, match="must define update\\(params, grads, rates\\)"):
        Optimizer().update(np.ones(1), np.ones(1), 0.1)
