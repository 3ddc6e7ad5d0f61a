"""Names that are none: the nearest one is suggested everywhere, and the rest are listed in one order."""

import os
import subprocess
import sys
import traceback

import pytest

from minnet import (
    BatchNorm,
    Dense,
    Dropout,
    MinNetClassifier,
    MinNetRegressor,
    Network,
    Trainer,
    activations,
    callbacks,
    check_gradients,
    initializers,
    losses,
    optimizers,
    pretrain,
    schedules,
)
from minnet.common.names import nearest, suggest
from minnet.export import to_onnx
from minnet.lab import find_learning_rate


def _network(**arguments):
    return Network([Dense(3), Dense(2)], **arguments).initialize(4, random_state=0)


def _fit(cls):
    X, y = [[0.0, 1.0], [1.0, 0.0]] * 4, [0, 1] * 4

    def fit(**arguments):
        model = cls(max_iter=1, **arguments)
        return model.fit(X, y) if arguments else model

    return fit


CLASSIFIER, REGRESSOR = _fit(MinNetClassifier), _fit(MinNetRegressor)

#: Where a name is taken: the argument, a call with it, and what it may be.
TAKEN = [
    ("activation", CLASSIFIER, activations.list_activations()),
    ("activation", lambda activation: Dense(3, activation), activations.list_activations()),
    ("activation", initializers.variance_gain, activations.list_activations()),
    ("solver", CLASSIFIER, ["lbfgs", "sgd", "adam", "adamw", "rmsprop"]),
    ("solver", REGRESSOR, ["lbfgs", "sgd", "adam", "adamw", "rmsprop"]),
    ("learning_rate", CLASSIFIER, ["constant", "invscaling", "adaptive"]),
    ("learning_rate", schedules.get_schedule, ["constant", "invscaling", "adaptive"]),
    ("batch_size", CLASSIFIER, ["auto"]),
    ("loss", CLASSIFIER, ["log_loss", "squared_error"]),
    ("loss", REGRESSOR, ["squared_error", "poisson", "absolute_error", "huber", "quantile"]),
    ("loss", lambda loss: _network(loss=loss), losses.list_losses()),
    ("loss", lambda loss: pretrain(_network(), [[0.0] * 4], loss=loss), ["auto", "squared_error"]),
    ("class_weight", CLASSIFIER, ["balanced"]),
    ("scoring", CLASSIFIER, ["loss", "accuracy", "neg_mean_squared_error"]),
    ("backend", CLASSIFIER, ["auto", "numpy"]),
    ("backend", lambda backend: Trainer(_network(), backend=backend), ["auto", "numpy"]),
    ("optimizer", optimizers.get_optimizer, ["sgd", "adam", "adamw", "rmsprop"]),
    ("optimizer", lambda optimizer: Trainer(_network(), optimizer), ["sgd", "adam", "adamw"]),
    ("init", CLASSIFIER, [*initializers.list_initializers(), *initializers.list_initializers(True)]),
    ("bias_init", REGRESSOR, initializers.list_initializers()),
    ("init", lambda init: _network(init=init), initializers.list_initializers()),
    ("mode", lambda mode: initializers.HeNormal(mode=mode), ["fan_in", "fan_out"]),
    ("gain", lambda gain: initializers.GlorotNormal(gain), ["tanh", "leaky_relu", "auto"]),
    ("method", lambda method: initializers.Orthogonal(method=method), ["qr", "svd"]),
]  # fmt: skip


def _call(argument, function, value):
    """Return the sentence with which a call refuses a value."""
    of_keyword = function in (CLASSIFIER, REGRESSOR)
    with pytest.raises((TypeError, ValueError)) as caught:
        function(**{argument: value}) if of_keyword else function(value)
    return str(caught.value)


MISSPELT = {
    "capitals": lambda name: name.upper(),
    "title": lambda name: name.title().replace("_", ""),
    "a letter twice": lambda name: name[:1] + name,
    "a letter more": lambda name: name + "s",
    "hyphens": lambda name: name.replace("_", "-").title(),
}


@pytest.mark.parametrize("spoil", MISSPELT.values(), ids=MISSPELT)
@pytest.mark.parametrize(
    ("argument", "function", "names"),
    TAKEN,
    ids=lambda value: str(value) if type(value) is str else "",
)
def test_the_nearest_name_is_suggested(argument, function, names, spoil):
    for name in names:
        sentence = _call(argument, function, spoil(name))
        begins = (
            f"The {argument!r} parameter of MinNet",
            f"{argument} must be ",
            "layers[0].W must be ",
        )
        assert sentence.startswith(begins)
        # Short ones (ELU, SELU, GELU) may be nearer to each other.
        assert f"did you mean {name!r}?" in sentence or (
            len(name) < 6 and "did you mean" in sentence
        )


