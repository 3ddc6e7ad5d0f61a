"""What a cell of a notebook ends with: each result at a prompt and as HTML, for networks of any size."""

import base64
import copy
import functools
import pickle
import re
import struct
import zlib
from xml.etree import ElementTree

import numpy as np
import pytest
import sklearn
from scipy import sparse

import minnet
from minnet import BatchNorm, Dense, Dropout, Network, Trainer, check_gradients
from minnet.callbacks import History
from minnet.common import html
from minnet.common.shown import text_table
from minnet.lab import Probe, Recording, diagnose, find_learning_rate, jacobians, probe, theory
from minnet.layers import Context, Layer

pytestmark = pytest.mark.filterwarnings("ignore:.*(converge|overflow|invalid)")


@pytest.fixture(autouse=True)
def _a_terminal_of_80_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


def data(n_rows, n_features=6):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n_rows, n_features)), rng.integers(3, size=n_rows)


def a_network(n_layers, width, cls=Dense):
    layers = [cls(width, "tanh") for _ in range(n_layers - 1)]
    return Network([*layers, cls(3)]).initialize(6, random_state=0)


@functools.cache
def trained_of_size(n_layers, width, n_rows):
    return trained(a_network(n_layers, width), *data(n_rows))


def trained(network, X, T):
    history, watch = History(), Probe(X, T, steps=1)
    trainer = Trainer(network, batch_size=max(1, len(X) // 2))
    return trainer.fit(X, T, max_epochs=3, callbacks=[history, watch]), history, watch.recording


RESULTS = {
    "network": lambda network, X, T: network,
    "summary": lambda network, X, T: network.summary(),
    "trace": lambda network, X, T: network.trace(X, T),
    "gradients": lambda network, X, T: check_gradients(network, X[:3], T[:3], max_elements=1),
    "report": diagnose,
    "measurement": probe,
    "trainer": lambda network, X, T: trained(network, X, T)[0],
    "history": lambda network, X, T: trained(network, X, T)[1],
    "recording": lambda network, X, T: trained(network, X, T)[2],
    "range test": lambda network, X, T: find_learning_rate(network, X, T, n_steps=10),
    "prediction": lambda network, X, T: theory.predict_variances(network, X),
    "jacobians": lambda network, X, T: jacobians(network, X, n_samples=1, random_state=0),
}
# Layers, width, rows.
SIZES = [(1, 2, 1), (5, 8, 1), (5, 8, 30), (100, 5, 30), (2, 2000, 5), (2, 5, 10_000)]


def checked(result):
    """Return the result's HTML as a tree: it is XML too, bounded, and asks nothing of anybody."""
    text = result._repr_html_()
    assert len(text) < 200_000
    assert not re.search(r"<script|https?:|url\(|@import|\bon\w+=|\bid=", text)
    return ElementTree.fromstring(f"<all>{text}</all>")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", RESULTS)
def test_bounded(name, size):
    if name == "jacobians" and size[1] == 2000:
        pytest.skip("takes a minute")
    n_layers, width, n_rows = size
    if name in ("trainer", "history", "recording"):
        result = dict(
            zip(("trainer", "history", "recording"), trained_of_size(*size), strict=True)
        )[name]
    else:
        result = RESULTS[name](a_network(n_layers, width), *data(n_rows))
    shown = repr(result)
    if name == "network":  # one line, as it is written
        assert len(shown) < 1000
    else:
        lines = shown.splitlines()
        assert len(lines) <= 60
        assert max(map(len, lines)) <= 80
    checked(result)


@pytest.mark.parametrize("name", sorted(set(RESULTS) - {"network"}))
def test_printed_in_full(name):
    result = RESULTS[name](a_network(5, 8), *data(30))
    assert str(result) == repr(result)
    with sklearn.config_context(display="text"):
        assert not hasattr(result, "_repr_html_")


def test_what_is_left_out_is_said():
    result = a_network(100, 5).trace(*data(5))
    shown, printed = repr(result).splitlines(), str(result).splitlines()
    assert len(printed) == 2 + 6 * 100
    assert shown[:40] == printed[:40]
    assert shown[41:] == printed[-19:]
    assert shown[40] == f"... {len(printed) - 59} lines left out; print() shows all"


# ---- names


HOSTILE = "\"'></div><script>alert(1)</script><img src=x onerror=alert(2)>" + "x" * 300


@pytest.mark.parametrize(
    "name", sorted(set(RESULTS) - {"prediction"})
)  # knows minnet's layers alone
def test_text_is_escaped_and_cut(name):
    cls = type(HOSTILE, (Dense,), {"__repr__": lambda self: HOSTILE})
    result = RESULTS[name](a_network(3, 4, cls), *data(5))
    if name not in ("network", "trainer"):
        assert max(map(len, repr(result).splitlines())) <= 80
    text = result._repr_html_()
    ElementTree.fromstring(f"<all>{text}</all>")
    assert "<script" not in text
    assert "<img src=x" not in text


# ---- numbers


def tables(result):
    """Return the cells of each table of a result, row by row, without the row of curves."""
    found = []
    for table in checked(result).iter("table"):
        if table.get("class") != "minnet-numbers":
            rows = [row for row in table.iter("tr") if row.find(".//svg") is None]
            found.append([["".join(cell.itertext()) for cell in row] for row in rows])
    return found


def as_number(text):
    return float(text.replace(",", "")) if text else np.nan


def column(table, head):
    place = table[0].index(head)
    return [as_number(row[place]) for row in table[1:]]


def same(shown, expected):
    np.testing.assert_allclose(shown, expected, rtol=1e-2)
    return True


def test_numbers_of_a_measurement():
    m = probe(a_network(5, 8), *data(30), optimizer="adam")
    (table,) = tables(m)
    assert [row[0] for row in table[1:]] == m.layers
    for head, key in {"sd of Z": "Z_sd", "sd of dW": "dW_sd", "update": "update_ratio"}.items():
        assert same(column(table, head), m[key])
    printed = [float(re.split(r"  +", line)[2]) for line in repr(m).splitlines()[2:]]
    np.testing.assert_allclose(printed, m["Y", "sd"], rtol=0.05)
    without = probe(a_network(5, 8), data(30)[0])
    assert "sd of dZ" not in tables(without)[0][0]


def test_numbers_of_a_recording():
    recording = trained(a_network(3, 8), *data(30))[2]
    (table,) = tables(recording)
    steps = [int(step) for step in table[0][1:]]
    assert (steps[0], steps[-1], len(steps)) == (0, 6, 6)
    at = [list(recording.steps).index(step) for step in steps]
    first = next(i for i, row in enumerate(table) if row[0] == "sd of dZ") + 1
    shown = [[as_number(cell) for cell in row[1:]] for row in table[first : first + 3]]
    assert same(shown, recording["dZ", "sd"][at].T)
    pictures = [one.get("alt") for one in checked(recording).iter("img")]
    assert any(text.startswith("sd of Y: ") for text in pictures)


def test_numbers_of_others():
    X, T = data(30)
    network = a_network(3, 8)
    _, history, _ = trained(network, X, T)
    assert same(column(tables(history)[0], "loss"), history.to_dict()["loss"])
    band = theory.predict_variances(network, X)
    assert same(column(tables(band)[0], "variance"), band.variances)
    assert same(column(tables(band)[0], "low"), band.interval()[0])
    found = jacobians(network, X, n_samples=2, random_state=0)
    assert same(column(tables(found)[0], "rms")[:-1], found.rms)
    gradients = check_gradients(network, X, T)
    assert column(tables(gradients)[0], "compared") == list(gradients.n_checked.values())
    text = str(network.summary())
    for row in tables(network.summary())[0][1:]:
        assert all(cell in text for cell in row)
    report = diagnose(a_network(40, 8), X, T)
    assert report.findings
    words = " ".join("".join(checked(report).itertext()).split())
    for finding in report.findings:
        assert finding.sentence in words
        assert finding.advice in words
        assert finding.advice in " ".join(repr(report).split())


# ---- matrices


@pytest.mark.parametrize("targets", [True, False])
def test_nan_is_shown_and_what_is_missing_is_not(targets, tmp_path):
    network = Network([Dense(4, "tanh"), BatchNorm(), Dense(4, "relu"), Dense(3)])
    network.initialize(6, random_state=0)
    X, T = data(30)
    T = T if targets else None
    whole = probe(network, X, T)
    network.layers[0].W[:] = np.nan
    broken = probe(network, X, T)
    recording = Recording([broken])
    recording.save(tmp_path / "it")
    loaded = Recording.load(tmp_path / "it")[0]

    def cells(measurement):
        table = tables(measurement)[0]
        return table[0], [[bool(cell) for cell in row] for row in table[1:]]

    assert cells(broken) == cells(whole)  # the same columns, the same cells in them
    assert all(cell in ("nan", "") for row in tables(broken)[0][1:] for cell in row[1:])
    assert str(loaded) == str(broken)
    assert ("loss nan" in str(broken)) == targets
    assert str(recording).count("nan") == str(broken).count("nan")
    assert "nan" in str(jacobians(network, X, n_samples=1, random_state=0))
    if targets:
        trace = network.trace(X, T)
        assert trace.rows()[1]["array"] == "Z"
        assert str(trace).splitlines()[3].split()[-4:] == ["nan"] * 4
        assert "nan to nan" in trace._repr_html_()


def test_a_loss_of_nan_is_shown_in_a_history():
    history = History()
    figures = ("epoch", "loss", "validation_loss", "validation_score", "learning_rate")
    values = ([1], [np.nan], [np.nan], [np.nan], [0.1])
    history.fits.append(dict(zip(figures, values, strict=True)))
    assert str(history).splitlines()[-1].split() == ["1", "nan", "0.1"]


def numbers_of(tree):
    return np.array([[float(cell.text) for cell in row] for row in tree.iter("tr")])


def decoded(picture):
    """Return the shades of a PNG with a palette, and the palette with its opacity."""
    data = base64.b64decode(picture.get("src").removeprefix("data:image/png;base64,"))
    chunks, at = {}, 8
    while at < len(data):
        (n,) = struct.unpack(">I", data[at : at + 4])
        chunks[data[at + 4 : at + 8]] = data[at + 8 : at + 8 + n]
        at += 12 + n
    width, height = struct.unpack(">II", chunks[b"IHDR"][:8])
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, width + 1)
    assert (lines[:, 0] == 0).all()
    return lines[:, 1:], np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3), chunks[b"tRNS"]


