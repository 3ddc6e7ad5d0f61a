"""What makes a network good at tables: from MLPClassifier's defaults, one ingredient a line.

    python -m benchmarks.tables.ablation [--tables phoneme german] [--splits 2]

Each line is the one above it and one thing more, made of public parts of minnet only. Of each line: error
(or RMSE / sd), log loss, CPU seconds of fit on one thread, and geometric means of the ratios to the first
line. A second table is about ``preset="tables"``, the one argument that brings most of this to a user of
MLPClassifier (``--lines preset`` runs its lines alone). Fits go to
benchmarks/results/tables_ablation.csv, those that are there are not run again; the tables are written to
benchmarks/TABLES_ABLATION.md.
"""

import argparse
import csv
import os
import time
import warnings
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from benchmarks.tables.data import DEVELOPMENT, load, splits
from minnet import (
    Dense,
    Dropout,
    MinNetClassifier,
    MinNetRegressor,
    PiecewiseLinear,
    TableEncoder,
    TabularClassifier,
    TabularRegressor,
)
from minnet.ntk import ntk
from minnet.schedules import FlatThenCosine

HERE = Path(__file__).resolve().parent.parent
RESULTS, REPORT = HERE / "results" / "tables_ablation.csv", HERE / "TABLES_ABLATION.md"
FIELDS = ("table", "split", "line", "error", "log_loss", "seconds")
UNITS = 192


def scaled():
    """Numbers scaled to mean 0 and variance 1, categories as ones and zeros."""
    numbers = make_column_selector(dtype_include="number")
    categories = make_column_selector(dtype_exclude="number")
    codes = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return make_column_transformer((StandardScaler(), numbers), (codes, categories))


def mlp(task, seed):
    network = MLPClassifier if task == "class" else MLPRegressor
    return make_pipeline(scaled(), network(random_state=seed))


class Network:
    """A network of minnet behind an encoder, as one estimator: it needs the encoder's columns.

    Parameters
    ----------
    encoder : transformer
    rates_by_fan_in : bool
    dropout, code_dropout : float
    parameters : dict
        Of MinNetClassifier or MinNetRegressor.
    """

    def __init__(self, task, seed, encoder, rates_by_fan_in=False, dropout=0.0, code_dropout=0.0,
                 **parameters):  # fmt: skip
        self.task, self.encoder = task, encoder
        self.rates_by_fan_in, self.dropout, self.code_dropout = (
            rates_by_fan_in,
            dropout,
            code_dropout,
        )
        self.parameters = {"alpha": 0.0, "batch_size": 128, "max_iter": 48, "keep": "last",
                           "n_threads": 1, "random_state": seed, **parameters}  # fmt: skip

    def fit(self, X, y):
        """Fit encoder and network."""
        Z = np.asarray(self.encoder.fit_transform(X), dtype=np.float32)
        layers = [Dense(UNITS, "silu"), Dense(UNITS, "silu")]
        if self.dropout:
            layers = [part for dense in layers for part in (dense, Dropout(self.dropout))]
        columns = getattr(self.encoder, "columns_", None)
        if columns is not None:
            layers.insert(0, PiecewiseLinear(columns, code_dropout=self.code_dropout))
        if self.rates_by_fan_in:
            layers = ntk(layers, Z.shape[1])
            self.parameters["output_layer"] = {"lr_factor": UNITS**-0.5, "bias_lr_factor": 0.1,
                                               "decay_factor": 1.0}  # fmt: skip
        self.mean, self.sd = (0.0, 1.0) if self.task == "class" else (y.mean(), y.std())
        estimator = MinNetClassifier if self.task == "class" else MinNetRegressor
        self.network = estimator(layers=layers, **self.parameters)
        self.network.fit(Z, y if self.task == "class" else (y - self.mean) / self.sd)
        return self

    def _encoded(self, X):
        return np.asarray(self.encoder.transform(X), dtype=np.float32)

    def predict_proba(self, X):
        """Return probabilities."""
        return self.network.predict_proba(self._encoded(X))

    def predict(self, X):
        """Return classes or numbers."""
        return self.network.predict(self._encoded(X)) * self.sd + self.mean


def tabular(task, seed, **parameters):
    estimator = TabularClassifier if task == "class" else TabularRegressor
    return estimator(n_threads=1, random_state=seed, **parameters)


def network(encoder, **parameters):
    """Return what makes a Network, given task and seed; the encoder is made anew each time."""
    return lambda task, seed: Network(task, seed, encoder(), **parameters)


MLP = "MLPClassifier's defaults"
STARTS = {"init": "unit_variance", "bias_init": "hull"}
RATES = {**STARTS, "rates_by_fan_in": True, "learning_rate_init": 0.04, "beta_2": 0.95}
TO_ZERO = {**RATES, "learning_rate": FlatThenCosine()}
RULED = {**TO_ZERO, "weight_decay": 0.02, "dropout": 0.1}


def pieces(bins):
    return lambda: TableEncoder(output="structured", bins=bins)


