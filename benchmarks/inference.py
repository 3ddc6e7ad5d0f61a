"""Inference: one row, and ten thousand."""

import warnings

import numpy as np

from benchmarks.comparison import render as render_rows
from benchmarks.comparison import repeated, row
from benchmarks.runner import Job

__all__ = ["ROWS", "prepare", "render"]

CASES = {
    # features, hidden, classes, rows asked for at a time
    "digits": (64, (64,), 10, 1),
    "mnist-shaped": (784, (256,), 10, 10_000),
}


def _fitted(kind, n_features, hidden, n_classes):
    """Return an estimator after a short fit."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((1_000, n_features), dtype=np.float32)
    y = np.arange(1_000) % n_classes
    if kind == "minnet":
        from minnet import MinNetClassifier as Classifier
    else:
        from sklearn.neural_network import MLPClassifier as Classifier
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Classifier(hidden, max_iter=2, random_state=0).fit(X, y)


def _torch(model, X, threads):
    import torch
    from torch import nn

    torch.set_num_threads(threads)
    layers = []
    for W, b in zip(model.coefs_, model.intercepts_, strict=True):
        layers += [nn.Linear(*W.shape), nn.ReLU()]
        with torch.no_grad():
            layers[-2].weight.copy_(torch.from_numpy(W.T.copy()))
            layers[-2].bias.copy_(torch.from_numpy(b))
    network = nn.Sequential(*layers[:-1], nn.Softmax(dim=1))

    def call():
        with torch.inference_mode():
            return network(torch.from_numpy(X)).numpy()

    return call


def _onnxruntime(model, X, threads):
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    nodes, constants, last = [], [], "x"
    for i, (W, b) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        constants += [numpy_helper.from_array(W, f"W{i}"), numpy_helper.from_array(b, f"b{i}")]
        nodes.append(helper.make_node("Gemm", [last, f"W{i}", f"b{i}"], [f"z{i}"]))
        nodes.append(helper.make_node("Relu", [f"z{i}"], [f"y{i}"]))
        last = f"y{i}"
    nodes[-1] = helper.make_node("Softmax", [f"z{i}"], ["p"], axis=1)
    shape = [None, X.shape[1]], [None, model.coefs_[-1].shape[1]]
    graph = helper.make_graph(
        nodes, "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape[0])],
        [helper.make_tensor_value_info("p", TensorProto.FLOAT, shape[1])],
        constants,
    )  # fmt: skip
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        made.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return lambda: session.run(None, {"x": X})[0]


def prepare(contestant, case, threads):
    n_features, hidden, n_classes, n_rows = CASES[case]
    kind = contestant.split(",")[0]
    model = _fitted("minnet" if kind == "minnet" else "sklearn", n_features, hidden, n_classes)
    rng = np.random.default_rng(1)
    X = rng.standard_normal((n_rows, n_features), dtype=np.float32)
    expected = model.predict_proba(X)
    if contestant == "minnet, network.forward":
        expected = np.log(np.maximum(expected, 1e-30))
        expected -= expected.max(axis=1, keepdims=True)

        def call():
            return model.network_.forward(X)

        got = call()
        got = got - got.max(axis=1, keepdims=True)
    elif contestant == "minnet, predictor":
        predictor = model.predictor()

        def call():
            return predictor(X)

        got = call()
    else:
        make = {"PyTorch": _torch, "onnxruntime": _onnxruntime}.get(kind)
        call = make(model, X, threads) if make else lambda: model.predict_proba(X)
        got = call()
    if got.dtype != np.float32 or not np.allclose(got, expected, atol=1e-4):
        raise RuntimeError("the predictions differ")
    return repeated(call), {}


def _row(case, names, title, goal):
    def jobs(options):
        return [
            Job(name, "benchmarks.inference:prepare",
                {"contestant": name, "case": case, "threads": options.threads})
            for name in names
        ]  # fmt: skip

    return row(jobs, title, goal)


ROWS = {
    "inference-one": _row(
        "digits",
        ["minnet", "scikit-learn", "PyTorch", "onnxruntime", "minnet, network.forward",
         "minnet, predictor"],
        "one row of 64 → 64 → 10",
        "`predict_proba` ≤ 9 µs, `network.forward` ≤ 4 µs, `predictor` ≤ 3 µs",
    ),
    "inference-many": _row(
        "mnist-shaped", ["minnet", "scikit-learn", "PyTorch", "onnxruntime"],
        "10,000 rows of 784 → 256 → 10", "≥ 1.3× the best",
    ),
}  # fmt: skip


def render(results, ceilings):
    text = (
        "float32 in, probabilities out: `predict_proba` of minnet and scikit-learn, which check their "
        "input; minnet's `predictor()`, PyTorch under `inference_mode`, onnxruntime with the same weights "
        "in one session, which do not."
    )
    return render_rows("Inference", text, ROWS, results)
