"""Resuming a training that ended in the middle: is it the same training, and where was it."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from minnet.training.call import Call
from minnet.training.reading import digest_of

__all__ = [
    "but_for_weights", "differences", "fingerprint", "resume", "take_over", "told_of", "told_of_array",
    "told_of_trainer",
]  # fmt: skip

#: The options of a trainer that decide what steps are taken.
_OF_STEPS = ("batch_size", "shuffle", "clip_value", "clip_norm", "weight_decay")

_LONGEST = 120
_BEGINNING = "to begin with"


def told_of(trainer: Any, call: Call) -> dict[str, str]:
    """Return what tells the training that is about to begin from others, by the names that users know.

    It is what :func:`told_of_trainer` has, and a digest of all numbers of the data; of a stream none. If
    the function that validates has a method ``digest``, what that returns counts, too.
    """
    digests = {name: _short(text) for name, text in call.digest().items()}
    return told_of_trainer(trainer, call) | digests


def told_of_trainer(trainer: Any, call: Call) -> dict[str, str]:
    """Return what tells a trainer from others.

    It is the network's configuration, random key and weights, the options that decide what steps are
    taken, and what was done before.
    """
    network, optimizer = trainer.network, trainer.optimizer
    constants = optimizer.get_config() | {"learning_rate": trainer.initial_rate}
    told: dict[str, Any] = {
        "layers": network.layers,
        "loss": network.loss,
        "init": network.init,
        "bias_init": network.bias_init,
        "alpha": network.alpha,
        "the number of features": network.sizes[0],
        "the dtype": network.dtype.name,
        "random_state": network.key,
        "the optimizer": type(optimizer).__name__,
    }
    if network.precision is not None:  # files of before have none
        told["precision"] = network.precision
    told |= {f"{name} of the optimizer": value for name, value in constants.items()}
    told["learning_rate"] = trainer.schedule
    if trainer.schedule.over(1) is not trainer.schedule:
        told["the number of epochs"] = call.n_epochs
    told |= {name: getattr(trainer, name) for name in _OF_STEPS}
    told["what was trained before"] = (trainer.n_parts, trainer.n_seen, trainer.n_steps_before)
    for label, initializer in network.init_.items():
        for name, value in vars(initializer).items():
            if isinstance(value, np.ndarray):
                told[f"{name} of the initializer of {label}"] = digest_of(value, 0)
    texts = {name: repr(value) for name, value in told.items()}
    texts |= {
        f"the {label} {_BEGINNING}": told_of_array(array) for label, array in _arrays(network)
    }
    return {name: _short(text) for name, text in texts.items()}


def _arrays(network: Any) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the name and the array of all parameters, and of the layers' state where there is one."""
    yield "weights", network.params
    if network.state.size:
        yield "running statistics", network.state


def told_of_array(array: np.ndarray) -> str:
    """Return what tells an array from others, and not from the same one rounded on another machine."""
    numbers = np.asarray(array, np.float64)
    places = np.cos(np.arange(numbers.size))  # in another order it is another array
    with np.errstate(invalid="ignore", over="ignore"):
        return f"({numbers.size},) #{float(numbers @ numbers):.6g} {float(numbers @ places):.4g}"


def _short(text: str) -> str:
    """Return a text, or its beginning and a digest of it."""
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]}... #{zlib.crc32(text.encode(errors='replace')):08x}"


def fingerprint(told: dict[str, str]) -> str:
    """Return 16 letters for what tells a training from others."""
    return hashlib.sha256(repr(sorted(told.items())).encode(errors="replace")).hexdigest()[:16]


def but_for_weights(told: dict[str, str]) -> dict[str, str]:
    """Return what tells a training from others, whatever weights it began with."""
    return {name: text for name, text in told.items() if _BEGINNING not in name}


def differences(
    there: dict[str, str], here: dict[str, str], where: str = "in the file", or_here: str = "now"
) -> str:
    """Return in words what two trainings differ in, of the one in a file and the one that begins.

    Examples
    --------
    >>> differences({"alpha": "0.1", "X": "(4, 2) #0a"}, {"alpha": "0.2", "X": "(4, 2) #1b"})
    'alpha (0.1 in the file, 0.2 now), X (other numbers)'
    """
    found = []
    for name in sorted(there | here, key=list(there | here).index):
        one, other = there.get(name, "none"), here.get(name, "none")
        if one == other:
            continue
        if name == "random_state":
            found.append("random_state (it must be the same whole number in both)")
        elif one.split(" #")[0] == other.split(" #")[0]:
            found.append(f"{name} (other {'numbers' if one.startswith('(') else 'parts'})")
        else:
            shown = [text.split(" #")[0] for text in (one, other)]
            found.append(f"{name} ({shown[0]} {where}, {shown[1]} {or_here})")
    # Weights follow from the arguments: they tell something where those are equal.
    return ", ".join([name for name in found if _BEGINNING not in name] or found)


def resume(trainer: Any, saved: Any) -> None:
    """Go on with the training that another trainer was in: weights, optimizer, records and place."""
    take_over(trainer, saved)
    trainer.continue_from(saved)
    trainer.n_steps, trainer.n_steps_before = saved.n_steps, saved.n_steps_before
    trainer.no_improvement_count = saved.no_improvement_count
    run = trainer.run = saved.run
    stalled = run.stopped == "stalled" and trainer.no_improvement_count > trainer.n_iter_no_change
    if not stalled and run.stopped != "diverged":  # there may be more to do now
        run.stopped = None


def take_over(trainer: Any, saved: Any) -> None:
    """Take over weights and optimizer of another trainer, or member of an ensemble."""
    trainer.network.params[...] = saved.network.params
    trainer.network.state[...] = saved.network.state
    trainer.optimizer.state[...] = saved.optimizer.state
    trainer.optimizer.step = saved.optimizer.step
    trainer.optimizer.learning_rate = saved.optimizer.learning_rate
