"""minnet's estimators in pipelines that skl2onnx exports."""

from __future__ import annotations

import numpy as np

from minnet.common.extras import import_extra
from minnet.estimators import MinNetClassifier, MinNetRegressor, MinNetTransformer
from minnet.export.description import describe_model
from minnet.export.onnx_model import OPSETS
from minnet.export.onnx_operators import (
    Operators,
    add_classifier,
    add_predictions,
    gather,
    onnx_classes,
)
from minnet.export.onnx_tables import (
    ML_OPSET,
    ColumnsInput,
    add_table_classifier,
    add_table_numbers,
    is_of_numbers,
)
from minnet.export.table_description import describe_table
from minnet.tables import TableEncoder, TabularClassifier, TabularRegressor
from minnet.tables.columns import Category

__all__ = ["register_skl2onnx"]


def register_skl2onnx() -> None:
    """Tell skl2onnx how minnet's estimators and transformers are exported.

    After it ``skl2onnx.to_onnx`` and ``convert_sklearn`` take pipelines and other meta-estimators with
    them; calling it again changes nothing. The classifier has skl2onnx's options ``zipmap``, ``nocl`` and
    ``output_class_labels``. What they compute in is the type of what comes in, as with skl2onnx's own
    converters: float64 for ``DoubleTensorType``, otherwise float32. Models of tables take what comes in
    column by column, in any number of inputs.

    Raises
    ------
    ImportError
        If skl2onnx is not installed.

    Examples
    --------
    >>> from minnet.export import register_skl2onnx
    >>> register_skl2onnx()  # doctest: +SKIP
    """
    skl2onnx = import_extra(
        "skl2onnx", "register_skl2onnx needs skl2onnx: pip install 'minnet-learn[onnx]' skl2onnx"
    )
    for cls, convert in (
        (MinNetClassifier, _convert_classifier),
        (TabularClassifier, _convert_table_classifier),
    ):
        skl2onnx.update_registered_converter(
            cls,
            cls.__name__,
            _classifier_shapes,
            convert,
            options={
                "zipmap": [True, False, "columns"],
                "nocl": [True, False],
                "output_class_labels": [False, True],
            },
        )
    for other, convert in (
        (MinNetRegressor, _convert_numbers),
        (MinNetTransformer, _convert_numbers),
        (TabularRegressor, _convert_table_numbers),
        (TableEncoder, _convert_table_numbers),
    ):
        skl2onnx.update_registered_converter(other, other.__name__, _numbers_shapes, convert)


def _tensor_type(operator):
    """Return the class of what comes in, float32 for whole numbers and bool."""
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    wide = any(isinstance(given.type, DoubleTensorType) for given in operator.inputs)
    return DoubleTensorType if wide else FloatTensorType


def _dtype(operator):
    return np.float64 if _tensor_type(operator).__name__.startswith("Double") else np.float32


def _classes(scope, estimator):
    """Return the labels, or their indices with the option ``nocl``."""
    options = scope.get_options(estimator, {"nocl": False})
    if options["nocl"]:
        return np.arange(len(estimator.classes_))
    return onnx_classes(estimator.classes_)


def _classifier_shapes(operator):
    from skl2onnx.common.data_types import Int64TensorType, StringTensorType

    estimator = operator.raw_operator
    n_samples = operator.inputs[0].get_first_dimension()
    classes = _classes(operator.scope_inst, estimator)
    n_classes = len(classes)
    if estimator._labels.kind == "multilabel":
        label = Int64TensorType([n_samples, n_classes])
    elif isinstance(classes, np.ndarray):
        label = Int64TensorType([n_samples])
    else:
        label = StringTensorType([n_samples])
    operator.outputs[0].set_type(label)
    operator.outputs[1].set_type(_tensor_type(operator)([n_samples, n_classes]))


