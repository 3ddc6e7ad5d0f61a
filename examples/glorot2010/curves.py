"""Curve files: what was measured in one training, as JSON, a line for each time it was measured."""

import json
import math
import os
import platform
from importlib import metadata
from pathlib import Path

import numpy as np

from minnet.common.atomic import write_atomically
from minnet.lab import Sweep

__all__ = [
    "COLUMNS",
    "Curve",
    "as_sweep",
    "duration",
    "machine",
    "read_curves",
    "versions",
]

COLUMNS = (
    "updates", "train_loss", "validation_loss", "validation_error", "test_error", "seconds",
)  # fmt: skip
#: What a probe saw on 300 images, an entry for each layer, the output's last.
LAYER_COLUMNS = ("Y_mean", "Y_sd", "Y_p2", "Y_p98", "saturated", "dZ_sd", "dW_sd")
#: What a run is given besides its seed.
_SETTINGS = ("row", "depth", "width", "fixed", "shape", "rate")
_FORMAT = "glorot2010 curve 1"


class Curve:
    """The measurements of one run and where it was made.

    Parameters
    ----------
    run : dict
        What was trained, as :meth:`examples.glorot2010.protocol.Run.describe` says.

    Attributes
    ----------
    points : list of dict
        One for each measurement, with the names of :data:`COLUMNS` (errors in percent, None where there
        is nothing), and ``layers``, a dictionary with those of :data:`LAYER_COLUMNS`.
    sessions : list of dict
        One for each process that worked on it: from which update to which, how long, and where.
    histograms : dict
        Of the activations at the last measurement: "updates", "density" and "edges" of each layer.
    diverged : bool
        Whether training ended since numbers became infinite.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from examples.glorot2010.curves import Curve
    >>> curve = Curve({"row": "tanh", "rate": 0.1})
    >>> curve.add({"updates": 1000, "validation_error": 80.0, "seconds": 3.5})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     curve.write(Path(folder) / "curve.json")
    ...     Curve.read(Path(folder) / "curve.json").column("validation_error")
    array([80.])
    """

    def __init__(self, run):
        self.run = run
        self.points, self.sessions, self.histograms, self.diverged = [], [], {}, False

    @property
    def updates(self):
        """How many updates were made."""
        return self.sessions[-1]["to"] if self.sessions else 0

    @property
    def seconds(self):
        """How long the updates took, over all sessions."""
        return sum(session["seconds"] for session in self.sessions)

    @property
    def pace(self):
        """Updates a second in the quickest session: in the others the machine had more to do."""
        sessions = [s for s in self.sessions if s["seconds"]]
        return max(((s["to"] - s["from"]) / s["seconds"] for s in sessions), default=0.0)

    def add(self, point):
        """Add a measurement."""
        self.points.append(dict.fromkeys(COLUMNS) | point)

    def column(self, name, where=None):
        """Return a column as an array of float, NaN where nothing was measured.

        Parameters
        ----------
        name : str
            Of :data:`COLUMNS`.
        where : str, default=None
            Leave out the points at which this other column has nothing.
        """
        points = [p for p in self.points if where is None or p[where] is not None]
        return np.array([math.nan if p[name] is None else p[name] for p in points], float)

    def layers(self, name):
        """Return what a probe saw, of shape (n_points, n_layers)."""
        return np.array([p["layers"][name] for p in self.points if p.get("layers")], float)

    def last(self, name):
        """Return ``(updates, value)`` of the last measurement of a column, or None if there is none."""
        found = [(p["updates"], p[name]) for p in self.points if p[name] is not None]
        return found[-1] if found else None

    def at(self, name, updates):
        """Return a column's value at exactly so many updates, or None."""
        found = [p[name] for p in self.points if p["updates"] == updates]
        return found[0] if found else None

    def cut(self, updates):
        """Forget what came after so many updates: a run that was killed goes on from there."""
        self.points = [p for p in self.points if p["updates"] <= updates]
        kept = []
        for session in self.sessions:
            start, stop = session["from"], min(session["to"], updates)
            if stop > start:
                share = (stop - start) / (session["to"] - start)
                kept.append(session | {"to": stop, "seconds": session["seconds"] * share})
        self.sessions = kept
        self.diverged = False

    def write(self, path):
        """Write the file; the one that was there is replaced as a whole."""
        head = {"format": _FORMAT, "run": self.run, "diverged": self.diverged}
        lines = [f'"{key}": {json.dumps(value)}' for key, value in head.items()]
        for name in ("sessions", "points"):
            rows = ",\n ".join(json.dumps(row, allow_nan=False) for row in getattr(self, name))
            lines.append(f'"{name}": [\n {rows}\n]')
        lines.append(f'"histograms": {json.dumps(self.histograms)}')
        with write_atomically(path) as file:
            file.write(("{\n" + ",\n".join(lines) + "\n}\n").encode())

    @classmethod
    def read(cls, path):
        """Read what :meth:`write` wrote.

        Raises
        ------
        ValueError
            If it is another file.
        """
        try:
            record = json.loads(Path(path).read_text())
            if record["format"] != _FORMAT:
                raise KeyError("format")
            curve = cls(record["run"])
            for name in ("points", "sessions", "histograms", "diverged"):
                setattr(curve, name, record[name])
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(
                f"path must be that of a curve file, got {str(path)!r}, which is not or is damaged"
            ) from error
        return curve


