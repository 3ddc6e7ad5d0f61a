"""check_gradients says what is wrong with a backward pass, and never names a mistake that is not there."""

import itertools

import numpy as np
import pytest

from minnet import BatchNorm, Dense, Network, check_gradients
from minnet.activations import Activation, Tanh
from minnet.layers import Layer, Parameter
from minnet.losses import AbsoluteError, SoftmaxCrossEntropy, SquaredError

N, K = 9, 3


class Student(Dense):
    """A Dense as it is written by hand, with one mistake."""

    def __init__(self, units, activation=None, init=None, mistake=""):
        super().__init__(units, activation, init)
        self.mistake = mistake

    def forward(self, X, ctx):
        ctx.X, ctx.Z = X, X @ self.W + self.b
        ctx.Y = self.activation(ctx.Z)
        return ctx.Y

    def backward(self, dY, ctx):
        ctx.dY, ctx.dZ = dY, dY * self.activation.derivative(ctx.Z, ctx.Y)
        if self.mistake in SLOPES:
            ctx.dZ = dY * SLOPES[self.mistake][1](self.activation, ctx.Z, ctx.Y)
        name, _, wrong = ARRAYS.get(self.mistake, ("", "", None))

        def made(of, gradient):
            return wrong(gradient, ctx, self.W) if of == name else gradient

        ctx.dW = made("dW", ctx.X.T @ ctx.dZ)
        ctx.db = made("db", ctx.dZ.sum(axis=0))
        return made("dX", ctx.dZ @ self.W.T)


# Of the whole layer: the words that are said of it, and what is taken for the derivative.
SLOPES = {
    "no derivative": ("lacks the derivative of the activation", lambda f, Z, Y: np.ones_like(Y)),
    "f for f'": ("in the place of its derivative", lambda f, Z, Y: Y),
    "twice": ("the derivative of the activation twice", lambda f, Z, Y: f.derivative(Z, Y) ** 2),
    "Z and Y": ("with Z and Y mixed up", lambda f, Z, Y: f.derivative(Y, Z)),
    "Y and Y": ("with Z and Y mixed up", lambda f, Z, Y: f.derivative(Y, Y)),
    "Z and Z": ("with Z and Y mixed up", lambda f, Z, Y: f.derivative(Z, Z)),
    "at Y": ("with Z and Y mixed up", lambda f, Z, Y: f.derivative(Y, f(Y))),
}
# Of one gradient: its name, the words, and what is made of it.
ARRAYS = {
    "dW.T": ("dW", "is transposed", lambda dW, ctx, W: dW.T),
    "dW by Y": ("dW", "in the place of the input X", lambda dW, ctx, W: ctx.Y.T @ ctx.dZ),
    "dW * n": ("dW", f"n_samples ({N}) times too large", lambda dW, ctx, W: dW * N),
    "dW / n": ("dW", f"n_samples ({N}) times too small", lambda dW, ctx, W: dW / N),
    "2 dW": ("dW", "a factor of 2 too much", lambda dW, ctx, W: 2 * dW),
    "dW / 2": ("dW", "a factor of 2 is missing", lambda dW, ctx, W: dW / 2),
    "1.01 dW": ("dW", "is 1.01 times what it should be", lambda dW, ctx, W: 1.01 * dW),
    "-dW": ("dW", "has the wrong sign", lambda dW, ctx, W: -dW),
    "no dW": ("dW", "is not there", lambda dW, ctx, W: None),
    "dW is 0": ("dW", "is zero everywhere", lambda dW, ctx, W: 0 * dW),
    "dW is text": ("dW", "must be an array of numbers", lambda dW, ctx, W: "dW"),
    "dW is NaN": ("dW", "is not finite", lambda dW, ctx, W: dW * np.nan),
    "dW of dX": ("dW", "must have", lambda dW, ctx, W: ctx.X),
    "dW + 1": ("dW", "is not the derivative of what", lambda dW, ctx, W: dW + 1),
    "db of rows": ("db", "is not summed over the rows", lambda db, ctx, W: ctx.dZ),
    "db by axis 1": ("db", "over the units instead", lambda db, ctx, W: ctx.dZ.sum(axis=1)),
    "db in all": ("db", "over the units as well", lambda db, ctx, W: ctx.dZ.sum()),
    "db of a row": ("db", "of the first row alone", lambda db, ctx, W: ctx.dZ[0]),
    "db of means": ("db", f"n_samples ({N}) times too small", lambda db, ctx, W: db / N),
    "-db": ("db", "has the wrong sign", lambda db, ctx, W: -db),
    "no db": ("db", "is not there", lambda db, ctx, W: None),
    "dX without W": ("dX", "is not multiplied by W transposed", lambda dX, ctx, W: ctx.dZ),
    "dX by W": ("dX", "by W instead of W transposed", lambda dX, ctx, W: ctx.dZ @ W),
    "dX.T": ("dX", "is transposed", lambda dX, ctx, W: dX.T),
    "-dX": ("dX", "has the wrong sign", lambda dX, ctx, W: -dX),
    "no dX": ("dX", "is not there", lambda dX, ctx, W: None),
    "dX * n": ("dX", f"n_samples ({N}) times too large", lambda dX, ctx, W: N * dX),
}
SAID = {said for said, _ in SLOPES.values()} | {said for _, said, _ in ARRAYS.values()}
ACTIVATIONS = "tanh", "sigmoid", "softsign", "relu", "gelu", "silu", "elu", "identity"
LOSSES = "log_loss", "squared_error", "sigmoid_cross_entropy", "huber"
PLACES = "first", "between", "last"