LINES = {
    MLP: mlp,
    "two layers of 192, SiLU, 48 epochs of batches of 128": network(scaled),
    "units of variance 1, biases in the hull": network(scaled, **STARTS),
    "rates by fan-in, 0.04; beta_2 0.95": network(scaled, **RATES),
    "rate flat, then to zero": network(scaled, **TO_ZERO),
    "weight decay 0.02, dropout 0.1": network(scaled, **RULED),
    "robust scale, smooth clip": network(pieces(None), **RULED),
    "pieces of a line": network(pieces(32), **RULED),
    "categories dropped, 0.2": network(pieces(32), code_dropout=0.2, **RULED),
    "TabularClassifier, one network": lambda task, seed: tabular(task, seed, quality="fast"),
    "TabularClassifier": tabular,
}


def scaled_network(**arguments):
    """Return what makes a plain network on the columns that MLPClassifier gets."""

    def make(task, seed):
        estimator = MinNetClassifier if task == "class" else MinNetRegressor
        return make_pipeline(scaled(), estimator(n_threads=1, random_state=seed, **arguments))

    return make


#: Beside which the preset is seen.
PRESET = {
    MLP: mlp,
    "MinNetClassifier's defaults": scaled_network(),
    'preset="tables"': scaled_network(preset="tables"),
    'preset="tables", n_networks=5': scaled_network(preset="tables", n_networks=5),
}
ALL = LINES | PRESET


def measure(name, split, line):
    """Fit one line to one split and return its row of results."""
    table = load(name)
    train, test = splits(table, split + 1)[split]
    X, y = table.X, table.y
    model, began = ALL[line](table.task, split), time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLPClassifier's: 200 epochs were not enough
        model.fit(X.iloc[train], y[train])
    seconds, log_loss = time.process_time() - began, ""
    if table.task == "class":
        P = np.clip(model.predict_proba(X.iloc[test]), 1e-7, 1)
        error = np.mean(P.argmax(axis=1) != y[test])
        log_loss = f"{-np.log(P[np.arange(len(test)), y[test]]).mean():.5f}"
    else:
        error = np.sqrt(np.mean((model.predict(X.iloc[test]) - y[test]) ** 2)) / y[test].std()
    return dict(zip(FIELDS, (name, split, line, f"{error:.5f}", log_loss, f"{seconds:.3f}"),
                    strict=True))  # fmt: skip


def recorded():
    """Return the rows of results so far, by table, split and line."""
    if not RESULTS.exists():
        return {}
    with open(RESULTS, newline="", encoding="utf-8") as file:
        return {(row["table"], int(row["split"]), row["line"]): row for row in csv.DictReader(file)}


def record(row):
    new = not RESULTS.exists()
    with open(RESULTS, "a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, FIELDS)
        if new:
            writer.writeheader()
        writer.writerow(row)


def ratio(rows, keys, line, first, field, offset):
    """Return the geometric mean of the ratios to the first line, where both have the field."""
    both = [(rows[(*key, line)][field], rows[(*key, first)][field]) for key in keys]
    logs = [np.log((float(a) + offset) / (float(b) + offset)) for a, b in both if a and b]
    return float(np.exp(np.mean(logs))) if logs else float("nan")


def report(rows):
    """Return the tables in Markdown."""
    text = [
        "Written by `python -m benchmarks.tables.ablation`.",
        "",
        "### One thing more a line",
        "",
    ]
    text += _table(rows, LINES, "Each line is the one above and one thing more.")
    text += ["", "### The preset", ""]
    text += _table(
        rows, PRESET, "Columns scaled to mean 0 and variance 1, categories as ones and zeros."
    )
    return "\n".join(text) + "\n"


def _table(rows, lines, said):
    """Return the lines of one table: of the splits on which every line of it has been measured."""
    first = next(iter(lines))
    keys = sorted({key[:2] for key in rows})
    keys = [key for key in keys if all((*key, line) in rows for line in lines)]
    if not keys:
        return ["No split has been measured on every line."]
    tables = sorted({name for name, _ in keys})
    text = [
        f"{len(keys)} splits of {len(tables)} tables, {', '.join(tables)}.",
        f"{said} Geometric means of the ratios to the first line.",
        "",
        "| | error | log loss | CPU seconds, median |",
        "|---|---|---|---|",
    ]
    for line in lines:
        error, loss = (
            ratio(rows, keys, line, first, field, 0.001) for field in ("error", "log_loss")
        )
        seconds = np.median([float(rows[(*key, line)]["seconds"]) for key in keys])
        text.append(f"| {line} | {error:.3f} | {loss:.3f} | {seconds:.2f} |")
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", nargs="+", default=list(DEVELOPMENT), choices=DEVELOPMENT)
    parser.add_argument("--splits", type=int, default=2)
    parser.add_argument("--lines", default="all", choices=["all", "preset"])
    parser.add_argument("--only-report", action="store_true")
    arguments = parser.parse_args()
    rows = recorded()
    for split in range(0 if arguments.only_report else arguments.splits):
        for name in arguments.tables:
            for line in PRESET if arguments.lines == "preset" else ALL:
                if (name, split, line) not in rows:
                    row = rows[name, split, line] = measure(name, split, line)
                    record(row)
                    print(*row.values(), flush=True)
    REPORT.write_text(report(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
