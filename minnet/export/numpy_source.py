"""A model as one file of Python that needs NumPy and nothing else."""

from __future__ import annotations

from os import PathLike

from minnet.common.atomic import write_atomically
from minnet.common.entry import entry
from minnet.common.types import DTypeLike
from minnet.export.description import Model, describe_model
from minnet.export.numpy_network import Source
from minnet.export.numpy_tables import TableSource
from minnet.export.table_description import TABLE_MODELS, TableModel, describe_table

__all__ = ["to_numpy_source"]


@entry
def to_numpy_source(
    model: Model | TableModel,
    path: str | PathLike[str] | None = None,
    *,
    dtype: DTypeLike | None = None,
) -> str:
    r"""Write a fitted model as one Python file that imports NumPy only (and ``base64``, ``math``).

    The file has ``forward(X)``, which returns logits, ``predict(X)``, and for a classifier
    ``predict_proba(X)``, as the model has them, or a transformer's ``transform(X)``; ``CLASSES`` with the
    labels, ``N_FEATURES``, and ``FEATURE_NAMES`` where the model knows them. Weights are written in
    base64, exact to the bit, at its end. Labels and names go in as literals, so that none of them can be
    run as code. A sparse ``X`` must be made dense; a multilabel classifier gives a dense array in any
    case.

    That of a model of tables takes a data frame of pandas, polars or pyarrow, a dict of columns, an array
    or rows in a list. It has ``structured(X)``, which returns scaled numbers and codes, ``predict(X)``,
    and ``predict_proba(X)`` for a classifier; or ``transform(X)`` for a TableEncoder, dense.

    Parameters
    ----------
    model : MinNetClassifier, MinNetRegressor, Network, TabularClassifier, TableEncoder ...
        One of minnet's estimators or a network, a MinNetTransformer, or a TableEncoder: fitted, or
        initialized.
    path : path-like, default=None
        Where to write it, as a whole or not at all: an error leaves an old file as it was. What is there
        and no regular file (a folder, a device, a pipe) is refused.
    dtype : {"float32", "float64"}, default=None
        What the file computes in; by default what the model does.

    Returns
    -------
    source : str
        The text of the file.

    Raises
    ------
    NotFittedError, TypeError, ValueError
        If the model is not fitted, has parts of a user's own, or labels other than strings and numbers.
    OSError
        If ``path`` cannot be written, or is that of something else than a file.

    Examples
    --------
    >>> import numpy as np
    >>> from minnet import Dense, Network
    >>> from minnet.export import to_numpy_source
    >>> net = Network([Dense(3, "tanh"), Dense(2)]).initialize(4, random_state=0)
    >>> names = {}
    >>> exec(to_numpy_source(net), names)
    >>> bool(abs(names["predict"](np.eye(4)) - net.predict(np.eye(4))).max() < 1e-15)
    True
    """
    if path is None:
        if isinstance(model, TABLE_MODELS):
            return TableSource(describe_table(model, dtype)).text()
        return Source(describe_model(model, dtype)).text()
    with write_atomically(path) as file:  # which looks at the path before there is work to do
        source = to_numpy_source(model, dtype=dtype)
        file.write(source.encode())
    return source
