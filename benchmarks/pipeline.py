"""Measure the pipeline case: a grid search over StandardScaler and a network.

    make bench-pipeline                               # makes the environment, writes PIPELINE.md
    make bench-pipeline BENCH_ARGS='--rounds 3 --only digits --print'
    python -m benchmarks.pipeline --rounds 11

What is timed is one call of ``GridSearchCV.fit``: preprocessing, splits, fits and scores of all candidates
and the refit of the best, as a user waits for it. Every contestant has a process of its own and they take
turns, a whole search each, so that all see the same machine.
"""

import argparse
import itertools
import sys
import time
import warnings
from pathlib import Path

import numpy as np

from benchmarks import machine
from benchmarks.contestants import faster_threads
from benchmarks.report import quartile_text, ratio_text, table, wrapped
from benchmarks.runner import Job, Options, alternate, dropped, ratios

HERE = Path(__file__).parent
PACKAGES = ("minnet-learn", "numpy", "scipy", "scikit-learn", "skorch", "torch")
CONTESTANTS = ("minnet", "sklearn", "skorch")

HOW = """
A search has {candidates} candidates (`hidden_layer_sizes`, learning rate), {folds} folds and a refit,
one after the other (`n_jobs=None`), over a pipeline of `StandardScaler` and the network. All train a
given number of epochs with Adam in float32, without early stopping, in batches of the same size, in a
new order each epoch, on all rows of the fold (skorch with `train_split=None`, a module that returns
logits and `CrossEntropyLoss`); initial weights follow Glorot's uniform law. PyTorch has one thread or
all, with whichever its step is faster. Every contestant has a process of its own and a search before the
first that is timed; then they take turns, {rounds} rounds. Times are medians with lower and upper
quartile; ratios are taken within a round. The score is the mean accuracy of the best candidate over the
folds: it shows that they do the same work.
"""

CASES = {
    "digits": {
        "title": "digits: 1,797 rows, 64 features, 10 classes",
        "hidden": [(32,), (64, 32)],
        "rates": [1e-3, 1e-2],
        "batch_size": 64,
        "epochs": 30,
    },
    "table": {
        "title": "table: 20,000 rows, 30 features, 3 classes",
        "hidden": [(32,), (64, 32)],
        "rates": [1e-3, 1e-2],
        "batch_size": 256,
        "epochs": 10,
    },
}
FOLDS = 3


def data(case):
    """Return rows in float32 and whole numbers as labels."""
    from sklearn.datasets import load_digits, make_classification

    if case == "digits":
        X, y = load_digits(return_X_y=True)
    else:
        X, y = make_classification(
            20_000, 30, n_informative=12, n_classes=3, class_sep=0.7, random_state=0
        )
    return X.astype(np.float32), y.astype(np.int64)


def _estimator(make, case):
    settings = CASES[case]
    network = make(
        batch_size=settings["batch_size"], max_iter=settings["epochs"], tol=0.0,
        n_iter_no_change=np.inf, random_state=0,
    )  # fmt: skip
    return network, "hidden_layer_sizes", "learning_rate_init"


def minnet(case, threads):
    from minnet import MinNetClassifier

    return _estimator(lambda **k: MinNetClassifier(**k, init="glorot_uniform"), case)


def sklearn(case, threads):
    from sklearn.neural_network import MLPClassifier

    return _estimator(MLPClassifier, case)


def skorch(case, threads):
    import torch
    from skorch import NeuralNetClassifier
    from torch import nn

    X, y = data(case)
    n_features, n_classes = X.shape[1], len(np.unique(y))

    class Module(nn.Module):
        def __init__(self, hidden=(32,)):
            super().__init__()
            sizes = (n_features, *hidden, n_classes)
            layers = []
            for n_in, n_out in itertools.pairwise(sizes):
                layers += [nn.Linear(n_in, n_out), nn.ReLU()]
            self.layers = nn.Sequential(*layers[:-1])
            for parameter in self.parameters():
                nn.init.xavier_uniform_(parameter) if parameter.ndim == 2 else nn.init.zeros_(
                    parameter
                )

        def forward(self, rows):
            return self.layers(rows)

    settings = CASES[case]
    torch.manual_seed(0)
    module = Module(settings["hidden"][-1])
    rows, targets = (torch.from_numpy(a[: settings["batch_size"]]) for a in (X, y))

    def step():
        module.zero_grad()
        nn.functional.cross_entropy(module(rows), targets).backward()

    torch.set_num_threads(faster_threads(torch, threads, step))
    network = NeuralNetClassifier(
        Module, criterion=nn.CrossEntropyLoss, optimizer=torch.optim.Adam, train_split=None,
        batch_size=settings["batch_size"], max_epochs=settings["epochs"], verbose=0,
        iterator_train__shuffle=True,
    )  # fmt: skip
    return network, "module__hidden", "lr"


