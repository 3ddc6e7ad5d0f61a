"""Callbacks: what may watch a training, and stop it.

For ``Trainer.fit(callbacks=[...])``, or an estimator: ``estimator.set_callbacks(...)``.

=================== ==================================================================================
callback            what it does
=================== ==================================================================================
Callback            base of your own; a function of the trainer does, too
History             keeps loss, validation, learning rate and speed of each epoch
TimeLimit           ends a training after so many seconds
TensorBoard         writes the figures of each epoch to event files
Checkpoint          writes a training into a file as it goes, and takes it up from there
Probe               measures the layers through a training (:class:`minnet.lab.Probe`)
=================== ==================================================================================
"""

from typing import Any

from minnet.callbacks.history import History
from minnet.callbacks.tensorboard import TensorBoard
from minnet.callbacks.time_limit import TimeLimit
from minnet.training.callback import Callback, StopTraining

__all__ = [
    "Callback",
    "Checkpoint",
    "History",
    "StopTraining",
    "TensorBoard",
    "TimeLimit",
]


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    """Open what stands beside the framework when it is first asked for."""
    if name == "Checkpoint":
        from minnet.callbacks.checkpoint import Checkpoint

        return Checkpoint
    raise AttributeError(f"module 'minnet.callbacks' has no attribute {name!r}")
