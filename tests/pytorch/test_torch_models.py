"""Models of PyTorch: what is read of them computes what they compute, by autograd."""

import copy
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from minnet import BatchNorm, Dense, LayerNorm, Network, copy_weights
from minnet.lab import diagnose, jacobians, probe
from minnet.lab.probe import one_pass
from minnet.lab.subject import step_of, subject_of
from minnet.pytorch import network_from_torch, torch_from_network

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
nn = torch.nn

pytestmark = pytest.mark.dev


from torch_modules import (  # noqa: E402
    ACTIVATIONS,
    CLASSES,
    NUMBERS,
    RNG,
    SHAPES,
    ZEROS_AND_ONES,
    D,
    N,
    X,
    leaves,
    made,
)

CRITERIA = {
    "cross entropy": (nn.CrossEntropyLoss, CLASSES, None),
    "weighted": (lambda: nn.CrossEntropyLoss(torch.tensor([1.0, 2.0, 5.0])), CLASSES, None),
    "summed": (lambda: nn.CrossEntropyLoss(reduction="sum"), CLASSES, None),
    "nll": (nn.NLLLoss, CLASSES, lambda: nn.LogSoftmax(dim=1)),
    "cross entropy of log": (nn.CrossEntropyLoss, CLASSES, lambda: nn.LogSoftmax(dim=-1)),
    "bce": (nn.BCELoss, ZEROS_AND_ONES, nn.Sigmoid),
    "bce of logits": (nn.BCEWithLogitsLoss, ZEROS_AND_ONES, None),
    "mse": (nn.MSELoss, NUMBERS, None),
    "summed mse": (lambda: nn.MSELoss(reduction="sum"), NUMBERS, None),
    "mse of sigmoid": (nn.MSELoss, ZEROS_AND_ONES, nn.Sigmoid),
    "mse of softmax": (nn.MSELoss, NUMBERS, lambda: nn.Softmax(dim=1)),
    "mse of log softmax": (nn.MSELoss, NUMBERS, lambda: nn.LogSoftmax(dim=1)),
    "l1": (nn.L1Loss, NUMBERS, None),
    "smooth l1": (lambda: nn.SmoothL1Loss(beta=0.3), NUMBERS, None),
    "huber": (lambda: nn.HuberLoss(delta=0.4), NUMBERS, None),
}  # fmt: skip


def by_autograd(model, criterion, y, dtype=torch.float64):
    """Return loss, all outputs of Linear and normalization with their gradients, and of the weights."""
    model = copy.deepcopy(model).train()
    h, outputs = torch.tensor(X, dtype=dtype), []
    for module in leaves(model):
        h = module(h.clone())
        if isinstance(module, nn.Linear | nn.BatchNorm1d | nn.LayerNorm):
            h.retain_grad()
            outputs.append(h)
    of_classes = isinstance(criterion, nn.CrossEntropyLoss | nn.NLLLoss)
    y = torch.tensor(y, dtype=torch.long if of_classes else dtype)
    loss = criterion.to(dtype)(h, y)
    loss.backward()
    return loss, outputs, [p.grad for p in model.parameters()]


def assert_same(model, criterion, y, dtype=torch.float64, tolerance=1e-12):
    loss, outputs, gradients = by_autograd(model, criterion, y, dtype)
    with torch.random.fork_rng():
        subject = subject_of(model, torch.tensor(X, dtype=dtype), torch.tensor(y), loss=criterion)
    network = subject.network
    assert str(dtype) == f"torch.{network.dtype}"
    found, flat, contexts = one_pass(subject)
    assert_allclose(found, loss.item(), rtol=tolerance)
    rows = [
        ctx
        for ctx, layer in zip(contexts, network.layers, strict=True)
        if isinstance(layer, Dense | BatchNorm | LayerNorm)
    ]
    for ctx, output in zip(rows, outputs, strict=True):
        assert_allclose(ctx.Z, output.detach(), atol=10 * tolerance)
        assert_allclose(ctx.dZ, output.grad, atol=10 * tolerance)
    kinds = nn.Linear | nn.BatchNorm1d | nn.LayerNorm
    trained = [module for module in leaves(model) if isinstance(module, kinds)]
    views, grads = [view for view in network.views(flat) if view], iter(gradients)
    for module, view in zip(trained, views, strict=True):
        for parameter, gradient in zip((module.weight, module.bias), view.values(), strict=True):
            if parameter is not None:
                assert_allclose(gradient.T, next(grads), atol=10 * tolerance)
    assert next(grads, None) is None


