"""A model as an ONNX file."""

from __future__ import annotations

import json
from os import PathLike
from typing import Any

import numpy as np

from minnet._version import __version__
from minnet.common.atomic import write_atomically
from minnet.common.entry import entry
from minnet.common.extras import import_extra
from minnet.common.types import DTypeLike
from minnet.export.description import Description, describe_model
from minnet.export.onnx_operators import Operators, add_classifier, add_predictions, onnx_classes
from minnet.export.onnx_tables import (
    ML,
    ML_OPSET,
    ColumnsInput,
    MatrixInput,
    add_table_classifier,
    add_table_numbers,
    is_of_numbers,
)
from minnet.export.table_description import TABLE_MODELS, TableDescription, describe_table
from minnet.tables.columns import Category

__all__ = ["OPSETS", "to_onnx"]

#: Versions of ONNX's operators that an export can be written in: from, and by default.
OPSETS = (13, 17)

#: Names of outputs, which no input has.
_OUTPUTS = ("label", "probabilities", "variable")

_LARGEST = 2**31 - 2**20  # what protocol buffers can have in one message, less the nodes


@entry
def to_onnx(
    model: Any,
    path: str | PathLike[str] | None = None,
    *,
    dtype: DTypeLike | None = None,
    opset: int = OPSETS[1],
) -> Any:
    r"""Make an ONNX model of a fitted model.

    The input is ``X`` of shape (n_samples, n_features), for any number of samples. A classifier has
    skl2onnx's outputs, ``label`` of shape (n_samples,) and ``probabilities`` of shape (n_samples,
    n_classes), in the order of ``classes_``; for multilabel ``label`` has zeros and ones of shape
    (n_samples, n_labels). Labels are int64 (whole numbers and bool) or strings. A regressor, a network
    and a transformer have ``variable`` of shape (n_samples, n_outputs): numbers, the network's
    predictions, or the features of the transformer's layer.

    A table of numbers alone is one input ``X`` likewise, NaN where a number is missing. A table with
    categories has an input for each column, of shape (n_samples, 1) and the column's name, as skl2onnx has
    it: texts for categories that are texts, otherwise numbers. A missing text is "", or what pandas shows
    of it: "nan", "None", "<NA>", "NaT". A :class:`~minnet.TableEncoder` gives ``variable``, dense.

    Parameters
    ----------
    model : MinNetClassifier, MinNetRegressor, Network, TabularClassifier, TableEncoder ...
        One of minnet's estimators or a network, a MinNetTransformer, or a TableEncoder: fitted, or
        initialized. For a Pipeline see :func:`minnet.export.register_skl2onnx`.
    path : path-like, default=None
        Where to write it, as a whole or not at all: an error leaves an old file as it was. What is there
        and no regular file (a folder, a device, a pipe) is refused.
    dtype : {"float32", "float64"}, default=None
        Of the input and of all arithmetic; by default that of the model, which was fitted in float32
        if its ``X`` was, and otherwise in float64. Estimators for tables have float32; they scale numbers
        and average predictions in float64 in any case.
    opset : int, default=17
        Version of ONNX's operators, at least 13. 17 is from 2022; onnxruntime reads it from 1.12 on.

    Returns
    -------
    onnx.ModelProto

    Raises
    ------
    ImportError
        If onnx is not installed.
    NotFittedError, TypeError, ValueError
        If the model is not fitted, has parts of a user's own, or labels that ONNX has no type for.
    OSError
        If ``path`` cannot be written, or is that of something else than a file.

    Notes
    -----
    onnxruntime gives the probabilities and numbers of the model but for rounding: sums run in another
    order, and some activations are built of other operators where onnxruntime has no kernel for float64.
    A deep network with huge weights multiplies that rounding.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from minnet import MinNetClassifier
    >>> from minnet.export import to_onnx
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = MinNetClassifier((5,), solver="lbfgs", random_state=0).fit(X, y)
    >>> exported = to_onnx(clf, "iris.onnx")  # doctest: +SKIP
    >>> [output.name for output in exported.graph.output]  # doctest: +SKIP
    ['label', 'probabilities']
    """
    if path is not None:
        with write_atomically(path) as file:  # which looks at the path before there is work to do
            exported = to_onnx(model, dtype=dtype, opset=opset)
            file.write(exported.SerializeToString())
        return exported
    description: Description | TableDescription
    if isinstance(model, TABLE_MODELS):
        description = describe_table(model, dtype)
    else:
        description = describe_model(model, dtype)
    classes = onnx_classes(description.classes) if description.is_classifier else None
    networks = description.members if isinstance(description, TableDescription) else [description]
    layers = [layer for network in networks for layer in network.layers]
    size = sum(array.nbytes for layer in layers for array in _layer_arrays(layer))
    if size > _LARGEST:
        raise ValueError(
            f"model must have less than 2 GiB of parameters for ONNX, got {size} bytes"
        )
    onnx = import_extra("onnx", "to_onnx needs onnx: pip install 'minnet-learn[onnx]'")
    newest = onnx.defs.onnx_opset_version()
    if type(opset) is not int or not OPSETS[0] <= opset <= newest:
        raise ValueError(
            f"opset must be a whole number from {OPSETS[0]} to {newest}, got {opset!r}"
        )

    inputs = _inputs(description)
    graph = _Graph(description.dtype, {name for name, _, _ in inputs})
    names: list[str]
    if isinstance(description, TableDescription):
        table = _table_input(graph, description, inputs)
        if classes is not None:
            names = [*add_table_classifier(graph, description, table, classes)]
        else:
            names = [add_table_numbers(graph, description, table)]
    elif classes is not None:
        names = [*add_classifier(graph, description, "X", classes)]
    else:
        names = [add_predictions(graph, description, "X")]
    if classes is not None:
        label = np.dtype(np.int64) if isinstance(classes, np.ndarray) else np.dtype(object)
        label_shape = [description.n_outputs] if description.kind == "multilabel" else []
        outputs = [
            ("label", names[0], label, label_shape),
            ("probabilities", names[1], description.dtype, [len(classes)]),
        ]
    else:
        outputs = [("variable", names[0], description.dtype, [description.n_outputs])]
    exported = graph.model(onnx, description, inputs, outputs, opset)
    onnx.checker.check_model(exported, full_check=True)
    return exported


