"""The table of kernels for this CPU, how many threads to use, and the product of two matrices."""

import os

import joblib

from cython cimport floating
from libc.stdint cimport int64_t

from minnet_ext._program cimport MINNET_DIGEST
from minnet_ext._runtime cimport minnet_kernels

cdef extern from "dispatch.h" nogil:
    const minnet_kernels **minnet_levels
    bint minnet_supported(const minnet_kernels *level)
    void minnet_watch_fork()
    bint minnet_openmp()
    int minnet_max_threads()
    bint minnet_forked
    bint MINNET_DEBUG  # a macro that setup.py defines


def _available():
    """Names of the levels compiled in that this CPU can run, best first."""
    cdef int i = 0
    names = []
    while minnet_levels[i] != NULL:
        if minnet_supported(minnet_levels[i]):
            names.append(minnet_levels[i].name.decode())
        i += 1
    return tuple(names)


cdef extern from "startable.h" nogil:
    int minnet_startable(int n)


cdef int startable(int64_t n_threads) noexcept nogil:
    """Return how many of so many threads can be made, where a process may not have more."""
    return minnet_startable(<int> n_threads)


cdef int choose(str wanted) except -1:
    """Point `kernels` at the level named, or at the best one."""
    global kernels
    cdef int i = 0
    if wanted and wanted not in cpu_levels:
        raise RuntimeError(
            f"MINNET_CPU must be one of {', '.join(cpu_levels)} on this machine, got {wanted!r}."
        )
    while minnet_levels[i] != NULL:
        name = minnet_levels[i].name.decode()
        if name == wanted or (not wanted and name in cpu_levels):
            kernels = minnet_levels[i]
            return 0
        i += 1
    return 0


cpu_levels = _available()
choose(os.environ.get("MINNET_CPU", ""))
minnet_watch_fork()

cpu_level = kernels.name.decode()
has_openmp = bool(minnet_openmp())
debug = bool(MINNET_DEBUG)
table_digest = MINNET_DIGEST.decode()

cdef int n_cpus = 0  # looked up at the first need: it may start a process


cpdef int effective_n_threads(object n_threads=None) except -1:
    """Return the number of threads to use, as scikit-learn and joblib count them.

    Parameters
    ----------
    n_threads : None or int
        None: ``OMP_NUM_THREADS`` if it is set, else the physical cores that the CPU affinity and
        the container's quota leave.  A positive number is taken as it is, a negative one counts
        back from that maximum: -1 is all of them.

    Returns
    -------
    n_threads : int
        At least 1; always 1 without OpenMP, and in a process made by ``os.fork``, where GNU's
        OpenMP would wait for threads that do not exist.
    """
    global n_cpus
    cdef int limit
    if n_threads is not None and n_threads == 0:
        raise ValueError("n_threads must be None, a positive or a negative int, got 0.")
    if not has_openmp or minnet_forked:
        return 1
    if n_threads is not None and n_threads > 0:
        return n_threads
    limit = minnet_max_threads()
    if not os.environ.get("OMP_NUM_THREADS"):
        if n_cpus == 0:
            n_cpus = joblib.cpu_count(only_physical_cores=True)
        limit = min(limit, n_cpus)
    if n_threads is None:
        return max(1, limit)
    return max(1, limit + n_threads + 1)


def gemm(
    const floating[:, ::1] A,
    const floating[:, ::1] B,
    floating[:, ::1] out,  # OUT
    int64_t n_threads=1,
):
    """Write ``A @ B`` to ``out``: the product that the layers are made of, alone.

    Small products take one thread, whatever ``n_threads``.
    """
    cdef Py_ssize_t M = A.shape[0], K = A.shape[1], N = B.shape[1]
    cdef int status
    if B.shape[0] != K or out.shape[0] != M or out.shape[1] != N:
        raise ValueError(
            f"A, B and out must have shapes that fit, got {M, K}, {B.shape[0], N} and "
            f"{out.shape[0], out.shape[1]}"
        )
    if M == 0 or N == 0:
        return
    if K == 0:
        out[:, :] = 0
        return
    if M * K * N < 1 << 20:
        n_threads = 1
    n_threads = startable(n_threads)
    with nogil:
        if floating is float:
            status = kernels.gemm_f32(M, K, N, &A[0, 0], K, &B[0, 0], &out[0, 0], n_threads)
        else:
            status = kernels.gemm_f64(M, K, N, &A[0, 0], K, &B[0, 0], &out[0, 0], n_threads)
    if status != 0:
        raise MemoryError("no memory for the panels of a product")
