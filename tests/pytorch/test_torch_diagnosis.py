"""``diagnose`` of models of PyTorch: in its words, and with advice that PyTorch itself trains with."""

import pickle
from collections import OrderedDict
from itertools import pairwise

import numpy as np
import pytest
from sklearn.datasets import load_digits

from minnet.lab import diagnose
from minnet.lab.diagnosis import Remedy
from minnet.lab.diagnosis.patient import Patient

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
nn = torch.nn

pytestmark = pytest.mark.dev

X, CLASSES = load_digits(return_X_y=True)
X, CLASSES = torch.tensor(X[:300] / 16, dtype=torch.float32), torch.tensor(CLASSES[:300])


def deep(activation, depth=6, dtype=torch.float32):
    torch.manual_seed(0)
    sizes = [64] * (depth + 1)
    hidden = [nn.Sequential(nn.Linear(a, b), activation()) for a, b in pairwise(sizes)]
    return nn.Sequential(*hidden, nn.Linear(64, 10)).to(dtype)


def score(model, lr=0.05, steps=100):
    """Return the share of right answers after a training by PyTorch."""
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    dtype = next(model.parameters()).dtype
    model.train()
    for step in range(steps):
        rows = slice(60 * (step % 5), 60 * (step % 5) + 60)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(X[rows].to(dtype)), CLASSES[rows]).backward()
        optimizer.step()
    return float((model(X.to(dtype)).argmax(dim=1) == CLASSES).float().mean())


@pytest.mark.parametrize(
    ("activation", "dtype"), [(nn.ReLU, torch.float32), (nn.Sigmoid, torch.float64)]
)
def test_the_advice_applied_is_a_model_that_trains(activation, dtype):
    model = deep(activation, dtype=dtype)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    report = diagnose(model, X, CLASSES, optimizer=optimizer, loss=nn.CrossEntropyLoss())
    text = str(report)
    assert "vanish" in text
    assert "layer 0" not in text
    better = report.apply()
    assert isinstance(better, nn.Sequential)
    assert next(better.parameters()).dtype == dtype
    assert better.training == model.training
    again = diagnose(better, X, CLASSES, loss=nn.CrossEntropyLoss())
    assert report.findings[0].code not in [finding.code for finding in again.findings]
    assert score(model, steps=50) < 0.4
    assert score(better, steps=150) > 0.8
    assert str(pickle.loads(pickle.dumps(report))) == text


def test_modules_are_called_by_their_names():
    model = deep(nn.Tanh, 3)
    with torch.no_grad():
        model[1][0].weight *= 100
    report = diagnose(model, X, CLASSES)
    assert "Linear '1.0'" in str(report)


def test_weight_decay_is_the_same_for_any_number_of_rows():
    model = nn.Sequential(nn.Linear(64, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.01)
    patient = Patient(model, X, CLASSES, optimizer=optimizer)
    few = patient.of_rows(100)
    assert patient.model.alpha == pytest.approx(0.01 * len(X))
    assert few.model.alpha == pytest.approx(0.01 * 100)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_summed_loss_is_no_high_loss(reduction):
    model = deep(nn.Tanh, 2)
    report = diagnose(model, X, CLASSES, loss=nn.CrossEntropyLoss(reduction=reduction))
    assert not report.findings


@pytest.mark.parametrize(
    ("loss", "lr"),
    [
        (nn.MSELoss(), 5.0), (nn.SmoothL1Loss(beta=0.5), 5.0), (nn.MSELoss(reduction="sum"), 0.02),
        (nn.MSELoss(), 1e-9), (nn.SmoothL1Loss(), 1e-9), (nn.MSELoss(reduction="sum"), 1e-11),
    ],
)  # fmt: skip
def test_learning_rates_are_those_of_pytorch(loss, lr):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    y = CLASSES[:, None] / 3.0 - 1.5
    report = diagnose(model, X, y, optimizer=optimizer, loss=loss)
    finding = next(f for f in report.findings if f.code.startswith("learning_rate"))
    assert f"At learning rate {lr:g} " in finding.sentence
    rate = finding.remedy.changes["learning_rate_init"]
    assert f"lr={rate:g} of the optimizer" in finding.advice
    with pytest.raises(ValueError, match="a remedy of the model to apply, and has one of its data"):
        report.apply()


def test_a_model_that_trains_raises_no_alarm():
    for activation in (nn.ReLU, nn.Tanh, nn.Mish):
        model = deep(activation, 2)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.002)
        assert not diagnose(model, X, CLASSES, optimizer=optimizer)
        assert score(model) > 0.8
        assert not diagnose(model, X, CLASSES, optimizer=optimizer)


