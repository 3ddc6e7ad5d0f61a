"""The drawing of a network for notebooks, alone and in scikit-learn's diagrams."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
import sklearn
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from versions import SKLEARN, since

from minnet import BatchNorm, Dense, Dropout, MinNetClassifier, Network
from minnet.activations import Activation
from minnet.initializers import Initializer
from minnet.layers import Layer
from minnet.losses import SquaredError
from minnet.views.drawing import draw

X = np.random.default_rng(0).normal(size=(40, 4))
Y = (X[:, 0] > 0).astype(int)


def parsed(html):
    """Return the drawing as a tree: it is well-formed XML too."""
    return ElementTree.fromstring(f"<all>{html}</all>")


def rows(html):
    """Return the texts of the cells, row by row."""
    return [
        ["".join(cell.itertext()) for cell in row.iter() if cell.get("role") == "cell"]
        for row in parsed(html).iter()
        if row.get("role") == "row"
    ]


def test_each_layer_is_a_row():
    layers = [Dense(50, "tanh", trainable=False), BatchNorm("relu"), Dropout(0.2), Dense(3)]
    html = draw(Network(layers).initialize(4, 0))
    assert rows(html) == [
        ["inputs", "4 inputs", "", "", ""],
        ["0 Dense", "50 units", "tanh", "250 parameters, frozen", "W: GlorotUniform() b: Zeros()"],
        ["1 BatchNorm", "50 units", "relu", "100 parameters", "gamma: Ones() beta: Zeros()"],
        ["2 Dropout(rate=0.2)", "50 units", "", "", ""],
        ["3 Dense", "3 units", "identity", "153 parameters", "W: GlorotUniform() b: Zeros()"],
    ]
    assert "503 parameters, 250 of them frozen; loss SoftmaxCrossEntropy(); float64" in html


def test_connections_are_drawn():
    layers = [Dense(50, "tanh"), BatchNorm("relu"), Dropout(0.2), Dense(3)]
    tree = parsed(draw(Network(layers).initialize(4, 0)))
    bars = [float(bar.get("width")) for bar in tree.iter("rect")]
    assert bars[1] == bars[2] == bars[3] > bars[0] > bars[4]  # 50, 4 and 3 units
    kinds = [[part.get("class") for part in svg] for svg in tree.iter("svg")]
    # What comes in, what goes out, the bar.
    assert kinds == [
        ["dense", "input"],
        ["dense", "one", "dense"],
        ["one", "drop", "one"],
        ["drop", "dense", "drop"],
        ["dense", "dense"],
    ]
    # The halves of a connection meet at the same width.
    corners = [
        [tuple(map(float, point.split(","))) for point in polygon.get("points").split()]
        for polygon in tree.iter("polygon")
    ]
    assert [x for x, y in corners[0] if y == 100] == [x for x, y in corners[1] if y == 0][::-1]


@pytest.mark.parametrize("n_layers", [1, 30])
def test_any_number_of_layers(n_layers):
    html = draw(Network([Dense(7)] * n_layers).initialize(4, 0))
    assert len(rows(html)) == n_layers + 1


def test_nothing_but_html_and_css():
    html = draw(Network([Dense(3)]).initialize(4, 0))
    tree = parsed(html)
    assert {node.tag for node in tree.iter()} <= {
        "all", "style", "div", "span", "svg", "rect", "polygon", "path"
    }  # fmt: skip
    assert not re.search(r"https?:|url\(|@import|\bon\w+=|\bid=", html)


def test_what_is_drawn_is_said():
    (figure,) = parsed(draw(Network([Dense(3)]).initialize(4, 0), "Mine")).findall("div")
    assert figure.get("role") == "figure"
    assert figure.get("aria-label") == "Mine: 4 inputs, 1 layer, 15 parameters"
    assert all(svg.get("aria-hidden") == "true" for svg in figure.iter("svg"))


HOSTILE = "\"'></div><script>alert(1)</script><img src=x onerror=alert(2)>"


class HostileActivation(Activation):
    def __call__(self, Z):
        return Z

    def derivative(self, Z, Y):
        return np.ones_like(Z)

    def __repr__(self):
        return HOSTILE


class HostileInitializer(Initializer):
    def draw(self, shape, stream, dtype, fans):
        return np.zeros(shape)

    def __repr__(self):
        return HOSTILE


class HostileLayer(Layer):
    def forward(self, X, ctx):
        return X

    def __repr__(self):
        return HOSTILE


class HostileSquaredError(SquaredError):
    def __repr__(self):
        return HOSTILE


@pytest.mark.parametrize("initialized", [False, True])
def test_text_is_escaped(initialized):
    named = type(HOSTILE, (Dense,), {})
    layers = [
        Dense(3, HostileActivation()),
        Dense(3, init=HostileInitializer()),
        HostileLayer(),
        named(2),
    ]
    net = Network(layers, HostileSquaredError())
    if initialized:
        net.initialize(4, 0)
    html = draw(net, HOSTILE)
    assert not re.search("<script|<img", html)
    texts = [cell for row in rows(html) for cell in row]
    assert sum(HOSTILE[:20] in text for text in texts) == 4
    assert HOSTILE in "".join(parsed(html).itertext())
    assert any(HOSTILE in (node.get("aria-label") or "") for node in parsed(html).iter())


def test_long_reprs_are_cut():
    init = type("Long", (HostileInitializer,), {"__repr__": lambda self: "x" * 5000})()
    html = draw(Network([Dense(3, init=init)]).initialize(2, 0))
    assert "x" * 119 + "…" in html
    assert "x" * 120 not in html


def test_no_drawing_of_what_initialize_refuses():
    net = Network([Dense(3)], init="glorto")
    assert net._repr_html_() is None  # and a notebook shows the repr
    with pytest.raises(ValueError, match="glorto"):
        net.summary()


# ---- in scikit-learn


def fitted(**options):
    return MinNetClassifier((5,), solver="lbfgs", max_iter=3, **options).fit(X, Y)


@pytest.mark.filterwarnings("ignore")
def test_fitted_estimators_are_drawn():
    assert "minnet-net" not in MinNetClassifier()._repr_html_()
    clf = fitted()
    html = clf._repr_html_()
    assert draw(clf.network_, "MinNetClassifier") in html
    assert SKLEARN < (1, 9) or "Fitted attributes" in html
    assert "minnet-net" in clf._repr_mimebundle_()["text/html"]


@since((1, 9), "fitted attributes in the cards of a pipeline")
@pytest.mark.filterwarnings("ignore")
def test_in_a_pipeline_and_a_search():
    pipe = make_pipeline(StandardScaler(), MinNetClassifier((5,), solver="lbfgs", max_iter=3))
    assert "minnet-net" not in pipe._repr_html_()
    pipe.fit(X, Y)
    assert draw(pipe[-1].network_, "MinNetClassifier") in pipe._repr_html_()
    search = GridSearchCV(pipe, {"minnetclassifier__alpha": [0.1]}, cv=2)
    assert "minnet-net" not in search._repr_html_()
    assert "minnet-net" in search.fit(X, Y)._repr_html_()


@pytest.mark.filterwarnings("ignore")
def test_display_as_text():
    net, clf = Network([Dense(3)]), fitted()
    assert net._repr_html_() == draw(net)
    with sklearn.config_context(display="text"):
        for model in (net, clf):
            assert not hasattr(model, "_repr_html_")
        assert list(clf._repr_mimebundle_()) == ["text/plain"]