OF_OTHERS = [
    ("loss", CLASSIFIER, {"cross_entropy": "log_loss", "deviance": "log_loss", "mse": "squared_error"}),
    ("loss", REGRESSOR, {"mse": "squared_error", "mae": "absolute_error", "l1": "absolute_error"}),
    ("loss", lambda loss: _network(loss=loss), {"nll": "log_loss", "bce": "sigmoid_cross_entropy"}),
    ("activation", CLASSIFIER, {"swish": "silu", "linear": "identity", None: "identity", "ReLU": "relu"}),
    ("solver", CLASSIFIER, {"adamax": "adam", "Adam": "adam", "l-bfgs": "lbfgs", optimizers.SGD: "sgd"}),
    ("scoring", CLASSIFIER, {"acuracy": "accuracy", "auc": "roc_auc"}),
    ("scoring", REGRESSOR, {"mse": "neg_mean_squared_error", "R2": "r2"}),
    ("backend", CLASSIFIER, {"cpython": "cython"}),
    ("class_weight", CLASSIFIER, {"balance": "balanced"}),
    ("init", CLASSIFIER, {"kaimingnormal": "kaiming_normal", "glorto": "glorot"}),
]  # fmt: skip


@pytest.mark.parametrize(("argument", "function", "meant"), OF_OTHERS)
def test_what_other_libraries_call_it(argument, function, meant):
    for value, name in meant.items():
        assert f"did you mean {name!r}?" in _call(argument, function, value)


PARAMETERS_OF_OTHERS = {
    "lr": "learning_rate_init", "optimizer": "solver", "patience": "n_iter_no_change",
    "epochs": "max_iter", "solver__lr": "solver__learning_rate", "solver__momentun": "solver__momentum",
    "slover__momentum": "solver__momentum", "layers__0__n_units": "layers__0__units",
    "layers__1__p": "layers__1__rate", "layers__2__units": "layers__0__units",
}  # fmt: skip