def _numbers_shapes(operator):
    n_samples = operator.inputs[0].get_first_dimension()
    model = operator.raw_operator
    if isinstance(model, TableEncoder):
        n_outputs = describe_table(model).n_outputs
    elif isinstance(model, MinNetTransformer):
        n_outputs = model._n_features_out
    else:
        n_outputs = model.n_outputs_
    operator.outputs[0].set_type(_tensor_type(operator)([n_samples, n_outputs]))


def _convert_classifier(scope, operator, container):
    description = describe_model(operator.raw_operator, _dtype(operator))
    graph = _Graph(scope, container, description.dtype)
    classes = _classes(scope, operator.raw_operator)
    outputs = add_classifier(graph, description, graph.input(operator), classes)
    graph.output(outputs, operator)


def _convert_numbers(scope, operator, container):
    description = describe_model(operator.raw_operator, _dtype(operator))
    graph = _Graph(scope, container, description.dtype)
    graph.output([add_predictions(graph, description, graph.input(operator))], operator)


def _convert_table_classifier(scope, operator, container):
    description = describe_table(operator.raw_operator, _dtype(operator))
    graph = _Graph(scope, container, description.dtype)
    classes = _classes(scope, operator.raw_operator)
    table = _table_input(graph, operator, description)
    graph.output(add_table_classifier(graph, description, table, classes), operator)


def _convert_table_numbers(scope, operator, container):
    description = describe_table(operator.raw_operator, _dtype(operator))
    graph = _Graph(scope, container, description.dtype)
    table = _table_input(graph, operator, description)
    graph.output([add_table_numbers(graph, description, table)], operator)


def _table_input(graph, operator, description):
    """Return the columns of what comes in, each input cut into its columns."""
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, StringTensorType

    columns = []
    for given in operator.inputs:
        width, name = given.type.shape[1], given.full_name
        dtype = np.dtype(np.float32 if isinstance(given.type, FloatTensorType) else np.float64)
        dtype = np.dtype(object) if isinstance(given.type, StringTensorType) else dtype
        cut = [name] if width == 1 else [gather(graph, name, np.array([k])) for k in range(width)]
        columns += [(each, dtype) for each in cut]
    if len(columns) != description.n_features:
        raise ValueError(
            f"the inputs must have {description.n_features} columns together, got {len(columns)}"
        )
    for i, encoding in enumerate(description.encoder.encodings_):
        of_texts = isinstance(encoding, Category) and not is_of_numbers(encoding)
        if of_texts != (columns[i][1].kind == "O"):
            wanted = StringTensorType if of_texts else DoubleTensorType
            raise TypeError(
                f"{description.column(i)} must come in as {wanted.__name__} or of that kind, got "
                f"{'numbers' if of_texts else 'texts'}"
            )
    return ColumnsInput(graph, columns)


class _Graph(Operators):
    """Nodes and constants that go into skl2onnx's container, under names from its scope."""

    def __init__(self, scope, container, dtype):
        super().__init__(dtype)
        opset = container.target_opset_any_domain("")
        if opset < OPSETS[0]:
            raise ValueError(f"target_opset must be at least {OPSETS[0]} for minnet, got {opset}")
        self.scope, self.container = scope, container

    def node(self, operator, inputs, **attributes):
        result = self.scope.get_unique_variable_name(f"minnet_{operator}")
        self._add(operator, inputs, result, **attributes)
        return result

    def constant(self, tensor):
        tensor.name = self.scope.get_unique_variable_name("minnet_constant")
        self.container.initializers.append(tensor)
        return tensor.name

    def input(self, operator):
        """Return the name of what comes in, in the graph's dtype."""
        return self.cast(operator.inputs[0].full_name, self.dtype)

    def output(self, names, operator):
        """Make the named values the outputs of skl2onnx's operator."""
        for name, variable in zip(names, operator.outputs, strict=True):
            self._add("Identity", [name], variable.full_name)

    def _add(self, operator, inputs, result, **attributes):
        name = self.scope.get_unique_operator_name(f"minnet_{operator}")
        if "domain" in attributes:
            attributes |= {"op_domain": attributes.pop("domain"), "op_version": ML_OPSET}
        self.container.add_node(operator, inputs, [result], name=name, **attributes)
