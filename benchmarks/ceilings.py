"""What this machine can do at most: arithmetic by OpenBLAS's product, bandwidth by reading and copying."""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from benchmarks.report import table
from benchmarks.runner import Job, alternate

__all__ = ["ROWS", "prepare", "render", "summary"]

SIZES_MB = (1, 4, 16, 64, 256)


def _product(dtype, n=2048):
    rng = np.random.default_rng(0)
    A, B = (rng.standard_normal((n, n)).astype(dtype) for _ in range(2))
    out = np.empty_like(A)

    def rate():
        began = time.perf_counter()
        np.matmul(A, B, out=out)
        return 2 * n**3 / (time.perf_counter() - began)

    return rate


def _bandwidth(megabytes, threads, pool, copy):
    """Return a function that reads (a dot product with itself) or copies an array by halves."""
    parts = [np.ones(megabytes * 2**18 // threads, np.float32) for _ in range(threads)]
    targets = [np.ones_like(part) for part in parts]
    repeats = max(1, 256 // megabytes)

    def work(i):
        for _ in range(repeats):
            if copy:
                np.copyto(targets[i], parts[i])
            else:
                np.dot(parts[i], parts[i])

    def rate():
        began = time.perf_counter()
        list(pool.map(work, range(threads)))
        moved = repeats * megabytes * 2**20 * (2 if copy else 1)
        return moved / (time.perf_counter() - began)

    return rate


def prepare(threads):
    from threadpoolctl import threadpool_info, threadpool_limits

    blas = [
        f"{d['internal_api']} {d['version']} ({d.get('architecture')})" for d in threadpool_info()
    ]
    pool = ThreadPoolExecutor(threads)
    products = {dtype: _product(dtype) for dtype in ("float32", "float64")}

    def burst(seconds):
        answer = {"seconds": seconds}
        for dtype, rate in products.items():
            answer[dtype] = max(rate() for _ in range(3))
        with threadpool_limits(1):
            for dtype, rate in products.items():
                answer[f"{dtype}, 1 thread"] = max(rate() for _ in range(2))
            for megabytes in SIZES_MB:
                for kind in ("read", "copy"):
                    rate = _bandwidth(megabytes, threads, pool, kind == "copy")
                    rate()
                    answer[f"{kind} {megabytes} MB"] = max(rate() for _ in range(2))
        return answer

    return burst, {"blas": blas}


def _run(options):
    jobs = [Job("ceilings", "benchmarks.ceilings:prepare", {"threads": options.threads})]
    return alternate(jobs, options)


ROWS = {"ceilings": _run}


def summary(results):
    """Return the best rates seen, in flops and bytes a second, for the other sections."""
    record = results.get("ceilings", {}).get("ceilings")
    if record is None or not record.bursts:
        return {}
    best = {key: float(record.values(key).max()) for key in next(iter(record.bursts.values()))}
    for dtype in ("float32", "float64"):  # one thread may reach more where others use the machine
        best[dtype] = max(best[dtype], best[f"{dtype}, 1 thread"])
    bandwidth = [(size * 2**20, best[f"read {size} MB"]) for size in SIZES_MB]
    text = (
        f"{best['float32'] / 1e9:.0f} (float32) and {best['float64'] / 1e9:.0f} (float64) Gflop/s"
    )
    return best | {"bandwidth": bandwidth, "text": text, "blas": record.info["blas"]}


def render(results, ceilings):
    if not ceilings:
        return ""
    record = results["ceilings"]["ceilings"]
    lines = []
    for key, best in ceilings.items():
        if key.startswith("float"):
            unit = "Gflop/s"
            name = f"product of 2048 × 2048, {key}" + ("" if "," in key else ", all threads")
        elif key.startswith(("read", "copy")):
            unit, name = "GB/s", f"{key}, all threads"
        else:
            continue
        lines.append(
            [name, f"{best / 1e9:.0f} {unit}", f"{np.median(record.values(key)) / 1e9:.0f}"]
        )
    text = (
        "Arithmetic: NumPy's product through OpenBLAS. Reading: the dot product of an array with itself; "
        "copying counts bytes read and bytes written. An array's size is that of all threads together."
    )
    return f"## What the machine can do\n\n{text}\n\n{table(['what', 'most', 'median'], lines)}"