def test_parameters_that_do_not_require_a_gradient_are_frozen():
    model = deep(nn.Tanh, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for p in model.parameters():
        p.requires_grad_(False)
    report = diagnose(model, X, CLASSES, optimizer=optimizer)
    assert report.findings[0].code == "frozen"
    assert "requires_grad=True" in report.findings[0].advice
    assert all(p.requires_grad for p in report.apply().parameters())


def test_held_out_rows_may_be_tensors():
    model = deep(nn.Tanh, 2)
    held_out = {"X_val": X[200:], "y_val": CLASSES[200:]}
    assert not diagnose(model, X[:200], CLASSES[:200], **held_out)


def test_pictures_and_targets_of_numbers_are_read():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 1))
    y = np.asarray(CLASSES, float) * 1e4
    report = diagnose(model, X.reshape(-1, 1, 8, 8), y)
    assert report.findings[0].code == "unscaled_targets"


def two_layers(*last):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10), *last)


@pytest.mark.parametrize(
    ("last", "loss", "targets"),
    [
        (nn.Sigmoid(), nn.MSELoss(), 4 + 10 * X[:, 10:20]),
        (nn.Softmax(dim=1), nn.CrossEntropyLoss(), CLASSES),
    ],
)
@pytest.mark.filterwarnings("ignore:CrossEntropyLoss has a softmax")
def test_what_bounds_the_outputs_is_left_out(last, loss, targets):
    model = two_layers(last)
    optimizer = torch.optim.Adam(model.parameters())
    report = diagnose(model, X, targets, optimizer=optimizer, loss=loss)
    assert report.findings[0].code == "output_range"
    assert [type(module) for module in report.apply()] == [nn.Linear, nn.ReLU, nn.Linear]
    assert len(model) == 4


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.AdamW])
def test_weight_decay_is_of_the_optimizer(kind):
    model = two_layers()
    decay = 1.0 if kind is torch.optim.SGD else 100.0
    optimizer = kind(model.parameters(), lr=0.05, weight_decay=decay)
    report = diagnose(model, X, CLASSES, optimizer=optimizer, loss=nn.CrossEntropyLoss())
    finding = report.findings[0]
    assert f"weight_decay={decay:g}" in finding.sentence
    assert "Set weight_decay=0 of the optimizer" in finding.advice
    with pytest.raises(ValueError, match="one of its data or training: Set weight_decay=0"):
        report.apply()


def test_names_and_nesting_are_kept():
    torch.manual_seed(0)
    hidden = [nn.Sequential(OrderedDict(lin=nn.Linear(64, 64), act=nn.Sigmoid())) for _ in range(6)]
    parts = {f"block{i}": block for i, block in enumerate(hidden)} | {"head": nn.Linear(64, 10)}
    model = nn.Sequential(OrderedDict(parts))
    applied = diagnose(model, X, CLASSES, loss=nn.CrossEntropyLoss()).apply()
    assert applied.state_dict().keys() == model.state_dict().keys()


def test_weights_in_the_words_of_pytorch():
    patient = Patient(two_layers(), X, CLASSES)
    for init, words in (
        ({"name": "glorot", "gain": 4.0}, "weights of torch.nn.init.xavier_uniform_(w, gain=4)"),
        (
            {"name": "orthogonal", "gain": "auto"},
            "weights of torch.nn.init.orthogonal_(w, gain=1.41)",
        ),
        ("he_normal", "weights of torch.nn.init.kaiming_normal_"),
    ):
        assert patient.words(Remedy({"init": init})) == words


def test_what_cannot_be_done_is_said():
    model = two_layers()
    with pytest.raises(ValueError, match="ignore_index"):
        diagnose(model, X, CLASSES, loss=nn.CrossEntropyLoss(ignore_index=3))
    with pytest.raises(ValueError, match="train needs optimizer="):
        diagnose(model, X, CLASSES, train=2)
    with pytest.raises(ValueError, match="X_val must have shape"):
        diagnose(model, X, CLASSES, X_val=X[:, :3], y_val=CLASSES)
