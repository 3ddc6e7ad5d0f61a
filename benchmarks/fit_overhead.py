"""What a fit costs beside its steps: checks, drawing weights, making a trainer, leaving attributes.

Usage, for this checkout and for another one in turn, each in a process of its own::

    python -m benchmarks.fit_overhead [--repeat 300] [--other ../other-checkout] [--rounds 3]

A fit of one epoch is timed, less the time within ``train_steps`` of the backend. The least of many
repetitions is what the code takes; the quartile and the median tell how busy the machine was.
"""

import argparse
import pathlib
import subprocess
import sys
import time
import warnings

import numpy as np

from benchmarks.runner import restart_without_settings

__all__ = ["main", "measure"]

_ROOT = pathlib.Path(__file__).resolve().parents[1]


def _cases():
    from sklearn.datasets import load_digits

    from benchmarks.workloads import VARIANTS, WORKLOADS

    yield "digits, default arguments", {}, load_digits(return_X_y=True)
    for name in ("digits", "tiny"):
        workload = WORKLOADS[name]
        arguments = {
            "hidden_layer_sizes": workload.hidden,
            "activation": workload.activation,
            "solver": "sgd",
            "alpha": 0.0,
            "batch_size": workload.batch,
            "learning_rate_init": VARIANTS["sgd"].rate(workload),
            "momentum": 0.0,
            "nesterovs_momentum": False,
            "tol": 0.0,
            "n_iter_no_change": np.inf,
        }
        yield f"{name} of benchmarks/workloads.py", arguments, workload.data()


def measure(repeat):
    """Print least, first quartile and median, in milliseconds, for each case."""
    from minnet import MinNetClassifier
    from minnet.backends.cython import CythonBackend

    within, train_steps = [0.0], CythonBackend.train_steps

    def timed(self, *arguments):
        began = time.perf_counter()
        losses = train_steps(self, *arguments)
        within[0] += time.perf_counter() - began
        return losses

    CythonBackend.train_steps = timed
    warnings.simplefilter("ignore")  # that one epoch does not converge
    for name, arguments, (X, y) in _cases():
        model, times = MinNetClassifier(max_iter=1, random_state=0, **arguments), []
        for _ in range(repeat):
            within[0], began = 0.0, time.perf_counter()
            model.fit(X, y)
            times.append(1e3 * (time.perf_counter() - began - within[0]))
        least, quartile, median = np.quantile(times, [0, 0.25, 0.5])
        print(f"  {name:34s} {least:6.2f} {quartile:6.2f} {median:6.2f} ms", flush=True)


def main(arguments=None):
    """Measure this checkout, and another one in turn."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=300)
    parser.add_argument("--other", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    for _ in range(options.rounds):
        for path in filter(None, [options.other, _ROOT]):
            print(f"{path}: least, quartile, median", flush=True)
            code = (  # the package of the checkout, and this script
                f"import sys; sys.path.insert(0, {str(path.resolve())!r}); import minnet; "
                f"sys.path.insert(0, {str(_ROOT)!r}); "
                f"from benchmarks.fit_overhead import measure; measure({options.repeat})"
            )
            subprocess.run([sys.executable, "-c", code], check=True, cwd=path.resolve())


if __name__ == "__main__":
    restart_without_settings()
    main()
