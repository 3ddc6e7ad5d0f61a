"""Checks of the exercises: each says that an answer is right, or what is missing; none stops a notebook.

A check takes what the reader wrote and returns it if it is right; until then it returns the answer of the
folder ``solutions``, so that the notebook can go on.
"""

from pathlib import Path

import numpy as np

from minnet import Dense, Network, check_gradients
from minnet.losses import SquaredError

FOLDER = Path(__file__).parent / "solutions"
EMPTY = "Write your answer in the place of the dots."


def solution(number):
    """Return the names that the published answer to an exercise defines."""
    (path,) = FOLDER.glob(f"{number.partition('.')[0]}_*.py")
    imports, *sections = path.read_text(encoding="utf-8").split("# %% Exercise ")
    (code,) = (text.partition("\n")[2] for text in sections if text.startswith(f"{number}:"))
    names = {"__name__": "solution"}
    exec(imports, names)
    exec(code, names)
    return names


def verdict(number, fault, name, answer):
    """Print what is to be said of an answer; return it if it is right, and else the published one."""
    print(f"Exercise {number}: {'not yet. ' + fault if fault else 'right.'}")
    return solution(number)[name] if fault else answer


def tried(function, *arguments):
    """Return what a function gives, and what is wrong with calling it, "" if nothing."""
    try:
        value = function(*arguments)
    except Exception as error:
        return None, f"{function.__name__} stops with {type(error).__name__}: {error}"
    return value, "" if value is not None else f"{function.__name__} returns None. {EMPTY}"


def number_fault(value, right, hints=()):
    """Return what is wrong with a number; a hint is a wrong number and what it comes from."""
    if value is ...:
        return EMPTY
    try:
        value = float(value)
    except (TypeError, ValueError):
        return f"It must be a number, got {value!r:.60}."
    if np.isclose(value, right, rtol=1e-3):
        return ""
    for wrong, hint in hints:
        if np.isclose(value, wrong, rtol=1e-3):
            return hint
    return f"{value:.6g} is not it."


def function_fault(function, cases, hints=()):
    """Return what is wrong with a function of numbers: cases are its arguments and the right value."""
    for arguments, right in cases:
        value, fault = tried(function, *arguments)
        if not fault:
            hints_here = [(wrong(*arguments), hint) for wrong, hint in hints]
            fault = number_fault(value, right, hints_here)
            call = f"{function.__name__}({', '.join(map(str, arguments))})"
            fault = fault and f"Of {call}: {fault}"
        if fault:
            return fault
    return ""


# ---- 1. From one unit to a deep network


def perceptron(correct):
    """Check exercise 1.1."""
    fault = ""
    cases = [
        ("is right: nothing may change", [1.0, 0.0], 0.5, [2.0, 1.0], 1, [1.0, 0.0], 0.5),
        ("is wrong", [1.0, 0.0], 0.5, [-2.0, 1.0], 1, [-1.0, 1.0], 1.5),
        ("is wrong", [1.0, 0.0], 0.5, [2.0, 1.0], -1, [-1.0, -1.0], -0.5),
        ("has z = 0, which counts as wrong", [0.0, 0.0], 0.0, [2.0, 1.0], -1, [-2.0, -1.0], -1.0),
    ]
    for what, w, b, x, t, w_right, b_right in cases:
        w = np.array(w)
        before = w.copy()
        value, fault = tried(correct, w, b, np.array(x), t)
        if not fault and not np.array_equal(w, before):
            fault = "It changes w in place: return a new one, w + ..., not w += ..."
        if not fault:
            try:
                w_new, b_new = value
                right = np.allclose(w_new, w_right) and np.allclose(b_new, b_right)
                got = f"w = {np.round(w_new, 2)}, b = {b_new}"
            except (TypeError, ValueError):
                right, got = False, f"{value!r:.60}, not two things"
            if not right:
                fault = (
                    f"w = {before}, b = {b}, and the point {x} of class {t} {what}. It gives {got}."
                )
        if fault:
            break
    return verdict("1.1", fault, "correct", correct)


def xor_by_hand(W1, b1, W2, b2):
    """Check exercise 1.2."""
    corners, right = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), [False, True, True, False]
    weights = {"W1": (W1, (2, 2)), "b1": (b1, (2,)), "W2": (W2, (2, 1)), "b2": (b2, (1,))}
    fault = EMPTY if any(value is ... for value, _ in weights.values()) else ""
    for name, (value, shape) in weights.items() if not fault else ():
        if np.shape(value) != shape:
            fault = f"{name} has the shape {np.shape(value)}, and must have {shape}."
            break
    if not fault:
        z = np.maximum(corners @ W1 + np.array(b1), 0) @ W2 + np.array(b2)
        wrong = [
            str(c) for c, value, r in zip(corners, z[:, 0], right, strict=True) if (value > 0) != r
        ]
        fault = f"The output has the wrong sign at {', '.join(wrong)}." if wrong else ""
    names = solution("1.2") if fault else dict(zip(weights, (W1, b1, W2, b2), strict=True))
    verdict("1.2", fault, "W1", W1)
    return tuple(np.array(names[name], dtype=float) for name in weights)