#: Calls of who comes from Keras, PyTorch or scikit-learn, and what the sentence must say.
FIRST_CALLS = [
    (lambda: MinNetClassifier(epochs=10), "'epochs': did you mean 'max_iter'"),
    (lambda: MinNetRegressor(lr=0.1), "'lr': did you mean 'learning_rate_init'"),
    (lambda: MinNetClassifier(optimizer="adam"), "did you mean 'solver'"),
    (lambda: MinNetClassifier(validation_split=0.1), "did you mean 'validation_fraction'"),
    (lambda: MinNetClassifier(callbacks=[]), "set_callbacks"),
    (lambda: MinNetClassifier(input_shape=(4,)), "the number of inputs is found"),
    (lambda: CLASSIFIER().fit([[0.0]], [0], epochs=3), "max_iter is an argument of MinNetClassifier"),
    (lambda: CLASSIFIER().fit([[0.0]], [0], batch_size=3), "it is an argument of MinNetClassifier"),
    (lambda: CLASSIFIER().fit([[0.0]], [0], validation_data=()), "did you mean 'X_val'"),
    (lambda: CLASSIFIER().fit_stream([], epochs=3), "did you mean 'n_epochs'"),
    (lambda: Trainer(_network()).fit([[0.0]], [0], epochs=3), "did you mean 'max_epochs'"),
    (lambda: Trainer(_network(), optimizers.Adam(lr=0.1)), "did you mean 'learning_rate'"),
    (lambda: Dense(3, input_dim=4), "the number of inputs is found"),
    (lambda: Dense(3, kernel_initializer="he"), "did you mean 'init'"),
    (lambda: Dense(3, use_bias=False), "bias_lr_factor=0"),
    (lambda: Dense(4, 16), "finds the number of its inputs"),
    (lambda: BatchNorm(64), "finds the number of its inputs"),
    (lambda: Dropout(p=0.5), "did you mean 'rate'"),
    (lambda: Dense(3, "softmax"), "an estimator adds by itself"),
    (lambda: Dense(3, "LogSoftmax"), "an estimator adds by itself"),
    (lambda: CLASSIFIER(activation="softmax"), "an estimator adds by itself"),
    (lambda: Dense(3, abs), "minnet.activation makes one"),
    (lambda: CLASSIFIER(layers=Dense(3)), r"did you mean [Dense(3)]?"),
    (lambda: CLASSIFIER(layers=[3]), "did you mean Dense(3)?"),
    (lambda: CLASSIFIER(layers=[Dense]), "it is the class"),
    (lambda: CLASSIFIER(layers=[Dense(3), "relu"]), "an argument of its layer"),
    (lambda: CLASSIFIER(hidden_layer_sizes=[Dense(3)]), "did you mean layers=?"),
    (lambda: CLASSIFIER(hidden_layer_sizes=None), "hidden_layer_sizes=() makes a linear model"),
    (lambda: CLASSIFIER(activation=32), "hidden_layer_sizes=(64, 32)"),
    (lambda: CLASSIFIER(activation=["relu", "tanh"]), "has one for each layer"),
    (lambda: REGRESSOR(loss=(16,)), "did you mean hidden_layer_sizes=(16,)?"),
    (lambda: REGRESSOR(loss=16), "did you mean hidden_layer_sizes=16?"),
    (lambda: REGRESSOR(loss="relu"), "did you mean activation='relu'?"),
    (lambda: REGRESSOR(loss="log_loss"), "that of MinNetClassifier"),
    (lambda: CLASSIFIER(init="random_normal"), "did you mean 'normal'?"),
    (lambda: CLASSIFIER(init="kaiming_normal_"), "did you mean 'kaiming_normal'?"),
    (lambda: CLASSIFIER(solver="adagrad"), "did you mean 'rmsprop'?"),
    (lambda: Network([Dense(3)]).predict([[0.0]]), "call initialize"),
    (lambda: Network([Dense(3)], optimizer="sgd"), "'optimizer': an optimizer is given to Trainer"),
    (lambda: Network([Dense(3)], solver="sgd"), "'solver': an optimizer is given to Trainer"),
    (lambda: Trainer(_network(), solver="sgd"), "did you mean 'optimizer'"),
    (lambda: Trainer(_network(), max_iter=3), "max_epochs is an argument of Trainer.fit"),
    (lambda: check_gradients(_network(), [[0.0]], [0], tol=1), "did you mean 'tolerance'"),
    (lambda: initializers.Zeros()((2, 3), random_state=0), "did you mean 'rng'"),
    (lambda: initializers.Zeros()((2, 3), size=0), "unexpected keyword argument 'size'"),
    (lambda: initializers.GlorotUniform(seed=3), "'seed': rng is given when it is called"),
    (lambda: initializers.LSUV(seed=1), "'seed': rng is given when it is called, and random_state to the"),
    (lambda: initializers.Zeros(random_state=1), "'random_state': rng is given when it is called"),
    (lambda: Dense(3, seed=1), "'seed': random_state is given to the estimator"),
    (lambda: Trainer(_network(), callbacks=[]), "'callbacks': it is an argument of Trainer.fit(...)"),
    (lambda: Trainer(_network(), schedule=1), "'schedule': did you mean 'learning_rate'?"),
    (lambda: Trainer(_network(), epochs=1), "'epochs': max_epochs is an argument of Trainer.fit(...)"),
    (lambda: MinNetClassifier(units=1), "'units': did you mean 'hidden_layer_sizes'?"),
    (lambda: MinNetClassifier(X_val=1), "'X_val': it is an argument of MinNetClassifier.fit(...)"),
    (lambda: MinNetClassifier(l2=1), "'l2': did you mean 'alpha'?"),
    (lambda: MinNetRegressor(reg=1), "'reg': did you mean 'alpha'?"),
    (lambda: MinNetClassifier(weight_decay_l2=1), "did you mean 'alpha'?"),
    (lambda: CLASSIFIER().fit([[0.0]], [0], callbacks=[]), "callbacks are given to set_callbacks"),
    (lambda: pretrain(_network(), [[0.0] * 4], epochs=3), "did you mean 'n_epochs'?"),
    (lambda: pretrain(_network(), [[0.0] * 4], seed=3), "did you mean 'random_state'?"),
    (lambda: check_gradients(_network(), [[0.0] * 4], [0], eps=1), "did you mean 'epsilon'?"),
    (lambda: find_learning_rate(_network(), [[0.0] * 4], [0], max_lr=1), "did you mean 'high'?"),
    (lambda: to_onnx(_network(), opset_version=1), "did you mean 'opset'?"),
    (lambda: callbacks.TensorBoard(log_dir="."), "did you mean 'folder'?"),
    (lambda: callbacks.TimeLimit(timeout=1), "did you mean 'seconds'?"),
    (lambda: schedules.Cosine(T_max=1), "did you mean 'n_steps'?"),
    (lambda: MinNetRegressor([Dense(3)]).fit([[0.0]], [0]), "did you mean layers=[Dense(3)]?"),
    (lambda: CLASSIFIER(learning_rate="cosine"), "the object minnet.schedules.Cosine(n_steps, final)?"),
    (lambda: Trainer(_network(), learning_rate="StepLR"), "did you mean minnet.schedules.StepDecay("),
]  # fmt: skip

