"""What was measured in a network: once, or through training."""

import json
import math
import os
from collections.abc import Iterable, Iterator
from typing import Any, Self

import numpy as np

from minnet.common import html
from minnet.common.atomic import write_atomically
from minnet.common.checks import check_path
from minnet.common.extras import import_extra
from minnet.common.names import check_name
from minnet.common.shown import Shown, some_of, text_table
from minnet.common.types import Array

__all__ = ["FIGURES", "Measurement", "Recording"]

# The columns of the tables, by their heads.
_SHOWN = {
    "sd of Z": "Z_sd", "sd of Y": "Y_sd", "sd of dZ": "dZ_sd", "sd of dW": "dW_sd",
    "saturated": "saturated", "dead": "dead", "update": "update_ratio",
}  # fmt: skip
#: Quantities with one number a layer.
FIGURES = ("saturated", "dead", "update_ratio")
_MOST_SHOWN = 6  # measurements of a recording in a table ...
_MOST_LAYERS = 5  # ... with so many layers

_FORMAT = "minnet recording 1"
_DESCRIPTION = ("layers", "activations", "index", "hidden", "fan_in", "fan_out")


class Measurement(Shown):
    r"""What was measured in a network at one moment; made by :func:`minnet.lab.probe`.

    Its rows are the layers with pre-activations ``Z`` and activations ``Y``, in their order: Dense,
    normalizations, and layers of a user that leave both in their context. Each number is found by the
    name of an array and the name of a statistic, ``m["Y", "sd"]``, and is an array with one number a row.

    =============== =========================================================================
    array
    =============== =========================================================================
    ``Z``           pre-activations
    ``Y``           activations
    ``dZ``          the gradient of each sample's own loss by the pre-activations
    ``dW``          the gradient of the objective by the weights, as in training (with L2)
    ``W``, ``b``    weights and biases
    ``J``           singular values of the layer's Jacobian :math:`\partial Y / \partial X`, if asked for
    ``product``     those of the product of the layers after the first row's, up to this one
    =============== =========================================================================

    =============== =========================================================================
    statistic
    =============== =========================================================================
    ``mean``        mean
    ``sd``          standard deviation
    ``rms``         square root of the mean square
    ``max``         largest magnitude
    ``p2``, ``p50`` percentiles; Glorot & Bengio (2010) draw the 98th. Of arrays with more than
    ``p98``         65,536 numbers they, and the histograms, are of so many, evenly spaced
    =============== =========================================================================

    Besides, by one name: ``m["saturated"]``, the share of pre-activations at which an activation that
    saturates on both sides has less than 5 % of its largest slope; ``m["dead"]``, the share of units
    with less than 0.1 % of the largest slope on *every* sample; ``m["update_ratio"]``,
    :math:`|\Delta W| / |W|` of the step that training would take next. What does not exist is NaN.

    Parameters
    ----------
    description : dict
        What the rows are: names of layers, activations and sizes.
    values : dict
        What was measured, by quantity and statistic.
    sharpness, stability_limit : float, default=NaN
        As the attributes.

    Attributes
    ----------
    step : int
        Steps of training before it.
    loss : float
        The objective of the batch; NaN if no targets were given.
    sharpness : float
        The largest eigenvalue of the Hessian of the batch as the optimizer meets it, if asked for; see
        :class:`minnet.lab.Probe`.
    stability_limit : float
        What it would have to stay below: :func:`minnet.lab.stability_limit`.
    layers : list of str
        Labels of the rows, for pictures and tables.
    activations : list of str
        Names of the rows' activations.
    index : ndarray of int
        Where the rows' layers are in ``network.layers``.
    hidden : ndarray of bool
        Which rows to compare by depth: not the output, and not a Dense that is normalized above.
    fan_in, fan_out : ndarray of int

    Examples
    --------
    >>> import numpy as np
    >>> from minnet import Dense, Network
    >>> from minnet.lab import probe
    >>> net = Network([Dense(50, "tanh"), Dense(50, "tanh"), Dense(2)])
    >>> net = net.initialize(n_features=20, random_state=0)
    >>> X = np.random.default_rng(0).normal(size=(100, 20))
    >>> m = probe(net, X, (X[:, 0] > 0).astype(int))
    >>> m.layers
    ['0 Dense(50, tanh)', '1 Dense(50, tanh)', '2 Dense(2)']
    >>> m["Y", "sd"].shape, m.histogram("Y")[0].shape
    ((3,), (3, 64))
    """

    def __init__(
        self,
        step: int,
        loss: float,
        description: dict[str, Any],
        values: dict[str, Array],
        *,
        sharpness: float = math.nan,
        stability_limit: float = math.nan,
    ) -> None:
        if not isinstance(description, dict) or not set(_DESCRIPTION) <= set(description):
            raise TypeError(
                f"description must be a dictionary of {', '.join(_DESCRIPTION)}, got {description!r:.200}"
            )
        self.step = step
        self.loss = loss
        self.sharpness = sharpness
        self.stability_limit = stability_limit
        self.layers = list(description["layers"])
        self.activations = list(description["activations"])
        self.index = np.asarray(description["index"], dtype=np.int64)
        self.hidden = np.asarray(description["hidden"], dtype=bool)
        self.fan_in = np.asarray(description["fan_in"], dtype=np.int64)
        self.fan_out = np.asarray(description["fan_out"], dtype=np.int64)
        self._measured = {
            name: np.asarray(there, dtype=bool)
            for name, there in description.get("measured", {}).items()
        }
        self._values = values

    def measured(self, name: str) -> Array:
        """Return of which rows a quantity was there to be measured: NaN is what was found, there.

        Parameters
        ----------
        name : str
            An array such as "dZ", or "saturated", "dead" or "update_ratio".

        Returns
        -------
        ndarray of bool, shape (n_layers,)
        """
        arrays = [key.removesuffix("_rms") for key in self.keys() if key.endswith("_rms")]
        check_name("name", name, (*arrays, *FIGURES))
        if name in self._measured:
            return self._measured[name]
        return ~np.isnan(self[name if name in self._values else f"{name}_rms"])

    @property
    def _loss(self) -> float | None:
        """The loss, or None if there were no targets."""
        known = any(self._measured.get("loss", [])) or not math.isnan(self.loss)
        return self.loss if known else None

    def _title(self) -> str:
        loss = "" if self._loss is None else f", loss {self.loss:.4g}"
        sharp = "" if math.isnan(self.sharpness) else f", sharpness {self.sharpness:.4g}"
        if sharp and not math.isnan(self.stability_limit):
            sharp += f" (limit {self.stability_limit:.4g})"
        return f"Measurement of {len(self.layers)} layers at step {self.step:,}{loss}{sharp}"

    def _columns(self) -> dict[str, Array]:
        """Return what there is of the columns of the tables, by their heads."""
        found = {head: self._values[name] for head, name in _SHOWN.items() if name in self._values}
        return {head: values for head, values in found.items() if self._is_there(head).any()}

    def _is_there(self, head: str) -> Array:
        name = _SHOWN[head]
        return self.measured(name.removesuffix("_sd")) | ~np.isnan(self._values[name])

    def _cells(self, head: str) -> list[float | None]:
        """Return a column with None where there was nothing to measure."""
        values = self._values[_SHOWN[head]]
        return [
            value if there else None
            for value, there in zip(values, self._is_there(head), strict=True)
        ]

    def _rows(self) -> list[list[Any]]:
        columns = map(self._cells, self._columns())
        return [list(row) for row in zip(self.layers, *columns, strict=True)]

    def _text(self) -> str:
        table = text_table(["layer", *self._columns()], self._rows(), digits=2)
        return f"{self._title()}\n{table}"

    def _table(self) -> str:
        """Return the table of the layers as HTML, with a curve over the layers for each column."""
        columns = self._columns()
        curves = [None, *columns.values()] if len(self.layers) > 1 else []
        return html.table(["layer", *columns], self._rows(), curves=curves)

    def _html(self) -> str:
        return html.page(self._title(), self._table())

    def __getitem__(self, key: str | tuple[str, ...]) -> Array:
        return _find(self._values, key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def keys(self) -> list[str]:
        """Return the names of all arrays, such as "Y_sd"."""
        return list(self._values)

    def histogram(self, name: str) -> tuple[Array, Array]:
        """Return how the numbers of an array are distributed in each row.

        Parameters
        ----------
        name : {"Z", "Y", "dZ", "dW"}
            Which quantity, "Y" for example.

        Returns
        -------
        density : ndarray of shape (n_layers, n_bins)
            With an integral of 1.
        edges : ndarray of shape (n_layers, n_bins + 1)
            Equal bins from the smallest to the largest number of the row.
        """
        names = [key.removesuffix("_density") for key in self.keys() if key.endswith("_density")]
        check_name("name", name, names)
        return self[name, "density"], self[name, "edges"]

    def to_frame(self) -> Any:
        """Return a pandas DataFrame with a row for each layer (``minnet-learn[frame]``)."""
        return Recording([self]).to_frame()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write to a file that :meth:`load` reads; see :meth:`Recording.save`.

        Parameters
        ----------
        path : path-like
            Where the file is.
        """
        Recording([self]).save(path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read what :meth:`save` wrote.

        Parameters
        ----------
        path : path-like
            Where the file is.
        """
        recording = Recording.load(path)
        if len(recording) != 1:
            raise ValueError(
                f"path must hold one measurement, got {len(recording)}: use Recording.load"
            )
        return recording[0]

    def _description(self) -> dict[str, Any]:
        found = {name: np.asarray(getattr(self, name)).tolist() for name in _DESCRIPTION}
        measured = {name: there.tolist() for name, there in self._measured.items()}
        return {**found, "measured": measured}


class Recording(Shown):
    """Measurements of one network through training, in the order of the steps.

    ``r["Y", "sd"]`` is as in :class:`Measurement`, with the measurements as first axis;
    ``r[i]`` is a measurement.

    Parameters
    ----------
    measurements : list of Measurement
        Of the same network.

    Attributes
    ----------
    steps : ndarray of int, shape (n_measurements,)
    losses : ndarray of shape (n_measurements,)
    sharpness, stability_limits : ndarray of shape (n_measurements,)
        NaN where they were not asked for.

    Examples
    --------
    >>> import numpy as np
    >>> from minnet import Dense, Network, Trainer
    >>> from minnet.lab import Probe
    >>> X = np.random.default_rng(0).normal(size=(200, 20))
    >>> T = (X[:, 0] > 0).astype(int)
    >>> net = Network([Dense(50, "tanh"), Dense(2)]).initialize(n_features=20, random_state=0)
    >>> probe = Probe(X, T, steps=[0, 5, 35])
    >>> trainer = Trainer(net, batch_size=20, n_iter_no_change=np.inf)
    >>> _ = trainer.fit(X, T, max_epochs=5, callbacks=[probe, lambda trainer: trainer.n_epochs == 4])
    >>> probe.recording.steps, probe.recording["Y", "sd"].shape
    (array([ 0,  5, 35, 40]), (4, 2))
    """

    def __init__(self, measurements: Iterable[Measurement] = ()) -> None:
        try:
            self.measurements = list(measurements)
        # NotImplementedError is what iter() of SciPy's BSR matrices and of memoryviews raises.
        except (TypeError, NotImplementedError):
            raise TypeError(
                f"measurements must be a list of Measurement, got {measurements!r:.200}"
            ) from None

    def __len__(self) -> int:
        return len(self.measurements)

    @property
    def _title(self) -> str:
        """How many measurements, and at which steps."""
        steps = f", steps {self.steps[0]:,} to {self.steps[-1]:,}" if len(self) else ""
        return f"{len(self)} measurement{'s' * (len(self) != 1)}{steps}"

    def _shown(self) -> tuple[list[str], list[list[Any]]]:
        """Return heads and rows of a table of some of the measurements."""
        chosen = [self.measurements[i] for i in some_of(len(self), _MOST_SHOWN)]
        rows: list[list[Any]] = [["loss", *(m._loss for m in chosen)]]
        if np.isfinite(self.sharpness).any():
            rows.append(["sharpness", *(m.sharpness for m in chosen)])
            rows.append(["  its limit", *(m.stability_limit for m in chosen)])
        layers = some_of(len(self.layers), _MOST_LAYERS)
        for head in chosen[0]._columns() if chosen else ():
            rows.append([head, *[None] * len(chosen)])
            values = [m._cells(head) for m in chosen]
            rows += [[f"  {self.layers[i]}", *(column[i] for column in values)] for i in layers]
        return ["step", *(f"{m.step:,}" for m in chosen)], rows

    def _text(self) -> str:
        title = f"Recording of {self._title}"
        if not len(self):
            return title
        heads, rows = self._shown()
        return f"{title}\n{text_table(heads, rows, digits=2)}"

    def _html(self) -> str:
        title = f"Recording of {self._title}"
        if not len(self):
            return html.page(title)
        heads, rows = self._shown()
        parts = []
        if np.isfinite(self.losses).any():
            drawn = html.curve(self.losses, "loss by step", width=240, height=60)
            first, last = self.losses[[0, -1]]
            parts.append(html.figure("loss", f"{first:.4g} to {last:.4g}", drawn))
        for head in self.measurements[0]._columns():
            values = np.array([m._values[_SHOWN[head]] for m in self.measurements]).T
            parts.append(html.heat_map(values, head))
        table = html.details("the numbers", html.table(heads, rows))
        note = (
            "In the maps the layers go down, the measurements across, at equal distances whatever the "
            "steps between them; the stronger, the larger; grey: not measured, or not finite."
        )
        return html.page(title, html.paragraph(note, "faint"), html.row("", *parts), table)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, int | np.integer):
            return self.measurements[key]
        if isinstance(key, slice):
            return Recording(self.measurements[key])
        if not self.measurements:
            raise KeyError(f"{key!r}: nothing was recorded")
        return np.stack([m[key] for m in self.measurements])

    @property
    def layers(self) -> list[str]:
        """Labels of the rows."""
        return self.measurements[0].layers if self.measurements else []

    @property
    def steps(self) -> Array:
        """Steps of training before each measurement."""
        return np.array([m.step for m in self.measurements], dtype=np.int64)

    @property
    def losses(self) -> Array:
        """The objective of the batch at each measurement."""
        return np.array([m.loss for m in self.measurements], dtype=np.float64)

    @property
    def sharpness(self) -> Array:
        """The largest eigenvalue of the Hessian at each measurement, as the optimizer meets it."""
        return np.array([m.sharpness for m in self.measurements], dtype=np.float64)

    @property
    def stability_limits(self) -> Array:
        """The sharpness above which steps diverge on a quadratic function, at each measurement."""
        return np.array([m.stability_limit for m in self.measurements], dtype=np.float64)

    def to_frame(self) -> Any:
        """Return a pandas DataFrame with a row for each step and layer (``minnet-learn[frame]``)."""
        pd = import_extra("pandas", "to_frame needs pandas: pip install 'minnet-learn[frame]'")
        of_network: dict[int, dict[str, float]] = {m.step: {} for m in self.measurements}
        if not np.isnan(self.sharpness).all():
            for m in self.measurements:
                of_network[m.step] = {
                    "sharpness": m.sharpness,
                    "stability_limit": m.stability_limit,
                }
        rows = [
            {
                "step": m.step,
                "loss": m.loss,
                **of_network[m.step],
                "layer": m.layers[i],
                **{name: values[i] for name, values in m._values.items() if values.ndim == 1},
            }
            for m in self.measurements
            for i in range(len(m.layers))
        ]
        return pd.DataFrame(rows)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write to a file, as NumPy arrays that load without running any code (``.npz``).

        A file that is there is replaced only when the new one is whole.

        Parameters
        ----------
        path : str or path-like
            Written as it is, no suffix is added.

        Raises
        ------
        OSError
            If it cannot be written, or is there and no regular file but a folder, a device or a pipe.
        """
        with write_atomically(path) as file:  # which looks at the path before there is work to do
            header = {
                "format": _FORMAT,
                "steps": [int(m.step) for m in self.measurements],
                "losses": [float(m.loss) for m in self.measurements],
                "sharpness": [float(m.sharpness) for m in self.measurements],
                "stability_limits": [float(m.stability_limit) for m in self.measurements],
                "description": self.measurements[0]._description() if self.measurements else None,
            }
            names = self.measurements[0].keys() if self.measurements else []
            arrays = {name: self[name] for name in names}
            np.savez_compressed(file, header=np.array(json.dumps(header)), **arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read what :meth:`save` wrote.

        Parameters
        ----------
        path : path-like
            Where the file is.

        Raises
        ------
        ValueError
            If the file is not one of :meth:`save`, or is damaged.
        """
        path = check_path("path", path)
        if os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path)):
            raise ValueError(_not_ours(path))  # a pipe would be waited for
        try:
            with np.load(path, allow_pickle=False) as file:
                header = json.loads(str(file["header"]))
                if header["format"] != _FORMAT:
                    raise ValueError(header["format"])
                arrays = {name: file[name] for name in file.files if name != "header"}
            steps, losses = header["steps"], header["losses"]
            unknown = [math.nan] * len(steps)  # which files of older versions leave out
            sharpness = header.get("sharpness", unknown)
            limits = header.get("stability_limits", unknown)
            of_network = losses, sharpness, limits
            if any(len(values) != len(steps) for values in (*of_network, *arrays.values())):
                raise ValueError("lengths")
            return cls(
                Measurement(
                    step,
                    losses[i],
                    header["description"],
                    {name: values[i] for name, values in arrays.items()},
                    sharpness=float(sharpness[i]),
                    stability_limit=float(limits[i]),
                )
                for i, step in enumerate(steps)
            )
        except OSError as error:
            if isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError):
                raise
            raise ValueError(_not_ours(path)) from error
        except Exception as error:  # zip, zlib, JSON and NumPy have each their own
            raise ValueError(_not_ours(path)) from error


def _not_ours(path: str | os.PathLike[str]) -> str:
    return f"path must be a file that Recording.save wrote, got {str(path)!r}, which is not or is damaged"


def _find(values: dict[str, Array], key: str | tuple[str, ...]) -> Array:
    name = "_".join(map(str, key)) if isinstance(key, tuple) else key
    if not isinstance(name, str) or name not in values:
        raise KeyError(f"{key!r}: it may be one of {', '.join(values)}")
    return values[name]
