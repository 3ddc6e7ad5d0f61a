"""One training in a process of its own: ``python -m examples.glorot2010.one_run``, which runs.py calls.

It prints a line of JSON after every thousand updates, and one for each warning.
"""

import argparse
import contextlib
import dataclasses
import json
import signal
import time
import warnings
from pathlib import Path

import numpy as np

from examples.glorot2010.curves import LAYER_COLUMNS, Curve, machine, plain, versions
from examples.glorot2010.protocol import BATCH_SIZE, Run, measured_on
from minnet import Trainer
from minnet.callbacks import Callback, Checkpoint
from minnet.lab import probe

__all__ = ["is_due", "train"]

_AT_A_TIME = 1000  # images through the network when errors are counted


def is_due(updates, every):
    """Return whether to measure after so many updates: after 1, 2, 5, 10, 20, ..., and every so many.

    Examples
    --------
    >>> from examples.glorot2010.one_run import is_due
    >>> [n for n in range(0, 70_000, 1000) if is_due(n, 25_000)]
    [0, 1000, 2000, 5000, 10000, 20000, 25000, 50000]
    """
    leading = updates
    while leading and leading % 10 == 0:
        leading //= 10
    return leading in (0, 1, 2, 5) or updates % every == 0


def evaluate(network, X, y):
    """Return the mean cross-entropy and the error in percent."""
    loss, wrong = 0.0, 0
    for i in range(0, len(X), _AT_A_TIME):
        Z, T = network.forward(X[i : i + _AT_A_TIME]), y[i : i + _AT_A_TIME]
        loss += float(network.loss_.value(Z, T).sum(dtype=np.float64))
        wrong += int((Z.argmax(axis=1) != T).sum())
    return loss / len(X), 100 * wrong / len(X)


class _Measure(Callback):
    """Writes the curve file, and ends the training when its time is over.

    A checkpoint may be older than the curve file. Then what the file has from later on is measured again,
    with the same outcome.
    """

    def __init__(self, curve, path, *, every, n_measured, is_over, n_threads):
        self.curve, self.path = curve, path
        self.every, self._is_over = every, is_over
        pieces = {"test": "test_error", "validation": "validation_error"}
        self._pieces = {name: measured_on(piece, n_measured) for piece, name in pieces.items()}
        self._probed = measured_on("probe")
        self.n_threads = n_threads

    def begin(self, trainer):
        """Go on where the checkpoint is."""
        self.curve.cut(trainer.n_steps)
        where = {"threads": self.n_threads, "backend": trainer.backend_in_use, **machine()}
        self._before = self.curve.seconds
        self._began = time.perf_counter()
        self.curve.sessions.append(
            {"from": trainer.n_steps, "to": trainer.n_steps, "seconds": 0.0, "versions": versions()}
            | where
        )
        if not self.curve.points:
            self._measure(trainer)

    def end_epoch(self, trainer):
        """Measure, if it is time; return whether time is over."""
        if is_due(trainer.n_steps, self.every):
            self._measure(trainer)
        self._note(trainer)
        self.curve.write(self.path)
        said = {"updates": trainer.n_steps, "loss": trainer.loss_curve[-1]}
        error = self.curve.last("validation_error")
        try:
            print(json.dumps(said | {"validation_error": error and error[1]}), flush=True)
        except BrokenPipeError:  # who asked for the training was killed: nobody would end it
            return True
        return self._is_over()

    def _note(self, trainer):
        session = self.curve.sessions[-1]
        session["to"] = trainer.n_steps
        session["seconds"] = round(time.perf_counter() - self._began, 2)

    def _measure(self, trainer):
        made, network = trainer.n_steps, trainer.network
        n_before = self.curve.points[-1]["epochs"] if self.curve.points else 0
        losses = trainer.loss_curve[n_before:]
        point = {"updates": made, "epochs": trainer.n_epochs}
        point["train_loss"] = plain(np.mean(losses)) if losses else None
        loss, error = evaluate(network, *self._pieces["validation_error"])
        point["validation_loss"], point["validation_error"] = plain(loss), plain(error)
        if made and made % (2 * self.every) == 0:
            point["test_error"] = plain(evaluate(network, *self._pieces["test_error"])[1])
        seen = probe(network, *self._probed)
        point["layers"] = {name: plain(seen[name]) for name in LAYER_COLUMNS}
        point["seconds"] = round(self._before + time.perf_counter() - self._began, 2)
        density, edges = seen.histogram("Y")
        self.curve.histograms = {
            "updates": made, "density": plain(density, 4), "edges": plain(edges, 4)
        }  # fmt: skip
        self.curve.add(point)


