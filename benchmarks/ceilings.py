"""What this machine can do at most: arithmetic and bandwidth by C programs, beside OpenBLAS's product."""

import tempfile
import time

import numpy as np

from benchmarks import peak
from benchmarks.report import table
from benchmarks.runner import Job, alternate

__all__ = ["ROWS", "measured", "prepare", "render", "summary"]

SIZES_MB = (1, 4, 16, 64, 256)
SECONDS = 0.1  # of each C program in a burst

NO_COMPILER = (
    "No C compiler was at hand (`CC`, `cc`, `gcc`, `clang`): the processor's own peak was not measured, "
    "*peak* is OpenBLAS's product, which is below it, and bandwidths are unknown."
)


def _product(dtype, n=2048):
    rng = np.random.default_rng(0)
    A, B = (rng.standard_normal((n, n)).astype(dtype) for _ in range(2))
    out = np.empty_like(A)

    def rate():
        began = time.perf_counter()
        np.matmul(A, B, out=out)
        return 2 * n**3 / (time.perf_counter() - began)

    return rate


def prepare(threads):
    from threadpoolctl import threadpool_info, threadpool_limits

    blas = [
        f"{d['internal_api']} {d['version']} ({d.get('architecture')})" for d in threadpool_info()
    ]
    products = {dtype: _product(dtype) for dtype in ("float32", "float64")}
    command = peak.compiler()
    folder = tempfile.TemporaryDirectory()
    programs = peak.build(folder.name, command) if command else {}

    def burst(seconds):
        answer = {"seconds": seconds} | peak.measure(programs, threads, SECONDS, SIZES_MB)
        for count in sorted({1, threads}):
            with threadpool_limits(count):
                for dtype, rate in products.items():
                    name = f"product {dtype}, {count} thread{'s' * (count > 1)}"
                    answer[name] = max(rate() for _ in range(3))
        return answer

    burst.folder = folder  # is deleted with it
    return burst, {"blas": blas, "threads": threads, "compiled": bool(programs)}


def _run(options):
    jobs = [Job("ceilings", "benchmarks.ceilings:prepare", {"threads": options.threads})]
    return alternate(jobs, options)


ROWS = {"ceilings": _run}


def measured(options):
    """Measure the ceilings alone; return what `summary` makes of them."""
    return summary({"ceilings": _run(options)})


def summary(results):
    """Return the best rates seen, in flops and bytes a second, for the other sections.

    "float32", "float64" and, if there are such products, "bf16": the peak of all threads, of the best CPU
    level, or of OpenBLAS where no program could be compiled. "bandwidth": tuples of bytes, the rate of
    reading and that of updating in place. "one thread": the same of one thread. "rates": all by name.
    """
    record = results.get("ceilings", {}).get("ceilings")
    if record is None or not record.bursts:
        return {}
    worked = ("seconds", "wall", "cpu", "idle", "others")
    names = [key for key in next(iter(record.bursts.values())) if key not in worked]
    rates = {name: float(record.values(name).max()) for name in names}
    threads, compiled = record.info["threads"], record.info["compiled"]
    one = _of(rates, "1 thread", compiled)
    best = one if threads == 1 else _of(rates, f"{threads} threads", compiled)
    for kind in set(peak.KINDS) & set(best):  # one may reach more where others use the machine
        best[kind] = max(best[kind], one[kind])
    by = "the processor's own peak" if compiled else "OpenBLAS's product"
    text = (
        f"{best['float32'] / 1e9:.0f} (float32) and {best['float64'] / 1e9:.0f} (float64) Gflop/s, "
        f"{by} with {threads} thread{'s' * (threads > 1)}"
    )
    return best | {
        "one thread": one, "rates": rates, "text": text, "blas": record.info["blas"],
        "threads": threads, "compiled": compiled,
    }  # fmt: skip


def _of(rates, threads, compiled):
    """Return the peaks and bandwidths of so many threads."""
    found = {}
    for kind in peak.KINDS:
        first = f"{kind}, " if compiled else f"product {kind}, "
        of_levels = [
            rate
            for name, rate in rates.items()
            if name.startswith(first) and name.endswith(threads)
        ]
        if of_levels:
            found[kind] = max(of_levels)
    found["bandwidth"] = [
        (size * 2**20, *(rates[f"{what}, {size} MB, {threads}"] for what in ("read", "update")))
        for size in SIZES_MB
        if f"read, {size} MB, {threads}" in rates
    ]
    return found


def render(results, ceilings):
    if not ceilings:
        return ""
    record, lines = results["ceilings"]["ceilings"], {}
    for name, best in ceilings["rates"].items():
        what, _, _ = name.rpartition(", ")
        unit = "GB/s" if what.startswith(("read", "update")) else "Gflop/s"
        what = what.replace("product", "OpenBLAS's product of 2048 × 2048,")
        what = what.replace("bf16,", "bf16 products, float32 sums,")
        rates = f"{best / 1e9:.0f} ({np.median(record.values(name)) / 1e9:.0f})"
        lines.setdefault(what, [what, unit]).append(rates)
    counts = sorted({1, ceilings["threads"]})
    head = ["what", "unit", *(f"{n} thread{'s' * (n > 1)}" for n in counts)]
    text = (
        "Arithmetic: loops that multiply and add in registers, one for each CPU level that minnet's "
        "kernels have (`peak.c`; FMA, but at the baseline of x86 a multiplication and an addition), and "
        "beside them NumPy's product through OpenBLAS. Moving: all numbers of an array are summed, or "
        "updated in place, for which bytes read and bytes written count (`bandwidth.c`). An array's size "
        "is that of all threads together; each thread is pinned to a CPU. *Of peak* and floors refer to "
        "the fastest loop of all threads. Given are the best burst and, in brackets, the median over "
        "rounds of the best of each."
    )
    if not ceilings["compiled"]:
        text = f"{NO_COMPILER} It is NumPy's product, called with `out=`."
    return f"## What the machine can do\n\n{text}\n\n{table(head, lines.values())}"