def data(loss, n_features=4, n=N):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(n, n_features))
    return X, (np.arange(n) % K if loss == "log_loss" else rng.uniform(size=(n, K)))


def network_with(layer, place, activation="tanh", loss="log_loss", n_features=4, seed=0):
    layers = {
        "first": [layer, Dense(K)],
        "between": [Dense(6, activation), layer, Dense(5, "tanh"), Dense(K)],
        "last": [Dense(6, activation), Dense(5, "tanh"), layer],
    }[place]
    bias = {"name": "normal", "std": 0.3}
    return Network(layers, loss, bias_init=bias).initialize(n_features, random_state=seed)


def run(mistake, place, activation, loss, square, seed):
    units = K if place == "last" else {"first": 4, "between": 6}[place] if square else 7
    layer = Student(units, activation, mistake=mistake)
    network = network_with(layer, place, "tanh", loss, seed=seed)
    X, T = data(loss)
    result = check_gradients(network, X, T, max_elements=12)
    index = {"first": 0, "between": 1, "last": 2}[place]
    return result, network, X, T, index


def assert_said(mistake, place, activation, loss, square, seed=0):
    result, network, X, T, index = run(mistake, place, activation, loss, square, seed)
    name, said = ARRAYS[mistake][:2] if mistake in ARRAYS else ("all", SLOPES[mistake][0])
    right = network.astype("float64")
    right.layers[index].mistake = ""
    assert check_gradients(right, X, T, max_elements=12).ok
    wrong = {label for label, error in result.errors.items() if error >= result.tolerance}
    assert set(result.notes) == wrong, result
    for label, note in result.notes.items():
        layer = int(label[len("layers[")])
        assert layer <= index
        subject = f"d{label[-1]}" if layer == index else "dX"
        assert name in ("all", subject), (label, note)
        above = f"what comes down from layers[{index}] is wrong: its "
        start = f"{'' if layer == index else above}{subject} "
        assert note.startswith(start), note
        words = note[len(start) :]
        if said not in words:  # it stopped, or has another shape
            assert mistake in ("dX by W", "dW by Y", "db by axis 1", "db of a row"), result
            assert "must have" in words or "the shapes of a product do not fit" in words, note
            continue
        assert not [other for other in SAID - {said, "must have"} if other in words], note
        assert note in " ".join(str(result).split())


