"""What should ``init="auto"`` pick? Laws for weights and biases, by the scores of what was trained from them.

    python benchmarks/default_init.py --quick     # about a minute: two draws of a part, printed
    python benchmarks/default_init.py             # all of it: writes DEFAULT_INIT.md and results/default_init.csv

Every draw of a problem (``drawn_data.py``) is a new one, with a seed of its own for the networks, and all
laws are tried on it: their differences from scikit-learn's law, the preset ``sklearn_mlp``, are paired. A
*cell* is an activation, a solver, a depth and a width; its difference is the mean over the problems of the
mean over the draws, and its standard error that of this mean, the problems being what they are.

The claim of a cell is non-inferiority: the difference is above minus ``MARGIN`` (accuracy, or R2 of targets of
variance 1). Its p-value is that of a one-sided t-test, and Holm's procedure keeps the chance of one or more
false claims among all cells below 5%. Scores are appended to ``--scores`` as they come: a run that was stopped
goes on where it was.
"""

import argparse
import csv
import datetime
import itertools
import platform
import shlex
import sys
import tempfile
import warnings
from collections import defaultdict
from pathlib import Path

import numpy as np
import scipy
import sklearn
from scipy import stats
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor
from threadpoolctl import threadpool_limits

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import minnet
from benchmarks.drawn_data import CLASSIFICATION, PROBLEMS, draw
from minnet import MinNetClassifier, MinNetRegressor
from minnet.initializers import GlorotUniform, HeNormal, SklearnMLP, Zeros

