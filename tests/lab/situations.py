"""Networks that do not train and networks that do, which judge ``diagnose``: what the lists share.

A situation is a model with its data, as a user would hand them to ``diagnose``, and what is expected: for
a broken one the causes that may be named first, and the score that is reached once the advice is taken.
"""

import copy
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_wine,
    make_friedman1,
)
from sklearn.metrics import get_scorer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from minnet import MinNetClassifier, MinNetRegressor, Network, Trainer
from minnet.datasets import make_shapeset
from minnet.lab import diagnose
from minnet.lab.subject import subject_of
from minnet.training.constant_answer import loss_of_constant

#: Codes of findings that name a cause.
NAMES = {
    "l2": {"too_much_l2", "too_much_weight_decay"},
    "weight decay": {"too_much_weight_decay", "too_much_l2"},
    "dropout": {"too_much_dropout"},
    "clipping": {"clipped"},
    "frozen": {"frozen"},
    "few steps": {"too_few_steps"},
    "rate low": {"learning_rate_too_low"},
    "rate high": {"learning_rate_too_high"},
    "diverged": {"not_finite", "learning_rate_too_high"},
    "labels": {"no_input_explains", "overfitting"},
    "contradiction": {"labels_contradict"},
    "equal rows": {"rows_alike", "labels_contradict"},
    "stopped early": {"stopped_too_early"},
    "one class": {"one_class"},
    "order": {"rows_in_order"},
    "overfitting": {"overfitting"},
    "noise": {"noisy_gradients", "learning_rate_too_high"},
    "outliers": {"outliers"},
    "unscaled": {"unscaled_inputs"},
    "targets": {"unscaled_targets"},
    "range": {"output_range"},
    "skewed": {"unscaled_targets"},
    "batch norm": {"batch_norm_harms"},
    "small batches": {"batch_norm_harms", "noisy_gradients"},
    "small weights": {"vanishing_forward", "vanishing_backward", "rank_collapse"},
    "vanishing": {"vanishing_backward", "vanishing_forward"},
    "large weights": {
        "exploding_forward",
        "exploding_backward",
        "saturated",
        "initial_loss_too_high",
    },
    "saturated": {"saturated"},
    "exploding": {"exploding_backward", "exploding_forward"},
    "equal units": {"symmetric_units"},
    "dead": {"dead_units"},
    "linear": {"linear_network"},
    "narrow": {"rank_collapse", "dead_units", "vanishing_forward", "vanishing_backward"},
}


#: Findings that name the cause by the change that was tried and helps.
BY_REMEDY = {"learned_nothing", "learned_little"}
#: What that is.
CHANGES = {
    "l2": {"alpha", "weight_decay"},
    "weight decay": {"alpha", "weight_decay"},
    "dropout": {"dropout"},
    "clipping": {"clip_norm", "clip_value"},
    "frozen": {"trainable"},
    "few steps": {"max_iter"},
    "rate low": {"learning_rate_init", "learning_rate", "power_t"},
    "rate high": {"learning_rate_init", "momentum"},
    "one class": {"class_weight"},
    "order": {"shuffle"},
    "noise": {"batch_size", "learning_rate_init", "momentum"},
    "outliers": {"scaler"},
    "batch norm": {"batch_norm"},
    "small batches": {"batch_size", "batch_norm"},
}


@dataclass(frozen=True)
class Given:
    """What ``diagnose`` is given.

    ``trainer`` are the arguments of the :class:`Trainer` of a Network, and ``max_epochs`` of its fit.
    """

    model: Any
    X: Any
    y: Any
    X_val: Any = None
    y_val: Any = None
    trainer: dict[str, Any] = field(default_factory=dict)

    @property
    def is_network(self):
        return isinstance(self.model, Network)

    def trained(self, model=None):
        """Return a model that was fitted, this one unless another is given."""
        model = self.model if model is None else model
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            if isinstance(model, Network):
                options = dict(self.trainer)
                epochs = options.pop("max_epochs", 30)
                trainer = Trainer(copy.deepcopy(model), **options)
                trainer.fit(self.X, self.y, max_epochs=epochs)
                return trainer.network
            return clone(model).fit(self.X, self.y)

    def with_model(self, model):
        return Given(model, self.X, self.y, self.X_val, self.y_val, self.trainer)

    def diagnosed(self):
        """Return the report; optimizer and held-out rows only where there are any."""
        options = {}
        if self.is_network and "optimizer" in self.trainer:
            options["optimizer"] = self.trainer["optimizer"]
        if self.X_val is not None:
            options |= {"X_val": self.X_val, "y_val": self.y_val}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return diagnose(self.model, self.X, self.y, **options)


