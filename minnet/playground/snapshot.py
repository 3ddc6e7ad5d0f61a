"""What a session hands to whoever draws it."""

from __future__ import annotations

from dataclasses import dataclass

from minnet.common.types import Array
from minnet.network import Network
from minnet.optimizers import Optimizer
from minnet.playground.experiment import Experiment

__all__ = ["Snapshot"]


@dataclass(frozen=True)
class Snapshot:
    """What a session is at one moment: weights and setting of the same moment.

    Attributes
    ----------
    experiment : Experiment
    network, optimizer
        Copies that nobody trains.
    generation : int
        Grows by a new start.
    version : int
        Grows by each change that shows, and never shrinks.
    step, epoch : int
    playing : bool
    status : {"ok", "diverged", "failed"}
    message : str
        A sentence on a status that is not "ok".
    steps_per_second : float
        Of the last half second or so in which it trained.
    history : ndarray of float32, shape (n, 4)
        Step, training loss since the row before, test loss and test error: from step 0 on, row by row
        some 3 % further.
    X, T, X_test, T_test : ndarray
        The same objects in a generation.
    """

    experiment: Experiment
    network: Network
    optimizer: Optimizer
    generation: int
    version: int
    step: int
    epoch: int
    playing: bool
    status: str
    message: str
    steps_per_second: float
    history: Array
    X: Array
    T: Array
    X_test: Array
    T_test: Array
