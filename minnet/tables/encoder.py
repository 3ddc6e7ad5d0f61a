"""A transformer that makes the numbers which networks learn well from out of a table."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from minnet.common.checks import check_dtype
from minnet.common.communicator import refuse_together
from minnet.common.entry import KnownKeywords, entry
from minnet.common.sklearn_versions import validate_data
from minnet.common.types import Array, ArrayLike, DTypeLike, Estimator, Matrix
from minnet.estimators.arguments import Between
from minnet.estimators.data import Features, stand_in, validate_weight
from minnet.estimators.documentation import DocumentedMixin
from minnet.piecewise import encode, n_encoded
from minnet.tables.categorical_features import check_categorical_features
from minnet.tables.columns import Category, Number, fit_category, fit_number, scaled
from minnet.tables.reading import Table, blocks, read_table

__all__ = ["TableEncoder"]


class TableEncoder(DocumentedMixin, KnownKeywords, TransformerMixin, BaseEstimator):
    r"""Numbers, categories and missing values of a table, as networks learn well from them.

    A column of numbers x is scaled by its median and interquartile range, and pulled in smoothly:

    .. math:: z = \frac{s}{\sqrt{1 + (s / 3)^2}}, \qquad s = \frac{x - q_{1/2}}{q_{3/4} - q_{1/4}},

    so that z is nearly s where most of the rows are, and within ±3 for whatever comes. (Where both
    quartiles are equal, half of the range takes the place of their difference.) Then z becomes z and up to
    ``bins`` pieces of a line, whose edges are quantiles of z: see :class:`minnet.PiecewiseLinear`.
    What is further beyond the outermost edges than these pieces are wide counts as just so far: no unit
    answers a number that ``fit`` has seen nothing like of with a multiple of what it has learned. So do
    infinite numbers; where ``fit`` has seen some, they are z = ±3. A missing one is the median, and where
    some were missing in ``fit`` a column of its own says so.

    A column of two categories becomes -1 and 1; one of more a column of zeros and ones for each. Missing
    ones are zeros, and so are those that ``fit`` has not seen, unless it has joined rare ones: then they
    count as rare. Categories are told apart as Python does it: 1 and 1.0 are one, 1 and "1" are two.

    Columns that say nothing have no output: those that are missing throughout, or the same.

    Parameters
    ----------
    bins : int or None, default=32
        How many pieces a column of numbers has at most: fewer where quantiles are equal. None: z alone.
    categorical_features : "from_dtype", array-like of str, int or bool, or None, default="from_dtype"
        Which columns are categories, as :class:`sklearn.ensemble.HistGradientBoostingClassifier` takes it:
        "from_dtype": those of categories, texts and booleans, by the dtype of a frame's column or, of
        Python's objects, by their types; names, positions or a mask: these; None: none. Texts, which are
        no numbers, are categories in any case, and what is named may be anything: of dates and the like
        the text counts.
    max_categories : int or None, default=256
        How many columns a column becomes at most: of more categories the rarest are joined in one.
    min_frequency : "auto", int, float or None, default="auto"
        Categories in fewer rows are joined, if there are two of them: int: rows, or the sum of their
        weights; float: a share of the rows that are not missing; "auto": 5 rows in columns of more than
        30 categories.
    output : {"encoded", "structured", "sparse"}, default="encoded"
        "structured": z and the codes of categories, -1 for none, before they become pieces and ones: a
        layer ``PiecewiseLinear(encoder.columns_)`` does the rest, and needs far less memory.
        "sparse": the encoded matrix in CSR format.
    dtype : {"float32", "float64"}, default="float32"
        Of the output. Scales and edges are the same for both.

    Attributes
    ----------
    columns_ : list
        What :class:`minnet.PiecewiseLinear` takes, an entry for each column of the structured output:
        an array of edges, a number of codes, or None for a column that stays as it is.
    encodings_ : list of Number and Category
        What was learned of each column of X: a Number has ``center``, ``scale``, ``edges``, ``least``,
        ``most``, ``varies`` and ``indicates_missing``; a Category ``values``, ``codes``, ``n_codes`` and
        ``infrequent``. Plain numbers, texts and arrays, which ``dataclasses.asdict`` makes a dict of.
    n_features_in_, feature_names_in_
        As in all estimators.

    See Also
    --------
    minnet.PiecewiseLinear : The layer that encodes structured output.

    Notes
    -----
    Quantiles are those of the known numbers, each a number of the column or the middle of two; a row of
    weight 2 counts as two rows. Dates are refused: make numbers or categories of them.

    References
    ----------
    D. Holzmüller, L. Grinsztajn and I. Steinwart, "Better by default: strong pre-tuned MLPs and boosted
    trees on tabular data", 2024, arXiv:2407.04491 (scaling and clipping). Y. Gorishniy, I. Rubachev and
    A. Babenko, "On embeddings for numerical features in tabular deep learning", 2022, arXiv:2203.05556.

    Examples
    --------
    >>> import pandas as pd
    >>> from minnet.tables import TableEncoder
    >>> X = pd.DataFrame({"age": [20, 35, 50, None], "city": ["Rome", "Oslo", "Bonn", "Oslo"]})
    >>> encoder = TableEncoder(bins=2, output="structured")
    >>> encoder.fit_transform(X).round(2)
    array([[-0.49,  0.  ,  2.  ],
           [ 0.  ,  0.  ,  1.  ],
           [ 0.49,  0.  ,  0.  ],
           [ 0.  ,  1.  ,  1.  ]], dtype=float32)
    >>> encoder.get_feature_names_out()
    array(['age', 'age_missing', 'city'], dtype=object)
    >>> encoder.set_params(output="encoded").transform(X[:2]).round(2)
    array([[-0.49,  0.  ,  0.  ,  0.  ,  0.  ,  0.  ,  1.  ],
           [ 0.  ,  1.  ,  0.  ,  0.  ,  0.  ,  1.  ,  0.  ]], dtype=float32)
    >>> encoder.get_feature_names_out()
    array(['age', 'age_piece1', 'age_piece2', 'age_missing', 'city_Bonn',
           'city_Oslo', 'city_Rome'], dtype=object)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "bins": [Between(Integral, 1, 10_000, closed="both"), None],
        "categorical_features": ["array-like", StrOptions({"from_dtype"}), None],
        "max_categories": [Between(Integral, 2, None, closed="left"), None],
        "min_frequency": [
            StrOptions({"auto"}),
            Between(Integral, 1, None, closed="left"),
            Between(Real, 0, 1, closed="neither"),
            None,
        ],
        "output": [StrOptions({"encoded", "structured", "sparse"})],
        "dtype": "no_validation",  # check_dtype says it in one sentence
    }

    def __init__(
        self,
        *,
        bins: int | None = 32,
        categorical_features: ArrayLike | str | None = "from_dtype",
        max_categories: int | None = 256,
        min_frequency: float | str | None = "auto",
        output: str = "encoded",
        dtype: DTypeLike = "float32",
    ) -> None:
        self.bins = bins
        self.categorical_features = categorical_features
        self.max_categories = max_categories
        self.min_frequency = min_frequency
        self.output = output
        self.dtype = dtype

    @entry
    def fit(self, X: Matrix, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        """Learn scales, edges and categories.

        Parameters
        ----------
        X : {data frame, array-like, sparse matrix} of shape (n_samples, n_features)
            A frame of pandas, polars or pyarrow, or of a library that speaks their protocols; an array or
            list, of Python's objects also. Columns of a sparse matrix are numbers.
        y : None
            Not used.
        sample_weight : array-like of shape (n_samples,), default=None
            How many rows each counts as. Those of weight 0 are left out.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            If X is no table, or has a column of something else than numbers, texts, booleans and
            categories, such as dates. The encoder is then as it was.
        """
        refuse_together("TableEncoder.fit", "it learns from the rows of one process")
        self._validate_params()
        check_dtype(self.dtype)
        return self._fit(X, sample_weight, self)

    def _fit(self, X: Matrix, sample_weight: ArrayLike | None, estimator: Estimator) -> Self:
        """Learn from a table, with arguments that are right; errors name ``estimator``."""
        table = read_table(X, estimator)
        known = stand_in(estimator, None)
        validate_data(known, table.X, reset=True, skip_check_array=True)
        rows, weight = _weighted_rows(sample_weight, table.n_rows)
        is_categorical = check_categorical_features(self.categorical_features, table)
        encodings = [
            self._fit_category(table, i, rows, weight)
            if is_categorical[i]
            else fit_number(table.numbers(i)[rows].astype(np.float64), weight, self.bins)
            for i in range(table.n_columns)
        ]
        self.__dict__.pop("feature_names_in_", None)
        learned = ("n_features_in_", "feature_names_in_")
        self.__dict__.update({k: v for k, v in known.__dict__.items() if k in learned})
        self.encodings_ = encodings
        self.columns_ = [column for _, _, column in self._parts()]
        return self

    def _fit_category(
        self, table: Table, i: int, rows: Array | slice, weight: Array | None
    ) -> Category:
        values, codes = table.categories(i)
        codes = codes[rows]
        counts = np.bincount(codes + 1, weight, len(values) + 1)
        seen = np.flatnonzero(counts[1:])
        return fit_category(
            [values[k] for k in seen],
            counts[1:][seen],
            bool(counts[0]),
            self.min_frequency,
            self.max_categories,
        )

    def _parts(self) -> Iterator[tuple[int, str, Any]]:
        """Yield the columns of the structured output: of which feature each is, what it says, and how."""
        for i, encoding in enumerate(self.encodings_):
            if isinstance(encoding, Category):
                if encoding.n_codes:
                    yield i, "category", None if encoding.is_binary else encoding.n_codes
                continue
            if encoding.varies:
                yield i, "number", encoding.edges
            if encoding.indicates_missing:
                yield i, "missing", None

    @entry
    def transform(self, X: Matrix) -> Matrix:
        """Return the table as numbers.

        Parameters
        ----------
        X : {data frame, array-like, sparse matrix} of shape (n_samples, n_features)
            With the columns of ``fit``. Those that have no output are not looked at.

        Returns
        -------
        ndarray or csr_array of shape (n_samples, n_outputs)
            Of ``dtype``; a data frame after ``set_output``. A row is the same among others and alone.

        Raises
        ------
        ValueError, TypeError
            If X is no table, has other columns, or texts in a column that had numbers.
        """
        check_is_fitted(self)
        self._validate_params()
        check_dtype(self.dtype)
        Z = self._structured(self._read(X, self))
        if self.output == "structured":
            return Z
        sizes = [n_encoded(column) for column in self.columns_]
        starts = np.cumsum([0, *sizes])
        if self.output == "sparse":
            return sparse.vstack(
                [sparse.csr_array(self._encoded(Z[rows], starts)) for rows in blocks(len(Z))],
                "csr",
            )
        out = np.empty((len(Z), starts[-1]), Z.dtype)
        for rows in blocks(len(Z)):
            self._encoded(Z[rows], starts, out[rows])
        return out

    def _read(self, X: Matrix, estimator: Estimator, name: str = "X") -> Table:
        """Return a table with the columns of ``fit``; warnings and errors name ``estimator``."""
        table = read_table(X, estimator, name)
        names = vars(self).get("feature_names_in_")
        # scikit-learn finds out in longer than it takes to encode a row.
        as_in_fit = table.names == (None if names is None else names.tolist())
        if not as_in_fit or table.n_columns != self.n_features_in_:
            known = stand_in(estimator, Features(self.n_features_in_, names))
            validate_data(known, table.X, reset=False, skip_check_array=True)
        return table

    def _structured(self, table: Table) -> Array:
        """Return z and codes."""
        out = np.empty((table.n_rows, len(self.columns_)), self.dtype)
        numbers: dict[int, Number] = {}
        # Pairs: which column of the output is of which number.
        z_at: list[tuple[int, int]] = []
        missing_at: list[tuple[int, int]] = []
        for j, (i, what, _) in enumerate(self._parts()):
            encoding = self.encodings_[i]
            if isinstance(encoding, Category):
                out[:, j] = encoding.encoded(*table.categories(i))
                continue
            numbers[i] = encoding
            (z_at if what == "number" else missing_at).append((j, len(numbers) - 1))
        if not numbers:
            return out
        center, scale, least, most = np.array(
            [(of.center, of.scale, of.least, of.most) for of in numbers.values()]
        ).T
        places = (*_places(z_at), *_places(missing_at))
        for rows, N in table.blocks_of_numbers(list(numbers)):
            Z, missing = scaled(N, center, scale), np.isnan(N)
            # In two calls, which take less time than a clip by column.
            np.minimum(np.maximum(Z, least, out=Z), most, out=Z)
            Z[missing] = 0
            out[rows, places[0]] = Z[:, places[1]]
            out[rows, places[2]] = missing[:, places[3]]
        return out

    def _encoded(self, Z: Array, starts: Array, out: Array | None = None) -> Array:
        """Return what PiecewiseLinear makes of structured rows."""
        if out is None:
            out = np.empty((len(Z), starts[-1]), Z.dtype)
        for j, column in enumerate(self.columns_):
            out[:, starts[j] : starts[j + 1]] = encode(np.ascontiguousarray(Z[:, j]), column)
        return out

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> Array:
        """Return the names of the columns that ``transform`` returns.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the columns of X, where ``fit`` saw none; otherwise compared with those.

        Returns
        -------
        ndarray of shape (n_outputs,)
            Those of X, with "_missing", "_piece1", or "_" and the category behind.
        """
        check_is_fitted(self)
        names_in = _check_feature_names_in(self, input_features)
        names: list[str] = []
        for i, part, column in self._parts():
            name, encoding = names_in[i], self.encodings_[i]
            if part == "missing":
                names.append(f"{name}_missing")
            elif isinstance(encoding, Category):
                texts = encoding.names()
                if encoding.is_binary:
                    names.append(f"{name}_{texts[1]}")
                elif self.output == "structured":
                    names.append(name)
                else:
                    names += [f"{name}_{text}" for text in texts]
            else:
                names.append(name)
                if self.output != "structured" and column is not None:
                    names += [f"{name}_piece{k}" for k in range(1, len(column))]
        return np.array(_unique(names), dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        # As scikit-learn's own encoders: "string" would mean that a dictionary in a cell is no error.
        tags.input_tags.categorical = True
        tags.transformer_tags.preserves_dtype = []
        return tags


def _weighted_rows(sample_weight: Any, n_rows: int) -> tuple[Array | slice, Array | None]:
    """Return the rows that count, and their weights."""
    if sample_weight is None:
        return slice(None), None
    weight = validate_weight(sample_weight, np.broadcast_to(0.0, (n_rows, 1)))
    if not weight.any():
        raise ValueError("sample_weight must not be all zero: no sample has a positive weight.")
    rows = np.flatnonzero(weight)
    return rows, weight[rows]


def _places(pairs: list[tuple[int, int]]) -> list[Any]:
    """Return the first and the second of pairs of indices, as slices where they count up.

    Examples
    --------
    >>> _places([(2, 0), (3, 1), (4, 3)])
    [slice(2, 5, None), [0, 1, 3]]
    """
    both: list[Any] = [list(at) for at in zip(*pairs, strict=True)] or [[], []]
    for i, at in enumerate(both):
        if at == list(range(at[0], at[-1] + 1) if at else at):
            both[i] = slice(at[0], at[-1] + 1) if at else slice(0)
    return both


def _unique(names: list[str]) -> list[str]:
    """Return names with underscores behind those that others have already: a frame needs different ones.

    Examples
    --------
    >>> _unique(["a", "b", "a"])
    ['a', 'b', 'a_']
    """
    seen: set[str] = set()
    unique = []
    for name in names:
        while name in seen:
            name += "_"
        seen.add(name)
        unique.append(name)
    return unique