CASES = [
    (place, square)
    for place in PLACES
    for square in ((False, True) if place != "last" else (False,))
]
COVERING = [
    (mistake, place, ACTIVATIONS[i % len(ACTIVATIONS)], LOSSES[i % len(LOSSES)], square)
    for i, (mistake, (place, square)) in enumerate(itertools.product([*SLOPES, *ARRAYS], CASES))
]


@pytest.mark.parametrize(("mistake", "place", "activation", "loss", "square"), COVERING)
def test_it_says_which_mistake_it_is(mistake, place, activation, loss, square):
    assert_said(mistake, place, activation, loss, square)


@pytest.mark.slow
@pytest.mark.parametrize("mistake", [*SLOPES, *ARRAYS])
def test_it_says_which_mistake_it_is_in_many_networks(mistake):
    each = list(itertools.product(CASES, ACTIVATIONS, LOSSES))
    for seed in np.random.default_rng(0).choice(len(each), 40, replace=False):
        (place, square), activation, loss = each[seed]
        assert_said(mistake, place, activation, loss, square, seed)


# ---- forward


class Forgetful(Student):
    """Backward is right, and forward leaves something out."""

    def forward(self, X, ctx):
        right = super().forward(X, ctx)
        if self.mistake == "activation":
            return ctx.Z
        return self.activation(X @ self.W) if self.mistake == "bias" else right


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "gelu"])
def test_what_forward_leaves_out(activation):
    X, T = data("log_loss")
    layer = Forgetful(6, activation, mistake="activation")
    notes = check_gradients(network_with(layer, "between", activation), X, T).notes
    said = "is that of f(X W + b), and forward leaves out the activation"
    assert notes["layers[1].W"] == f"dW {said}"
    assert notes["layers[1].b"] == f"db {said}"
    assert notes["layers[0].W"] == f"what comes down from layers[1] is wrong: its dX {said}"
    layer = Forgetful(6, activation, mistake="bias")
    notes = check_gradients(network_with(layer, "between", activation), X, T).notes
    assert notes["layers[1].b"] == "db is that of f(X W + b), and forward leaves out the bias"


class Unfinished(Dense):
    """What a student begins with, and what Python says of the next attempts."""

    def __init__(self, units, activation=None, init=None, stage=""):
        super().__init__(units, activation, init)
        self.stage = stage

    def forward(self, X, ctx):
        if self.stage == "a product that does not fit":
            return self.W @ X
        if self.stage == "a name that is not there":
            return X @ self.weights
        if self.stage == "another shape":
            return X
        if self.stage == "":
            return None
        return super().forward(X, ctx)

    def backward(self, dY, ctx):
        if self.stage == "backward stops":
            return dY @ self.W
        return None


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        ("", "forward returns None, and must return Y of shape (9, 7)"),
        (
            "a product that does not fit",
            "forward stops in the line `return self.W @ X` with ValueError: the shapes of a product "
            "do not fit; X is (9, 6), W is (6, 7), b is (7,)",
        ),
        (
            "a name that is not there",
            "forward stops in the line `return X @ self.weights` with AttributeError: 'Unfinished' "
            "object has no attribute 'weights'; X is (9, 6), W is (6, 7), b is (7,)",
        ),
        (
            "another shape",
            "forward returns an array of shape (9, 6), and must return Y of shape (9, 7)",
        ),
    ],
)
def test_a_forward_that_stops_is_a_sentence(stage, said):
    X, T = data("log_loss")
    result = check_gradients(network_with(Unfinished(7, stage=stage), "between"), X, T)
    assert not result.ok
    assert result.max_error == np.inf
    assert set(result.notes.values()) == {f"layers[1]: {said}"}
    assert " ".join(str(result).split()).endswith(f"layers[1]: {said}.")


