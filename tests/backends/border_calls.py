"""Calls of the backends without a trainer that no longer fit what was compiled, see border_cases.py."""

import numpy as np
from border_tools import (
    BACKEND,
    BAD_INPUTS,
    BAD_TARGETS,
    CASES,
    CLASSES,
    CSR,
    FEATURES,
    N,
    X,
    Y,
    broken,
    case,
    each,
    network,
)
from scipy import sparse

from minnet import SGD, Adam, Dense, Dropout, Network
from minnet.backends import Hyper, make_backend
from minnet.backends.share import Share


def call(method="train_steps", net=None, prepared="sgd", **given):
    net = net or network()
    optimizer = {"sgd": SGD, "adam": Adam}[prepared](0.01)
    optimizer.prepare(net.params)
    hyper = {"batch_size": 8, "rates": np.full(N // 8, 0.01), "optimizer": optimizer}
    hyper |= {"n_samples": N, "weight_sum": float(N)}
    data = {"X": X, "T": Y, "weights": None, "order": None, "start": 0, "stop": 8}
    for name, value in given.items():
        (hyper if name in hyper or name in Hyper.__dataclass_fields__ else data)[name] = value
    backend = make_backend(BACKEND, net, 1)
    if method == "forward":
        return backend.forward(data["X"])
    if method == "loss_and_grad":
        return backend.loss_and_grad(data["X"], data["T"], data["weights"])
    return backend.train_steps(**data, hyper=Hyper(**hyper))


@each(
    "train_steps",
    {
        "start below": {"start": -5},
        "stop beyond": {"stop": 1000},
        "stop before start": {"start": 6, "stop": 2},
        "start beyond": {"start": 900, "stop": 902},
        "text": {"start": "a"},
        "batch_size 0": {"batch_size": 0},
        "batch_size below": {"batch_size": -8},
        "large batch_size": {"batch_size": 2**62, "stop": 8},
        "batch_size of float": {"batch_size": 8.5},
        "short rates": {"rates": np.ones(2)},
        "text rates": {"rates": "abc"},
        "strided rates": {"rates": np.ones(16)[::2]},
        "unaligned rates": {"rates": np.ndarray(8, float, bytearray(65), offset=1)},
        "more samples": {"n_samples": 10**6},
        "negative position": {"position": -(2**62)},
        "large position": {"position": 2**64},
        "X, T of 10 rows": {"X": X[:10], "T": Y[:10]},
        "X of float32": {"X": X.astype("float32")},
        "X of text": {"X": X.astype(str)},
        "X of objects": {"X": X.astype(object)},
        "X of another byte order": {"X": X.astype(">f8")},
        "X narrow": {"X": X[:, :3]},
        "X a list": {"X": X.tolist()},
        "X COO": {"X": CSR.tocoo()},
        "X of float32, sparse": {"X": CSR.astype("float32")},
        "T of int32": {"T": Y.astype("int32")},
        "T of floats": {"T": Y.astype(float)},
        "T matrix": {"T": np.ones((N, CLASSES))},
        "T short": {"T": Y[:5]},
        "T None": {"T": None},
        "weights short": {"weights": np.ones(5)},
        "weights of text": {"weights": np.array(["a"] * N)},
        "order short": {"order": np.arange(5)},
        "order beyond": {"order": np.arange(N) + N},
        "order far beyond": {"order": np.full(N, 2**60)},
        "order below": {"order": np.arange(N) - N - 1},
        "order of floats": {"order": np.arange(N) * 1.0},
        "order a matrix": {"order": np.zeros((N, 2), int)},
        "clip of text": {"clip_norm": "a"},
        "weight_sum of text": {"weight_sum": "a"},
        "decay of text": {"weight_decay": "a"},
        "no optimizer": {"optimizer": None},
    },
)
def _(given):
    call(**given)


def share(**given):
    """Return eight steps of eight rows, of which this process has all but those of the last."""
    bounds, lengths = np.minimum(np.arange(9) * 8, 56), np.full(8, 8)
    arrays = {"bounds": bounds, "positions": bounds[:-1].copy(), "lengths": lengths}
    return Share(**arrays | {"sum": lambda numbers: None} | given)


@each(
    "share",
    {
        "no share": "all",
        "bounds beyond": share(bounds=np.arange(9) * 80),
        "bounds below": share(bounds=np.arange(9) * 8 - 8),
        "bounds that go down": share(bounds=np.arange(9)[::-1] * 8),
        "bounds that wrap": share(bounds=np.array([0, 8, 2**63 - 1, -(2**63), 8, 8, 8, 8, 8])),
        "bounds short": share(bounds=np.arange(3) * 8),
        "bounds of float": share(bounds=np.arange(9) * 8.0),
        "bounds of int32": share(bounds=(np.arange(9) * 8).astype("int32")),
        "bounds a list": share(bounds=list(range(9))),
        "lengths below rows": share(lengths=np.full(8, 7)),
        "lengths 0": share(lengths=np.zeros(8, int)),
        "lengths none": share(
            lengths=np.zeros(0, int), positions=np.zeros(0, int), bounds=np.zeros(1, int)
        ),
        "lengths None": share(lengths=None),
        "positions below": share(positions=np.full(8, -1)),
        "positions large": share(positions=np.full(8, 2**62)),
        "positions short": share(positions=np.zeros(3, int)),
        "rows of others without sum": share(sum=None),
        "sum of text": share(sum="sum"),
        "stops of text": share(stops="no"),
        "sum that raises": share(sum=lambda numbers: 1 / 0),
        "stops that raises": share(stops=lambda: 1 / 0),
        "sum that shrinks": share(sum=lambda numbers: numbers.resize(1)),
    },
)
def _(value):
    try:
        call(share=value, n_samples=64)
    except ZeroDivisionError as error:
        raise ValueError(error) from None


@each(
    "share, weights",
    {"none": None, "short": np.ones(3), "text": "1", "of float32": np.ones(8, "f4")},
)
def _(value):
    call(share=share(weights=value, squares=np.ones(8)), n_samples=64, weights=np.ones(N))


@each(
    "part of the objective", {"0": 0, "below": -1.0, "NaN": np.nan, "infinite": np.inf, "text": "a"}
)
def _(weight_sum):
    make_backend(BACKEND, network(), 1).loss_and_grad(X, Y, None, weight_sum)


@case
def share_of_no_rows():
    nothing = {"X": X[:0], "T": Y[:0], "order": np.arange(0)}
    for given in (nothing, nothing | {"X": CSR[:0]}):
        call(share=share(bounds=np.zeros(9, int)), n_samples=64, **given)


for _name, _X in BAD_INPUTS.items():
    for _method in ("forward", "loss_and_grad", "train_steps"):
        CASES[f"{_method}, X: {_name}"] = lambda X=_X, method=_method: call(method, X=X)
for _name, _T in BAD_TARGETS.items():
    CASES[f"loss_and_grad, T: {_name}"] = lambda T=_T: call("loss_and_grad", T=T)
    CASES[f"train_steps, T: {_name}"] = lambda T=_T: call(T=T)


@each("numbers, train_steps", {"classes": Y, "narrow": np.ones((N, 1)), "short": np.ones((5, 3))})
def _(T):
    call(net=network(loss="squared_error"), T=T)


ONES = sparse.random(N, CLASSES, 0.5, "csr", random_state=0)
BAD_SPARSE_TARGETS = {
    "short": ONES[:10],
    "narrow": ONES[:, :1],
    "float32": ONES.astype(np.float32),
    "CSC": ONES.tocsc(),
    "columns out of range": broken(ONES, indices=ONES.indices + 10**6),
    "negative columns": broken(ONES, indices=ONES.indices - 10**6),
    "rows out of range": broken(ONES, indptr=ONES.indptr * 1000),
    "values too few": broken(ONES, data=ONES.data[:3]),
}


@each("train_steps, sparse T", BAD_SPARSE_TARGETS)
def _(T):
    call(net=network(loss="squared_error"), T=T)


@each("loss_and_grad, sparse T", BAD_SPARSE_TARGETS)
def _(T):
    call("loss_and_grad", net=network(loss="squared_error"), T=T)


@case
def sparse_classes():
    call(T=ONES)


@case
def another_loss_that_is_none():
    net = network()
    net.loss_ = "squared_error"
    call(net=net)


@each("make_backend", {"text": "network", "not initialized": Network([Dense(3)])})
def _(net):
    make_backend(BACKEND, net)


@case
def forward_after_initialize():
    net = network()
    backend = make_backend(BACKEND, net)
    net.initialize(500, 0)
    backend.forward(np.ones((3, 500)))


@case
def no_sparse_rows():
    for n_threads in (None, 2):
        assert make_backend(BACKEND, network(), n_threads).forward(CSR[:0]).shape == (0, CLASSES)


@case
def sparse_rows_below_dropout():
    net = network([Dropout(0.5), Dense(CLASSES)])
    call(net=net, X=CSR)


@case
def rows_that_take_no_memory():
    if BACKEND != "cython":  # they look at all rows
        raise MemoryError
    rows = np.broadcast_to(X[:1], (10**15, FEATURES))
    call(X=rows, T=np.broadcast_to(Y[:1], (10**15,)), n_samples=10**15, batch_size=10**15, stop=1)


@case
def in_two_threads():
    import threading

    net = network([Dense(300, "tanh"), Dense(CLASSES)])
    backend = make_backend(BACKEND, net, 1)
    optimizer = SGD(0.0001)
    optimizer.prepare(net.params)
    data = np.tile(X, (50, 1)), np.tile(Y, 50)
    outcomes = []

    def run(batch_size):
        hyper = Hyper(batch_size, np.full(3200, 1e-4), optimizer, 3200, 3200.0)
        try:
            for _ in range(10):
                backend.train_steps(*data, None, None, 0, 3200 // batch_size, hyper)
        except ValueError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=run, args=(size,)) for size in (1, 100, 3200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    raise outcomes[0] if outcomes else ValueError("they took turns")