def train(
    run, updates, folder, *, per_epoch=1000, every=25_000, n_measured=None,
    is_over=lambda: False, checkpoint_every=60.0, n_threads=1,
):  # fmt: skip
    """Train one run up to so many updates, or take it up where a checkpoint has it.

    Parameters
    ----------
    run : Run
    updates : int
        A multiple of ``per_epoch``.
    folder : path-like
        For ``NAME.json``, the curve, and ``checkpoints/NAME.safetensors``. While another process trains
        the same run there, this one waits.
    per_epoch : int, default=1000
        After so many updates the loss is noted and progress printed. It must be that of the curve that is
        gone on with: images come in pieces of a tenth of it.
    every : int, default=25000
        Validation error is measured so often at least, and test error half as often.
    n_measured : int, default=None
        Measure on the first n images only.
    is_over : callable, optional
        Training ends where it returns True; it is asked after every ``per_epoch`` updates.
    checkpoint_every : float, default=60
        Seconds from one checkpoint to the next.
    n_threads : int, default=1

    Returns
    -------
    Curve

    Raises
    ------
    ValueError
        If ``per_epoch`` is not that of the curve, or curve or checkpoint are damaged.
    """
    folder = Path(folder)
    (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
    path = folder / f"{run.name}.json"
    checkpoint = folder / "checkpoints" / f"{run.name}.safetensors"
    with _alone(checkpoint, is_over) as alone:
        curve = Curve.read(path) if path.exists() else Curve(run.describe())
        if not alone or curve.diverged or curve.updates >= updates:
            return curve
        if not checkpoint.exists():  # a curve alone cannot be gone on with
            curve = Curve(run.describe())
        _check_per_epoch(per_epoch, curve)
        measure = _Measure(
            curve, path, every=every, n_measured=n_measured, is_over=is_over, n_threads=n_threads
        )
        _fit(run, updates, checkpoint, measure, per_epoch, checkpoint_every)
    return curve


def _fit(run, updates, checkpoint, measure, per_epoch, checkpoint_every):
    """Train, and let the curve say so if numbers become infinite."""
    options = {"shuffle": False, "n_iter_no_change": 10**9, "n_threads": measure.n_threads}
    network = run.network(pretrained=not checkpoint.exists())
    trainer = Trainer(network, run.optimizer(), batch_size=BATCH_SIZE, **options)
    # An "epoch" is made in ten pieces, so that the generator runs beside the training.
    n_batches = 10 if per_epoch % 10 == 0 else 1
    # The checkpoint comes first: when it is there, the curve knows where to go on.
    callbacks = [Checkpoint(checkpoint, every=checkpoint_every), measure]
    try:
        trainer.fit_stream(
            run.stream(per_epoch * BATCH_SIZE // n_batches),
            n_epochs=updates // per_epoch,
            batches_per_epoch=n_batches,
            callbacks=callbacks,
        )
    except ValueError as error:
        if not str(error).startswith("Solver produced non-finite"):
            raise
        measure.curve.diverged = True
        measure.curve.write(measure.path)


def _check_per_epoch(per_epoch, curve):
    """Refuse to count the images that were trained on in pieces of another size."""
    known = [p["updates"] // p["epochs"] for p in curve.points if p["epochs"]]
    if known and known[-1] != per_epoch:
        raise ValueError(
            f"per_epoch must be {known[-1]}, with which the training began that is gone on with, got "
            f"{per_epoch}"
        )


@contextlib.contextmanager
def _alone(checkpoint, is_over):
    """Wait while another process writes the checkpoint; yield False where time was over before that."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield True
        return
    with checkpoint.with_suffix(".lock").open("a") as file:
        waiting = False
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if waiting and is_over():
                    yield False
                    return
                if not waiting:
                    warnings.warn(
                        f"the checkpoint {str(checkpoint)!r} is written by another process: waiting until "
                        "that one has ended",
                        stacklevel=2,
                    )
                waiting = True
                time.sleep(0.2)
                continue
            except OSError:  # a file system without locks
                pass
            break
        yield True


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("options", help="a JSON object: run, until, and the keywords of train()")
    given = parser.parse_args(arguments)
    options = json.loads(given.options)
    run = Run(**options.pop("run"))
    until, asked = options.pop("until", None) or np.inf, []
    # Ctrl-C: not in the middle of a measurement, after which there would be no checkpoint.
    signal.signal(signal.SIGINT, lambda number, frame: asked.append(number))
    options["is_over"] = lambda: bool(asked) or time.time() > until
    warnings.simplefilter("ignore", UserWarning)  # of inputs that are not standardized, for one
    warnings.filterwarnings("default", message="the checkpoint ")  # once
    warnings.showwarning = _tell
    curve = train(run, options.pop("updates"), given.folder, **options)
    ended = {"updates": curve.updates, "diverged": curve.diverged, "run": dataclasses.asdict(run)}
    with contextlib.suppress(BrokenPipeError):
        print(json.dumps(ended), flush=True)


def _tell(message, *_):
    """Show a warning as a line of JSON."""
    with contextlib.suppress(BrokenPipeError):
        print(json.dumps({"warning": str(message)}), flush=True)


if __name__ == "__main__":
    main()
