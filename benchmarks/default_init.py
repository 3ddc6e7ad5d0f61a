"""What should ``init="auto"`` pick? Laws for weights and biases, by the scores of what starts from them.

    python -m benchmarks.default_init --quick    # about a minute: two draws of a part, printed
    python -m benchmarks.default_init            # an hour; writes DEFAULT_INIT.md, results/*.csv

Every draw of a problem (``drawn_data.py``) is a new one, with a seed of its own for the networks, and all
laws are tried on it: their differences from scikit-learn's law, the preset ``sklearn_mlp``, are paired. A
*cell* is an activation, a solver, a depth and a width; its difference is the mean over the problems of
the mean over the draws, and its standard error that of this mean, the problems being what they are.

The claim of a cell is non-inferiority: the difference is above minus ``MARGIN`` (accuracy, or R2 of
targets of variance 1). Its p-value is that of a one-sided t-test, and Holm's procedure keeps the chance of
one or more false claims among all cells below 5%. Scores are appended to ``--scores`` as they come: a run
that was stopped goes on where it was.
"""

import argparse
import itertools
import shlex
import sys
import tempfile
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor
from threadpoolctl import threadpool_limits

from benchmarks.drawn_data import CLASSIFICATION, PROBLEMS, draw
from benchmarks.paired import Scores, cell, non_inferior, pooled, table, versions
from minnet import MinNetClassifier, MinNetRegressor
from minnet.initializers import GlorotUniform, HeNormal, SklearnMLP, Zeros

HERE = Path(__file__).parent
MARGIN = 0.005


@dataclass(frozen=True)
class Study:
    """What is tried: all combinations, on draws whose numbers no other study has."""

    title: str
    first_draw: int
    draws: int
    activations: tuple
    depths: tuple
    widths: tuple
    laws: tuple
    reference: str = "sklearn_mlp"
    epochs: int = 60
    rates: tuple = (("adam", 0.002), ("sgd", 0.01))
    problems: tuple = tuple(PROBLEMS)

    def cells(self):
        """Return activation, solver, depth and width of each network."""
        return itertools.product(self.activations, dict(self.rates), self.depths, self.widths)

    def laws_of(self, activation):
        """Return the laws that say something else than another one, or are of interest."""
        return [law for law in self.laws if activation in ONLY_FOR.get(law, (activation,))]


RECTIFIERS = ("relu", "leaky_relu", "elu", "gelu", "silu", "softplus")
ONLY_FOR = {"he": RECTIFIERS, "glorot, zero biases": ("relu", "tanh")}
DEEP = {
    "activations": ("relu",),
    "widths": (30,),
    "laws": ("glorot", "he", "he, zero biases"),
}
FRIEDMAN = {
    "activations": ("relu",),
    "laws": ("sklearn_mlp", "auto", "glorot, zero biases", "he"),
    "reference": "MLP",
    "rates": (("adam", 0.001),),
    "problems": ("friedman1, 1000 rows",),
}
STUDIES = {
    "grid": Study(
        "One to five hidden layers",
        1000,
        20,
        ("relu", "tanh", "logistic", "identity"),
        (1, 2, 3, 4, 5),
        (25, 50),
        ("auto", "glorot, zero biases", "he"),
    ),
    "depth": Study("More hidden layers", 2000, 4, depths=(6, 7, 8, 10, 14, 20), **DEEP),
    "longer": Study(
        "More hidden layers, trained longer", 2500, 4, depths=(5, 7, 10, 14, 20), epochs=200, **DEEP
    ),
    "rectifiers": Study(
        "Other rectifiers", 3000, 6, RECTIFIERS[1:], (2, 4, 8), (30,), ("glorot", "he")
    ),
    "mlp": Study(
        "Beside scikit-learn's own MLP",
        4000,
        10,
        ("relu", "tanh"),
        (1, 3),
        (30,),
        ("sklearn_mlp", "auto"),
        reference="MLP",
    ),
    "friedman100": Study(
        "Friedman's first function, as in the defaults of both",
        5000,
        30,
        depths=(1, 2),
        widths=(50, 100),
        epochs=100,
        **FRIEDMAN,
    ),
    "friedman200": Study(
        "The same for 200 epochs", 6000, 60, depths=(1, 2), widths=(50,), epochs=200, **FRIEDMAN
    ),
}


