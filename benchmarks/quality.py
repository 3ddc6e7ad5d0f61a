"""Compare minnet's predictions with those of scikit-learn's MLP, given the same arguments.

MinNetClassifier against MLPClassifier and MinNetRegressor against MLPRegressor, on small data sets
that come with scikit-learn: repeated 5-fold cross-validation in which both see the same splits and
the same seeds, new seeds for each split; a split's score is the mean over its seeds. Everything
that is not named in ``SETTINGS`` is left at its default, so minnet's weights start from
``init="auto"`` and scikit-learn's from its own law.

    python benchmarks/quality.py --quick       # a minute: defaults, one repeat, no digits
    python benchmarks/quality.py               # all of it, written to benchmarks/QUALITY.md

Two questions are asked of each row. The claim: is minnet's mean score at most one standard error of
MLP's mean score below MLP's mean score? And, finer, because splits and seeds are paired: by how
many of its own standard errors is the mean difference away from zero? ``--control`` asks the same
of MLP against MLP with other seeds, which shows what chance alone does.
"""

import argparse
import datetime
import platform
import shlex
import sys
import time
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import joblib
import numpy as np
import scipy
import sklearn
from sklearn import datasets
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

import minnet
from minnet import MinNetClassifier, MinNetRegressor

DATASETS = {
    "iris": lambda: datasets.load_iris(return_X_y=True),
    "wine": lambda: datasets.load_wine(return_X_y=True),
    "breast_cancer": lambda: datasets.load_breast_cancer(return_X_y=True),
    "digits": lambda: datasets.load_digits(return_X_y=True),
    "diabetes": lambda: datasets.load_diabetes(return_X_y=True),
    "friedman1": lambda: datasets.make_friedman1(500, noise=1.0, random_state=0),
}
REGRESSION = ("diabetes", "friedman1")
SETTINGS = {
    "default": {},
    "longer": {"learning_rate_init": 0.01, "max_iter": 500},
    "early": {"learning_rate_init": 0.01, "max_iter": 500, "early_stopping": True},
    "deep": {"hidden_layer_sizes": (50, 50, 50), "learning_rate_init": 0.01},
}
ACTIVATIONS = ("relu", "tanh", "logistic")
SOLVERS = ("sgd", "adam")


@dataclass(frozen=True)
class Row:
    """One comparison: the scores of both on the same splits."""

    setting: str
    dataset: str
    activation: str
    solver: str
    mlp: np.ndarray
    minnet: np.ndarray
    epochs: tuple

    @property
    def difference(self):
        """The mean of the paired differences and its standard error."""
        return mean_and_error(self.minnet - self.mlp)

    @property
    def holds(self):
        """Whether the claim holds: within one standard error of MLP's mean score, or better."""
        mean, error = mean_and_error(self.mlp)
        return self.minnet.mean() >= mean - error

    @property
    def verdict(self):
        """What the paired differences say."""
        mean, error = self.difference
        if abs(mean) <= error:
            return "equal"
        word = "better" if mean > 0 else "worse"
        return word if abs(mean) <= 2 * error else f"{word} (> 2 s.e.)"

    def cells(self):
        """Return the row of the printed table."""
        numbers = [mean_and_error(self.mlp), mean_and_error(self.minnet), self.difference]
        scores = ["{:.4f} ± {:.4f}".format(*pair) for pair in numbers[:2]]
        epochs = "{:.0f} / {:.0f}".format(*self.epochs)
        claim = "yes" if self.holds else "**no**"
        difference = "{:+.4f} ± {:.4f}".format(*numbers[2])
        names = [self.dataset, self.activation, self.solver]
        return [*names, *scores, difference, epochs, claim, self.verdict]


def mean_and_error(values):
    """Return the mean and its standard error."""
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))


def make_model(library, regression, arguments):
    """Return the whole model: inputs standardized, for regression the target as well."""
    classes = {
        "mlp": (MLPClassifier, MLPRegressor),
        "minnet": (MinNetClassifier, MinNetRegressor),
    }
    model = make_pipeline(StandardScaler(), classes[library][regression](**arguments))
    return TransformedTargetRegressor(model, transformer=StandardScaler()) if regression else model


def fit_and_score(library, regression, arguments, X, y, train, test):
    """Return the score on the test part (accuracy, R² for regression) and the epochs."""
    model = make_model(library, regression, arguments)
    # One thread a fit: the matrices are small, and --jobs is over fits.
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)  # max_iter is part of the setting
        model.fit(X[train], y[train])
    pipeline = model.regressor_ if regression else model
    return model.score(X[test], y[test]), pipeline[-1].n_iter_


def cross_validate(library, dataset, arguments, n_repeats, n_seeds, jobs=1, first_seed=0):
    """Return the scores of all splits, means over the seeds, and the mean number of epochs."""
    X, y = DATASETS[dataset]()
    regression = dataset in REGRESSION
    splitter = RepeatedKFold if regression else RepeatedStratifiedKFold
    splits = list(splitter(n_splits=5, n_repeats=n_repeats, random_state=0).split(X, y))
    results = joblib.Parallel(jobs)(
        joblib.delayed(fit_and_score)(
            library, regression, {**arguments, "random_state": first_seed + i}, X, y, *split
        )
        for i, split in enumerate(splits * n_seeds)
    )
    scores, epochs = zip(*results, strict=True)
    return np.reshape(scores, (n_seeds, -1)).mean(axis=0), np.mean(epochs)


