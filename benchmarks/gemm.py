"""The matrix product alone: OpenBLAS through NumPy, and minnet's own if it can be called."""

import numpy as np

from benchmarks.comparison import render as render_rows
from benchmarks.comparison import repeated, row
from benchmarks.runner import Job

__all__ = ["ROWS", "prepare", "render"]

SQUARES = (512, 1024, 2048)
SKINNY = ((10, 1000, 1000), (32, 64, 64), (16, 784, 256))


def own_gemm():
    """Return minnet's product, ``gemm(A, B, out, n_threads)``, or None: it is no public function."""
    try:
        from minnet_ext import _runtime
    except ImportError:
        return None
    return getattr(_runtime, "gemm", None)


def prepare(contestant, m, k, n, threads):
    rng = np.random.default_rng(0)
    A = rng.standard_normal((m, k), dtype=np.float32)
    B = rng.standard_normal((k, n), dtype=np.float32)
    out = np.zeros((m, n), np.float32)
    if contestant == "minnet":
        gemm = own_gemm()
        if gemm is None:
            raise RuntimeError("minnet has no matrix product of its own to call: not measured")

        def call():
            gemm(A, B, out, threads)
    else:

        def call():
            np.matmul(A, B, out=out)

    call()
    if not np.allclose(out, A.astype(np.float64) @ B, rtol=1e-3, atol=1e-3):
        raise RuntimeError("the product is wrong")
    return repeated(call), {}


def _row(m, k, n, threads, goal):
    def jobs(options):
        used = min(threads, options.threads)
        return [
            Job(name, "benchmarks.gemm:prepare",
                {"contestant": name, "m": m, "k": k, "n": n, "threads": used}, threads=used)
            for name in ("minnet", "OpenBLAS")
        ]  # fmt: skip

    run = row(jobs, f"{m} × {k} × {n}, {threads} thread{'s' * (threads > 1)}", goal)
    run.flops = 2 * m * k * n
    return run


ROWS = {
    f"gemm-{m}x{k}x{n}-{threads}": _row(m, k, n, threads, goal)
    for shapes, goal in (
        ([(n, n, n) for n in SQUARES], "≥ 0.95× OpenBLAS"),
        (SKINNY, "≥ 1.2× OpenBLAS"),
    )
    for m, k, n in shapes
    for threads in (1, 2)
}


def render(results, ceilings):
    text = "float32, `out=` given. "
    rates = []
    for name, run in ROWS.items():
        record = results.get(name, {}).get("OpenBLAS")
        if record is not None and record.bursts:
            rates.append(f"{run.title} {run.flops / np.median(record.values()) / 1e9:.0f}")
    if rates:
        text += f"OpenBLAS in Gflop/s: {'; '.join(rates)}."
    return render_rows("The matrix product alone", text, ROWS, results)
