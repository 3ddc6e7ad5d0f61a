"""Where a training is, in the middle of it, as a record and back."""

import numpy as np

from minnet.training.run import Run

__all__ = ["describe_run", "restore_run"]

_COUNTS = ("n_epochs", "part", "start", "n_rows", "first_score")
_REASONS = ("stalled", "max_epochs", "callback", "diverged", "end_of_stream", "interrupted")
_FLOAT64 = [np.dtype(np.float64)]


def describe_run(run, network, encoder):
    """Return the record of a run; its arrays go into the encoder. None stays None."""
    if run is None:
        return None
    losses = [np.asarray(each, dtype=np.float64) for each in run.losses]
    encoder.add("run.losses", np.concatenate([*losses, np.empty(0)]))
    if run.best is not None:
        params, state = run.best
        for i, views in enumerate(network.views(params)):
            for name, view in views.items():
                encoder.add(f"run.best.layers.{i}.{name}", view)
        encoder.add("run.best.state", state)
    counts = {name: int(getattr(run, name)) for name in _COUNTS}
    return counts | {
        "stopped": run.stopped,
        "fingerprint": run.fingerprint,
        "has_best": run.best is not None,
    }


def restore_run(record, network, decoder):
    """Return the run of a record; None where it has none.

    Raises
    ------
    ValueError
        If it cannot be one of a training of this network.
    """
    if record is None:
        return None
    counts = {name: record.integer(name, 0) for name in _COUNTS}
    stopped = record.take("stopped")
    if stopped is not None and stopped not in _REASONS:
        raise ValueError(f"{record.where}.stopped must be null or one of {', '.join(_REASONS)}")
    fingerprint = record.text("fingerprint")
    losses = decoder.arrays.array("run.losses", "the array 'run.losses'", _FLOAT64, ndim=1)
    best = None
    if record.flag("has_best"):
        params = np.zeros_like(network.params)
        for row in network.parameter_table:
            name = f"run.best.layers.{row.layer}.{row.name}"
            array = decoder.arrays.array(name, f"the array {name!r}", [network.dtype], row.shape)
            params[row.slice] = array.ravel()
        what = "the array 'run.best.state'"
        shape = network.state.shape
        best = params, decoder.arrays.array("run.best.state", what, [network.state.dtype], shape)
    record.done()
    counts["losses"] = [losses] if len(losses) else []
    return Run(**counts, best=best, stopped=stopped, fingerprint=fingerprint)