def _sklearn_mlp(activation, depth):
    law = [SklearnMLP(activation)] * (depth + 1)
    return law, law


def _auto(activation, depth):
    return "auto", "auto"


def _glorot(activation, depth):
    """Glorot's law for weights and the biases of hidden layers, 0 for the output's."""
    return _hidden(depth, GlorotUniform())


def _glorot_zeros(activation, depth):
    return [GlorotUniform()] * (depth + 1), "zeros"


def _he(activation, depth):
    return _hidden(depth, HeNormal())


def _he_zeros(activation, depth):
    return _he(activation, depth)[0], "zeros"


def _hidden(depth, law):
    """Return a law for all hidden layers but the first, which has Glorot's; biases are drawn along."""
    weights = [GlorotUniform(), *[law] * (depth - 1), GlorotUniform()]
    return weights, [*weights[:-1], Zeros()]


LAWS = {
    "sklearn_mlp": _sklearn_mlp,
    "auto": _auto,
    "glorot": _glorot,
    "glorot, zero biases": _glorot_zeros,
    "he": _he,
    "he, zero biases": _he_zeros,
}


def fit_and_score(law, problem, parts, seed, activation, solver, depth, width, epochs, rate):
    """Return accuracy or R2 on the test part; the law "MLP" is scikit-learn's own estimator.

    A fit that diverged, and an R2 below 0, are worth 0: that of a constant.
    """
    X_train, X_test, y_train, y_test = parts
    is_classification = problem in CLASSIFICATION
    arguments = {
        "hidden_layer_sizes": (width,) * depth,
        "activation": activation,
        "solver": solver,
        "learning_rate_init": rate,
        "max_iter": epochs,
        "random_state": seed,
    }
    if law == "MLP":
        model = (MLPClassifier if is_classification else MLPRegressor)(**arguments)
    else:
        init, bias_init = LAWS[law](activation, depth)
        arguments |= {"init": init, "bias_init": bias_init, "n_threads": 1}
        model = (MinNetClassifier if is_classification else MinNetRegressor)(**arguments)
    try:
        return max(model.fit(X_train, y_train).score(X_test, y_test), 0.0)
    except ValueError as error:
        if "non-finite" not in str(error):
            raise
        return 0.0


def run(name, study, scores):
    """Score all laws of a study, but for what is in ``scores`` already."""
    for seed in range(study.first_draw, study.first_draw + study.draws):
        for problem in study.problems:
            parts = draw(problem, seed)
            for setting in study.cells():
                for law in (study.reference, *study.laws_of(setting[0])):
                    key = ((name, *setting), problem, law, seed)
                    if key not in scores:
                        case = (*setting, study.epochs, dict(study.rates)[setting[1]])
                        scores.add(*key, fit_and_score(law, problem, parts, seed, *case))
        print(f"{name}: draw {seed}", file=sys.stderr, flush=True)


def markdown(scores, options):
    """Return the report."""
    lines = [
        '# What `init="auto"` picks, beside other laws',
        "",
        "Differences of scores (accuracy; R² of targets of variance 1) from scikit-learn's law, the",
        "preset `sklearn_mlp` for weights and biases, or from its MLP, in units of 0.001, ± standard",
        "error. All laws have the same draws of the data and the same seeds; each draw has data and a",
        "seed of its own. *glorot*: `GlorotUniform`, biases of hidden layers drawn along; *he*:",
        "`HeNormal` from the second layer on, biases drawn along. Both start with `GlorotUniform`; the",
        "output's bias is 0. A fit that diverges, and an R² below 0, count as 0. All rows are in",
        "`results/default_init.csv`.",
        "",
        versions(options.command),
    ]
    for name, study in STUDIES.items():
        if any(key[0] == name for key in scores.known):
            lines += ["", *section(name, study, scores)]
    return "\n".join(lines) + "\n"


