"""Initialization: the time to make a weight matrix."""

import math

import numpy as np

from benchmarks.comparison import render as render_rows
from benchmarks.comparison import repeated, row
from benchmarks.runner import Job

__all__ = ["ROWS", "prepare", "render"]


def _minnet(law, n):
    from minnet.initializers import GlorotUniform, HeNormal, Orthogonal

    initializer = {"glorot_uniform": GlorotUniform, "he_normal": HeNormal, "orthogonal": Orthogonal}
    make, count = initializer[law](), 0

    def call():
        nonlocal count
        count += 1
        return make((n, n), rng=count, dtype="float32")

    return call


def _torch(law, n, in_place=False):
    import torch
    from torch.nn import init

    fill = {
        "glorot_uniform": init.xavier_uniform_,
        "he_normal": lambda W: init.kaiming_normal_(W, nonlinearity="relu"),
        "orthogonal": init.orthogonal_,
    }[law]
    torch.manual_seed(0)
    if in_place:
        W = torch.zeros(n, n)
        return lambda: fill(W).numpy()
    return lambda: fill(torch.empty(n, n)).numpy()


def _numpy(law, n):
    rng = np.random.default_rng(0)

    def glorot_uniform():
        limit = math.sqrt(6 / (n + n))
        W = rng.random((n, n), dtype=np.float32)
        W *= np.float32(2 * limit)
        W -= np.float32(limit)
        return W

    def he_normal():
        W = rng.standard_normal((n, n), dtype=np.float32)
        W *= np.float32(math.sqrt(2 / n))
        return W

    def orthogonal():
        Q, R = np.linalg.qr(rng.standard_normal((n, n), dtype=np.float32))
        return Q * np.sign(np.diag(R))

    return {"glorot_uniform": glorot_uniform, "he_normal": he_normal, "orthogonal": orthogonal}[law]


def prepare(contestant, law, n, threads):
    """Return the burst of a contestant, once its matrix is seen to follow the law."""
    if contestant.startswith("PyTorch"):
        import torch

        torch.set_num_threads(threads)
        call = _torch(law, n, in_place=contestant.endswith("in place"))
    else:
        call = {"minnet": _minnet, "NumPy": _numpy}[contestant](law, n)
    W = call()
    std = {"glorot_uniform": 1 / math.sqrt(n), "he_normal": math.sqrt(2 / n)}
    if W.dtype != np.float32 or W.shape != (n, n):
        raise RuntimeError(f"{W.shape} of {W.dtype}")
    if law == "orthogonal":
        error = float(np.abs(W.T @ W - np.eye(n)).max())
        if error > 1e-4:
            raise RuntimeError(f"not orthogonal: {error}")
    elif abs(float(W.std()) / std[law] - 1) > 0.01 or abs(float(W.mean())) > std[law] / 100:
        raise RuntimeError(f"mean {W.mean()}, standard deviation {W.std()}")
    return repeated(call), {}


def _row(law, n, goal):
    names = ["minnet", "PyTorch", "PyTorch, in place", "NumPy"]

    def jobs(options):
        return [
            Job(name, "benchmarks.initialization:prepare",
                {"contestant": name, "law": law, "n": n, "threads": options.threads})
            for name in names
        ]  # fmt: skip

    return row(jobs, f"{law}, {n} × {n}", goal)


ROWS = {
    "initialization-glorot_uniform": _row("glorot_uniform", 4096, "≥ 6× torch.nn.init"),
    "initialization-he_normal": _row("he_normal", 4096, "≥ 4.5× torch.nn.init"),
    "initialization-orthogonal": _row("orthogonal", 1024, "> 1× torch.nn.init"),
}


def render(results, ceilings):
    text = (
        'A new float32 matrix with each call: `GlorotUniform()((n, n), rng=seed, dtype="float32")`, '
        "`torch.nn.init` on `torch.empty`, NumPy's Generator in float32. *In place*: PyTorch writes to "
        "the same memory every time."
    )
    return render_rows("Initialization", text, ROWS, results)
