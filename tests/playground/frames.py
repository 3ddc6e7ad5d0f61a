"""How a frame is read, and snapshots of networks that a test has made."""

import json
import struct
from types import SimpleNamespace

import numpy as np

from minnet import SGD, Dense, Network


def decode(frame):
    """Return header and arrays of a frame, read by its description alone."""
    (length,) = struct.unpack("<I", frame[:4])
    assert (4 + length) % 4 == 0
    header = json.loads(frame[4 : 4 + length], parse_constant=lambda name: pytest_fail(name))
    numbers = np.frombuffer(frame[4 + length :], "<f4")
    arrays, end = {}, 0
    for name, (offset, shape) in header["arrays"].items():
        assert offset == end  # one after the other
        end = offset + int(np.prod(shape))
        arrays[name] = numbers[offset:end].reshape(shape)
    assert end == len(numbers)
    return header, arrays


def pytest_fail(name):
    raise AssertionError(f"{name} is no JSON")


def snapshot(network, X, T, optimizer=None, n_test=40, batch_size=32, **others):
    """Return a snapshot of a network; the last rows are those to test on."""
    values = {
        "experiment": SimpleNamespace(dropout=0.0, batch_size=batch_size, to_dict=dict),
        "network": network,
        "optimizer": optimizer or SGD(0.1),
        "generation": 0,
        "version": 0,
        "step": 0,
        "epoch": 0.0,
        "playing": True,
        "status": "training",
        "message": "",
        "steps_per_second": None,
        "history": np.zeros((1, 4), dtype=np.float32),
        "X": X[:-n_test],
        "T": T[:-n_test],
        "X_test": X[-n_test:],
        "T_test": T[-n_test:],
    }
    return SimpleNamespace(**{**values, **others})


def deep(n_hidden=3, width=20, activation="tanh", n_inputs=2, n_classes=2, seed=0, **options):
    layers = [Dense(width, activation) for _ in range(n_hidden)] + [Dense(n_classes)]
    options = {"bias_init": "zeros", **options}
    return Network(layers, **options).initialize(n_inputs, random_state=seed)