PAIRS = [(shape, "tanh") for shape in SHAPES]
PAIRS += [(shape, "leaky") for shape in SHAPES]
PAIRS += [(shape, name) for shape in ("plain", "norm before", "dropped") for name in ACTIVATIONS]


@pytest.mark.parametrize(("shape", "activation"), dict.fromkeys(PAIRS))
def test_layers_compute_what_the_modules_do(shape, activation):
    model = made(SHAPES[shape](ACTIVATIONS[activation]))
    assert_same(model, nn.CrossEntropyLoss(), CLASSES)
    assert_same(model.float(), nn.CrossEntropyLoss(), CLASSES, torch.float32, 1e-5)


@pytest.mark.parametrize("name", CRITERIA)
@pytest.mark.parametrize("n_outputs", [3, 1])
def test_losses_and_gradients_are_those_of_pytorch(name, n_outputs):
    criterion, y, link = CRITERIA[name]
    if n_outputs == 1:
        if y is CLASSES or name == "mse of softmax":
            pytest.skip("needs several outputs")
        y = y[:, :1]
    layers = [nn.Linear(D, 6), nn.Tanh(), nn.Linear(6, n_outputs)] + ([link()] if link else [])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert_same(made(layers), criterion(), y)


def test_a_weight_of_ones_is_a_weight_of_their_rows():
    model = made([nn.Linear(D, 1)])
    assert_same(model, nn.BCEWithLogitsLoss(pos_weight=torch.tensor([3.0])), ZEROS_AND_ONES[:, :1])


@pytest.mark.parametrize(
    ("y", "n_outputs", "link", "loss"),
    [
        (CLASSES, 3, None, "SoftmaxCrossEntropy"),
        (CLASSES[:, None], 3, None, "SoftmaxCrossEntropy"),
        (CLASSES.astype(float), 3, nn.Softmax(1), "SoftmaxCrossEntropy"),
        (np.eye(3)[CLASSES], 3, nn.LogSoftmax(1), "SoftmaxCrossEntropy"),
        (CLASSES > 0, 1, None, "SigmoidCrossEntropy"),
        (np.float32(CLASSES > 0), 1, nn.Sigmoid(), "SigmoidCrossEntropy"),
        (RNG.random(N), 1, nn.Sigmoid(), "SigmoidCrossEntropy"),
        (ZEROS_AND_ONES, 3, None, "SigmoidCrossEntropy"),
        (NUMBERS, 3, None, "SquaredError"),
        (NUMBERS[:, 0], 1, None, "SquaredError"),
        (CLASSES, 1, None, "SquaredError"),
        (None, 3, None, "SquaredError"),
        (None, 3, nn.Softmax(-1), "SoftmaxCrossEntropy"),
        (None, 1, nn.Sigmoid(), "SigmoidCrossEntropy"),
    ],
)
def test_the_loss_is_found_by_the_targets(y, n_outputs, link, loss):
    model = made([nn.Linear(D, n_outputs)] + ([link] if link else []))
    network = network_from_torch(model, y if y is None else torch.tensor(y))
    assert type(network.loss_).__name__ == loss
    assert len(network.layers) == 1
    expected = model.eval()(torch.tensor(X)).detach().numpy()
    expected = np.exp(expected) if isinstance(link, nn.LogSoftmax) else expected
    if link is not None:
        assert_allclose(network.predict(X), expected, atol=1e-14)
    subject_of(model, X, y)  # takes them


@pytest.mark.parametrize("loss", ["log_loss", "squared_error", "function", "class", "object"])
def test_a_loss_may_be_given_in_many_ways(loss):
    given = {"function": nn.functional.mse_loss, "class": nn.MSELoss, "object": nn.MSELoss()}
    network = network_from_torch(made([nn.Linear(D, 3)]), loss=given.get(loss, loss))
    softmax = loss == "log_loss"
    assert type(network.loss_).__name__ == ("SoftmaxCrossEntropy" if softmax else "SquaredError")


# ---- optimizers


def frozen_bias(model):
    model[0].bias.requires_grad_(False)
    return model.parameters()


def two_rates(model):
    first, *others = model.parameters()
    return [{"params": others}, {"params": [first], "lr": 0.002}]


OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.05),
    "sgd with all": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True),
    "decayed": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.5, weight_decay=0.1),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01, betas=(0.8, 0.99), eps=1e-3),
    "adam decayed": lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=0.3),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.0),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01, alpha=0.9, eps=1e-2),
    "rmsprop with all": lambda p: torch.optim.RMSprop(p, lr=0.01, momentum=0.5, weight_decay=0.1),
}  # fmt: skip


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize(
    "criterion", [nn.CrossEntropyLoss(), nn.MSELoss(), nn.L1Loss(reduction="sum")]
)
@pytest.mark.parametrize("made_steps", [0, 3])
@pytest.mark.parametrize("parameters", [nn.Module.parameters, frozen_bias, two_rates])
def test_the_next_step_is_that_of_the_optimizer(name, criterion, made_steps, parameters):
    # Without biases where they would be decayed in PyTorch only.
    bias = "decayed" not in name and "rmsprop with" not in name
    if parameters is frozen_bias and not bias:
        pytest.skip("no bias to freeze")
    model = made([nn.Linear(D, 6, bias), nn.Tanh(), nn.Linear(6, 3, bias)])
    optimizer = OPTIMIZERS[name](parameters(model))
    y = torch.tensor(CLASSES if isinstance(criterion, nn.CrossEntropyLoss) else NUMBERS)

    def step():
        optimizer.zero_grad()
        criterion(model(torch.tensor(X)), y).backward()
        optimizer.step()

    for _ in range(made_steps):
        step()
    before = [p.detach().clone() for p in model.parameters()]
    subject = subject_of(model, X, y, optimizer=optimizer, loss=criterion)
    network = subject.network
    moved = network.views(step_of(subject, one_pass(subject)[1]))
    step()
    steps = [
        (p.detach() - old).numpy().T for p, old in zip(model.parameters(), before, strict=True)
    ]
    found = [array for view in moved for key, array in view.items() if key == "W" or bias]
    for one, other in zip(found, steps, strict=True):
        assert_allclose(one, other, rtol=1e-7, atol=1e-12)
    if not bias:
        assert not any(view["b"].any() for view in moved)


@pytest.mark.parametrize(
    ("optimizer", "error", "said"),
    [
        (lambda m: torch.optim.Adagrad(m.parameters()), TypeError, "one of SGD, Adam.*got Adagrad"),
        (lambda m: torch.optim.SGD(nn.Linear(2, 2).parameters(), 0.1), ValueError, "none of them"),
        (lambda m: torch.optim.SGD(m.parameters(), 0.1, maximize=True), ValueError, "maximize=False"),
        (lambda m: torch.optim.SGD(m.parameters(), 0.1, 0.9, 0.5), ValueError, "dampening=0.0, got 0.5"),
        (lambda m: "quick", ValueError, "optimizer must be"),
        (lambda m: 3, TypeError, "optimizer must be"),
    ],
)  # fmt: skip
def test_other_optimizers_are_refused_in_a_sentence(optimizer, error, said):
    model = made([nn.Linear(D, 3)])
    with pytest.raises(error, match=said):
        subject_of(model, X, CLASSES, optimizer=optimizer(model))


# ---- what is said


