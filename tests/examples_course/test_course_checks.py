"""The checks of the course: they agree with the published answers, and say what is wrong with others."""

import ast
import importlib.util
import json
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from minnet import Dense
from minnet.losses import SoftmaxCrossEntropy

FOLDER = Path(__file__).parents[2] / "examples/course"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
# Where the tests run beside an installed wheel there are no examples.
pytestmark = pytest.mark.skipif(not NOTEBOOKS, reason="no examples beside an installed wheel")
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@pytest.fixture(name="checks", scope="module")
def module_of_checks():
    spec = importlib.util.spec_from_file_location("checks", FOLDER / "checks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cells(path, kind="code"):
    found = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [
        {**cell, "source": "".join(cell["source"])} for cell in found if cell["cell_type"] == kind
    ]


def exercises(path):
    """Return the number of each exercise and its cell."""
    sources = [cell["source"] for cell in cells(path)]
    found = [(re.match(r"# Exercise (\d\.\d): ", source), source) for source in sources]
    return [(number[1], source) for number, source in found if number]


# ---- the notebooks, without running them


def test_there_are_five():
    assert [path.stem[0] for path in NOTEBOOKS] == list("12345")


@each_notebook
def test_each_exercise_has_an_answer_and_is_checked(path, checks):
    numbers = [number for number, _ in exercises(path)]
    assert len(numbers) >= 3
    assert numbers == [f"{path.stem[0]}.{i + 1}" for i in range(len(numbers))]
    text = (FOLDER / "solutions" / f"{path.stem}.py").read_text(encoding="utf-8")
    assert re.findall(r"^# %% Exercise (\d\.\d): (.*)", text, re.MULTILINE) == [
        (number, source.splitlines()[0].partition(": ")[2]) for number, source in exercises(path)
    ]
    everything = " ".join(cell["source"] for cell in cells(path))
    assert len(re.findall(r"= checks\.\w+\(", everything)) == len(numbers)


@each_notebook
def test_an_exercise_and_its_answer_define_the_same_names(path, checks):
    for number, source in exercises(path):

        def names(code):
            return {getattr(node, "name", None) or ast.unparse(node.targets[0])
                    for node in ast.parse(code).body}  # fmt: skip

        defined = set(checks.solution(number)) - {"__builtins__", "__name__", "__doc__"}
        assert names(source) <= defined, number


@each_notebook
def test_what_is_committed_is_small_and_has_no_error(path):
    assert path.stat().st_size < 300_000
    for number, cell in enumerate(cells(path)):
        assert cell["execution_count"] == number + 1, "run from above, from a fresh start"
        for output in cell["outputs"]:
            assert output["output_type"] in ("stream", "display_data", "execute_result")
            assert output.get("name", "stdout") == "stdout", output
            assert len(str(output)) < 100_000


@each_notebook
def test_a_guess_is_asked_for_before_it_is_shown(path):
    asked = [cell["source"] for cell in cells(path, "markdown")]
    assert sum("**Predict.**" in text or "**Think" in text for text in asked) >= 3


# ---- the checks


def said(capsys):
    return " ".join(capsys.readouterr().out.split())


CHECKS = {
    "1.1": ("perceptron", ["correct"]),
    "1.2": ("xor_by_hand", ["W1", "b1", "W2", "b2"]),
    "1.3": ("parameters", ["n_parameters"]),
    "2.1": ("one_unit", ["derivatives"]),
    "2.2": ("dense_layer", ["MyDense"]),
    "2.3": ("cross_entropy", ["MyLoss"]),
    "2.4": ("mistakes", ["mistakes"]),
    "3.1": ("variances", ["variances"]),
    "3.2": ("rectifier", ["var_w_for_relu"]),
    "3.3": ("glorot", ["glorot_bound"]),
    "4.1": ("prior_error", ["prior_error"]),
    "4.2": ("four_layers", ["factor_of_four_layers"]),
    "4.3": ("quarter_circle", ["mean_singular_value"]),
    "5.1": ("pieces", ["pieces"]),
    "5.2": ("without_leak", ["honest_model"]),
    "5.3": ("constant_log_loss", ["constant_log_loss"]),
    "5.4": ("standard_error", ["standard_error"]),
}


def test_all_exercises_are_tested():
    numbers = [number for path in NOTEBOOKS for number, _ in exercises(path)]
    assert numbers == list(CHECKS)


@pytest.mark.parametrize("number", CHECKS)
def test_a_published_answer_is_right(number, checks, capsys):
    check, names = CHECKS[number]
    answers = [checks.solution(number)[name] for name in names]
    found = getattr(checks, check)(*answers)
    assert said(capsys) == f"Exercise {number}: right."
    if len(names) == 1:
        assert found is answers[0]


@pytest.mark.parametrize("number", CHECKS)
def test_what_is_empty_is_not_yet_right_and_stops_nothing(number, checks, capsys):
    check, names = CHECKS[number]
    stub = next(source for path in NOTEBOOKS for n, source in exercises(path) if n == number)
    empty = {"np": np, "Dense": Dense, "SoftmaxCrossEntropy": SoftmaxCrossEntropy}
    empty["softmax"] = lambda Z, axis: Z
    exec(stub, empty)
    found = getattr(checks, check)(*[empty[name] for name in names])
    text = said(capsys)
    assert text.startswith(f"Exercise {number}: not yet. ")
    assert len(text) < 160
    assert found is not None
    assert "None" not in text or "returns None" in text


def correct_in_place(w, b, x, t):
    w += t * x
    return w, b


def always_corrects(w, b, x, t):
    return w + t * x, b + t


class NoActivation(Dense):
    def forward(self, X, ctx):
        ctx.X, ctx.Z = X, X @ self.W + self.b
        ctx.Y = ctx.Z
        return ctx.Z


class Transposed(Dense):
    def backward(self, dY, ctx):
        dX = super().backward(dY, ctx)
        ctx.dW = ctx.dW.T
        return dX


class NoTargets(SoftmaxCrossEntropy):
    def gradient(self, Z, T):
        return self.predict(Z)


def tanh_without_slope(w, b, x, t):
    return (np.tanh(w * x + b) - t) * x, np.tanh(w * x + b) - t


LINES = {"A": "db", "B": "dX", "C": "dW", "D": "loss", "E": "dZ"}
CORNERS = [[1, 1], [1, 1]], [0, 0], [[1], [-2]], [0]
WRONG = [
    ("1.1", [correct_in_place], "It changes w in place"),
    ("1.1", [always_corrects], "is right: nothing may change"),
    ("1.1", [lambda w, b, x, t: 3], "not two things"),
    ("1.1", [lambda w, b, x, t: w / x.missing], "stops with AttributeError"),
    ("1.2", [*CORNERS], "The output has the wrong sign at"),
    ("1.2", [[1, 1], *CORNERS[1:]], "W1 has the shape (2,), and must have (2, 2)."),
    ("1.3", [lambda sizes: sum(a * b for a, b in pairwise(sizes))], "biases are missing"),
    ("2.1", [tanh_without_slope], "The link dy/dz is missing"),
    ("2.1", [lambda w, b, x, t: 1.0], "It must return two numbers"),
    ("2.2", [NoActivation], "forward does not return f(X W + b) for the activation 'tanh'"),
    ("2.2", [Transposed], "dW is transposed"),
    ("2.3", [NoTargets], "The gradient of the loss lacks the targets"),
    ("2.4", [LINES | {"B": "dZ"}], "Of network B: with a wrong dZ other arrays would be wrong."),
    ("2.4", [LINES | {"C": "W"}], "Of network C: one of dW, dX, dZ, db, loss, got 'W'."),
    ("3.1", [lambda v, n, var_w, depth: [v] * depth], "it gives [1. 1. 1. 1.]"),
    ("3.1", [lambda v, n, var_w, d: [v * (n * var_w) ** i for i in range(d)]], "one layer too low"),
    ("3.1", [lambda v, n, var_w, depth: v], "It must return 4 numbers"),
    ("3.2", [lambda n: 1 / n], "right without a rectifier"),
    ("3.2", [lambda n: (2 / n) ** 0.5], "That is the standard deviation"),
    ("3.3", [lambda n, m: (2 / (n + m)) ** 0.5], "That is the standard deviation"),
    ("3.3", [lambda n, m: "much"], "It must be a number, got 'much'."),
    ("4.1", [88.9 - 0.0111111], "all nine classes are equally frequent"),
    ("4.1", [5 / 6], "In percent"),
    ("4.1", ["many"], "It must be a number"),
    ("4.2", [(1 / 3) ** 4], "the factor of the variance"),
    ("4.2", [0.5], "0.5 is not it."),
    ("4.3", [lambda s: s], "root mean square"),
    ("5.1", [lambda x, edges: x], "Its shape is (7,)"),
    ("5.1", [lambda x, edges: (x[:, None] - edges[:-1]) / np.diff(edges)], "cut off at 0 and at 1"),
    ("5.2", [lambda: Dense(3)], "It must return a pipeline"),
    ("5.3", [lambda y: -np.log(np.max(np.bincount(y)) / len(y))], "the most frequent class alone"),
    ("5.4", [lambda p, n: p * (1 - p) / n], "That is the variance"),
    ("5.4", [lambda p, n: (p * (1 - p)) ** 0.5], "a single row"),
]  # fmt: skip


@pytest.mark.parametrize(("number", "answers", "hint"), WRONG)
def test_a_wrong_answer_is_told_why(number, answers, hint, checks, capsys):
    getattr(checks, CHECKS[number][0])(*answers)
    text = said(capsys)
    assert text.startswith(f"Exercise {number}: not yet. ")
    assert hint in text


@pytest.mark.parametrize("name", "ABCDE")
def test_the_broken_networks_have_the_mistakes_that_are_asked_for(name, checks):
    from minnet import check_gradients

    X, t = np.random.default_rng(0).normal(size=(6, 4)), np.array([0, 1, 2, 2, 1, 0])
    result = check_gradients(checks.broken(name), X, t)
    wrong = {label for label, error in result.errors.items() if error >= result.tolerance}
    below = {"layers[0].W", "layers[0].b"}
    expected = {
        "dW": {"layers[1].W"},
        "db": {"layers[1].b"},
        "dX": below,
        "dZ": below | {"layers[1].W", "layers[1].b"},
        "loss": set(result.errors),
    }
    assert wrong == expected[LINES[name]]
