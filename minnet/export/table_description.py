"""What an export writes down of an encoder of tables, and of the estimators that begin with one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from sklearn.utils.validation import check_is_fitted

from minnet.common.checks import check_dtype
from minnet.common.types import Array, DTypeLike
from minnet.export.description import Description, describe_model, feature_names
from minnet.piecewise import PiecewiseLinear, n_encoded
from minnet.tables import TableEncoder, TabularClassifier, TabularRegressor
from minnet.tables.columns import Category, Number

__all__ = ["TABLE_MODELS", "TableDescription", "TableModel", "category_outputs", "describe_table"]

#: What can be exported that takes tables.
TableModel: TypeAlias = TableEncoder | TabularClassifier | TabularRegressor

TABLE_MODELS = (TableEncoder, TabularClassifier, TabularRegressor)


@dataclass(frozen=True)
class TableDescription:
    """A fitted encoder of tables, and what comes after it.

    Attributes
    ----------
    model : str
        Name of its class, of minnet's where it is a subclass.
    kind : {"encoder", "binary", "multiclass", "multilabel", "regression"}
    encoder : TableEncoder
    encoding : Description or None
        The layer that makes pieces and ones of numbers and codes; None where they stay as they are.
    members : list of Description
        Networks without that layer; none of an encoder alone.
    classes : ndarray or None
        Labels, for a classifier.
    feature_names : list of str or None
    dtype : dtype
        What networks compute in. Numbers are scaled in float64, and predictions averaged.
    temperature : float
        What logits are divided by.
    target : tuple of ndarray or None
        Of a regressor: scale, mean, least and largest of each output.
    """

    model: str
    kind: str
    encoder: TableEncoder
    encoding: Description | None
    members: list[Description]
    classes: Any
    feature_names: list[str] | None
    dtype: np.dtype[Any]
    temperature: float = 1.0
    target: tuple[Array, Array, Array, Array] | None = None

    @property
    def title(self) -> str:
        """Return what it is, in a few words."""
        return f"{self.model} with {len(self.members)} networks"

    @property
    def n_features(self) -> int:
        """Return the number of columns of a table."""
        return self.encoder.n_features_in_

    @property
    def n_structured(self) -> int:
        """Return the number of columns of numbers and codes."""
        return len(self.encoder.columns_)

    @property
    def n_outputs(self) -> int:
        """Return the number of outputs, of the last layer or of the encoder."""
        if self.members:
            return self.members[0].n_outputs
        return self.n_structured if self.encoding is None else self.encoding.n_outputs

    @property
    def is_classifier(self) -> bool:
        """Return whether there are labels."""
        return self.classes is not None

    @property
    def has_categories(self) -> bool:
        """Return whether a column is of something else than numbers."""
        return any(isinstance(each, Category) for each in self.encoder.encodings_)

    def numbers(self) -> dict[int, Number]:
        """Return the columns of numbers that have an output, by their places."""
        return {
            i: each
            for i, each in enumerate(self.encoder.encodings_)
            if isinstance(each, Number) and (each.varies or each.indicates_missing)
        }

    def parts(self) -> list[tuple[int, str]]:
        """Return of each column of numbers and codes the column of the table, and what it says of it."""
        return [(i, what) for i, what, _ in self.encoder._parts()]

    def column(self, i: int) -> str:
        """Return how errors call a column."""
        return f"column {i if self.feature_names is None else repr(self.feature_names[i])}"


def category_outputs(category: Category) -> tuple[list[int], int, int]:
    """Return what each value of a column becomes, what an unknown one, and what a missing one.

    Examples
    --------
    >>> category_outputs(Category(["a", "b", "c"], [0, 1, 2], 3, -1))
    ([0, 1, 2], -1, -1)
    >>> category_outputs(Category([False, True], [0, 1], 2, -1))
    ([-1, 1], 0, 0)
    """
    values = [*category.values, None]  # which is none of them
    *known, unknown, missing = category.encoded(values, np.arange(len(values) + 1)).tolist()
    return known, unknown, missing


def describe_table(model: TableModel, dtype: DTypeLike | None = None) -> TableDescription:
    """Return what there is to export of a model that takes tables.

    Parameters
    ----------
    model : TableEncoder, TabularClassifier or TabularRegressor
        Fitted.
    dtype : {"float32", "float64"}, default=None
        What the exported model computes in; by default what the model does.

    Raises
    ------
    NotFittedError, TypeError, ValueError
        If it is not fitted, or transforms another way than the class of minnet's that it is made of.

    Examples
    --------
    >>> found = describe_table(TableEncoder(bins=2).fit([[1.0, "a"], [2.0, "b"], [3.0, "c"]]))
    >>> found.kind, found.n_structured, found.n_outputs
    ('encoder', 2, 6)
    """
    dtype = None if dtype is None else check_dtype(dtype)
    check_is_fitted(model)
    base = next(cls for cls in TABLE_MODELS if isinstance(model, cls))
    for name in ("transform", "predict", "predict_proba"):
        if getattr(type(model), name, None) is not getattr(base, name, None):
            raise TypeError(
                f"an export knows {base.__name__}.{name}, got {type(model).__name__} with a {name} of its "
                "own"
            )
    if isinstance(model, TableEncoder):
        dtype = check_dtype(model.dtype) if dtype is None else dtype
        encoding = None if model.output == "structured" else _encoding(model, dtype)
        names = feature_names(model)
        return TableDescription("TableEncoder", "encoder", model, encoding, [], None, names, dtype)
    return _describe_estimator(model, base.__name__, dtype)


def _describe_estimator(
    model: TabularClassifier | TabularRegressor, name: str, dtype: np.dtype[Any] | None
) -> TableDescription:
    members = [describe_model(network, dtype) for network in model.networks_]
    encoding = None
    if isinstance(members[0].layers[0], PiecewiseLinear):  # the same in all
        encoding = _some_layers(members[0], slice(1))
        members = [_some_layers(member, slice(1, None)) for member in members]
    kind, classes, target = "regression", None, None
    if isinstance(model, TabularClassifier):
        kind, classes = model._labels.kind, model.classes_
    else:
        mean, scale = model.target_mean_, model.target_scale_
        assert mean is not None
        assert scale is not None
        target = scale, mean, *model.target_range_
    return TableDescription(
        name, kind, model.encoder_, encoding, members, classes, feature_names(model),
        members[0].dtype, model.temperature_, target,
    )  # fmt: skip


def _some_layers(description: Description, part: slice) -> Description:
    """Return some of the layers of a network as a network."""
    start, stop, _ = part.indices(len(description.layers))
    sizes = description.sizes[start : stop + 1]
    return replace(description, layers=description.layers[part], sizes=sizes)


def _encoding(encoder: TableEncoder, dtype: np.dtype[Any]) -> Description:
    """Return the layer that encodes numbers and codes, as a network of its own."""
    columns = encoder.columns_
    layers = [PiecewiseLinear(columns)] if columns else []
    n = sum(map(n_encoded, columns))
    return Description(
        "PiecewiseLinear", "network", layers, "identity", None, None, dtype, [len(columns), n]
    )