MARGIN = 0.005
LEVEL = 0.05
RATES = {"adam": 0.002, "sgd": 0.01}
REFERENCE = "sklearn_mlp"
STUDIES = {
    "grid": {
        "activations": ("relu", "tanh", "logistic", "identity"),
        "depths": (1, 2, 3, 4, 5),
        "widths": (25, 50),
        "first_draw": 1000,
    },
    "depth": {
        "activations": ("relu",),
        "depths": (6, 7, 8, 10, 14, 20),
        "widths": (30,),
        "first_draw": 2000,
    },
    "rectifiers": {
        "activations": ("leaky_relu", "elu", "gelu", "silu", "softplus"),
        "depths": (2, 4, 8),
        "widths": (30,),
        "first_draw": 3000,
    },
    "mlp": {
        "activations": ("relu", "tanh"),
        "depths": (1, 3),
        "widths": (30,),
        "first_draw": 4000,
    },
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
    """The law in all hidden layers but the first, which has Glorot's; biases are drawn along."""
    weights = [GlorotUniform(), *[law] * (depth - 1), GlorotUniform()]
    return weights, [*weights[:-1], Zeros()]


LAWS = {
    REFERENCE: _sklearn_mlp,
    "auto": _auto,
    "glorot": _glorot,
    "glorot, zero biases": _glorot_zeros,
    "he": _he,
    "he, zero biases": _he_zeros,
}


def laws_of(study, activation):
    """Return the names of the laws that are tried: those that say something else than another one."""
    if study == "mlp":
        return REFERENCE, "auto", "MLP"
    if study != "grid":
        return REFERENCE, "he", "he, zero biases"
    others = {
        "relu": ("glorot, zero biases", "he"),
        "tanh": ("glorot, zero biases",),
        "logistic": (),
        "identity": (),
    }
    return REFERENCE, "auto", *others[activation]


def fit_and_score(law, problem, seed, activation, solver, depth, width, epochs, parts):
    """Return accuracy or R2 on the test part; the law "MLP" is scikit-learn's own estimator.

    A fit that diverged, and an R2 below 0, are worth 0: that of a constant.
    """
    X_train, X_test, y_train, y_test = parts
    is_classification = problem in CLASSIFICATION
    arguments = {
        "hidden_layer_sizes": (width,) * depth,
        "activation": activation,
        "solver": solver,
        "learning_rate_init": RATES[solver],
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


def run(study, options, scores):
    """Score all laws of a study, but for what is in ``scores`` already."""
    plan = STUDIES[study]
    cells = list(itertools.product(plan["activations"], options.solvers, plan["depths"], plan["widths"]))
    for seed in range(plan["first_draw"], plan["first_draw"] + options.draws):
        for problem in options.problems:
            parts = draw(problem, seed)
            for activation, solver, depth, width in cells:
                if activation not in (options.activations or plan["activations"]) or depth not in (options.depths or plan["depths"]):
                    continue
                for law in options.laws or laws_of(study, activation):
                    key = (study, activation, solver, depth, width, problem, law, seed)
                    if key not in scores:
                        case = (law, problem, seed, activation, solver, depth, width, options.epochs)
                        scores.add(key, fit_and_score(*case, parts))
        print(study, "draw", seed, file=sys.stderr, flush=True)


class Scores:
    """The scores in a file of one row each, and what they say of a law beside the reference."""

    COLUMNS = ("study", "activation", "solver", "depth", "width", "problem", "law", "draw", "score")

    def __init__(self, path):
        self.path, self.known = path, {}
        if path.exists():
            with path.open(newline="", encoding="utf-8") as file:
                for *key, score in csv.reader(file):
                    study, activation, solver, depth, width, problem, law, seed = key
                    key = (study, activation, solver, int(depth), int(width), problem, law, int(seed))
                    self.known[key] = float(score)

    def __contains__(self, key):
        return key in self.known

    def add(self, key, score):
        self.known[key] = score
        with self.path.open("a", newline="", encoding="utf-8") as file:
            csv.writer(file).writerow([*key, f"{score:.5f}"])

    def differences(self, law, reference=REFERENCE):
        """Return {(study, activation, solver, depth, width, problem): paired differences}."""
        found = defaultdict(list)
        for key, score in self.known.items():
            if key[6] == law:
                other = self.known.get((*key[:6], reference, key[7]))
                if other is not None:
                    found[key[:6]].append(score - other)
        return {key: np.array(values) for key, values in found.items()}

    def write_means(self, path):
        """Write the mean and the standard error of each law's differences, a row for each problem."""
        with path.open("w", newline="", encoding="utf-8") as file:
            out = csv.writer(file)
            out.writerow([*self.COLUMNS[:6], "law", "draws", "difference", "error"])
            for law in dict.fromkeys(key[6] for key in self.known):
                for key, values in self.differences(law).items():
                    error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
                    row = [law, len(values), f"{values.mean():.5f}", f"{error:.5f}"]
                    if law != REFERENCE:
                        out.writerow([*key, *row])


def pooled(differences, by):
    """Return {by(key): (mean over the problems and whatever else differs, its standard error)}.

    Rows with the same draw share data and seed, so the draws are what is averaged over last.
    """
    groups = defaultdict(lambda: defaultdict(list))
    for key, values in differences.items():
        groups[by(key)][key[5]].append(values)
    result = {}
    for name, problems in groups.items():
        means, squares = [], []
        for rows in problems.values():
            values = np.mean([row[: min(map(len, rows))] for row in rows], axis=0)
            means.append(values.mean())
            squares.append(values.var(ddof=1) / len(values) if len(values) > 1 else np.nan)
        result[name] = float(np.mean(means)), float(np.sqrt(np.sum(squares)) / len(means))
    return result


def non_inferior(cells, n_draws):
    """Return the names for which Holm's procedure accepts "above minus MARGIN", and the p-values."""
    p_values = {
        name: float(stats.t.sf((mean + MARGIN) / max(error, 1e-12), n_draws - 1))
        for name, (mean, error) in cells.items()
    }
    accepted = set()
    for rank, name in enumerate(sorted(p_values, key=p_values.get)):
        if p_values[name] > LEVEL / (len(p_values) - rank):
            break
        accepted.add(name)
    return accepted, p_values


def markdown(scores, options):
    """Return the report."""
    versions = {
        "minnet": minnet.__version__,
        "scikit-learn": sklearn.__version__,
        "NumPy": np.__version__,
        "SciPy": scipy.__version__,
        "Python": platform.python_version(),
    }
    lines = [
        "# What `init=\"auto\"` picks, beside other laws",
        "",
        "Differences of scores (accuracy; R² of targets of variance 1) from scikit-learn's law, the preset",
        "`sklearn_mlp` for weights and biases, which stands for its MLP (last section), in units of 0.001;",
        "± standard error. Everything is paired: all laws have the same draws of the data, the same seeds and",
        "batches; each draw has data and a seed of its own. Means over problems, of means over draws. *glorot*:",
        "`GlorotUniform` with drawn biases; *he*: `HeNormal` from the second hidden layer on, with drawn biases.",
        "",
        f"- {datetime.date.today()}; " + ", ".join(" ".join(item) for item in versions.items()),
        f"- `{options.command}`; {options.epochs} epochs, batches of 200, rate 0.002 for adam and 0.01 for sgd",
    ]
    for study, write in SECTIONS.items():
        if any(key[0] == study for key in scores.known):
            lines += write(scores)
    return "\n".join(lines) + "\n"


def _n_draws(scores, study):
    seeds = defaultdict(set)
    for key in scores.known:
        if key[0] == study:
            seeds[key[5]].add(key[7])
    return min(map(len, seeds.values())), len(seeds)


def _of(scores, study, law):
    found = scores.differences(law, "MLP" if study == "mlp" else REFERENCE)
    return {key: values for key, values in found.items() if key[0] == study}


def _table(head, rows):
    return [f"| {' | '.join(head)} |", "|---" * len(head) + "|", *(f"| {' | '.join(row)} |" for row in rows)]


def _by(scores, study, laws, names, by):
    """Return the table of the laws' differences, by what ``by`` keeps of a row's key."""
    columns = {law: pooled(_of(scores, study, law), by) for law in laws}
    keys = list(dict.fromkeys(key for column in columns.values() for key in column))
    cells = [[_cell(columns[law].get(key)) for law in laws] for key in keys]
    rows = [[*map(str, key), *row] for key, row in zip(keys, cells, strict=True)]
    return _table([*names, *laws], rows)


def _cell(found):
    return "" if found is None else f"{1000 * found[0]:+.1f} ± {1000 * found[1]:.1f}"


def _grid(scores):
    n_draws, n_problems = _n_draws(scores, "grid")
    cells = pooled(_of(scores, "grid", "auto"), lambda key: key[1:5])
    accepted, p_values = non_inferior(cells, n_draws)
    open_cells = sorted(set(cells) - accepted, key=p_values.get)
    worst = min(cells, key=lambda name: cells[name][0])
    lines = [
        "",
        "## One to five hidden layers",
        "",
        f"{n_draws} draws of {n_problems} problems. The claim: the law is not worse than scikit-learn's by",
        f"{MARGIN}, in each of {len(cells)} cells (activation, solver, depth, width), all problems together. By",
        f"Holm's procedure (5% for all of them) it is shown for `auto` in {len(accepted)} of {len(cells)}; the",
        f"lowest difference is {_cell(cells[worst])}, {' '.join(map(str, worst))}.",
    ]
    if open_cells:
        lines += ["Not shown for " + "; ".join(
            f"{' '.join(map(str, name))} ({_cell(cells[name])})" for name in open_cells
        ) + "."]  # fmt: skip
    laws = ("auto", "glorot", "glorot, zero biases", "he")
    names = ["activation", "solver", "hidden layers"]
    lines += ["", *_by(scores, "grid", laws, names, lambda key: key[1:4])]
    lines += ["", "By problem, over all depths, widths and both solvers:", ""]
    by_problem = _by(scores, "grid", laws, ["activation", "problem"], lambda key: (key[1], key[5]))
    return lines + by_problem


def _depth(scores):
    n_draws, n_problems = _n_draws(scores, "depth")
    laws = ("auto", "glorot", "he", "he, zero biases")
    return [
        "",
        "## From which depth on ReLU needs He's gain",
        "",
        f"{n_draws} draws of {n_problems} problems, width 50.",
        "",
        *_by(scores, "depth", laws, ["activation", "solver", "hidden layers"], lambda key: key[1:4]),
    ]


SECTIONS = {"grid": _grid, "depth": _depth}


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--studies", nargs="+", choices=STUDIES, default=list(STUDIES))
    parser.add_argument("--draws", type=int, default=20, help="of each problem (default: 20)")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, default=list(PROBLEMS))
    parser.add_argument("--activations", nargs="+", help="default: those of the study")
    parser.add_argument("--solvers", nargs="+", choices=RATES, default=list(RATES))
    parser.add_argument("--depths", nargs="+", type=int, help="default: those of the study")
    parser.add_argument("--laws", nargs="+", choices=LAWS, help="default: those of the study")
    parser.add_argument("--scores", type=Path, default=HERE / "results" / "default_init.scores.csv")
    parser.add_argument("--quick", action="store_true", help="two draws of a part, printed")
    options = parser.parse_args()
    if options.quick:
        options.draws, options.activations, options.depths = 2, ["relu"], [1, 2, 4]
        options.problems = ["wine", "clusters", "friedman1", "sparse"]
        options.scores = Path(tempfile.mkdtemp()) / "scores.csv"
    options.command = shlex.join(["python", "benchmarks/default_init.py", *sys.argv[1:]])
    return options


def main():
    options = parse()
    scores = Scores(options.scores)
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)  # so many epochs are part of the study
        for study in options.studies:
            run(study, options, scores)
    report = markdown(scores, options)
    if options.quick:
        print(report)
        return
    (HERE / "DEFAULT_INIT.md").write_text(report, encoding="utf-8")
    scores.write_means(HERE / "results" / "default_init.csv")


if __name__ == "__main__":
    main()
