"""Files of every format that there was are read by this version; see tests/data/make_format_1.py."""

import re
from pathlib import Path

import numpy as np
import pytest
from hostile import DELETE, changed
from numpy.testing import assert_allclose

import minnet
from minnet import Dense, Network, PiecewiseLinear, load_model, save_model
from minnet.persistence.files import FORMAT
from minnet.persistence.names import readable_classes

DATA = Path(__file__).parent.parent / "data"


@pytest.fixture(scope="module")
def expected():
    return np.load(DATA / "format_1_predictions.npz")


def test_there_are_files_of_every_format():
    found = {int(re.search(r"\d+", path.name)[0]) for path in DATA.glob("format_*.safetensors")}
    assert found == set(range(1, FORMAT + 1))


def test_a_classifier_of_format_1(expected):
    model = load_model(DATA / "format_1.safetensors")
    X, y = expected["X"], expected["y"]
    assert list(model.classes_) == ["ja", "nein", "vielleicht ☃"]
    assert list(model.feature_names_in_) == ["a", "b", "ü", ""]
    assert model.n_iter_ == len(model.loss_curve_) == len(model.validation_scores_) == 3
    assert model.n_iter_no_change == np.inf
    assert model.class_weight == {"ja": 2.0}
    assert model.network_.layers[0].lr_factor == 0.5
    assert isinstance(model.random_state, np.random.RandomState)
    assert_allclose(model.predict_proba(X), expected["proba"], rtol=1e-5)
    model.set_params(early_stopping=False).partial_fit(X, y)
    assert_allclose(model.coefs_[0], expected["after_another_epoch"], rtol=1e-4, atol=1e-6)


def test_a_trainer_of_format_1(expected):
    trainer = load_model(DATA / "format_1_trainer.safetensors")
    X = expected["X"]
    assert isinstance(trainer, minnet.Trainer)
    assert trainer.optimizer.step == 15
    assert trainer.n_seen == 120
    assert trainer.optimizer == minnet.SGD(trainer.optimizer.learning_rate, 0.9, True)
    assert_allclose(trainer.network.predict(X), expected["of_trainer"], rtol=1e-12)
    trainer.run_epoch(*trainer.network.check_batch(X, X[:, 0] - X[:, 1]))
    assert trainer.n_epochs == 4


def test_a_layer_without_the_arguments_of_later_has_their_defaults(tmp_path):
    save_model(Network([PiecewiseLinear([[0.0, 1.0], 3], 0.25), Dense(2)]), tmp_path / "model")
    raw = (tmp_path / "model").read_bytes()
    where = ("model", "network", "layers", 0, "config", "code_dropout")
    (tmp_path / "older").write_bytes(changed(raw, where, DELETE))
    assert load_model(tmp_path / "model").layers[0].code_dropout == 0.25
    assert load_model(tmp_path / "older").layers[0].code_dropout == 0.0


# What version 0.1.0 called its classes; others may come, but none of these may go.
NAMES = {
    "layer": "BatchNorm Dense Dropout",
    "activation": "identity:Identity sigmoid:Sigmoid logistic:Sigmoid tanh:Tanh lecun_tanh:LecunTanh "
    "softsign:Softsign relu:Relu leaky_relu:LeakyRelu elu:Elu selu:Selu gelu:Gelu silu:Silu "
    "softplus:Softplus",
    "loss": "softmax_cross_entropy:SoftmaxCrossEntropy sigmoid_cross_entropy:SigmoidCrossEntropy "
    "squared_error:SquaredError poisson:Poisson absolute_error:AbsoluteError huber:Huber "
    "quantile:Quantile",
    "initializer": "zeros:Zeros ones:Ones constant:Constant uniform:Uniform normal:Normal "
    "truncated_normal:TruncatedNormal variance_scaling:VarianceScaling glorot_uniform:GlorotUniform "
    "glorot_normal:GlorotNormal he_uniform:HeUniform he_normal:HeNormal lecun_uniform:LecunUniform "
    "lecun_normal:LecunNormal standard:Standard torch_linear:TorchLinear sklearn_mlp:SklearnMLP "
    "edge_of_chaos:EdgeOfChaos orthogonal:Orthogonal lsuv:LSUV sparse:Sparse "
    "nguyen_widrow:NguyenWidrow positive_unitball:PositiveUnitball identity:Identity "
    "zero_hadamard:ZerO output_prior:OutputPrior FromArray",
    "optimizer": "SGD Adam",
    "schedule": "Adaptive ByStep Constant Cosine InvScaling StepDecay WarmUp",
}


@pytest.mark.parametrize("kind", NAMES)
def test_the_names_of_format_1_mean_what_they_meant(kind):
    known = {name: cls.__name__ for name, cls in readable_classes()[kind].items()}
    for entry in NAMES[kind].split():
        name, _, class_name = entry.partition(":")
        assert known[name] == (class_name or name)