def _inputs(description):
    """Return name, dtype and number of columns of each input."""
    if not (isinstance(description, TableDescription) and description.has_categories):
        return [("X", description.dtype, description.n_features)]
    names = description.feature_names or [f"x{i}" for i in range(description.n_features)]
    taken, inputs = set(_OUTPUTS), []
    for i, (name, encoding) in enumerate(zip(names, description.encoder.encodings_, strict=True)):
        name = _own_name(name or f"x{i}", taken)
        taken.add(name)
        of_texts = isinstance(encoding, Category) and not is_of_numbers(encoding)
        inputs.append((name, np.dtype(object) if of_texts else description.dtype, 1))
    return inputs


def _own_name(name, taken):
    """Return a name that no other value has, with underscores behind it if needed."""
    if any("\ud800" <= letter <= "\udfff" for letter in name):
        raise TypeError(f"columns must have names in Unicode for ONNX, got {name!r:.60}")
    while name in taken:
        name += "_"
    return name


def _table_input(graph, description, inputs):
    if description.has_categories:
        return ColumnsInput(graph, [(name, dtype) for name, dtype, _ in inputs])
    return MatrixInput(graph, "X", description.dtype)


def _layer_arrays(layer):
    """Return the arrays of a layer that its forward pass reads."""
    names = ("W", "b", "gamma", "beta", "running_mean", "running_var", "s")
    return [getattr(layer, name) for name in names if hasattr(layer, name)]


class _Graph(Operators):
    """Nodes and constants of a model of their own, named by count, and not as what is ``taken``."""

    def __init__(self, dtype, taken):
        super().__init__(dtype)
        self.nodes, self.constants, self.taken = [], [], taken
        self.domains = set()

    def node(self, operator, inputs, **attributes):
        from onnx.helper import make_node

        name = _own_name(f"{operator}_{len(self.nodes)}", self.taken)
        self.domains.add(attributes.get("domain", ""))
        self.nodes.append(make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def constant(self, tensor):
        tensor.name = _own_name(f"constant_{len(self.constants)}", self.taken)
        self.constants.append(tensor)
        return tensor.name

    def model(self, onnx, description, inputs, outputs, opset):
        """Return the ModelProto.

        Inputs are (name, dtype, number of columns); outputs are (name, name of the value, dtype, shape
        after the first).
        """
        helper = onnx.helper
        values = []
        for name, value, dtype, shape in outputs:
            self.nodes.append(helper.make_node("Identity", [value], [name], name=name))
            values.append(_value(onnx, name, dtype, shape))
        graph = helper.make_graph(
            self.nodes,
            "minnet",
            [_value(onnx, name, dtype, [n]) for name, dtype, n in inputs],
            values,
            initializer=self.constants,
            doc_string=description.title,
        )
        opsets = [helper.make_opsetid("", opset)]
        opsets += [helper.make_opsetid(ML, ML_OPSET)] if ML in self.domains else []
        model = helper.make_model(
            graph,
            opset_imports=opsets,
            ir_version=helper.find_min_ir_version_for(opsets),
            producer_name="minnet",
            producer_version=__version__,
            doc_string="written by minnet.export.to_onnx",
        )
        helper.set_model_props(model, _properties(onnx, description, inputs))
        return model


def _value(onnx, name, dtype, shape):
    kind = onnx.helper.np_dtype_to_tensor_dtype(dtype)
    return onnx.helper.make_tensor_value_info(name, kind, ["n_samples", *shape])


def _properties(onnx, description, inputs):
    """Return the metadata: strings by name."""
    properties = {
        "minnet_version": __version__,
        "onnx_version": onnx.__version__,
        "model": description.model,
        "kind": description.kind,
    }
    if description.feature_names is not None:
        properties["feature_names"] = json.dumps(description.feature_names)
    if len(inputs) > 1:
        properties["inputs"] = json.dumps([name for name, _, _ in inputs])
    return properties
