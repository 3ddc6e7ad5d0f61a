"""Cases in which the backends must agree, and how they are run and compared."""

import itertools

import numpy as np

from minnet import (
    SGD,
    Adam,
    AdamW,
    BatchNorm,
    Dense,
    Dropout,
    LayerNorm,
    Network,
    PiecewiseLinear,
    Residual,
    RMSProp,
)
from minnet.activations import _BY_NAME
from minnet.backends import Hyper, make_backend
from minnet.losses import Huber, Quantile, SquaredError

N_ROWS, N_FEATURES, N_OUTPUTS = 26, 5, 3

#: What PiecewiseLinear makes of the features; two edges are the same number in float32.
COLUMNS = [[-1.0, 0.0, 0.5, 0.5 + 1e-9, 2.0], None, 3, [0.0, 1.0], 1]

#: Of the largest change in an array.  Sums run in another order, and float32 has 24 bits.
TOLERANCE = {"float64": 1e-10, "float32": 1e-4}


def stack(name, activation):
    """Return hidden and output layers.

    A bias right before batch normalization has the gradient 0, of which rounding leaves a little; Adam
    makes a full step of that.  So a layer with an activation stands in between.
    """
    top = Dense(N_OUTPUTS)
    return {
        "dense": [Dense(9, activation), Dense(6, activation), top],
        "wide": [Dense(160, activation), Dense(129, activation), top],
        "activated_top": [Dense(8, "tanh"), Dense(N_OUTPUTS, activation)],
        "lr_factor": [
            Dense(9, activation, lr_factor=0.5, bias_lr_factor=1.5, decay_factor=2.0),
            Dense(9, activation, lr_factor=0.7),
            Dense(N_OUTPUTS, lr_factor=2.0, bias_lr_factor=0),
        ],
        "frozen": [Dense(7, activation), Dense(9, activation, trainable=False), top],
        "dropout": [Dropout(0.3), Dense(9, activation), Dropout(0.5), Dropout(0.0), top],
        "batch_norm": [
            BatchNorm(activation, lr_factor=2.0),
            Dense(9, "tanh"),
            BatchNorm(activation, momentum=0.7, epsilon=1e-3),
            top,
        ],
        "frozen_norm": [
            Dense(9, activation, lr_factor=0),
            Dropout(0.2),
            BatchNorm(activation, trainable=False),
            top,
            BatchNorm(trainable=False),
        ],
        "residual": [
            Dense(6, activation),
            Residual(
                [
                    Dense(9, activation),
                    Residual([Dropout(0.3), Dense(9, activation)], -0.4),
                    BatchNorm(activation),
                    Dense(6, "tanh"),
                ],
                0.5,
                True,
                scale_lr_factor=2.0,
            ),
            top,
        ],
        "residual_ends": [
            Residual(
                [Dense(7, "tanh"), LayerNorm("tanh"), Dense(N_FEATURES, activation)], 0.3, True
            ),
            Dense(N_OUTPUTS, activation),
            Residual([Residual([Residual([Dense(N_OUTPUTS, activation)], 0.6)], 0.4, True)]),
        ],
        "norm_on_top": [Dropout(0.2), Dense(N_OUTPUTS, activation), BatchNorm(activation)],
        "layer_norm": [
            LayerNorm(activation, lr_factor=2.0),
            Dense(9),
            LayerNorm(activation, epsilon=1e-3),
            Dense(7, "tanh"),
            LayerNorm(activation, trainable=False),
            top,
        ],
        "layer_norm_on_top": [
            # With relu all three may be 0, and normalized 0: rounding chose the side of the next kink.
            Dense(N_OUTPUTS, "tanh"),
            LayerNorm(),
            Dropout(0.2),
            LayerNorm(activation, epsilon=0.1),
        ],
        "piecewise": [
            PiecewiseLinear(COLUMNS, code_dropout=0.3),
            Dense(9, activation, lr_factor=0.5, bias_lr_factor=1.5, decay_factor=2.0),
            Dropout(0.3),
            Residual([Dense(9, activation), BatchNorm()], 0.5),
            top,
        ],
        "piecewise_top": [PiecewiseLinear(COLUMNS), Dense(N_OUTPUTS, activation)],
        "frozen_piecewise": [
            PiecewiseLinear(COLUMNS),
            Dense(7, activation, trainable=False),
            top,
        ],
    }[name]


LOSSES = {
    "softmax": "softmax_cross_entropy",
    "sigmoid": "sigmoid_cross_entropy",
    "squared": "squared_error",
    "squared_softmax": SquaredError("softmax"),
    "squared_logistic": SquaredError("logistic"),
    "poisson": "poisson",
    "absolute": "absolute_error",
    "huber": Huber(0.8),
    "quantile": Quantile(0.8),
}