@dataclass(frozen=True)
class Situation:
    """A row of a list.

    Attributes
    ----------
    name, kind : str
    make : callable
        Returns a :class:`Given`.
    fitted : bool
        Whether it is diagnosed after its fit.
    causes : tuple of str
        Keys of ``NAMES``: any of them may come first. None for a healthy one.
    goal : float or None
        Score to reach once the first advice was taken; None where no change of the model helps.
    scoring : str or None
        What is scored on the rows of the training: accuracy or R2 unless given. "held out" is the share of
        the best constant's loss that is saved on the rows held out, as it is for a Network anyway.
    every : bool
        Whether all advice is to be taken, not the first alone: there are several causes.
    """

    name: str
    kind: str
    make: Callable[[], Given]
    fitted: bool
    causes: tuple[str, ...] = ()
    goal: float | None = None
    scoring: str | None = None
    every: bool = False

    def given(self):
        return fitted(self.make) if self.fitted else self.make()

    @property
    def codes(self):
        return set().union(*(NAMES[cause] for cause in self.causes))

    def named_by(self, finding):
        """Whether a finding names a cause, or is one that names it by its remedy."""
        changed = set() if finding.remedy is None else finding.remedy.changes.keys()
        right = set().union(*(CHANGES.get(cause, set()) for cause in self.causes))
        return finding.code in self.codes or (finding.code in BY_REMEDY and bool(right & changed))

    def score(self, given, model):
        X, y = (given.X_val, given.y_val) if self.scoring == "held out" else (given.X, given.y)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            if isinstance(model, Network) or self.scoring == "held out":
                return 1 - relative_loss(model, X, y)
            if self.scoring is not None:
                return get_scorer(self.scoring)(model, X, y)
            return model.score(X, y)


@lru_cache(maxsize=2)
def fitted(make):
    """Return what ``make`` makes, trained."""
    given = make()
    return given.with_model(given.trained())


def add(rows, kind, causes, goal, makes, states="both", **options):
    """Add situations of one kind to a list, before a fit, after it, or both, one row for each."""
    for name, make in makes.items():
        for fitted in {"both": (False, True), "before": (False,), "after": (True,)}[states]:
            full = f"{name}, fitted" if fitted else name
            rows.append(Situation(full, kind, make, fitted, causes, goal, **options))


@dataclass(frozen=True)
class Verdict:
    """How ``diagnose`` did: scores and relative losses before (of a fitted one), and after the advice.

    ``applied`` is True, False where there is no remedy, and a sentence where taking it failed.
    """

    codes: list[str]
    remarks: list[Any]
    sentence: str
    right: bool
    applied: bool | str
    before: tuple[float, float]
    after: tuple[float, float]
    trains: bool


NONE = (np.nan, np.nan)


def judge(situation):
    """Diagnose a situation, take the first advice, train, and compare.

    Where a fit has learned something what is wrong may be a remark; then the first remark counts.
    """
    try:
        given = situation.given()
    except ValueError as error:
        return Verdict(["(no fit)"], [], str(error), False, False, NONE, NONE, False)
    report = given.diagnosed()
    codes = [finding.code for finding in report.findings]
    first = next(iter(report.findings or report.remarks), None)
    sentence = f"{first.sentence} {first.advice}" if first else ""
    right = first is not None and situation.named_by(first)
    applied, before, after = False, NONE, NONE
    if situation.fitted and situation.goal is not None:
        before = outcome(situation, given, lambda: given.model)
    if first is not None:
        try:
            advised = taken(given.model, report, situation.every)
            applied = isinstance(advised, Network) == given.is_network or "no Network"
        except ValueError:
            advised = None
        except Exception as error:
            advised, applied = None, f"{type(error).__name__}: {error}"
        if advised is not None and situation.goal is not None:
            after = outcome(situation, given, lambda: given.trained(advised))
    return Verdict(
        codes,
        report.remarks,
        sentence,
        right,
        applied,
        before,
        after,
        situation.goal is not None and after[0] >= situation.goal,
    )


def taken(model, report, every):
    """Return the model with the advice of the findings, or with that of the first remark."""
    if report.findings:
        return report.apply(all=every)
    if report.remarks[0].remedy is None:
        raise ValueError("no remedy")
    return report.remarks[0].remedy.apply(model)