def prepare(contestant, case, threads):
    """Return a burst that makes one search, whatever time it takes, and what it found the first time."""
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    network, hidden, rate = globals()[contestant](case, threads)
    settings = CASES[case]
    grid = {f"network__{hidden}": settings["hidden"], f"network__{rate}": settings["rates"]}
    pipeline = Pipeline([("scale", StandardScaler()), ("network", network)])
    X, y = data(case)

    def search():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it has not converged
            found = GridSearchCV(pipeline, grid, cv=FOLDS, error_score="raise").fit(X, y)
        best = found.best_estimator_["network"]
        n_epochs = best.n_iter_ if contestant != "skorch" else len(best.history_)
        if n_epochs != settings["epochs"]:
            raise RuntimeError(f"{settings['epochs']} epochs wanted, {n_epochs} made")
        return float(found.best_score_)

    def burst(_):
        began = time.perf_counter()
        score = search()
        return {"seconds": time.perf_counter() - began, "score": score}

    info = {"score": search()}
    if contestant == "skorch":
        import torch

        info["threads"] = torch.get_num_threads()
    return burst, info


def measure(case, options):
    """Return the Records of all contestants."""
    jobs = [
        Job(name, "benchmarks.pipeline:prepare",
            {"contestant": name, "case": case, "threads": options.threads})
        for name in CONTESTANTS
    ]  # fmt: skip
    return alternate(jobs, options)


def render(case, records):
    """Return the table of a case."""
    lines = []
    for name, record in records.items():
        if not record.bursts:
            reason = record.info.get("error", "").strip().rsplit("\n", 1)[-1]
            lines.append([name, f"failed: {reason}", "", "", "", ""])
            continue
        others = record.values("others")
        ours = records["minnet"]
        ratio = "" if name == "minnet" or not ours.bursts else ratio_text(ratios(record, ours))
        n = record.info.get("threads")
        threads = f" ({n} thread{'s' * (n > 1)})" if n else ""
        lines.append(
            [name + threads, quartile_text(record.values()), f"{record.values().min():.2f} s", ratio,
             f"{record.info['score']:.3f}", f"{np.median(others):.2f}" if len(others) else "?"]
        )  # fmt: skip
    head = ["contestant", "a search, median (quartiles)", "least", "over minnet's", "score",
            "CPUs used by others"]  # fmt: skip
    return f"## {CASES[case]['title']}\n\n{table(head, lines)}"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", choices=CASES, nargs="+", help="cases; then nothing is written")
    parser.add_argument("--rounds", type=int, default=Options.rounds)
    parser.add_argument("--threads", type=int, default=Options.threads)
    parser.add_argument("--print", action="store_true", help="print instead of writing PIPELINE.md")
    arguments = parser.parse_args()
    # No budget: every contestant has all its rounds, however slow it is.
    options = Options(arguments.rounds, 0.0, float("inf"), arguments.threads)
    load, began = machine.load(), time.perf_counter()
    sections = []
    for case in arguments.only or CASES:
        print(f"{case} ...", file=sys.stderr)
        sections.append(render(case, measure(case, options)))
    candidates = len(CASES["digits"]["hidden"]) * len(CASES["digits"]["rates"])
    text = "\n".join(
        [
            "# A grid search over a pipeline\n",
            machine.describe(options.threads, [], PACKAGES) + f"{dropped()}\n"
            f"- Load average before the run {load:.2f}, after it {machine.load():.2f}; it took "
            f"{(time.perf_counter() - began) / 60:.0f} minutes\n"
            + HOW.format(candidates=candidates, folds=FOLDS, rounds=options.rounds),
            *sections,
        ]
    )
    if arguments.print or arguments.only:
        print(text)
        return
    (HERE / "PIPELINE.md").write_text(wrapped(text))
    print(f"wrote {HERE / 'PIPELINE.md'}", file=sys.stderr)


if __name__ == "__main__":
    main()