#: Keywords that are like none: nothing is suggested.
LIKE_NONE = [
    lambda **kw: MinNetClassifier(**kw), lambda **kw: CLASSIFIER().set_params(**kw), initializers.Zeros,
    lambda **kw: Trainer(_network(), **kw), lambda **kw: Dense(3, **kw), callbacks.History,
    lambda **kw: CLASSIFIER().fit([[0.0]], [0], **kw),
]  # fmt: skip


@pytest.mark.parametrize("keyword", ["sel", "slef", "selff", "qqq", "strategy", "bar"])
@pytest.mark.parametrize("call", LIKE_NONE)
def test_nothing_is_suggested_where_nothing_is_near(call, keyword):
    with pytest.raises((TypeError, ValueError), match=repr(keyword)) as caught:
        call(**{keyword: 1})
    assert "did you mean" not in str(caught.value)


@pytest.mark.parametrize(
    "cls", [initializers.Zeros, activations.Relu, schedules.Adaptive, callbacks.Callback]
)
def test_a_class_without_arguments_takes_none(cls):
    with pytest.raises(TypeError, match=r"takes no arguments, got 3$"):
        cls(3)
    assert type(cls()) is cls


@pytest.mark.parametrize(("call", "says"), FIRST_CALLS, ids=[says for _, says in FIRST_CALLS])
def test_the_first_calls_of_others(call, says):
    with pytest.raises((TypeError, ValueError)) as caught:
        call()
    assert says in str(caught.value)
    frames = traceback.extract_tb(caught.value.__traceback__)
    assert (
        sum("minnet/" in frame.filename and "tests" not in frame.filename for frame in frames) <= 4
    )
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(("typed", "meant"), PARAMETERS_OF_OTHERS.items())
def test_what_other_libraries_call_a_parameter(typed, meant):
    clf = MinNetClassifier(layers=[Dense(3), Dropout(0.1)], solver=optimizers.SGD())
    with pytest.raises(ValueError, match=f"did you mean '{meant}'"):
        clf.set_params(**{typed: 1})


def test_numbers_in_the_place_of_names():
    assert "the rate is learning_rate_init=0.01" in _call("learning_rate", CLASSIFIER, 0.01)
    assert "optimizer=SGD(learning_rate=0.01)" in _call(
        "learning_rate", schedules.get_schedule, 0.01
    )
    for function in (CLASSIFIER, REGRESSOR):
        assert "n_threads=None takes all" in _call("n_threads", function, -1)
    sentence = _call("n_threads", lambda n_threads: Trainer(_network(), n_threads=n_threads), -1)
    assert sentence.startswith(
        "n_threads must be None, which takes all processors, or a whole number"
    )


@pytest.mark.slow
def test_the_names_come_in_one_order():
    script = """
from test_names import TAKEN, _call
for argument, function, names in TAKEN:
    print(_call(argument, function, "nonsense" if argument != "method" else 3))
"""

    def run(seed):
        environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
        here = os.path.dirname(__file__)
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=here,
            env=environment,
            text=True,
            capture_output=True,
        )
        assert not done.returncode, done.stderr
        return done.stdout

    first, *others = map(run, range(3))
    assert len(first.splitlines()) >= len(TAKEN)
    assert others == [first, first]


def test_sentences():
    assert (
        suggest("mode", "qqq", ["fan_in", "fan_out"])
        == "mode must be 'fan_in' or 'fan_out', got 'qqq'"
    )
    assert suggest("layer 1", "Tanh", ["elu", "tanh"], "a name") == (
        "layer 1 must be a name, got 'Tanh': did you mean 'tanh'? The names are 'elu', 'tanh'"
    )
    letters = "abcdefghijklm"
    assert suggest("mode", 3, letters).startswith(
        "mode must be one of the names, got 3. The names are 'a'"
    )
    assert nearest(b"relu", ["relu"]) is None
    assert nearest("x" * 10**6, ["relu"]) is None


def test_a_class_stands_for_an_object_where_it_may():
    X, y = [[0.0, 1.0], [1.0, 0.0]] * 4, [0, 1] * 4
    model = MinNetClassifier((3,), init=initializers.Zeros, bias_init=initializers.Ones, max_iter=1)
    assert model.fit(X, y).init_ == [initializers.Zeros()] * 2
    for argument in ("learning_rate", "scoring"):
        sentence = _call(argument, CLASSIFIER, initializers.Zeros)
        assert sentence.startswith(f"The {argument!r} parameter of MinNetClassifier must be")