def outcome(situation, given, train):
    """Return score and relative loss of what is trained; NaN where training diverges."""
    try:
        model = train()
        rows = (given.X_val, given.y_val) if situation.scoring == "held out" else (given.X, given.y)
        return situation.score(given, model), relative_loss(model, *rows)
    except ValueError:
        return NONE


def relative_loss(model, X, y):
    """Return the loss, without L2, over that of the best answer that is the same for all."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        subject = subject_of(model, X, y)
        network, T = subject.network, subject.T
        losses = network.loss_.value(network.forward(subject.X), T)
        best = loss_of_constant(network, T, subject.weights)
        return float(losses.mean()) / best if best else np.nan


def classifier(*hidden, activation="relu", **options):
    given = {} if "layers" in options else {"hidden_layer_sizes": hidden or (50,)}
    given |= {"activation": activation, "random_state": 0}
    return MinNetClassifier(**{**given, **options})


def regressor(*hidden, activation="relu", **options):
    given = {"hidden_layer_sizes": hidden or (50,), "activation": activation, "random_state": 0}
    return MinNetRegressor(**{**given, **options})


def scaled(model):
    return make_pipeline(StandardScaler(), model)


def network(layers, X, loss="log_loss", dtype="float64", **options):
    return Network(layers, loss=loss, **options).initialize(X.shape[1], random_state=0, dtype=dtype)


# ---- data


@cache
def curved(n=1500):
    """Two classes with a curved border, from 8 normal columns; and the number behind it."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 8))
    number = X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2])
    return X, (number > 0).astype(int), number


@cache
def table(name):
    """Return one of scikit-learn's tables, as it is; "name, scaled" by columns."""
    if name == "california":
        return california()
    if name.endswith(", scaled"):
        X, y = table(name.removesuffix(", scaled"))
        return StandardScaler().fit_transform(X), y
    load = {
        "digits": load_digits,
        "wine": load_wine,
        "cancer": load_breast_cancer,
        "iris": load_iris,
        "diabetes": load_diabetes,
    }[name]
    X, y = load(return_X_y=True)
    if name == "digits":
        X, y = X[:1000] / 16, y[:1000]
    return X, y


def california(n=1000):
    """Columns as those of California's housing, and prices of mean 2 and standard deviation .85."""
    rng = np.random.default_rng(1)
    income, age = rng.gamma(4, 1, n), rng.integers(1, 53, n)
    rooms, people = rng.lognormal(1.6, 0.3, n), rng.lognormal(7, 0.7, n)
    north = rng.uniform(32, 42, n)
    west = -114 - north / 8 + rng.normal(0, 1.5, n)
    X = np.column_stack([income, age, rooms, people, north, west])
    price = 0.45 * income + 0.01 * age - 0.2 * (north - 37) + 0.3 * np.sin(west) + 0.15 * rooms
    return X, 2.07 + 0.85 * (price - price.mean()) / price.std()


@cache
def friedman(n=600):
    """Friedman's first function: columns of mean 0 and variance 1, targets too."""
    X, y = make_friedman1(n, noise=0.5, random_state=3)
    return StandardScaler().fit_transform(X), (y - y.mean()) / y.std()


@cache
def shapes(n=300):
    """Shapeset, the data of Glorot and Bengio (2010): pixels from -1 to 1."""
    X, y = make_shapeset(n, dtype="float64")
    return X, y


def rare(every, n=2000):
    """One row in so many is of class 1, which lies apart, not without an overlap."""
    rng = np.random.default_rng(0)
    y = (np.arange(n) % every == 0).astype(int)
    return rng.normal(size=(n, 6)) + 1.3 * y[:, None] * np.array([1, 1, 1, 0, 0, 0]), y


def noisy(n, share, columns=20):
    """Classes by two columns of many, a share of them wrong; and as many rows held out."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2 * n, columns))
    y = (X[:, 0] + X[:, 1] > 0).astype(int)
    wrong = rng.random(2 * n) < share
    return X[:n], np.where(wrong, 1 - y, y)[:n], X[n:], np.where(wrong, 1 - y, y)[n:]


def noisy_numbers(n, noise=1.0, columns=20):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2 * n, columns))
    y = X[:, 0] + np.sin(X[:, 1]) + noise * rng.normal(size=2 * n)
    return X[:n], y[:n], X[n:], y[n:]