def parameters(n_parameters):
    """Check exercise 1.3: against the networks that minnet makes."""

    def count(sizes, with_biases=True):
        network = Network([Dense(n) for n in sizes[1:]], "squared_error").initialize(sizes[0])
        arrays = [a for layer in network.layers for a in (layer.W, layer.b)[: 1 + with_biases]]
        return sum(array.size for array in arrays)

    cases = [((sizes,), count(sizes)) for sizes in ([1, 1], [2, 3, 1], [64, 32, 32, 10])]
    hints = [
        (lambda sizes: count(sizes, False), "The weights are all there; the biases are missing."),
        (lambda sizes: count(sizes) + sizes[0], "The inputs are no units: they have no biases."),
    ]
    return verdict("1.3", function_fault(n_parameters, cases, hints), "n_parameters", n_parameters)


# ---- 2. Backpropagation by hand


def one_unit(derivatives):
    """Check exercise 2.1: against central differences."""
    fault = ""
    for w, b, x, t in ((0.7, -0.2, 1.5, 1.0), (-0.4, 0.3, 2.0, 0.5)):
        value, fault = tried(derivatives, w, b, x, t)
        if fault:
            break

        def loss(w, b, x=x, t=t):
            return 0.5 * (np.tanh(w * x + b) - t) ** 2

        h = 1e-5
        right = (
            (loss(w + h, b) - loss(w - h, b)) / (2 * h),
            (loss(w, b + h) - loss(w, b - h)) / (2 * h),
        )
        if np.shape(value) != (2,):
            fault = f"It must return two numbers, got {value!r:.60}."
        else:
            y = np.tanh(w * x + b)
            for name, got, due, last in zip(
                ("dL/dw", "dL/db"), value, right, (x, 1.0), strict=True
            ):
                hints = [
                    (due / (1 - y * y), "The link dy/dz is missing: the slope of tanh is 1 - y^2."),
                    (due / (y - t), "The link dL/dy is missing: it is y - t."),
                    (due / last, "The link dz/dw is missing: z = w x + b."),
                    (-due, "The sign is wrong: is it y - t, or t - y?"),
                    (2 * due, "A factor of 2 too much: the loss has a 1/2 for that."),
                ]
                said = number_fault(got, due, hints)
                fault = fault or (said and f"{name}: {said}")
        if fault:
            break
    return verdict("2.1", fault, "derivatives", derivatives)


def dense_layer(cls):
    """Check exercise 2.2: forward against minnet's own layer, backward by check_gradients."""
    rng = np.random.default_rng(3)
    X, t = rng.normal(size=(6, 4)), np.array([0, 1, 2, 2, 1, 0])
    for activation in "tanh", "sigmoid", "relu", "identity":
        networks = [
            Network([Dense(5, "tanh"), layer(4, activation), Dense(3)], bias_init="glorot")
            for layer in (cls, Dense)
        ]
        mine, theirs = (network.initialize(4, random_state=1) for network in networks)
        mine.params[...] = theirs.params
        result = check_gradients(mine, X, t)
        stopped = {note for note in result.notes.values() if note.startswith("layers[1]: forward")}
        if stopped:
            fault = stopped.pop().removeprefix("layers[1]: ") + "."
        elif not np.allclose(mine.forward(X), theirs.forward(X)):
            fault = f"forward does not return f(X W + b) for the activation {activation!r}."
        elif not result.ok:
            notes = list(result.notes.values())
            fault = f"With the activation {activation!r}: {notes[-1] if notes else result}."
        else:
            fault = ""
        if fault:
            break
    return verdict("2.2", fault, "MyDense", cls)


def cross_entropy(cls):
    """Check exercise 2.3: against minnet's own, by check_gradients."""
    X, t = np.random.default_rng(4).normal(size=(6, 4)), np.array([0, 1, 2, 2, 1, 0])
    network = Network([Dense(5, "tanh"), Dense(3)], loss=cls()).initialize(4, random_state=2)
    result = check_gradients(network, X, t)
    note = next(iter(result.notes.values()), "")
    fault = f"{note[0].upper()}{note[1:]}." if note else ""
    return verdict("2.3", fault, "MyLoss", cls)