@pytest.mark.parametrize(
    ("layers", "error", "said"),
    [
        ([nn.Conv2d(1, 2, 3), nn.Linear(D, 3)], TypeError, r"got 0: Conv2d\(1, 2"),
        ([nn.Sequential(nn.Linear(D, 3), nn.GLU()), nn.PReLU()], TypeError, r"0.1: GLU\(.*, 1: PReLU"),
        ([nn.Linear(D, 3), nn.BatchNorm1d(3, track_running_stats=False)], TypeError, "1: BatchNorm1d"),
        ([nn.LayerNorm((2, D)), nn.Linear(D, 3)], TypeError, "0: LayerNorm.* not over the columns"),
        ([nn.LayerNorm(4), nn.Linear(D, 3)], ValueError, "4 inputs for 1: Linear"),
        ([nn.Linear(D, 3), nn.Softmax(dim=0)], TypeError, "not over the columns"),
        ([nn.Linear(D, 3), nn.Linear(4, 3)], ValueError, "3 inputs for 1: Linear"),
        ([nn.Linear(D, 3, device="meta")], TypeError, "0: Linear.* without values"),
        ([nn.Linear(D, 3, dtype=torch.complex64)], TypeError, "of complex numbers"),
        ([one := nn.Linear(D, D), one], TypeError, "1: Linear.* with the weights of another"),
        ([nn.Tanh()], ValueError, "must have a Linear"),
        ([], ValueError, "must have a Linear"),
        ([nn.LazyLinear(3)], TypeError, "0: LazyLinear"),
        ([type("Twice", (nn.Linear,), {})(D, 3)], TypeError, "0: Twice"),
        ([nn.Flatten(0)], TypeError, "0: Flatten"),
        ([nn.Dropout(1.0), nn.Linear(D, 3)], TypeError, "0: Dropout"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("call", [probe, diagnose, jacobians, copy_weights, network_from_torch])
def test_modules_that_cannot_be_read_are_named(layers, error, said, call):
    model = nn.Sequential(*layers)
    others = {network_from_torch: (), copy_weights: (Network([Dense(3)]).initialize(D),)}
    with pytest.raises(error, match=said):
        call(model, *others.get(call, (X, CLASSES)))


def test_another_module_is_told_what_is_taken():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(nn.Linear(D, 3))

    with pytest.raises(TypeError, match="got Net: give the Sequential in it"):
        probe(Net(), X, CLASSES)
    with pytest.raises(TypeError, match=r"got Linear$"):
        probe(nn.Linear(D, 3), X, CLASSES)
    with pytest.raises(TypeError, match=r"model must be a torch.nn.Sequential, got 'net'"):
        network_from_torch("net")


@pytest.mark.parametrize(
    ("loss", "link", "error", "said"),
    [
        (nn.NLLLoss(), None, ValueError, "must be CrossEntropyLoss.*got NLLLoss.*last module is none"),
        (nn.NLLLoss(), nn.Softmax(1), ValueError, "got NLLLoss.*what a LogSoftmax gives.*is Softmax"),
        (nn.BCELoss(), None, ValueError, "must be BCEWithLogitsLoss"),
        (nn.CrossEntropyLoss(label_smoothing=0.1), None, ValueError, "label_smoothing=0, got 0.1"),
        (nn.PoissonNLLLoss(log_input=False), None, ValueError, "log_input=True"),
        (nn.CrossEntropyLoss(torch.ones(2)), None, ValueError, "must have 3 weights"),
        (nn.BCEWithLogitsLoss(torch.ones(3)), None, ValueError, "no weights but"),
        (nn.MultiMarginLoss(), None, TypeError, "one of CrossEntropyLoss.*got MultiMarginLoss"),
        ("crossentropy", None, ValueError, "loss must be"),
        (3, None, TypeError, "loss must be"),
    ],
)  # fmt: skip
def test_losses_that_do_not_fit_are_refused(loss, link, error, said):
    model = made([nn.Linear(D, 3)] + ([link] if link else []))
    with pytest.raises(error, match=said):
        probe(model, X, CLASSES, loss=loss)


def test_a_loss_is_of_a_model_of_pytorch_alone():
    with pytest.raises(ValueError, match="loss must be None but for a model of PyTorch"):
        probe(Network([Dense(3)]).initialize(D), X, CLASSES, loss="log_loss")


@pytest.mark.parametrize(
    ("layers", "loss", "y", "said"),
    [
        ([nn.Linear(D, 3), nn.Softmax(1)], nn.CrossEntropyLoss(), CLASSES, "Loss has a softmax in it"),
        ([nn.Linear(D, 1), nn.Sigmoid()], nn.BCEWithLogitsLoss(), CLASSES > 0, "Loss has a sigmoid"),
        ([nn.Linear(D, 1)], nn.MSELoss(), NUMBERS[:, 0], r"\(12, 12\)"),
        ([nn.Linear(D, 1), nn.Softmax(1)], None, CLASSES > 0, "softmax of one output"),
    ],
)  # fmt: skip
def test_common_mistakes_are_told_in_a_warning(layers, loss, y, said):
    with pytest.warns(UserWarning, match=said) as caught:
        probe(made(layers), X, y, loss=loss)
    assert [each.filename for each in caught] == [__file__]


def test_a_softmax_before_the_cross_entropy_is_measured_as_it_is():
    layers = [nn.Linear(D, 3), nn.Softmax(1)]
    with pytest.warns(UserWarning, match="leave that module out"):
        assert_same(made(layers), nn.CrossEntropyLoss(), CLASSES)


@pytest.mark.parametrize(
    ("y", "said"),
    [
        (["a", "b", "c"] * 4, "y must be real numbers, got strings"),
        (CLASSES + 1, "y must be class indices from 0 to 2"),
        (CLASSES[:5], "y must be class indices of shape"),
        (np.full(N, np.nan), "y must have shape"),
    ],
)
def test_wrong_targets_are_told(y, said):
    with pytest.raises(ValueError, match=said):
        diagnose(made([nn.Linear(D, 3)]), X, y)


def test_a_softmax_of_one_output_is_refused():
    with pytest.raises(ValueError, match="CrossEntropyLoss for a model of one output"):
        probe(made([nn.Linear(D, 1)]), X, np.zeros(N, int), loss=nn.CrossEntropyLoss())
    with pytest.raises(ValueError, match="X must have at least one row"):
        probe(made([nn.Linear(D, 1)]), X[:0], np.zeros(0))


def test_rows_of_probabilities_are_refused():
    with pytest.raises(ValueError, match="rows of probabilities"):
        probe(made([nn.Linear(D, 3)]), X, np.full((N, 3), 1 / 3), loss=nn.CrossEntropyLoss())


# ---- forms


@pytest.mark.parametrize("of", [np.asarray, torch.tensor, "graph", "frame", "bfloat16"])
def test_data_may_come_in_many_forms(of):
    model = made([nn.Linear(D, 6), nn.Tanh(), nn.Linear(6, 3)])
    expected = probe(model, X, CLASSES)
    tolerance = 1e-12
    if of == "graph":
        data = torch.tensor(X, requires_grad=True) * 1, torch.tensor(CLASSES)
    elif of == "frame":
        pandas = pytest.importorskip("pandas")
        data = pandas.DataFrame(X), pandas.Series(CLASSES, index=range(5, 5 + N))
    elif of == "bfloat16":
        data, tolerance = (torch.tensor(X).bfloat16(), torch.tensor(CLASSES)), 0.05
    else:
        data = of(X), of(CLASSES)
    found = probe(model, *data, torch.ones(N))
    assert_allclose(found["dW", "rms"], expected["dW", "rms"], rtol=tolerance)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_becomes_single(dtype):
    model = made([nn.Linear(D, 3)]).to(dtype)
    network = network_from_torch(model)
    assert network.dtype == "float32"
    assert_array_equal(network.layers[0].W, model[0].weight.detach().float().T)
    assert torch_from_network(network, like=model)[0].weight.dtype == dtype


def test_pictures_are_flattened_where_the_model_does_so():
    model = made([nn.Flatten(), nn.Linear(6, 3)])
    pictures = RNG.normal(size=(N, 1, 2, 3))
    m = probe(model, torch.tensor(pictures), CLASSES)
    assert_allclose(m["Z", "rms"], probe(model, pictures.reshape(N, 6), CLASSES)["Z", "rms"])
    with pytest.raises(ValueError, match="X must have shape"):
        probe(made([nn.Linear(6, 3)]), pictures, CLASSES)


def test_layers_are_called_as_the_modules_are():
    body = nn.Sequential(nn.Linear(D, 6), nn.ReLU())
    model = nn.Sequential()
    model.add_module("body", body)
    model.add_module("norm", nn.BatchNorm1d(6))
    model.add_module("drop", nn.Dropout())
    model.add_module("head", nn.Linear(6, 3))
    labels = ["body.0 Linear(6, relu)", "norm BatchNorm1d", "head Linear(3)"]
    assert probe(model, X, CLASSES).layers == labels
    assert jacobians(model, X).names == labels
    source = subject_of(model, X, CLASSES).source
    assert source.names == [("body.0", "body.1"), ("norm",), ("drop",), ("head",)]


def test_what_does_not_train_is_frozen():
    model = made([nn.Linear(D, 6), nn.Tanh(), nn.Linear(6, 6), nn.BatchNorm1d(6), nn.Linear(6, 3)])
    model[0].requires_grad_(False)
    model[2].weight.requires_grad_(False)
    model[3].requires_grad_(False)
    network = network_from_torch(model)
    table = [
        (row.label, row.trainable, row.lr_factor)
        for row in network.parameter_table
        if not (row.trainable and row.lr_factor == 1)
    ]
    assert table == [
        ("layers[0].W", False, 1.0), ("layers[0].b", False, 1.0), ("layers[1].W", True, 0.0),
        ("layers[2].gamma", True, 0.0), ("layers[2].beta", True, 0.0),
    ]  # fmt: skip
    again = torch_from_network(network, like=model)
    frozen = [p.requires_grad for p in model.parameters()]
    assert [p.requires_grad for p in again.parameters()] == frozen


def test_modules_that_stay_in_evaluation_do_so():
    model = made([nn.Linear(D, 6), nn.BatchNorm1d(6), nn.Dropout(0.9), nn.Linear(6, 3)]).train()
    model[1].eval()
    model[2].eval()
    network = network_from_torch(model)
    assert_allclose(network.forward_training(X)[0], model(torch.tensor(X)).detach(), atol=1e-12)


def test_weights_that_are_not_finite_are_read():
    model = made([nn.Linear(D, 6), nn.Tanh(), nn.Linear(6, 3)])
    with torch.no_grad():
        model[0].weight[0, 0] = torch.nan
    assert "not_finite" in [finding.code for finding in diagnose(model, X, CLASSES).findings]