def test_an_empty_backward_is_a_sentence():
    X, T = data("log_loss")
    network = network_with(Unfinished(7, stage="backward is empty"), "between")
    result = check_gradients(network, X, T)
    assert result.notes["layers[1].W"] == "dW is not there: backward must leave it as ctx.dW"
    above = "what comes down from layers[1] is wrong: its dX is not there: backward must return it"
    assert result.notes["layers[0].b"] == above
    assert "layers[3].W" not in result.notes
    assert result.errors["layers[3].W"] < 1e-6
    result = check_gradients(network_with(Unfinished(7, stage="backward stops"), "between"), X, T)
    assert "in the line `return dY @ self.W` with" in result.notes["layers[1].W"]


class Mine(Layer):
    """A layer of another kind, not wrong in forward; its own mistakes."""

    def __init__(self, mistake=""):
        self.mistake = mistake

    def parameters(self, n_inputs):
        return {"g": Parameter((n_inputs,), init="ones")}

    def forward(self, X, ctx):
        ctx.X = X
        return X * self.g

    def backward(self, dY, ctx):
        of_rows = dY * ctx.X
        ctx.dg = {"rows": of_rows, "mean": of_rows.mean(axis=0)}.get(
            self.mistake, of_rows.sum(axis=0)
        )
        return {"sign": -dY * self.g, "no g": 3.0 * dY}.get(self.mistake, dY * self.g)


@pytest.mark.parametrize(
    ("mistake", "label", "said"),
    [
        (
            "rows",
            "layers[1].g",
            "dg is not summed over the rows: it has the shape (9, 6), and must have (6,)",
        ),
        (
            "mean",
            "layers[1].g",
            "dg is n_samples (9) times too small, as if averaged over the rows once more",
        ),
        (
            "sign",
            "layers[0].W",
            "what comes down from layers[1] is wrong: its dX has the wrong sign",
        ),
        (
            "no g",
            "layers[0].W",
            "what comes down from layers[1] is wrong: its dX is 3 times what it should be",
        ),
    ],
)
def test_layers_of_other_kinds(mistake, label, said):
    X, T = data("log_loss")
    network = Network([Dense(6, "tanh"), Mine(mistake), Dense(K)]).initialize(4, random_state=0)
    result = check_gradients(network, X, T)
    assert result.notes[label] == said
    assert {label[: len("layers[0]")] for label in result.notes} == {label[: len("layers[0]")]}


class BatchNormAsConstants(BatchNorm):
    """The classic mistake, which is none of those that are known here."""

    def backward(self, dY, ctx):
        super().backward(dY, ctx)
        return ctx.dZ * self.gamma / ctx.sigma


def test_a_mistake_that_is_not_known_is_not_called_anything():
    X, T = data("log_loss")
    network = Network([Dense(6, "tanh"), BatchNormAsConstants("relu"), Dense(K)])
    notes = check_gradients(network.initialize(4, random_state=0), X, T).notes
    said = "what comes down from layers[1] is wrong: its dX is not the derivative of what forward computes"
    assert notes == dict.fromkeys(["layers[0].W", "layers[0].b"], said)


class Normalized(Dense):
    """It gives f(X W + b) at the start, but W counts by its direction alone."""

    def __init__(self, units, activation=None, init=None, mistake=""):
        super().__init__(units, activation, init)
        self.mistake = mistake

    def forward(self, X, ctx):
        self.__dict__.setdefault("norm_at_start", np.linalg.norm(self.W))
        ctx.X, ctx.norm = X, np.linalg.norm(self.W)
        ctx.V = self.W * (self.norm_at_start / ctx.norm)
        ctx.Y = np.tanh(X @ ctx.V + self.b)
        return ctx.Y

    def backward(self, dY, ctx):
        dZ = dY * (1 - ctx.Y**2)
        dV, U = ctx.X.T @ dZ, self.W / ctx.norm
        ctx.dW = (dV - U * np.sum(dV * U)) * (self.norm_at_start / ctx.norm)
        if self.mistake == "plain":
            ctx.dW = dV
        ctx.db = dZ.sum(axis=0)
        return dZ @ ctx.V.T