def test_a_small_trace_shows_every_number():
    network = Network([Dense(3, "tanh"), Dense(2)]).initialize(4, random_state=0)
    X, T = data(5, 4)
    trace = network.trace(X, T % 2)
    figures = list(checked(trace).iter("figure"))
    names = [figure.find("figcaption/b").text for figure in figures]
    assert names == ["X", "W", "b", "Z", "Y", "dZ", "dW", "db"] * 2
    arrays = [trace.layers[i] | trace.parameters[i] for i in (0, 1)]
    for i, (name, figure) in enumerate(zip(names, figures, strict=True)):
        assert same(numbers_of(figure), np.atleast_2d(arrays[i // 8][name]))
    np.testing.assert_array_equal(trace.parameters[0]["W"], network.layers[0].W)
    assert not np.shares_memory(trace.parameters[0]["W"], network.params)


@pytest.mark.parametrize("shape", [(1, 9), (20, 12), (9, 1), (300, 200), (3, 4, 5)])
def test_heat_maps_have_the_numbers(shape):
    array = np.random.default_rng(0).normal(size=shape)
    tree = ElementTree.fromstring(html.matrix(array, "Z"))
    shades, palette, opacity = decoded(next(tree.iter("img")))
    flat = array.reshape(shape[0], -1)
    rows, columns = (
        np.linspace(0, n - 1, m).round().astype(int)
        for n, m in zip(flat.shape, shades.shape, strict=True)
    )
    chosen = flat[rows][:, columns]
    np.testing.assert_array_equal(shades, np.rint(chosen / np.abs(chosen).max() * 16) + 16)
    assert shades.size <= 2304
    assert (opacity[16], opacity[0], opacity[32]) == (0, 255, 255)
    assert palette[0].tolist() == [0, 114, 178]
    assert palette[32].tolist() == [213, 94, 0]
    assert f"{array.min():.3g} to {array.max():.3g}" in "".join(tree.itertext())


ODD = {
    "nan": np.array([[np.nan, 1.0]]),
    "infinite": np.array([[np.inf, -1.0]]),
    "all nan": np.full((20, 20), np.nan),
    "zeros": np.zeros((20, 20)),
    "nothing": np.zeros((0, 3)),
    "no columns": np.zeros((3, 0)),
    "booleans": np.ones((2, 2), dtype=bool),
    "float32": np.ones((2, 2), dtype=np.float32),
    "sparse": sparse.csr_array(np.eye(20)),
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.filterwarnings("error")
def test_odd_arrays_are_shown(name):
    ElementTree.fromstring(html.matrix(ODD[name], name))
    if name != "sparse":
        ElementTree.fromstring(f"<all>{html.heat_map(ODD[name], name)}</all>")
        ElementTree.fromstring(html.curve(ODD[name], name))


def test_curves_go_through_their_numbers():
    def heights(values, **options):
        tree = ElementTree.fromstring(html.curve(values, height=106, **options))
        path = next(tree.iter("path")).get("d")
        return [float(y) for y in re.findall(r" (-?[\d.]+)", path)], next(tree.iter("title")).text

    found, said = heights([1.0, 2.0, 5.0])
    assert found == [103.0, 78.0, 3.0]
    assert said == "1 to 5"
    found, said = heights([1.0, 10.0, 1e4], label="sd")
    assert found == [103.0, 78.0, 3.0]
    assert said == "sd: 1 to 10,000, logarithmic scale"
    assert len(heights(np.arange(1e5))[0]) == 100
    gaps = html.curve([1.0, np.nan, 2.0, 3.0])
    assert gaps.count("M") == 2


# ---- what there is little of


class Pass(Layer):
    def forward(self, X, ctx):
        return X

    def backward(self, dY, ctx):
        return dY


def test_little_to_show():
    X, T = data(5)
    empty = Recording()
    assert repr(empty) == "Recording of 0 measurements"
    history = History()
    assert repr(history) == "History of 0 fits"
    network = Network([Pass(), Dropout(0.5), BatchNorm("tanh"), Dense(3)]).initialize(6, 0)
    fine = diagnose(a_network(2, 8), X, T)
    assert repr(fine) == "Nothing is wrong that can be seen on this batch."
    sparse_trace = a_network(2, 8).trace(sparse.csr_array(X), T)
    new = Trainer(network)
    assert "after 0 epochs" in repr(new)
    for result in (empty, history, network.trace(X, T), fine, sparse_trace, new):
        checked(result)


def test_findings_are_shown():
    (finding, *_) = diagnose(a_network(40, 8), *data(30)).findings
    assert " ".join(repr(finding).split()) == f"{finding.sentence} {finding.advice}"
    assert finding.advice in "".join(checked(finding).itertext())


def test_a_wide_terminal_is_used(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    report = diagnose(a_network(40, 8), *data(30))
    assert 80 < max(map(len, str(report).splitlines())) <= 100


def test_networks_of_large_configurations():
    W = np.zeros((300, 300))
    layers = [Dense(300, init=W.tolist()), Dense(300), *[Dense(3)] * 60]
    network = Network(layers, init=[None, W, *["zeros"] * 60])
    assert "<array of shape (300, 300), float64>" in repr(network)
    assert "<46 more>" in repr(network)
    assert len(repr(network)) < 6000
    checked(network.initialize(300, 0))


@pytest.mark.parametrize("columns", [40, 100])
@pytest.mark.parametrize("name", RESULTS)
def test_text_fits_a_narrow_terminal_without_utf_8(name, columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    result = RESULTS[name](a_network(40, 12), *data(5))
    for text in (str(result), repr(result)):
        assert text.isascii()
        of_sentences = name in ("network", "report", "trainer", "range test")
        assert max(map(len, text.splitlines())) <= max(60 if of_sentences else 80, columns)


def test_a_network_in_lines_is_the_same_network():
    network = Network([Dense(12, "tanh")] * 20, "squared_error", init="he", alpha=0.5)
    text = repr(network)
    assert text.startswith(
        "Network([Dense(12, activation=Tanh()), Dense(12, activation=Tanh()),\n "
    )
    assert repr(eval(text, vars(minnet) | vars(minnet.activations))) == text


def test_words_are_cut_in_ascii():
    assert text_table(["layer"], [["x" * 100]]).splitlines()[1] == "x" * 77 + "..."


def test_a_summary_is_one_after_pickling():
    summary = a_network(3, 4).summary()
    for again in (pickle.loads(pickle.dumps(summary)), copy.copy(summary), copy.deepcopy(summary)):
        assert type(again) is type(summary)
        assert again == summary
        assert repr(again) == repr(summary) == str(summary)
        assert again._repr_html_() == summary._repr_html_()


def test_a_context_names_what_it_holds():
    network = Network([Dense(2, "tanh")]).initialize(4, 0)
    contexts = network.forward_training(np.eye(4))[1]
    assert repr(contexts[0]) == "<Context of X (4, 4), Z (4, 2), Y (4, 2)>"
    assert repr(Context()) == "<Context of nothing yet>"
