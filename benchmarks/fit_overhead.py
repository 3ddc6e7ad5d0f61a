"""What a fit costs beside its steps: checks, drawing weights, making a trainer; and what each epoch does.

Usage, for this checkout and for another one in turn, each in a process of its own::

    python -m benchmarks.fit_overhead [--repeat 300] [--other ../other-checkout] [--rounds 3]

A fit of one epoch is timed, less the time within ``train_steps`` of the backend. The least of many
repetitions is what the code takes; the quartile and the median tell how busy the machine was. Then whole
fits of 20 epochs, and what an epoch from the second on takes beside compiled calls.
"""

import argparse
import pathlib
import subprocess
import sys
import time
import types
import warnings

import numpy as np

from benchmarks.runner import restart_without_settings

__all__ = ["main", "measure"]

EPOCHS = 20

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


def _timed(function, within):
    """Return a function that adds the time that it takes to ``within[0]``."""

    def timed(*arguments):
        began = time.perf_counter()
        answer = function(*arguments)
        within[0] += time.perf_counter() - began
        return answer

    return timed


def _time_epochs(within):
    """Have the time of compiled calls of several epochs added up; a checkout may not have them."""
    from minnet.backends import members

    compiled = members._members

    class Members:
        def __init__(self):
            self.advance = _timed(compiled.Members().advance, within)

    score = getattr(compiled, "score", None)
    members._members = types.SimpleNamespace(Members=Members, score=score)


def measure(repeat):
    """Print least, first quartile and median, in milliseconds, for each case."""
    from minnet import MinNetClassifier
    from minnet.backends.cython import CythonBackend

    within = [0.0]
    CythonBackend.train_steps = _timed(CythonBackend.train_steps, within)
    _time_epochs(within)

    def times_of(model, X, y):
        within[0], began = 0.0, time.perf_counter()
        model.fit(X, y)
        whole = time.perf_counter() - began
        return whole, whole - within[0]

    warnings.simplefilter("ignore")  # that one epoch does not converge
    for name, arguments, (X, y) in _cases():
        arguments = {"random_state": 0, "n_iter_no_change": np.inf} | arguments
        one, many = (MinNetClassifier(max_iter=n, **arguments) for n in (1, EPOCHS))
        times = [(*times_of(one, X, y), *times_of(many, X, y)) for _ in range(repeat)]
        _, beside, whole, beside_many = 1e3 * np.quantile(times, [0, 0.25, 0.5], axis=0).T
        of_epoch = 1e3 * (beside_many - beside) / (EPOCHS - 1)
        print(f"  {name:34s} {_text(beside)} ms; {EPOCHS} epochs {_text(whole)} ms, "
              f"of which {_text(of_epoch)} us an epoch", flush=True)  # fmt: skip


def _text(numbers):
    return " ".join(f"{number:6.2f}" for number in numbers)


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