OPTIMIZERS = {
    "sgd": lambda: SGD(0.01),
    "momentum": lambda: SGD(0.003, momentum=0.9),
    "nesterov": lambda: SGD(0.003, momentum=0.9, nesterov=True),
    # An epsilon well above rounding: m / sqrt(v) has no say in the size of a gradient.
    "adam": lambda: Adam(0.003, beta_2=0.99, epsilon=1e-3),
    "adamw": lambda: AdamW(0.003, beta_2=0.99, epsilon=1e-3, weight_decay=0.3),
    "rmsprop": lambda: RMSProp(0.001, epsilon=1e-3),
    "rmsprop_momentum": lambda: RMSProp(0.0003, rho=0.9, momentum=0.9, epsilon=1e-3),
}

MODES = {
    "fused": {},
    "clip_norm": {"clip_norm": 0.3},
    "clip_value": {"clip_value": 0.02},
    "both_clips": {"clip_value": 0.05, "clip_norm": 0.1, "weight_decay": 0.2},
    "weight_decay": {"weight_decay": 0.5},
}

FACTORS = {
    "layers": (
        *("dense", "activated_top", "lr_factor", "frozen"),
        *("dropout", "batch_norm", "frozen_norm", "norm_on_top", "residual", "residual_ends"),
        *("layer_norm", "layer_norm_on_top", "piecewise", "piecewise_top", "frozen_piecewise"),
    ),
    "activation": tuple(_BY_NAME),
    "loss": tuple(LOSSES),
    "optimizer": tuple(OPTIMIZERS),
    "mode": tuple(MODES),
    "dtype": ("float32", "float64"),
    "weights": ("unweighted", "weighted"),
    "alpha": (0.0, 0.5),
    "batch_size": (1, 7, N_ROWS),
    "layout": ("C", "strided", "reversed", "fortran", "unaligned", "readonly", "memmap"),
    "order": ("in_order", "permuted"),
}

#: What the numba backend compiles; the rest it leaves to numpy.
NUMBA_FACTORS = {
    **FACTORS,
    "layers": ("dense", "activated_top", "lr_factor", "frozen"),
    "mode": ("fused", "clip_value", "weight_decay"),
    "optimizer": ("sgd", "momentum", "nesterov", "adam", "adamw"),
}


def all_pairs(factors, seed=0, tries=20):
    """Return cases (dicts) in which any two values of two factors meet at least once.

    Greedy: each case starts from a pair that has not met and is the best of a few random ones.
    """
    rng = np.random.default_rng(seed)
    names = list(factors)
    pairs = {
        ((i, a), (j, b)): None  # a dict keeps its order, so a seed decides
        for i, j in itertools.combinations(range(len(names)), 2)
        for a in range(len(factors[names[i]]))
        for b in range(len(factors[names[j]]))
    }
    cases = []
    while pairs:
        first, best, most = next(iter(pairs)), None, 0
        for _ in range(tries):
            case = [int(rng.integers(len(factors[name]))) for name in names]
            for i, value in first:
                case[i] = value
            met = [p for p in itertools.combinations(enumerate(case), 2) if p in pairs]
            if len(met) > most:
                best, most = (case, met), len(met)
        cases.append({n: factors[n][v] for n, v in zip(names, best[0], strict=True)})
        for pair in best[1]:
            del pairs[pair]
    return cases


def laid_out(X, layout, folder=None):
    """Return an array equal to X that lies in memory in another way."""
    n, k = X.shape
    if layout == "strided":
        other = np.full((2 * n, 3 * k), np.nan, X.dtype)[::2, 1::3]
    elif layout == "reversed":
        other = np.empty_like(X)[::-1, ::-1]
    elif layout == "fortran":
        other = np.empty_like(X, order="F")
    elif layout == "unaligned":
        other = np.ndarray(X.shape, X.dtype, bytearray(X.nbytes + 1), offset=1)
        assert not other.flags.aligned
    elif layout == "memmap":
        other = np.memmap(folder / "X", X.dtype, "w+", shape=X.shape)
    else:
        other = np.empty_like(X)
    other[...] = X
    if layout == "memmap":
        other.flush()
        return np.memmap(folder / "X", X.dtype, "r", shape=X.shape)
    if layout == "readonly":
        other.flags.writeable = False
    return other


def targets(loss, n, n_outputs, rng):
    """Return targets as a user gives them."""
    if "softmax" in loss:
        return rng.integers(n_outputs, size=n)
    if loss == "poisson":
        return rng.poisson(1.5, size=(n, n_outputs)).astype(float)
    if loss in ("sigmoid", "squared_logistic"):
        return rng.uniform(size=(n, n_outputs)).round(1)
    return rng.normal(size=(n, n_outputs))


