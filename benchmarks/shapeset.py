"""How fast are Shapeset's images made, and what do they cost a training? Written to the terminal.

    python -m benchmarks.shapeset [--rounds 5] [--seconds 0.5] [--steps 1000] [--threads N] [--piece 1000]

First, images a second on one core, by the processor time of the thread that makes them: the best and the
median of the rounds, compiled, and in NumPy as where minnet is installed without its extension. Then
the network of Glorot & Bengio (2010), 1024-(1000 x 5)-9, tanh, batch 10, plain SGD, float32: the time of a
step on images in memory; the time that making the images of a step takes on one core, as a share of it;
and how much longer a fit takes that reads the stream, in alternation with one that has its images in
memory, the median of the ratios of neighbours.
"""

import argparse
import time

import numpy as np

from benchmarks.machine import load
from benchmarks.runner import restart_without_settings
from minnet import SGD, Dense, Network, Trainer
from minnet.datasets import ShapesetStream, make_shapeset, shapeset
from minnet.random import streams

BATCH = 10


def rates(make, n, seconds, rounds):
    """Return the best and the median of images a second of processor time."""
    found = []
    for round_ in range(rounds):
        done, began, wall = 0, time.thread_time(), time.perf_counter()
        while time.perf_counter() - wall < seconds:
            make(n, start=(round_ * 1000 + done) * n)
            done += 1
        found.append(done * n / (time.thread_time() - began))
    return max(found), float(np.median(found))


def making(options):
    """Print how many images a second are made; return the median in float32."""
    results = {}
    for dtype in ("float32", "float64", "uint8"):

        def make(n, start, dtype=dtype):
            make_shapeset(n, start=start, dtype=dtype)

        if shapeset._ext is not None:
            results[f"compiled, {dtype}"] = rates(
                make, options.piece, options.seconds, options.rounds
            )
    compiled = shapeset._ext, streams._ext
    shapeset._ext = streams._ext = None
    try:
        results["NumPy, float32"] = rates(
            lambda n, start: make_shapeset(n, start=start),
            options.piece,
            options.seconds,
            options.rounds,
        )
    finally:
        shapeset._ext, streams._ext = compiled
    for name, (best, median) in results.items():
        print(f"{name:18} {best:>11,.0f} images/s on one core (median {median:,.0f})")
    return next(iter(results.values()))[1]


def trainer(threads):
    layers = [Dense(1000, "tanh") for _ in range(5)] + [Dense(9)]
    net = Network(layers, init="glorot").initialize(1024, random_state=0, dtype="float32")
    return Trainer(net, SGD(0.01), batch_size=BATCH, n_threads=threads)


def training(options, per_second):
    """Print what the images cost in the training of the paper's network."""
    n = options.piece
    n_parts = max(1, options.steps * BATCH // n)
    n_steps = n_parts * n // BATCH
    stream = ShapesetStream(n)
    X, y = make_shapeset(n_parts * n)
    parts = [(X[i : i + n], y[i : i + n]) for i in range(0, len(X), n)]
    memory, ratios = [], []
    for round_ in range(options.rounds):
        taken = {}
        for source in (parts, stream) if round_ % 2 else (stream, parts):
            warm = trainer(options.threads)
            warm.fit_stream(parts[:1])
            began = time.perf_counter()
            warm.fit_stream(source, n_epochs=1, batches_per_epoch=n_parts)
            taken[source is stream] = time.perf_counter() - began
        memory.append(taken[False] / n_steps)
        ratios.append(taken[True] / taken[False])
    step = float(np.median(memory))
    low, middle, high = np.percentile(ratios, [25, 50, 75])
    print(f"a step of 1024-(1000 x 5)-9, batch {BATCH}, float32: {1e3 * step:.2f} ms")
    print(
        f"its {BATCH} images: {1e6 * BATCH / per_second:.1f} us, {BATCH / per_second / step:.2%} of it"
    )
    print(
        f"a fit on the stream, {n} at a time, takes x {middle:.3f} ({low:.3f}-{high:.3f}) of one in memory"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each round of images")
    parser.add_argument("--steps", type=int, default=1000, help="of each fit")
    parser.add_argument("--threads", type=int, default=None, help="of the training")
    parser.add_argument("--piece", type=int, default=1000, help="images that are made at once")
    options = parser.parse_args()
    print(f"load of the last minute before: {load():.1f}")
    training(options, making(options))


if __name__ == "__main__":
    restart_without_settings()
    main()
