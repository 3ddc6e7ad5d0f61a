"""Compare early stopping by the score (accuracy or R2, the default) with that by the loss.

    python -m benchmarks.early_stopping --quick     # about a minute: three draws of a part, printed
    python -m benchmarks.early_stopping             # writes EARLY_STOPPING.md
    python -m benchmarks.early_stopping --more-rows # half a minute: EARLY_STOPPING_MORE_ROWS.md

Both are fitted to the same draws of the problems of ``drawn_data.py``, with the same seeds and hence the
same validation rows, and compared in pairs; so are scikit-learn's MLP, which stops by the score, and a fit
without early stopping.
"""

import argparse
import itertools
import shlex
import sys
import tempfile
import warnings
from pathlib import Path

from sklearn.datasets import load_digits, make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from benchmarks.drawn_data import CLASSIFICATION, PROBLEMS, draw
from benchmarks.paired import Scores, pooled, table, versions
from minnet import MinNetClassifier, MinNetRegressor

HERE = Path(__file__).parent
RATES = (0.001, 0.01)
ACTIVATIONS = ("relu", "tanh")
SOLVERS = ("adam", "sgd")
STOPPING = {
    "score": {"early_stopping": True},
    "loss": {"early_stopping": True, "scoring": "loss"},
    "none": {},
    "MLP": {"early_stopping": True},
}
FIRST_DRAW = 7000

#: Problems of more rows; 30 % of them test.
MORE_ROWS = {
    "digits (1,797)": lambda seed: load_digits(return_X_y=True),
    "10 classes (5,000)": lambda seed: make_classification(
        5000, 40, n_informative=20, n_classes=10, random_state=seed
    ),
    "2 classes, a fifth wrong (10,000)": lambda seed: make_classification(
        10000, 20, n_informative=5, flip_y=0.2, random_state=seed
    ),
    "3 classes (20,000)": lambda seed: make_classification(
        20000, 20, n_informative=10, n_classes=3, random_state=seed
    ),
}


def fit_and_score(stopping, problem, parts, seed, activation, solver, rate):
    """Return accuracy or R2 on the test part; an R2 below 0 counts as 0."""
    X_train, X_test, y_train, y_test = parts
    arguments = {
        "activation": activation,
        "solver": solver,
        "learning_rate_init": rate,
        "max_iter": 500,
        "random_state": seed,
        **STOPPING[stopping],
    }
    if stopping == "MLP":
        classes = MLPClassifier, MLPRegressor
    else:
        classes = MinNetClassifier, MinNetRegressor
        arguments["n_threads"] = 1
    model = classes[problem not in CLASSIFICATION](**arguments)
    return max(model.fit(X_train, y_train).score(X_test, y_test), 0.0)


def run(options, scores):
    """Fit whatever is not in ``scores`` already."""
    for seed in range(FIRST_DRAW, FIRST_DRAW + options.draws):
        for problem in options.problems:
            parts = draw(problem, seed)
            for setting in itertools.product(ACTIVATIONS, SOLVERS, RATES):
                for stopping in options.stopping:
                    key = (setting, problem, stopping, seed)
                    if key not in scores:
                        scores.add(*key, fit_and_score(stopping, problem, parts, seed, *setting))
        print(f"draw {seed}", file=sys.stderr, flush=True)


def run_more_rows(options, scores):
    """Likewise for the problems of more rows, under Adam alone."""
    for seed in range(FIRST_DRAW, FIRST_DRAW + options.draws):
        for problem, make in MORE_ROWS.items():
            X, y = make(seed)
            X_train, X_test, y_train, y_test = train_test_split(
                X, y, test_size=0.3, random_state=seed
            )
            scaler = StandardScaler().fit(X_train)
            parts = scaler.transform(X_train), scaler.transform(X_test), y_train, y_test
            for setting in itertools.product(["relu"], ["adam"], RATES):
                for stopping in ("score", "loss"):
                    score = fit_and_score(stopping, "iris", parts, seed, *setting)
                    scores.add(setting, problem, stopping, seed, score)


def markdown(scores, options):
    """Return the report."""
    found = {name: scores.differences(name, "score") for name in STOPPING if name != "score"}
    found = {name: differences for name, differences in found.items() if differences}
    first = pooled(found["loss"], lambda key: key[-1])
    lines = [
        "# Early stopping by the score or by the loss",
        "",
        f"{min(each[2] for each in first.values())} draws of {len(first)} problems; one layer of 100",
        "units, at most 500 epochs, a tenth of the rows for validation. Differences of the score on the",
        "test part (accuracy, or R²) from stopping by the score, `scoring=None`, in units of 0.001,",
        '± standard error: *loss* is `scoring="loss"`, *none* no early stopping, *MLP* that of',
        "scikit-learn, which stops by the score.",
        "",
        versions(options.command),
    ]
    for names, by in (
        (("problem",), lambda key: (key[-1],)),
        (("problem", "solver", "rate"), lambda key: (key[-1], key[1], key[2])),
    ):
        columns = {name: pooled(differences, by) for name, differences in found.items()}
        lines += ["", *table(names, columns)]
    return "\n".join(lines) + "\n"


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--draws", type=int, default=20, help="of each problem (default: 20)")
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, default=list(PROBLEMS))
    parser.add_argument("--stopping", nargs="+", choices=STOPPING, default=["score", "loss", "MLP"])
    parser.add_argument(
        "--scores", type=Path, default=HERE / "results" / "early_stopping.scores.csv"
    )
    parser.add_argument("--quick", action="store_true", help="three draws of a part, printed")
    parser.add_argument(
        "--more-rows", action="store_true", help="six draws of problems of more rows"
    )
    options = parser.parse_args()
    if options.more_rows:
        options.draws = 6
        options.scores = Path(tempfile.mkdtemp()) / "scores.csv"
    elif options.quick:
        options.draws, options.problems = 3, ["iris", "wine", "moons", "diabetes"]
        options.scores = Path(tempfile.mkdtemp()) / "scores.csv"
    options.command = shlex.join(["python", "-m", "benchmarks.early_stopping", *sys.argv[1:]])
    return options


def main():
    options = parse()
    scores = Scores(options.scores, ("activation", "solver", "rate"))
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)
        (run_more_rows if options.more_rows else run)(options, scores)
    report = markdown(scores, options)
    print(report)
    if not options.quick:
        name = "EARLY_STOPPING_MORE_ROWS.md" if options.more_rows else "EARLY_STOPPING.md"
        (HERE / name).write_text(report, encoding="utf-8")


if __name__ == "__main__":
    main()
