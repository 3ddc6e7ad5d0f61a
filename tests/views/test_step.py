import json
from pathlib import Path

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

import minnet
from minnet import Dense, Network
from minnet.activations import get_activation, list_activations
from minnet.views.step import lines_of, step


def board_of(activation="tanh", n_layers=1, learning_rate=0.5):
    rng = np.random.default_rng(1)
    layers = [Dense(3, activation) for _ in range(n_layers)] + [Dense(4)]
    network = Network(layers, bias_init="normal").initialize(2, random_state=0)
    return step(network, rng.normal(size=(4, 2)), np.array([2, 0, 1, 3]), learning_rate)


def shown(board):
    """Return the layers with arrays in place of lists."""
    return [
        {k: np.array(v) if isinstance(v, list) else v for k, v in layer.items()}
        for layer in board["layers"]
    ]


def loss_from(board, index, Z):
    """Return the loss that follows from the sums of one layer, written once more."""
    layers = shown(board)
    for i in range(index, len(layers) - 1):
        f = get_activation(layers[i]["activation"])
        Z = f(Z) @ layers[i + 1]["W"] + layers[i + 1]["b"]
    rows = np.arange(len(Z))
    return -log_softmax(Z, axis=1)[rows, board["T"]].mean()


def central_differences(function, at, h=1e-5):
    found = np.zeros_like(at)
    for place in np.ndindex(at.shape):
        nearby = [at.copy(), at.copy()]
        nearby[0][place] += h
        nearby[1][place] -= h
        found[place] = (function(nearby[0]) - function(nearby[1])) / (2 * h)
    return found


@pytest.mark.parametrize("n_layers", [1, 3])
@pytest.mark.parametrize("activation", list_activations())
def test_every_gradient_is_a_quotient_of_differences(activation, n_layers):
    board = board_of(activation, n_layers)
    layers = shown(board)
    X = np.array(board["X"])
    for i, layer in enumerate(layers):
        f = get_activation(layer["activation"])
        Y = f(layer["Z"])

        def from_Y(Y, i=i):
            above = layers[i + 1]
            return loss_from(board, i + 1, Y @ above["W"] + above["b"])

        exact = {
            "dZ": (lambda Z, i=i: loss_from(board, i, Z), layer["Z"]),
            "dW": (lambda W, i=i, X=X, b=layer["b"]: loss_from(board, i, X @ W + b), layer["W"]),
            "db": (lambda b, i=i, X=X, W=layer["W"]: loss_from(board, i, X @ W + b), layer["b"]),
        }
        if i + 1 < len(layers):
            exact["dY"] = from_Y, Y
        for name, (function, at) in exact.items():
            np.testing.assert_allclose(
                layer[name], central_differences(function, at), rtol=1e-5, atol=1e-8, err_msg=name
            )
        X = Y


@pytest.mark.parametrize("n_layers", [1, 2])
def test_the_numbers_fulfil_the_formulas_beside_them(n_layers):
    board = board_of("sigmoid", n_layers, learning_rate=0.7)
    layers = shown(board)
    X, T = np.array(board["X"]), np.eye(4)[board["T"]]
    for layer, above in zip(layers, [*layers[1:], None], strict=True):
        np.testing.assert_allclose(layer["Z"], X @ layer["W"] + layer["b"])
        slope = layer["Y"] * (1 - layer["Y"]) if above else np.ones_like(layer["Y"])
        np.testing.assert_allclose(layer["slope"], slope)
        np.testing.assert_allclose(layer["dZ"], layer["dY"] * slope)
        np.testing.assert_allclose(layer["dW"], X.T @ layer["dZ"])
        np.testing.assert_allclose(layer["db"], layer["dZ"].sum(axis=0))
        np.testing.assert_allclose(layer["W_after"], layer["W"] - 0.7 * layer["dW"])
        np.testing.assert_allclose(layer["b_after"], layer["b"] - 0.7 * layer["db"])
        if above:
            np.testing.assert_allclose(layer["dY"], above["dZ"] @ above["W"].T)
        X = layer["Y"]
    P = softmax(layers[-1]["Z"], axis=1)
    np.testing.assert_allclose(board["P"], P)
    np.testing.assert_allclose(board["losses"], -np.log((P * T).sum(axis=1)))
    np.testing.assert_allclose(board["loss"], np.mean(board["losses"]))
    np.testing.assert_allclose(layers[-1]["dZ"], (P - T) / len(T))