class _Broken(Dense):
    """A layer with one wrong line."""

    def __init__(self, units, activation=None, init=None, line=""):
        super().__init__(units, activation, init)
        self.line = line

    def backward(self, dY, ctx):
        """Go backward with one line wrong."""
        dZ = dY * (1 if self.line == "dZ" else self.activation.derivative(ctx.Z, ctx.Y))
        ctx.dW = (1 if self.line != "dW" else -1) * ctx.X.T @ dZ
        ctx.db = dZ.sum(axis=0) if self.line != "db" else dZ.mean(axis=0)
        return dZ @ self.W.T if self.line != "dX" else dZ @ self.W


class _BrokenLoss(SquaredError):  # noqa: N818
    def gradient(self, Z, T):
        return 2 * super().gradient(Z, T)


_LINES = {"A": "db", "B": "dX", "C": "dW", "D": "loss", "E": "dZ"}


def broken(name):
    """Return one of the networks with a mistake, A to E."""
    line = _LINES[name]
    loss = _BrokenLoss("softmax") if line == "loss" else "log_loss"
    layers = [Dense(5, "tanh"), _Broken(5, "tanh", line=line), Dense(3)]
    return Network(layers, loss).initialize(4, random_state=0)


def mistakes(answers):
    """Check exercise 2.4."""
    fault, lines = "", sorted(set(_LINES.values()))
    for name, right in _LINES.items():
        answer = answers.get(name, ...)
        if answer is ...:
            fault = f"Of network {name} nothing is said yet."
        elif answer not in lines:
            fault = f"Of network {name}: one of {', '.join(lines)}, got {answer!r:.40}."
        elif answer != right:
            fault = f"Of network {name}: with a wrong {answer} other arrays would be wrong."
        if fault:
            break
    return verdict("2.4", fault, "mistakes", answers)


# ---- 3. Initialization


def variances(function):
    """Check exercise 3.1."""
    fault = ""
    for v, n, var_w, depth in ((1.0, 100, 1 / 300, 4), (2.0, 50, 0.04, 3)):
        value, fault = tried(function, v, n, var_w, depth)
        if fault:
            break
        right = v * (n * var_w) ** np.arange(1, depth + 1)
        try:
            value = np.array(value, dtype=float)
        except (TypeError, ValueError):
            value = np.empty(0)
        if value.shape != (depth,):
            fault = f"It must return {depth} numbers, one for each layer, got {value.size}."
        elif np.allclose(value, v * (n * var_w) ** np.arange(depth)):
            fault = "It begins one layer too low: the first number is the variance after layer 1."
        elif np.allclose(value, v * var_w ** np.arange(1, depth + 1)):
            fault = "Each unit sums over n inputs, whose variances add up."
        elif not np.allclose(value, right):
            fault = f"For v = {v}, n = {n}, Var W = {var_w:.4g} it gives {value.round(4)}."
        if fault:
            break
    return verdict("3.1", fault, "variances", function)


def rectifier(function):
    """Check exercise 3.2."""
    cases = [((n,), 2 / n) for n in (10, 200)]
    hints = [
        (
            lambda n: 1 / n,
            "1 / n is right without a rectifier. What share of E[z^2] does it let through?",
        ),
        (lambda n: (2 / n) ** 0.5, "That is the standard deviation; the variance is asked for."),
        (lambda n: 0.5 / n, "The wrong way round: what is lost must be given back."),
    ]
    return verdict("3.2", function_fault(function, cases, hints), "var_w_for_relu", function)


def glorot(function):
    """Check exercise 3.3: against the weights that minnet draws."""
    from minnet.initializers import GlorotUniform

    cases = [((n, m), (6 / (n + m)) ** 0.5) for n, m in ((784, 256), (64, 10))]
    largest = np.abs(GlorotUniform()((784, 256), rng=0)).max()
    assert np.isclose(largest, cases[0][1], rtol=1e-3)
    hints = [
        (lambda n, m: (2 / (n + m)) ** 0.5, "That is the standard deviation. A uniform number between "
         "-a and a has variance a^2 / 3."),
        (lambda n, m: 6 / (n + m), "The root is missing."),
        (lambda n, m: (3 / n) ** 0.5, "That keeps the signal alone, equation 10."),
        (lambda n, m: (12 / (n + m)) ** 0.5, "The mean of n_in and n_out is half of their sum, and "
         "Var W = 1 / mean."),
    ]  # fmt: skip
    return verdict("3.3", function_fault(function, cases, hints), "glorot_bound", function)


# ---- 4. The paper


