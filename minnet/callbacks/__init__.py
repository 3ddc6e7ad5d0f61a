"""Callbacks: what may watch a training, and stop it.

For ``Trainer.fit(callbacks=[...])``, or an estimator: ``estimator.set_callbacks(...)``.

=================== ==================================================================================
callback            what it does
=================== ==================================================================================
Callback            base of your own; a function of the trainer does, too
History             keeps loss, validation, learning rate and speed of each epoch
TimeLimit           ends a training after so many seconds
TensorBoard         writes the figures of each epoch to event files
Probe               measures the layers through a training (:class:`minnet.lab.Probe`)
=================== ==================================================================================
"""

from minnet.callbacks.base import Callback, StopTraining, as_callback
from minnet.callbacks.history import History
from minnet.callbacks.tensorboard import TensorBoard
from minnet.callbacks.time_limit import TimeLimit

__all__ = ["Callback", "History", "StopTraining", "TensorBoard", "TimeLimit", "as_callback"]
