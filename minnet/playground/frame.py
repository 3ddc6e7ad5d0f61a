"""What one snapshot of a training shows, as one piece of bytes: measured by :mod:`minnet.lab`.

A frame is the length of its header (four bytes, the lowest first), the header (JSON, padded with spaces
to a multiple of four), and the numbers of all arrays as float32, one array after the other. Where each
is, and its shape, says ``header["arrays"]``. Everything in a frame is of the same snapshot, so a curve
that is predicted from a setting stands beside the weights of that setting.
"""

import json
import math
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from minnet.common.blas import one_blas_thread
from minnet.common.types import Array
from minnet.lab.by_depth import network_by_depth, next_ratios
from minnet.lab.phase import layer_sizes, start_sizes
from minnet.lab.plane import predictions_on_square
from minnet.lab.prediction import Prediction, predict_variances
from minnet.network import Network
from minnet.optimizers import Optimizer
from minnet.playground.experiment import Experiment
from minnet.training.constant_answer import loss_of_constant

__all__ = ["N_PROBED", "Framer", "Snapshot", "decode", "encode", "pack"]

N_PROBED = 256  # rows of the training data, the first ones, on which the layers are measured
_N_BINS = 40
_GRID = 40  # cells of the decision boundary along each side
_N_DIGITS = 24  # of the test data, the first ones, that are shown
_SAID = (
    "generation", "version", "step", "epoch", "playing", "status", "message", "steps_per_second",
)  # fmt: skip
_MARGIN = 1.1  # of the square around the points


def encode(header: Mapping[str, Any], arrays: Mapping[str, Any]) -> bytes:
    """Return header and arrays as the bytes of a frame.

    Parameters
    ----------
    header : dict
        What JSON can hold. A number that is not finite becomes null.
    arrays : dict of str to array-like
        Numbers of any shape. What float32 cannot hold becomes NaN.

    Returns
    -------
    bytes

    Examples
    --------
    >>> from minnet.playground.frame import encode
    >>> frame = encode({"step": 3}, {"loss": [0.5]})
    >>> frame[4:-4]
    b'{"step": 3, "arrays": {"loss": [0, [1]]}}   '
    >>> frame[0] == len(frame[4:-4])
    True
    """
    places, parts, offset = {}, [], 0
    for name, values in arrays.items():
        with np.errstate(over="ignore"):
            numbers = np.array(values, dtype="<f4")
        numbers[np.isinf(numbers)] = math.nan
        places[name] = [offset, list(numbers.shape)]
        parts.append(numbers.tobytes())
        offset += numbers.size
    finite = json.loads(json.dumps(header), parse_constant=lambda name: None)
    return pack({**finite, "arrays": places}, b"".join(parts))