def prior_error(value):
    """Check exercise 4.1: one object, 1/2, of one kind, 1/3, is the most frequent class."""
    hints = [
        (
            100 * 8 / 9,
            "That is right where all nine classes are equally frequent, and they are not.",
        ),
        (5 / 6, "In percent, please."),
        (100 / 6, "That is how often the constant answer is right."),
    ]
    return verdict("4.1", number_fault(value, 100 * 5 / 6, hints), "prior_error", value)


def four_layers(value):
    """Check exercise 4.2."""
    hints = [
        ((1 / 3) ** 4, "That is the factor of the variance; the standard deviation is its root."),
        ((1 / 3) ** 2.5, "From layer 1 to layer 5 there are four layers of weights."),
        (3**-0.5, "That is the factor of one layer."),
        (9.0, "The wrong way round: the signal becomes smaller."),
    ]
    return verdict("4.2", number_fault(value, (1 / 3) ** 2, hints), "factor_of_four_layers", value)


def quarter_circle(function):
    """Check exercise 4.3: against the singular values of drawn matrices."""
    cases = [((s,), 8 * s / (3 * np.pi)) for s in (1.0, 0.5, 2.0)]
    hints = [
        (lambda s: s, "s is the root mean square of the singular values, not their mean."),
        (lambda s: 8 / (3 * np.pi) if s != 1 else np.nan, "It must grow with s."),
    ]
    return verdict("4.3", function_fault(function, cases, hints), "mean_singular_value", function)


# ---- 5. Tables in practice


def pieces(function):
    """Check exercise 5.1: against differences of a clipped column."""
    x, edges = (
        np.array([-5.0, 0.0, 14.0, 20.0, 35.0, 50.0, 80.0]),
        np.array([0.0, 10.0, 20.0, 50.0]),
    )
    value, fault = tried(function, x, edges)
    if not fault:
        right = np.diff(np.clip(x[:, None], edges[:1], edges)) / np.diff(edges)
        if np.shape(value) != right.shape:
            fault = f"Its shape is {np.shape(value)}, and must be (len(x), len(edges) - 1), {right.shape}."
        elif np.max(value) > 1 or np.min(value) < 0:
            fault = "The shares must be cut off at 0 and at 1 (np.clip)."
        elif not np.allclose(value, right):
            i = int(np.argmax(np.abs(value - right).max(axis=1)))
            fault = f"Of x = {x[i]:g} it makes {np.round(value[i], 2)}, and not {np.round(right[i], 2)}."
    return verdict("5.1", fault, "pieces", function)


def without_leak(function):
    """Check exercise 5.2: a pipeline that chooses 20 columns of the rows it is fitted on."""
    model, fault = tried(function)
    rng = np.random.default_rng(0)
    if not fault:
        steps = [type(step).__name__ for _, step in getattr(model, "steps", [])]
        if not steps:
            fault = (
                "It must return a pipeline (make_pipeline), whose first step chooses the columns."
            )
        elif steps[-1] != "LogisticRegression" or len(steps) < 2:
            fault = (
                f"Its steps are {', '.join(steps)}: a choice of columns, then LogisticRegression."
            )
        else:
            X, y = rng.normal(size=(60, 200)), np.arange(60) % 2
            _, fault = tried(model.fit, X, y)
            n = 0 if fault else model[-1].coef_.shape[1]
            fault = fault or (
                "" if n == 20 else f"LogisticRegression sees {n} columns instead of 20."
            )
    return verdict("5.2", fault, "honest_model", function)


def constant_log_loss(function):
    """Check exercise 5.3: the entropy of the shares."""
    cases = [
        (([0, 1, 1, 1],), 0.5623351446),
        (([0, 1, 2],), np.log(3)),
        (([0, 0, 1, 1],), np.log(2)),
    ]
    hints = [(lambda y: -np.log(np.max(np.bincount(y)) / len(y)), "That is the loss of the most "
              "frequent class alone: take the mean over all rows.")]  # fmt: skip
    cases = [((np.array(y),), right) for (y,), right in cases]
    fault = function_fault(function, cases, hints)
    return verdict("5.3", fault, "constant_log_loss", function)


def standard_error(function):
    """Check exercise 5.4: against the binomial distribution."""
    from scipy.stats import binom

    cases = [((p, n), binom.std(n, p) / n) for p, n in ((0.96, 200), (0.5, 100))]
    hints = [
        (lambda p, n: p * (1 - p) / n, "That is the variance: its root is asked for."),
        (lambda p, n: (p * (1 - p)) ** 0.5, "That is for a single row: the mean of n varies less."),
        (
            lambda p, n: (n * p * (1 - p)) ** 0.5,
            "That is of the number of right ones, not of the share.",
        ),
    ]
    return verdict("5.4", function_fault(function, cases, hints), "standard_error", function)
