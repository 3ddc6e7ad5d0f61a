"""The compiled part of minnet: kernels in C behind thin Cython modules.

Attributes
----------
cpu_level : str
    Level of the kernels in use: "v4" (AVX-512), "v3" (AVX2, FMA, BMI), "baseline" (what every CPU
    of the architecture has) or "scalar" (plain C).  The environment variable ``MINNET_CPU``, read when
    this package is imported, names another one; a level that this build or this machine does not
    have is a RuntimeError, so that a typing error does not pass for a choice.
cpu_levels : tuple of str
    Levels that this build has and this machine can run, best first.
has_openmp : bool
    Whether the kernels may use several threads.
debug : bool
    Whether it was built with ``MINNET_DEBUG=1``: bounds are checked.
table_digest : str
    Of minnet/backends/formulas.py when it was built: what ``minnet.backends.formulas.digest`` must return.
"""

from minnet_ext._runtime import (
    cpu_level,
    cpu_levels,
    debug,
    effective_n_threads,
    has_openmp,
    table_digest,
)


def max_threads() -> int:
    """Return the number of threads that large draws use by default."""
    return effective_n_threads()


__all__ = [
    "cpu_level",
    "cpu_levels",
    "debug",
    "effective_n_threads",
    "has_openmp",
    "max_threads",
    "table_digest",
]