def test_a_layer_that_only_looks_like_a_dense_one_is_not_judged_as_one():
    X, T = data("log_loss")
    assert check_gradients(network_with(Normalized(6, "tanh"), "between"), X, T).ok
    layers = [Dense(6), Normalized(5, "tanh"), Student(5, "tanh", mistake="-dX"), Dense(K)]
    notes = check_gradients(Network(layers).initialize(4, random_state=0), X, T).notes
    down = "what comes down from layers[2] is wrong: its dX has the wrong sign"
    assert notes["layers[1].W"] == notes["layers[0].W"] == down
    layer = Normalized(6, "tanh", mistake="plain")
    notes = check_gradients(network_with(layer, "between"), X, T).notes
    assert notes == {"layers[1].W": "dW is not the derivative of what forward computes"}


# ---- activations and losses


class WrongTanh(Tanh):
    def derivative(self, Z, Y):
        return 1 - Y


class Cube(Activation):
    def __call__(self, Z):
        return Z**3

    def derivative(self, Z, Y):
        return 3 * Z**2


@pytest.mark.parametrize("layer", [Dense(6, WrongTanh()), Student(6, WrongTanh())], ids=repr)
def test_a_wrong_derivative_of_an_activation(layer):
    X, T = data("log_loss")
    result = check_gradients(network_with(layer, "between"), X, T)
    note = result.notes["layers[1].W"]
    assert note.startswith("dW rests on a wrong derivative: that of WrongTanh() is ")
    shown, z, slope = (
        float(note.split("() is ")[1].split(" at ")[0]),
        float(note.split("Z = ")[1].split(",")[0]),
        float(note.split("slope is ")[1]),
    )
    assert shown == pytest.approx(1 - np.tanh(z), abs=1e-3)
    assert slope == pytest.approx(1 - np.tanh(z) ** 2, abs=1e-3)
    assert result.notes["layers[0].W"].startswith(
        "what comes down from layers[1] is wrong: its dX rests"
    )


def test_a_right_activation_of_ones_own_is_no_mistake():
    X, T = data("log_loss")
    assert not check_gradients(network_with(Student(6, Cube()), "between"), X, T).notes
    notes = check_gradients(network_with(Student(6, Cube(), mistake="dW.T"), "between"), X, T).notes
    assert notes == {"layers[1].W": "dW is transposed"}
    notes = check_gradients(network_with(BatchNorm(WrongTanh()), "between"), X, T).notes
    assert notes["layers[1].beta"].startswith("dbeta rests on a wrong derivative")


class TwiceTheGradient(SquaredError):  # noqa: N818
    def gradient(self, Z, T):
        return 2 * super().gradient(Z, T)


class MeanAlready(SquaredError):  # noqa: N818
    def gradient(self, Z, T):
        return super().gradient(Z, T) / len(Z)


class TargetsForgotten(SoftmaxCrossEntropy):
    def gradient(self, Z, T):
        return self.predict(Z)


class MinusAbsolute(AbsoluteError):  # noqa: N818
    def gradient(self, Z, T):
        return -super().gradient(Z, T)


class GradientOfAnotherShape(SquaredError):  # noqa: N818
    def gradient(self, Z, T):
        return super().gradient(Z, T).sum(axis=1)


class GradientStops(SquaredError):  # noqa: N818
    def gradient(self, Z, T):
        return T.missing


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        (TwiceTheGradient(), "is twice what it should be: a factor of 2 too much"),
        (
            MeanAlready(),
            f"is n_samples ({N}) times too small, as if averaged over the rows once more",
        ),
        (TargetsForgotten(), "lacks the targets: it is the prediction alone"),
        (MinusAbsolute(), "has the wrong sign"),
        (GradientOfAnotherShape(), "has the shape (9,), and must have (9, 3)"),
        (
            GradientStops(),
            "is not there: gradient stops in the line `return T.missing` with AttributeError: "
            "'numpy.ndarray' object has no attribute 'missing'",
        ),
    ],
    ids=repr,
)
def test_a_wrong_loss(loss, said):
    X, T = data("log_loss" if loss.output == "softmax" else "squared_error")
    network = Network([Dense(6, "tanh"), Dense(K)], loss).initialize(4, random_state=0)
    notes = check_gradients(network, X, T).notes
    assert notes == dict.fromkeys(notes, f"the gradient of the loss {said}")
    assert len(notes) == 4