def problem(case, folder=None, n_rows=N_ROWS, layers=None, n_features=N_FEATURES):
    """Return a new network for the case, and X, T and sample weights as the trainer passes them."""
    rng = np.random.default_rng(3)
    layers = layers or stack(case["layers"], case["activation"])
    network = Network(layers, loss=LOSSES[case["loss"]], alpha=case["alpha"], bias_init="uniform")
    network.initialize(n_features, random_state=1, dtype=case["dtype"])
    network.state[...] = rng.uniform(0.5, 1.5, network.state.size)
    X = rng.normal(size=(n_rows, n_features)).astype(case["dtype"])
    if type(layers[0]) is PiecewiseLinear:
        for i, column in enumerate(layers[0].columns):
            if isinstance(column, int):
                X[:, i] = rng.integers(-1, column + 1, n_rows)
    T = targets(case["loss"], n_rows, network.sizes[-1], rng)
    weights = None
    if case["weights"] == "weighted":
        weights = np.round(rng.uniform(0, 3, n_rows) * (rng.uniform(size=n_rows) < 0.7), 2)
        weights[-1] = 0.37
    X, T, weights = network.check_batch(laid_out(X, case["layout"], folder), T, weights)
    if T.ndim == 2:
        T = laid_out(T, "C" if case["layout"] == "memmap" else case["layout"])
    return network, X, T, weights


def train(backend, network, X, T, weights, case, n_epochs=2, cuts=1):
    """Train some epochs, each in ``cuts`` calls; return the optimizer and the losses."""
    rng = np.random.default_rng(5)
    optimizer = OPTIMIZERS[case["optimizer"]]()
    optimizer.prepare(network.params)
    n = len(X)
    n_steps = -(-n // case["batch_size"])
    # Few steps in an epoch may be long; exp(z) is steep, and so is a sum of many inputs.
    length = case["batch_size"] ** 0.5 * min(1, 30 / max(network.sizes))
    length *= 0.1 if case["loss"] == "poisson" else 1
    losses = []
    for epoch in range(n_epochs):
        order = rng.permutation(n) if case["order"] == "permuted" else None
        hyper = Hyper(
            batch_size=case["batch_size"],
            rates=optimizer.learning_rate * length * np.linspace(1, 0.5, n_steps),
            optimizer=optimizer,
            n_samples=n,
            weight_sum=float(n if weights is None else weights.sum()),
            position=100 + n * epoch,
            **MODES[case["mode"]],
        )
        places = np.unique(np.linspace(0, n_steps, cuts + 1).astype(int))
        parts = [
            backend.train_steps(X, T, weights, order, int(start), int(stop), hyper)
            for start, stop in itertools.pairwise(places)
        ]
        losses.append(float(np.concatenate(parts).sum()))
    return optimizer, losses


class _NoFallback:
    name = "none"

    def __getattr__(self, name):
        raise AssertionError(f"{name} was left to the readable backend")


def compiled(name, network, n_threads=1):
    """Return a backend that cannot fall back on the readable one."""
    backend = make_backend(name, network, n_threads)
    assert backend.name_in_use == name
    if hasattr(backend, "readable"):
        backend.readable = _NoFallback()
    else:  # it is a readable one itself
        backend.because = lambda reason: _NoFallback().because
    return backend


def assert_close(actual, expected, initial, dtype, what, times=1):
    """Compare the changes that training made, with the largest one as the measure."""
    assert actual.dtype == expected.dtype
    if expected.size == 0:
        return
    largest = np.abs(expected - initial).max()
    # Of a parameter that moves little: half a unit of the last place for each of some twenty steps.
    rounding = 10 * np.finfo(dtype).eps * np.abs(expected).max()
    error = np.abs(actual - expected).max()
    assert error <= times * TOLERANCE[dtype] * largest + rounding, (
        f"{what}: {error:.1e} of {largest:.1e}"
    )


def compare(name, case, folder=None, **given):
    """Train with the backend and with numpy; all that training changes must agree."""
    dtype = case["dtype"]
    expected, X, T, weights = problem(case, folder, **given)
    before = expected.params.copy(), expected.state.copy()
    oracle, losses = train(make_backend("numpy", expected), expected, X, T, weights, case)
    network, X, T, weights = problem(case, folder, **given)
    optimizer, own = train(compiled(name, network), network, X, T, weights, case)
    assert 1e-5 < np.abs(expected.params - before[0]).max() < 10, "the case says nothing"
    assert_close(network.params, expected.params, before[0], dtype, "parameters")
    assert_close(network.state, expected.state, before[1], dtype, "layer state")
    for i, (mine, theirs) in enumerate(zip(optimizer.state, oracle.state, strict=True)):
        assert_close(mine, theirs, 0, dtype, f"optimizer state {i}")
    assert optimizer.step == oracle.step
    np.testing.assert_allclose(own, losses, rtol=TOLERANCE[dtype])
