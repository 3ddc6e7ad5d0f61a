"""Resuming a training that ended in the middle: is it the same training, and where was it."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from minnet.training.reading import Batches, InMemory, digest_of
from minnet.training.stopping import Validation

__all__ = ["fingerprint", "resume"]

#: The options and records of a trainer that decide what steps are taken.
_OF_STEPS = (
    "initial_rate", "batch_size", "shuffle", "clip_value", "clip_norm", "weight_decay", "n_parts",
    "n_seen", "n_steps_before",
)  # fmt: skip


def fingerprint(trainer: Any, source: InMemory | Batches, validation: Validation) -> str:
    """Return what tells the training that is about to begin from others, in 16 letters.

    It is made of the network's configuration and random key, the options that decide what steps are taken,
    what was done before, and all numbers of the data; of a stream none. If the function that validates has
    a method ``digest``, what that returns counts, too.
    """
    network, optimizer = trainer.network, trainer.optimizer
    told: list[Any] = [network, network.sizes, network.dtype.name, network.key, type(optimizer)]
    told += [optimizer.get_config() | {"learning_rate": trainer.initial_rate}, trainer.schedule]
    told += [getattr(trainer, name) for name in _OF_STEPS] + [source.digest()]
    given = [value for init in network.init_.values() for value in vars(init).values()]
    told += [digest_of(value, 0) for value in given if isinstance(value, np.ndarray)]
    told += [validation.decides, validation.function is not None, validation.digest()]
    return hashlib.sha256("\n".join(map(repr, told)).encode()).hexdigest()[:16]


def resume(trainer: Any, saved: Any) -> None:
    """Go on with the training that another trainer was in: weights, optimizer, records and place."""
    trainer.network.params[...] = saved.network.params
    trainer.network.state[...] = saved.network.state
    trainer.optimizer.state[...] = saved.optimizer.state
    trainer.optimizer.step = saved.optimizer.step
    trainer.optimizer.learning_rate = saved.optimizer.learning_rate
    trainer.continue_from(saved)
    trainer.n_steps, trainer.n_steps_before = saved.n_steps, saved.n_steps_before
    trainer.no_improvement_count = saved.no_improvement_count
    run = trainer.run = saved.run
    stalled = run.stopped == "stalled" and trainer.no_improvement_count > trainer.n_iter_no_change
    if not stalled and run.stopped != "diverged":  # there may be more to do now
        run.stopped = None