# ---- more than one thing


def test_two_mistakes_are_both_named():
    class Both(Student):
        def backward(self, dY, ctx):
            dX = super().backward(dY, ctx)
            ctx.dW, ctx.db = -ctx.dW.T, 2 * ctx.dZ
            return dX

    X, T = data("log_loss")
    notes = check_gradients(network_with(Both(6, "tanh"), "between"), X, T).notes
    assert notes["layers[1].W"] == "dW is transposed, and has the wrong sign"
    assert notes["layers[1].b"] == (
        "db is not summed over the rows, and is twice what it should be: a factor of 2 too much: "
        "it has the shape (9, 6), and must have (6,)"
    )


def test_two_layers_are_told_apart():
    X, T = data("log_loss")
    layers = [
        Student(6, "tanh", mistake="-dX"),
        Student(5, "tanh", mistake="db of means"),
        Dense(K),
    ]
    network = Network([Dense(4), *layers]).initialize(4, random_state=0)
    notes = check_gradients(network, X, T).notes
    down = "what comes down from layers[1] is wrong: its dX has the wrong sign"
    few = f"db is n_samples ({N}) times too small, as if averaged over the rows once more"
    assert notes == {"layers[2].b": few, "layers[0].W": down, "layers[0].b": down}


def test_what_cannot_be_told_apart_is_said_with_or():
    X, T = data("log_loss", n=2)
    network = network_with(Student(6, "tanh", mistake="2 dW"), "between")
    assert check_gradients(network, X, T).notes["layers[1].W"] == (
        "dW is twice what it should be: a factor of 2 too much, or is n_samples (2) times too large, "
        "as if summed over the rows instead of averaged"
    )


@pytest.mark.parametrize("activation", ["identity", "relu"])
def test_what_makes_no_difference_is_no_mistake(activation):
    X, T = data("log_loss")
    network = network_with(Student(6, activation, mistake="twice"), "between")
    result = check_gradients(network, X, T)
    assert result.ok
    assert not result.notes


def test_it_also_speaks_in_a_notebook():
    X, T = data("log_loss")
    result = check_gradients(network_with(Student(6, mistake="dW.T"), "between"), X, T)
    assert "layers[1].W: dW is transposed." in result._html()


def test_a_layer_need_not_keep_what_the_check_looks_for_at_kinks():
    class Own(Dense):
        def forward(self, X, ctx):
            ctx.inputs, ctx.outputs = X, np.maximum(X @ self.W + self.b, 0)
            return ctx.outputs

        def backward(self, dY, ctx):
            dZ = dY * (ctx.outputs > 0)
            ctx.dW, ctx.db = ctx.inputs.T @ dZ, dZ.sum(axis=0)
            return dZ @ self.W.T

    X, T = data("log_loss")
    assert check_gradients(network_with(Own(6, "relu"), "between"), X, T).ok
    network = Network([Own(2, "relu", init="zeros"), Dense(1, init="ones")], "squared_error")
    result = check_gradients(network.initialize(2), [[1.0, 2.0]], [[5.0]])
    assert result.ok
    assert result.n_skipped["layers[0].W"] == 4


def test_the_network_is_as_it_was():
    X, T = data("log_loss")
    network = network_with(Student(6, "tanh", mistake="no dX"), "between")
    params = network.params.copy()
    check_gradients(network, X, T)
    assert np.array_equal(network.params, params)
    assert not any(
        name in vars(layer) for layer in network.layers for name in ("forward", "backward")
    )