def section(name, study, scores):
    """Return what a study found: the claim where ``auto`` is tried, and by depth."""
    found = {law: scores.differences(law, study.reference, study=name) for law in study.laws}
    found = {law: differences for law, differences in found.items() if differences}
    first = pooled(next(iter(found.values())), lambda key: key[-1])
    n_draws = min(each[2] for each in first.values())
    rates = " or ".join(f"{solver} at {rate}" for solver, rate in study.rates)
    lines = [
        f"## {study.title}",
        "",
        f"{n_draws} draws of {len(first)} problem(s); {study.epochs} epochs, {rates}; width"
        f" {' or '.join(map(str, study.widths))}. Differences from `{study.reference}`.",
    ]
    if name == "grid":
        lines += claim(found["auto"], study)
    names = ["activation", "solver", "hidden layers"]
    lines += ["", *table(names, columns(found, lambda key: key[1:4]))]
    if name == "grid":
        by_problem = columns(found, lambda key: (key[1], key[-1]))
        lines += [
            "",
            "By problem, over the rest:",
            "",
            *table(["activation", "problem"], by_problem),
        ]
    return lines


def columns(found, by):
    return {law: pooled(differences, by) for law, differences in found.items()}


def claim(differences, study):
    """Return sentences on the cells in which non-inferiority is shown."""
    cells = pooled(differences, lambda key: key[1:5])
    shown = non_inferior(cells, MARGIN)
    worst = min(cells, key=lambda name: cells[name][0])
    lines = [
        "",
        f"The claim: `auto` is not worse than `{study.reference}` by {MARGIN}, in each of {len(cells)}",
        "cells (activation, solver, depth, width), all problems together. By Holm's procedure, 5% for all",
        f"together, it is shown in {len(shown)} of {len(cells)}. The lowest difference is",
        f"{cell(cells[worst])}",
        f"({', '.join(worst)}).",
    ]
    return lines + [
        f"Not shown: {', '.join(name)}: {cell(cells[name])}." for name in set(cells) - shown
    ]


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--studies", nargs="+", choices=STUDIES, default=list(STUDIES))
    parser.add_argument("--draws", type=int, help="of each problem (default: those of the study)")
    parser.add_argument(
        "--problems", nargs="+", choices=PROBLEMS, help="default: those of the study"
    )
    parser.add_argument("--activations", nargs="+", help="default: those of the study")
    parser.add_argument("--depths", nargs="+", type=int, help="default: those of the study")
    parser.add_argument("--scores", type=Path, default=HERE / "results" / "default_init.scores.csv")
    parser.add_argument("--quick", action="store_true", help="two draws of a part, printed")
    options = parser.parse_args()
    if options.quick:
        options.draws, options.studies, options.activations = 2, ["grid"], ["relu"]
        options.problems, options.depths = ["wine", "clusters", "friedman1", "sparse"], [1, 2, 4]
        options.scores = Path(tempfile.mkdtemp()) / "scores.csv"
    options.command = shlex.join(["python", "-m", "benchmarks.default_init", *sys.argv[1:]])
    return options


def main():
    options = parse()
    scores = Scores(options.scores, ("study", "activation", "solver", "depth", "width"))
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)  # so many epochs are part of the study
        for name in options.studies:
            chosen = {
                field: getattr(options, field)
                for field in ("draws", "problems", "activations", "depths")
            }
            chosen = {field: value for field, value in chosen.items() if value}
            run(name, replace(STUDIES[name], **chosen), scores)
    report = markdown(scores, options)
    print(report)
    if not options.quick:
        (HERE / "DEFAULT_INIT.md").write_text(report, encoding="utf-8")
        scores.write_differences(HERE / "results" / "default_init.csv", ["MLP", "sklearn_mlp"])


if __name__ == "__main__":
    main()
