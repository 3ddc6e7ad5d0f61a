"""Good calls of streams, which ``valid_calls`` has among all."""

import numpy as np
import pandas as pd
from call_makers import CLASS, WEIGHT, Call, X, _of

from minnet import streams

__all__ = ["STREAM_CALLS"]


def _table():
    columns = {f"x{j}": column for j, column in enumerate(X.T)}
    return pd.DataFrame(columns | {"y": CLASS, "w": WEIGHT})


def _read():
    """Make a stream and read an epoch."""

    def read(**arguments):
        for _ in streams.BatchStream(**arguments):
            pass

    arguments = {
        "source": _table(), "target": "y", "batch_size": 5, "shuffle_buffer": 10, "sample_weight": "w",
        "columns": ["x0", "x1"], "dtype": "float32", "transform": np.asarray, "cache": None,
        "random_state": 0,
    }  # fmt: skip
    return Call(read, arguments)


def _stream():
    return streams.BatchStream(_table(), "y", sample_weight="w", random_state=0)


STREAM_CALLS = {
    "BatchStream": _read,
    "BatchStream.iter_epoch": _of(_stream, "iter_epoch", epoch=0),
    "BatchStream.classes": _of(_stream, "classes"),
}