def read_curves(folder):
    """Return the curves in a folder, sorted by name; not ``rates-*``."""
    paths = sorted(Path(folder).glob("*.json"))
    return [Curve.read(path) for path in paths if not path.name.startswith("rates-")]


def as_sweep(curves, updates):
    """Return curves as :func:`minnet.lab.sweep` returns trainings: for its table, intervals and heat map.

    Parameters
    ----------
    curves : list of Curve
    updates : int
        After exactly so many, a row has what was measured. Curves without such a point are left out, those
        that diverged are not.

    Returns
    -------
    Sweep
        Its axes are what differs from curve to curve, the seed apart.

    Examples
    --------
    >>> from examples.glorot2010.curves import Curve, as_sweep
    >>> from examples.glorot2010.protocol import Run
    >>> curves = [Curve(Run("tanh", rate, seed).describe()) for rate in (0.01, 0.1) for seed in (0, 1)]
    >>> for curve, error in zip(curves, (70.0, 72.0, 65.0, 66.0)):
    ...     curve.add({"updates": 1000, "validation_error": error})
    >>> found = as_sweep(curves, 1000)
    >>> found.axes, found.summary("validation_error")["validation_error"]
    ({'rate': [0.01, 0.1]}, array([71. , 65.5]))
    """
    known = [curve for curve in curves if curve.diverged or curve.at("updates", updates)]
    values = {name: sorted({curve.run[name] for curve in known}) for name in _SETTINGS}
    axes = {name: labels for name, labels in values.items() if len(labels) > 1}
    rows = []
    for curve in known:
        row = {name: curve.run[name] for name in (*axes, "seed")}
        for name in COLUMNS:
            value = curve.at(name, updates)
            row[name] = math.nan if value is None else value
        row["training_loss"] = row.pop("train_loss")
        row["validation_score"] = 1 - row["validation_error"] / 100
        rows.append(row | {"diverged": curve.diverged, "error": None, "warning": None})
    return Sweep(rows, axes)


def plain(values, digits=6):
    """Return numbers as JSON has them: rounded, and None for what is not finite."""
    if np.ndim(values):
        return [plain(value, digits) for value in values]
    return float(f"{values:.{digits}g}") if math.isfinite(values) else None


def duration(seconds):
    """Return a time as one says it.

    Examples
    --------
    >>> from examples.glorot2010.curves import duration
    >>> duration(4.0), duration(250.0), duration(9000.0)
    ('4 s', '4 min', '2.5 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def versions():
    """Return the versions that results may depend on."""
    names = "minnet-learn", "numpy", "scipy", "scikit-learn"
    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # a plain checkout on the path
            import minnet

            found[name] = minnet.__version__
    return found


def machine():
    """Return what is known of the processor."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass  # not Linux, or a processor that does not say
    found = {"processor": name, "cores": os.cpu_count(), "system": platform.system()}
    try:
        import minnet_ext
    except ImportError:  # a pure installation
        return found
    return found | {"cpu_level": minnet_ext.cpu_level}