def pack(header: Mapping[str, Any], content: bytes) -> bytes:
    r"""Return the length of a header, the header, and what it is about.

    Parameters
    ----------
    header : dict
        What JSON can hold.
    content : bytes
        Begins at a multiple of four.

    Examples
    --------
    >>> from minnet.playground.frame import pack
    >>> pack({"of": "abc"}, b"abc")
    b'\x10\x00\x00\x00{"of": "abc"}   abc'
    """
    text = json.dumps(header, allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    return struct.pack("<I", len(text)) + text + content


def decode(frame: bytes) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return header and arrays of a frame; of the header without ``"arrays"``.

    Parameters
    ----------
    frame : bytes
        As :func:`encode` gives it.

    Returns
    -------
    header : dict
    arrays : dict of str to ndarray of float32

    Examples
    --------
    >>> from minnet.playground.frame import decode, encode
    >>> decode(encode({"step": 3}, {"loss": [0.5]}))
    ({'step': 3}, {'loss': array([0.5], dtype=float32)})
    """
    begin = 4 + struct.unpack_from("<I", frame)[0]
    header = json.loads(frame[4:begin])
    numbers = np.frombuffer(frame, "<f4", offset=begin)
    return header, {
        name: numbers[offset : offset + math.prod(shape)].reshape(shape)
        for name, (offset, shape) in header.pop("arrays").items()
    }


@dataclass(frozen=True)
class Snapshot:
    """What a session hands to whoever draws it: weights and setting of one moment.

    Attributes
    ----------
    experiment : Experiment
    network, optimizer
        Copies that nobody trains.
    X, T, X_test, T_test : ndarray
        The same objects in a generation.
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
    """

    experiment: Experiment
    network: Network
    optimizer: Optimizer
    X: Array
    T: Array
    X_test: Array
    T_test: Array
    generation: int
    version: int
    step: int
    epoch: int
    playing: bool
    status: str
    message: str
    steps_per_second: float
    history: Array


class Framer:
    """Makes frames of snapshots, and keeps what is dear and the same from one to the next.

    For one thread at a time.

    Examples
    --------
    >>> from minnet.playground.frame import Framer
    >>> framer = Framer()
    """

    def __init__(self) -> None:
        self._theory: tuple[Any, Prediction | None, str, Array] | None = None
        self._boundary: tuple[int, int, Array] | None = None  # generation, step
        self._boundary_cost = self._owed = 0.0

    def frame(self, snapshot: Snapshot, with_points: bool = True) -> bytes:
        """Return the frame of a snapshot.

        Parameters
        ----------
        snapshot : Snapshot
            Of a :class:`minnet.playground.session.Session`; nothing of it changes.
        with_points : bool, default=True
            Whether to put the data in, too, which are the same in all frames of a generation.

        Returns
        -------
        bytes
        """
        began, network, X, T = time.perf_counter(), snapshot.network, snapshot.X, snapshot.T
        drawn_at, extent = snapshot.step, None
        # A network that diverges is shown as it is.
        with one_blas_thread(), np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            prediction, silent, start = self._expected(snapshot)
            # The gradient of more rows than a batch's would be less noisy, and shorter.
            some, batch = slice(N_PROBED), slice(snapshot.experiment.batch_size)
            ratios = next_ratios(network, snapshot.optimizer, X[batch], T[batch])
            layers, arrays = network_by_depth(
                network, X[some], T[some], prediction, ratios, _N_BINS
            )
            arrays |= {"phase_points": layer_sizes(network), "phase_start": start}
            arrays["history"] = snapshot.history
            if X.shape[1] == 2:
                extent = _MARGIN * float(max(np.abs(X).max(), np.abs(snapshot.X_test).max()))
                spent = time.perf_counter() - began
                drawn_at, arrays["boundary"] = self._draw(snapshot, extent, spent)
                if with_points:  # x, y and class, those of the training first
                    parts = (X, T), (snapshot.X_test, snapshot.T_test)
                    arrays["points"] = np.vstack([np.column_stack(part) for part in parts])
            else:
                digits = snapshot.X_test[:_N_DIGITS]
                arrays["digit_probabilities"] = network.predict(digits)
                arrays["digit_classes"] = snapshot.T_test[:_N_DIGITS]
                if with_points:  # from 0 to 1
                    arrays["digit_images"] = (digits - digits.min()) / np.ptp(digits)
        losses = zip(("loss", "test_loss", "test_error"), snapshot.history[-1, 1:], strict=True)
        header = {
            **{name: getattr(snapshot, name) for name in _SAID},
            **{name: float(loss) for name, loss in losses},
            "experiment": snapshot.experiment.to_dict(),
            "best_constant_loss": loss_of_constant(network, T, None),
            "theory_stops": silent,
            "layers": layers,
            "n_parameters": sum(math.prod(row.shape) for row in network.parameter_table),
            "classes": [str(k) for k in range(network.sizes[-1])],
            "n_train": len(X),
            "extent": extent,
            "boundary_step": drawn_at,
            "cost_ms": 1e3 * (time.perf_counter() - began),
        }
        return encode(header, arrays)

    def _expected(self, snapshot: Snapshot) -> tuple[Prediction | None, str, Array]:
        """Return what theory knows: its curves, why there are none of some layers, the start's sizes."""
        key = snapshot.generation, snapshot.experiment.dropout
        if self._theory is None or self._theory[0] != key:
            network, prediction = snapshot.network, None
            if any(hasattr(one, "adapt") for one in network.init_.values()):
                # Theory takes the weights that are there for those of the start.
                network = snapshot.experiment.network(snapshot.X)
            try:
                prediction = predict_variances(network, snapshot.X[:N_PROBED])
                silent = prediction.stopped
            except ValueError as error:  # it knows none of the layers
                silent = str(error)
            self._theory = key, prediction, silent, start_sizes(network)
        return self._theory[1:]

    def _draw(self, snapshot: Snapshot, extent: float, spent: float) -> tuple[int, Array]:
        """Return the decision boundary, and of which step it is.

        Of a large network it costs more than all else in a frame. Then it stays what it was, in some of
        the frames of a training that goes on, so that it takes no more than half of the time.
        """
        known = self._boundary
        self._owed += spent
        waits = snapshot.playing and self._owed < self._boundary_cost
        if known and known[0] == snapshot.generation and (waits or known[1] == snapshot.step):
            return known[1:]
        began = time.perf_counter()
        shares = predictions_on_square(snapshot.network, extent, _GRID)
        self._boundary = snapshot.generation, snapshot.step, shares
        self._boundary_cost, self._owed = time.perf_counter() - began, 0.0
        return snapshot.step, shares
