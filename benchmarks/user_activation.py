"""What a user's activation costs: training with one of minnet's, and with the same written by a user.

    python -m benchmarks.user_activation                  # some two minutes: prints a table
    python -m benchmarks.user_activation --rounds 21 --epochs 60

Each fit has a process of its own, which has compiled and trained for a moment before; the two of a row
take turns. The network is that of the benchmark's workload "digits": 64 inputs, a hidden layer of 64, 10
outputs, batches of 32, plain SGD. Numba must be installed.
"""

import argparse
import math
import subprocess
import sys
import time

import numpy as np

import minnet
from benchmarks.runner import restart_without_settings
from minnet import SGD, Dense, Network, Trainer
from minnet.activations import LeakyRelu

__all__ = ["PAIRS", "main"]


@minnet.activation(derivative=lambda y: (1 - abs(y)) ** 2)
def own_softsign(z):
    return z / (1 + abs(z))


@minnet.activation(derivative=lambda y: 1 if y > 0 else 0, kinks=(0,))
def own_relu(z):
    return z if z > 0 else 0


@minnet.activation(derivative=lambda y: 1.0 if y > 0 else 0.01, kinks=(0,))
def own_leaky_relu(z):
    return z if z > 0 else 0.01 * z


@minnet.activation(derivative=lambda y: 1 - y * y)
def own_tanh(z):
    return math.tanh(z)


@minnet.activation(derivative=lambda y: y * (1 - y))
def own_sigmoid(z):
    return 1 / (1 + math.exp(-z))


def _silu_slope(z, y):
    s = 1 / (1 + math.exp(-z))
    return s + y * (1 - s)


@minnet.activation(derivative=_silu_slope)
def own_silu(z):
    return z / (1 + math.exp(-z))


@minnet.activation(derivative=lambda y: 1 - math.exp(-y))
def own_softplus(z):
    return max(z, 0) + math.log1p(math.exp(-abs(z)))


@minnet.activation(
    derivative=lambda z: (
        0.5 * math.erfc(-0.7071067811865476 * z) + 0.3989422804014327 * z * math.exp(-0.5 * z * z)
    )
)
def own_gelu(z):
    return 0.5 * z * math.erfc(-0.7071067811865476 * z)


PAIRS = {
    "softsign": ("softsign", own_softsign, "arithmetic"),
    "relu": ("relu", own_relu, "arithmetic"),
    "leaky_relu": (LeakyRelu(0.01), own_leaky_relu, "arithmetic"),
    "tanh": ("tanh", own_tanh, "tanh"),
    "sigmoid": ("sigmoid", own_sigmoid, "exp"),
    "silu": ("silu", own_silu, "exp"),
    "softplus": ("softplus", own_softplus, "exp, log1p"),
    "gelu": ("gelu", own_gelu, "erfc, exp: the C library's"),
}


def worker(name, own, dtype, epochs):
    """Train whenever a line is read; answer with the microseconds of a step."""
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(dtype)
    layers = [Dense(64, PAIRS[name][own], init="glorot", bias_init="zeros"), Dense(10)]
    network = Network(layers).initialize(64, random_state=0, dtype=dtype)
    trainer = Trainer(network, SGD(0.01), batch_size=32, backend="cython", n_threads=1)
    assert trainer._runner.layers is not None, "it runs on NumPy"
    data = network.check_batch(X, y)
    for _ in range(20):
        trainer.run_epoch(*data)
    print("ready", flush=True)
    for _ in sys.stdin:
        began = time.perf_counter()
        for _ in range(epochs):
            trainer.run_epoch(*data)
        seconds = time.perf_counter() - began
        print(seconds / (epochs * -(-len(X) // 32)) * 1e6, flush=True)


def start(*arguments):
    """Start a worker and wait until it is ready."""
    command = [sys.executable, "-m", "benchmarks.user_activation", "--worker", *map(str, arguments)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if process.stdout.readline() != "ready\n":
        raise SystemExit(f"the worker {arguments} did not start")
    return process


def ask(process):
    """Let a worker train; return its microseconds of a step."""
    print(file=process.stdin, flush=True)
    return float(process.stdout.readline())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--dtypes", nargs="+", default=["float32", "float64"])
    parser.add_argument("--only", nargs="+", default=list(PAIRS), choices=list(PAIRS))
    parser.add_argument("--worker", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        name, own, dtype, epochs = options.worker
        return worker(name, int(own), dtype, int(epochs))
    print("| activation | made of | dtype | minnet's, µs a step | a user's | ratio (quartiles) |")
    print("|---|---|---|---|---|---|")
    for dtype in options.dtypes:
        for name in options.only:
            both = [start(name, own, dtype, options.epochs) for own in (0, 1)]
            times = np.array([[ask(process) for process in both] for _ in range(options.rounds)])
            for process in both:
                process.stdin.close()
                process.wait()
            low, ratio, high = np.percentile(times[:, 1] / times[:, 0], [25, 50, 75])
            known, own = np.median(times, axis=0)
            print(
                f"| {name} | {PAIRS[name][2]} | {dtype} | {known:.2f} | {own:.2f} | "
                f"{ratio:.2f} ({low:.2f} to {high:.2f}) |",
                flush=True,
            )
    return None


if __name__ == "__main__":
    restart_without_settings()
    main()
