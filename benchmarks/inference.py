"""Inference: probabilities of one row, of a thousand and of ten thousand, and the class of one row."""

import warnings

import numpy as np

from benchmarks.comparison import render as render_rows
from benchmarks.comparison import repeated, row
from benchmarks.runner import Job

__all__ = ["ROWS", "prepare", "render"]

CASES = {
    # features, hidden, classes, rows asked for at a time, what is asked for
    "one": (64, (64,), 10, 1, "probabilities"),
    "predict": (64, (64,), 10, 1, "classes"),
    "thousand": (64, (64,), 10, 1_000, "probabilities"),
    "many": (784, (256,), 10, 10_000, "probabilities"),
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


def _torch(model, X, threads, classes):
    import torch
    from torch import nn

    torch.set_num_threads(threads)
    layers = []
    for W, b in zip(model.coefs_, model.intercepts_, strict=True):
        layers += [nn.Linear(*W.shape), nn.ReLU()]
        with torch.no_grad():
            layers[-2].weight.copy_(torch.from_numpy(W.T.copy()))
            layers[-2].bias.copy_(torch.from_numpy(b))
    network = nn.Sequential(*layers[:-1], *(() if classes else (nn.Softmax(dim=1),)))

    def call():
        with torch.inference_mode():
            Y = network(torch.from_numpy(X))
            return (Y.argmax(dim=1) if classes else Y).numpy()

    return call


def _onnxruntime(model, X, threads, classes):
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    nodes, constants, last = [], [], "x"
    for i, (W, b) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        constants += [numpy_helper.from_array(W, f"W{i}"), numpy_helper.from_array(b, f"b{i}")]
        nodes.append(helper.make_node("Gemm", [last, f"W{i}", f"b{i}"], [f"z{i}"]))
        nodes.append(helper.make_node("Relu", [f"z{i}"], [f"y{i}"]))
        last = f"y{i}"
    if classes:
        nodes[-1] = helper.make_node("ArgMax", [f"z{i}"], ["p"], axis=1, keepdims=0)
        output = helper.make_tensor_value_info("p", TensorProto.INT64, [None])
    else:
        nodes[-1] = helper.make_node("Softmax", [f"z{i}"], ["p"], axis=1)
        shape = [None, model.coefs_[-1].shape[1]]
        output = helper.make_tensor_value_info("p", TensorProto.FLOAT, shape)
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, X.shape[1]])
    graph = helper.make_graph(nodes, "network", [x], [output], constants)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        made.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return lambda: session.run(None, {"x": X})[0]


def prepare(contestant, case, threads):
    n_features, hidden, n_classes, n_rows, asked = CASES[case]
    kind, classes = contestant.split(",")[0], asked == "classes"
    model = _fitted("minnet" if kind == "minnet" else "sklearn", n_features, hidden, n_classes)
    rng = np.random.default_rng(1)
    X = rng.standard_normal((n_rows, n_features), dtype=np.float32)
    of_model = model.predict if classes else model.predict_proba
    expected = of_model(X)
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
        call = make(model, X, threads, classes) if make else lambda: of_model(X)
        got = call()
    wanted = np.int64 if classes else np.float32
    if got.dtype != wanted or not np.allclose(got, expected, atol=1e-4):
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


PEERS = ["scikit-learn", "PyTorch", "onnxruntime"]
ROWS = {
    "inference-one": _row(
        "one", ["minnet", *PEERS, "minnet, network.forward", "minnet, predictor"],
        "one row of 64 → 64 → 10",
        "`predict_proba` ≤ 9 µs, `network.forward` ≤ 4 µs, `predictor` ≤ 3 µs",
    ),
    "inference-predict": _row(
        "predict", ["minnet", *PEERS], "the class of one row of 64 → 64 → 10", ""
    ),
    "inference-thousand": _row(
        "thousand", ["minnet", *PEERS, "minnet, predictor"], "1,000 rows of 64 → 64 → 10", ""
    ),
    "inference-many": _row(
        "many", ["minnet", *PEERS], "10,000 rows of 784 → 256 → 10", "≥ 1.3× the best"
    ),
}  # fmt: skip


def render(results, ceilings):
    text = (
        "float32 in, probabilities out, or the class: `predict_proba` and `predict` of minnet and "
        "scikit-learn, which check their input; minnet's `predictor()`, PyTorch under `inference_mode`, "
        "onnxruntime with the same weights in one session, which do not."
    )
    return render_rows("Inference", text, ROWS, results)