def test_they_are_those_of_the_network_which_stays_as_it_was():
    net = Network([Dense(3, "relu"), Dense(3, "tanh"), Dense(2)]).initialize(2, random_state=5)
    X, T = np.random.default_rng(0).normal(size=(5, 2)), np.array([0, 1, 1, 0, 1])
    before = net.params.copy()
    board = step(net, X, T, learning_rate=0.2)
    np.testing.assert_array_equal(net.params, before)
    loss, grads = net.loss_and_grad(X, T)
    assert board["loss"] == loss
    for layer, gradients in zip(shown(board), net.views(grads), strict=True):
        np.testing.assert_array_equal(layer["dW"], gradients["W"])
        np.testing.assert_array_equal(layer["db"], gradients["b"])
    net.params -= 0.2 * grads
    assert board["loss_after"] == pytest.approx(net.objective(X, T), rel=1e-14)


def blocks_of(code):
    for entry in code.values():
        for blocks in entry if isinstance(entry[0], list) else [entry]:
            yield from blocks


@pytest.mark.parametrize("activation", list_activations())
def test_the_code_lines_are_those_of_the_files(activation):
    code = board_of(activation)["code"]
    assert set(code) == {"Z", "Y", "P", "loss", "dY", "dZ", "dW", "dX", "update"}
    for block in blocks_of(code):
        lines = (Path(minnet.__file__).parents[1] / block["file"]).read_text("utf8").splitlines()
        assert any(asked for *_, asked in block["lines"])
        for number, text, _ in block["lines"]:
            assert lines[number - 1].endswith(text), block["file"]


@pytest.mark.parametrize(
    ("quantity", "block", "names"),
    [
        ("Z", 0, ["Z =", "X @", ".W", ".b"]),
        ("P", 0, ["softmax(Z"]),
        ("dY", 1, ["dY =", "gradient(Z, T)"]),
        ("dW", 0, ["dW", "X.T @ dZ", "db", "sum("]),
        ("dX", 0, ["return", "dZ @", "W.T"]),
        ("update", 0, ["params -=", "grads"]),
    ],
)
def test_the_lines_in_question_compute_the_quantity(quantity, block, names):
    """They are found by a piece of their text: here is told when that points somewhere else."""
    (asked,) = [line[1] for line in board_of()["code"][quantity][block]["lines"] if line[2]]
    for name in names:
        assert name in asked


def test_the_lines_of_activations_and_losses_are_there():
    code = board_of()["code"]
    asked = {
        name: [[line[1].strip() for line in block["lines"] if line[2]] for block in blocks]
        for name, blocks in (("Y", code["Y"][0]), ("dZ", code["dZ"][0]), ("loss", code["loss"]))
    }
    assert asked["Y"][0] == ["ctx.X, ctx.Z, ctx.Y = X, Z, self.activation(Z)"]
    assert asked["Y"][1] == ["return np.tanh(Z)"]
    assert "self.activation.derivative" in asked["dZ"][0][0]
    assert asked["dZ"][1] == ["return 1 - Y * Y"]
    assert any("np.log" in line for line in asked["loss"][0])
    assert len(asked["loss"][1]) == 2


def test_a_line_that_is_not_there_is_an_error():
    with pytest.raises(LookupError, match=r"no line of Dense\.forward contains 'V ='"):
        lines_of(Dense.forward, "V =")


def test_what_has_diverged_is_written_without_nan():
    huge = Network([Dense(2, "identity"), Dense(2)]).initialize(2, random_state=0)
    huge.params *= 1e200
    text = json.dumps(step(huge, np.full((1, 2), 1e200), np.array([0]), 1.0), allow_nan=False)
    assert json.loads(text)["loss"] is None
