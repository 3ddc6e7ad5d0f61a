"""What was measured, where and when."""

import datetime
import os
import platform
import sys
from importlib import metadata
from pathlib import Path

__all__ = ["commit", "cpu_name", "describe", "load"]

PACKAGES = (
    "minnet-learn",
    "numpy",
    "scipy",
    "scikit-learn",
    "torch",
    "jax",
    "jaxlib",
    "onnxruntime",
)


def cpu_name():
    """Return the CPU's name, family and model."""
    try:
        text = Path("/proc/cpuinfo").read_text().split("\n\n")[0]
    except OSError:
        return platform.processor() or platform.machine()
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    fields = {key.strip(): value.strip() for key, value in fields.items()}
    flags = fields.get("flags", "").split()
    wide = [flag for flag in ("avx2", "fma", "avx512f") if flag in flags]
    name = fields.get("model name", platform.machine())
    return f"{name} (family {fields.get('cpu family')}, model {fields.get('model')}; {', '.join(wide)})"


def _caches():
    found = []
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = (
            (index / name).read_text().strip() for name in ("level", "type", "size")
        )
        if kind != "Instruction":
            found.append(f"L{level} {size}")
    return ", ".join(found)


def commit():
    """Return the commit that the installed minnet was built from: the Makefile notes it."""
    try:
        return (Path(sys.prefix) / "stamps" / "minnet").read_text().strip() or "unknown"
    except OSError:
        return "unknown (not installed by `make bench`)"


def load():
    """Return the load of the last minute."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")


def describe(threads, blas, packages=PACKAGES):
    """Return lines of Markdown: machine, versions, date."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in packages)
    now = datetime.datetime.now(datetime.UTC)
    lines = [
        f"Date: {now:%Y-%m-%d %H:%M} UTC",
        f"Machine: {cpu_name()}, {cpus} CPUs, caches {_caches() or 'unknown'}, {platform.platform()}",
        f"Versions: Python {platform.python_version()}, {versions}; minnet from commit {commit()}",
        f"Threads: {threads} (`OMP_NUM_THREADS={threads}`, `torch.set_num_threads`, affinity); BLAS: "
        f"{'; '.join(blas) or 'not asked'}",
    ]
    return "\n".join(f"- {line}" for line in lines) + "\n"
