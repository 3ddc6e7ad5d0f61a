"""What one snapshot of a training shows, as one piece of bytes: measured by :mod:`minnet.lab`.

A frame is the length of its header (four bytes, the lowest first), the header (JSON, padded with spaces
to a multiple of four), and the numbers of all arrays as float32, one array after the other. Where each
is, and its shape, says ``header["arrays"]``. Everything in a frame is of the same snapshot, so a curve
that is predicted from a setting stands beside the weights of that setting.
"""

from __future__ import annotations

import json
import math
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from minnet.backends import make_backend
from minnet.common.blas import one_blas_thread
from minnet.common.types import Array
from minnet.lab.by_depth import by_depth, histograms_by_depth, next_ratios, rows_by_depth
from minnet.lab.phase import layer_sizes, shared_activation, start_sizes
from minnet.lab.prediction import Prediction, predict_variances
from minnet.lab.probe import measure
from minnet.lab.subject import Subject
from minnet.network import Network
from minnet.playground.snapshot import Snapshot
from minnet.training.constant_answer import loss_of_constant

__all__ = ["GRID", "N_BINS", "N_DIGITS", "N_PROBED", "Framer", "decode", "encode"]

N_PROBED = 256  # rows of the training data, the first ones, on which the layers are measured
N_BINS = 40
_REACH = 4.0  # standard deviations of the histograms: one number far out would make needles of all
GRID = 40  # cells of the decision boundary along each side
N_DIGITS = 24  # of the test data, the first ones, that are shown
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
    values = {name: _finite(value) for name, value in header.items()}
    text = json.dumps({**values, "arrays": places}, allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    return struct.pack("<I", len(text)) + text + b"".join(parts)


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


def _finite(value: Any) -> Any:
    """Return what JSON can hold: None for a number that is not finite."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


@dataclass
class _Setting:
    """What stays the same in all frames of a generation, as long as nothing changes that theory knows."""

    generation: int
    dropout: float
    prediction: Prediction | None
    silent: str  # why theory knows nothing, of some layers or of all
    best_constant: float | None
    start: Array
    extent: float


class Framer:
    """Makes frames of snapshots, and keeps what is dear and the same from one to the next.

    For one thread at a time.

    Examples
    --------
    >>> from minnet.playground.frame import Framer
    >>> framer = Framer()
    """

    def __init__(self) -> None:
        self._setting: _Setting | None = None
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
        began = time.perf_counter()
        network: Network = snapshot.network
        # A network that diverges is shown as it is.
        with one_blas_thread(), np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            setting = self._set(snapshot)
            probed = Subject(network, snapshot.X[:N_PROBED], snapshot.T[:N_PROBED], None)
            m = measure(probed, snapshot.step, N_BINS, reach=_REACH)
            rows = rows_by_depth(m)
            # The gradient of more rows than a batch's would be less noisy, and shorter.
            n = snapshot.experiment.batch_size
            ratios = next_ratios(network, snapshot.optimizer, snapshot.X[:n], snapshot.T[:n])
            arrays = histograms_by_depth(m) | by_depth(m, setting.prediction, ratios)
            arrays["history"] = snapshot.history
            on_plane = snapshot.X.shape[1] == 2
            if on_plane:
                spent = time.perf_counter() - began
                drawn_at, arrays["boundary"] = self._draw(snapshot, setting, spent)
                if with_points:
                    arrays["points"] = _points(snapshot)
            else:
                drawn_at = snapshot.step
                arrays.update(_digits(snapshot, with_points))
            arrays["phase_points"] = (
                layer_sizes(network) if shared_activation(network) else np.empty((0, 2))
            )
            arrays["phase_start"] = setting.start
        last = [float(number) for number in snapshot.history[-1]]
        header = {name: getattr(snapshot, name) for name in _SAID} | {
            "experiment": snapshot.experiment.to_dict(),
            "loss": last[1],
            "test_loss": last[2],
            "test_error": last[3],
            "best_constant_loss": setting.best_constant,
            "theory_stops": setting.silent,
            "layers": [
                {
                    "name": "output" if row == rows[-1] else str(number),
                    "label": m.layers[row],
                    "width": int(m.fan_out[row]),
                }
                for number, row in enumerate(rows, 1)
            ],
            "n_parameters": sum(math.prod(row.shape) for row in network.parameter_table),
            "classes": [str(k) for k in range(network.sizes[-1])],
            "n_train": len(snapshot.X),
            "extent": setting.extent if on_plane else None,
            "boundary_step": drawn_at,
            "cost_ms": 1e3 * (time.perf_counter() - began),
        }
        return encode(header, arrays)

    def _set(self, snapshot: Snapshot) -> _Setting:
        """Return what the frames of a generation share, and find it where it is not known."""
        known, dropout = self._setting, snapshot.experiment.dropout
        if known is not None and (known.generation, known.dropout) == (
            snapshot.generation,
            dropout,
        ):
            return known
        network: Network = snapshot.network
        if any(hasattr(one, "adapt") for one in network.init_.values()):
            # Theory takes the weights that are there for those of the start.
            network = snapshot.experiment.network(snapshot.X)
        try:
            prediction = predict_variances(network, snapshot.X[:N_PROBED])
            silent = prediction.stopped
        except ValueError as error:  # of no layer there is a theory
            prediction, silent = None, str(error)
        here = shared_activation(network) is not None
        self._setting = _Setting(
            snapshot.generation,
            dropout,
            prediction,
            silent,
            loss_of_constant(network, snapshot.T, None),
            start_sizes(network) if here else np.empty((0, 2)),
            _MARGIN * float(max(np.abs(snapshot.X).max(), np.abs(snapshot.X_test).max())),
        )
        return self._setting

    def _draw(self, snapshot: Snapshot, setting: _Setting, spent: float) -> tuple[int, Array]:
        """Return the decision boundary, and of which step it is.

        Of a large network it costs more than all else in a frame. Then it stays what it was, in some of
        the frames of a training that goes on, so that it takes no more than half of the time.
        """
        known = self._boundary
        self._owed += spent
        waits = snapshot.playing and self._owed < self._boundary_cost
        same = known is not None and known[0] == snapshot.generation
        if known is not None and same and (waits or known[1] == snapshot.step):
            return known[1:]
        began = time.perf_counter()
        network: Network = snapshot.network
        centres = setting.extent * ((2 * np.arange(GRID) + 1) / GRID - 1)
        x, y = np.meshgrid(centres, centres[::-1])  # the first row is the top one
        logits = make_backend("auto", network, 1).forward(np.column_stack([x.ravel(), y.ravel()]))
        shares = network.loss_.predict(logits).T.reshape(-1, GRID, GRID)
        self._boundary = snapshot.generation, snapshot.step, shares
        self._boundary_cost, self._owed = time.perf_counter() - began, 0.0
        return snapshot.step, shares


def _points(snapshot: Snapshot) -> Array:
    """Return the data as rows of x, y and class, those of the training first."""
    X, T = (
        np.concatenate(parts)
        for parts in ((snapshot.X, snapshot.X_test), (snapshot.T, snapshot.T_test))
    )
    return np.column_stack([X, T])


def _digits(snapshot: Snapshot, with_images: bool) -> dict[str, Array]:
    """Return some of the digits that were not trained on, and what the network makes of them."""
    X = snapshot.X_test[:N_DIGITS]
    found = {
        "digit_probabilities": snapshot.network.predict(X),
        "digit_classes": snapshot.T_test[:N_DIGITS],
    }
    if with_images:  # from 0 to 1
        found["digit_images"] = (X - X.min()) / (X.max() - X.min())
    return found
