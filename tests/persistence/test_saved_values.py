"""Arguments and configurations of every kind, there and back."""

import io
import json
import math

import numpy as np
import pytest
from models import difference

import minnet
from minnet import MinNetClassifier, Network, load_model, save_model
from minnet.initializers import FromArray, GlorotNormal, Identity
from minnet.layers import Dense, Dropout
from minnet.persistence.container import ArrayReader, write_container
from minnet.persistence.names import readable_classes
from minnet.persistence.record import parse_json
from minnet.persistence.values import Decoder, Encoder


def there_and_back(value):
    encoder = Encoder()
    text = json.dumps(encoder.encode(value, "it"), allow_nan=False)
    file = io.BytesIO()
    write_container(file, encoder.arrays, text)
    raw = file.getvalue()
    arrays = ArrayReader(io.BytesIO(raw), len(raw))
    made = Decoder(arrays).decode(parse_json(arrays.description), "it")
    arrays.done()
    return made


REQUIRED = {"units": 3, "value": 0.5, "array": np.arange(6.0).reshape(2, 3), "sparsity": 0.5}
REQUIRED |= {"n_steps": 7, "layers": [Dense(4), Dropout(0.5)]}
REQUIRED |= {"columns": [np.array([0.0, 1.0, 3.0]), 4, None]}

CLASSES = sorted(
    {cls for classes in readable_classes().values() for cls in classes.values()},
    key=lambda cls: cls.__qualname__ + cls.__module__,
)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_class_that_minnet_has(cls):
    """The classes come from the registries, so that a new one is tested too."""
    import inspect

    required = [
        name
        for name, parameter in inspect.signature(cls).parameters.items()
        if parameter.default is parameter.empty
    ]
    value = cls(**{name: REQUIRED[name] for name in required})
    made = there_and_back(value)
    assert difference(made, value) is None
    assert made is not value


VALUES = [
    None,
    True,
    0,
    -(2**64) + 1,
    2**64 - 1,
    -0.0,
    5e-324,
    1.7976931348623157e308,
    0.1,
    math.inf,
    -math.inf,
    math.nan,
    "",
    "☃ \0 \ud800 \U0001f40d \n",
    [],
    (),
    {},
    [1, (2, [3.5, (None,)])],
    {"a": 1, 2: "b", (3, "c"): [4], True: None, np.int8(7): {"tuple": 3}},
    {"tuple": [1], "array": "arrays.0", "config": {}},
    *(np.dtype(name).type(1) for name in "?bhilBHILefd"),
    np.float32(0.1),
    np.float64("nan"),
    np.float16("-inf"),
    np.str_("☃"),
    np.int64(-(2**63)),
    np.arange(6, dtype="u1").reshape(1, 2, 3),
    np.array(2.5),
    np.empty((0,), dtype="f4"),
    np.array([np.nan, -0.0, np.inf]),
    np.array([["a", "☃"], ["", "long \U0001f40d"]]),
    np.empty((0,), dtype="U3"),
    np.array(["a\0", "\ud800", ""], dtype=object),
    np.array([["a", "b"], ["c", "d"]], dtype=object),
    np.array([1, "a", None, 2.5, np.float32(1), (1, 2)] + [[1]], dtype=object),
    np.empty((0,), dtype=object),
    GlorotNormal,
    minnet.activations.Tanh,
    FromArray(np.eye(2)),
    [Identity(2.0), Dense(3, minnet.activations.Elu(0.3), init=[[1.0]])],
    np.array(["name " * 3000, *map(str, range(100_000))], dtype=object),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:40])
def test_values_come_back_with_their_types(value):
    assert difference(there_and_back(value), value) is None


def test_arrays_of_any_layout_come_back_native():
    big = np.arange(12.0).astype(">f4").reshape(3, 4).T
    made = there_and_back(big)
    assert made.dtype == np.float32
    assert made.dtype.isnative
    assert (made == big).all()
    texts = np.array(["ab", "c"]).astype(">U2")
    assert there_and_back(texts).tolist() == ["ab", "c"]
    strided = np.array([["a", "b"], ["c", "d"]]).T
    assert difference(there_and_back(strided), np.ascontiguousarray(strided)) is None


REFUSED = [
    (2**64, "within 64 bits"),
    (1j, "must not be a complex"),
    (b"a", "must not be a bytes"),
    ({1}, "must not be a set"),
    (range(3), "must not be a range"),
    (len, "must not be a function"),
    (object, "must not be a type"),
    (io.BytesIO(), "must not be a BytesIO"),
    (np.complex64(1), "must be a number or a text"),
    (np.datetime64(3, "s"), "must be a number or a text"),
    (np.array([1j]), "numbers or texts, got dtype complex128"),
    (np.array([b"a"]), r"numbers or texts, got dtype \|S1"),
    (np.array(["2020"], dtype="M8[s]"), "numbers or texts, got dtype datetime64"),
    (np.zeros(2, dtype=[("a", "f8")]), "numbers or texts, got dtype"),
    (np.array(["a"], dtype=np.dtypes.StringDType()), "numbers or texts, got dtype StringDType"),
    (np.array([{1}], dtype=object), "must not be a set"),
    (np.ma.array([1.0]), "must not be a MaskedArray"),
    (np.random.RandomState(np.random.PCG64(0)), "RandomState of MT19937, got one of PCG64"),
    ("x" * 5000, "at most 4096 characters"),
    ([0] * 100_000, "too many layers or values"),
]


@pytest.mark.parametrize(
    ("value", "sentence"), REFUSED, ids=lambda value: repr(value)[:30].split(" at 0x")[0]
)
def test_values_that_no_file_can_hold(value, sentence):
    with pytest.raises(ValueError, match=rf"^it.*{sentence}"):
        Encoder().encode(value, "it")


def deep(n_layers):
    return Network([Dense(1, "tanh") for _ in range(n_layers)]).initialize(1, random_state=0)


@pytest.mark.parametrize("n_layers", [100, 1350])
def test_a_deep_network_comes_back(n_layers, tmp_path):
    save_model(deep(n_layers), tmp_path / "model")
    assert difference(load_model(tmp_path / "model"), deep(n_layers)) is None


def test_a_network_that_is_too_deep_for_a_reader_is_not_saved(tmp_path):
    with pytest.raises(ValueError, match="too many"):
        save_model(deep(3000), tmp_path / "model")


def test_many_classes_and_names_are_no_problem(tmp_path):
    X = np.eye(2000, dtype=np.float32)[:, :50]
    labels = np.array([f"class {i:05}" for i in range(2000)])
    model = MinNetClassifier((2,), max_iter=1, random_state=0)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        model.fit(X, labels)
    save_model(model, tmp_path / "model")
    assert difference(load_model(tmp_path / "model"), model) is None