def compare(options):
    """Yield a row for each setting, data set, activation and solver."""
    for setting in options.settings:
        for dataset in options.datasets:
            for activation in ACTIVATIONS:
                for solver in SOLVERS:
                    arguments = {"activation": activation, "solver": solver, **SETTINGS[setting]}
                    both = []
                    for library in ("mlp", "minnet"):
                        first_seed = 0
                        if library == "minnet" and options.control:
                            library, first_seed = "mlp", 1_000_000
                        case = (library, dataset, arguments, options.repeats, options.seeds)
                        both.append(cross_validate(*case, options.jobs, first_seed))
                    (mlp, mlp_epochs), (ours, our_epochs) = both
                    epochs = (mlp_epochs, our_epochs)
                    yield Row(setting, dataset, activation, solver, mlp, ours, epochs)


def count(rows):
    """Return sentences on how many rows the claim holds for, and on the paired differences."""
    verdicts = Counter(row.verdict for row in rows)
    order = ("better (> 2 s.e.)", "better", "equal", "worse", "worse (> 2 s.e.)")
    paired = ", ".join(f"{verdicts[word]} {word}" for word in order)
    holds = sum(row.holds for row in rows)
    return f"claim holds in {holds} of {len(rows)} rows; paired differences: {paired}"


def markdown(rows, options, seconds):
    """Return the report."""
    second = "MLP with other seeds" if options.control else "minnet"
    head = ["data set", "activation", "solver", "MLP", second, "paired difference"]
    head += ["epochs", "claim holds", "paired verdict"]
    versions = {
        "minnet": minnet.__version__,
        "scikit-learn": sklearn.__version__,
        "NumPy": np.__version__,
        "SciPy": scipy.__version__,
        "Python": platform.python_version(),
    }
    lines = [
        f"# Prediction quality: {second} beside scikit-learn's MLP, with the same arguments",
        "",
        f"5-fold cross-validation, repeats: {options.repeats}, seeds a split: {options.seeds}; data",
        "standardized; accuracy, or R² for diabetes and friedman1; mean ± standard error over the",
        "splits, each the mean of its seeds. The same splits and seeds for both. The *claim*: the",
        "mean score is within one standard error of MLP's, or better. The *paired verdict* is finer:",
        "equal if the mean difference over the splits is within one of its own standard errors.",
        "Between two equally good methods chance alone makes about 16% of the rows worse and 16%",
        f"better. Epochs: MLP / {second}.",
        "",
        f"- {datetime.date.today()}; " + ", ".join(" ".join(item) for item in versions.items()),
        f"- `{options.command}`, {seconds / 60:.0f} minutes",
        f"- overall: {count(rows)}".replace("; ", ";\n  "),
    ]
    for setting in options.settings:
        chosen = [row for row in rows if row.setting == setting]
        arguments = ", ".join(f"{k}={v!r}" for k, v in SETTINGS[setting].items())
        lines += ["", f"## {setting}: {arguments or 'all other arguments at their defaults'}", ""]
        lines += [count(chosen).capitalize() + ".", ""]
        lines += [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
        lines += [f"| {' | '.join(row.cells())} |" for row in chosen]
    return "\n".join(lines) + "\n"


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=3, help="of the 5 folds (default: 3)")
    parser.add_argument("--seeds", type=int, default=2, help="for each split (default: 2)")
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    parser.add_argument("--datasets", nargs="+", choices=DATASETS, default=list(DATASETS))
    parser.add_argument("--jobs", type=int, default=1, help="processes (default: 1)")
    parser.add_argument("--control", action="store_true", help="MLP against MLP, other seeds")
    parser.add_argument("--quick", action="store_true", help="1 repeat, 1 seed, default, no digits")
    parser.add_argument("--output", type=Path, help="default: QUALITY.md, none with --quick")
    options = parser.parse_args()
    if options.quick:
        options.repeats, options.seeds, options.settings = 1, 1, ["default"]
        options.datasets = [name for name in options.datasets if name != "digits"]
    elif options.output is None:
        name = "QUALITY-control.md" if options.control else "QUALITY.md"
        options.output = Path(__file__).with_name(name)
    options.command = shlex.join(["python", "benchmarks/quality.py", *sys.argv[1:]])
    return options


def main():
    options = parse()
    start, rows = time.perf_counter(), []
    for row in compare(options):
        rows.append(row)
        print(row.setting, *row.cells(), sep="  ", flush=True)
    report = markdown(rows, options, time.perf_counter() - start)
    print(count(rows))
    if options.output is not None:
        options.output.write_text(report, encoding="utf-8")
        print(f"written to {options.output}")


if __name__ == "__main__":
    main()
