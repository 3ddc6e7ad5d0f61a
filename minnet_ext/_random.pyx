"""Fills arrays with the laws of ``minnet.random``, to the same bits, on several threads.

Each function takes a stream's address (key, index, code of its name), the number of the first
value and an array to fill; then the law's parameters, as ``minnet.random`` computes them.
"""

from cython cimport floating
from cython.parallel cimport prange
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memset

from minnet_ext._runtime cimport effective_n_threads, kernels, minnet_draw, minnet_fill, startable

# Values that a thread takes at a time, some 30 microseconds; a draw of one piece needs no threads.
cdef int64_t PIECE = 1 << 15
# Bytes of a large page, of which the system clears all at the first touch: two threads that touch the same
# one clear it twice, and wait. Where each has many of them to write, a thread takes whole ones.
cdef int64_t PAGE = 1 << 21
cdef int64_t MANY = 8


cdef int run(
    minnet_fill fill,
    const minnet_draw *draw,
    uint64_t start,
    int64_t n,
    char *out,
    size_t size,
    object n_threads,
) except -1:
    """Call `fill` for pieces of the draw; any cut gives the same values."""
    cdef int64_t i, begin, end, step = PIECE, first = PIECE, n_pieces = (n + PIECE - 1) // PIECE
    cdef int threads = 1
    if n_pieces > 1:
        threads = startable(min(effective_n_threads(n_threads), n_pieces))
    if n * <int64_t> size >= threads * MANY * PAGE:
        step = PAGE // <int64_t> size
        first = (PAGE - <int64_t> (<size_t> out % <size_t> PAGE)) // <int64_t> size
        n_pieces = 1 + (n - first + step - 1) // step
    with nogil:
        if threads <= 1:
            fill(draw, start, n, out)
        else:
            for i in prange(n_pieces, num_threads=threads, schedule="dynamic"):
                begin = max(0, first + (i - 1) * step)
                end = min(n, first + i * step)
                fill(draw, start + <uint64_t> begin, end - begin, out + begin * <int64_t> size)
    return 0


cdef minnet_draw address(uint64_t key, uint32_t index, uint32_t code):
    cdef minnet_draw draw
    memset(&draw, 0, sizeof(draw))
    draw.key[0] = key & <uint64_t> 0xFFFFFFFF
    draw.key[1] = key >> 32
    draw.stream[0] = index
    draw.stream[1] = code
    return draw


cdef int run_real(
    minnet_fill fill_f32,
    minnet_fill fill_f64,
    const minnet_draw *draw,
    uint64_t start,
    floating[::1] out,
    object n_threads,
) except -1:
    if out.shape[0] == 0:
        return 0
    return run(
        fill_f32 if floating is float else fill_f64,
        draw,
        start,
        out.shape[0],
        <char *> &out[0],
        sizeof(floating),
        n_threads,
    )


def fill_words(
    uint64_t key, uint32_t index, uint32_t code, uint64_t start, uint32_t[::1] out, n_threads=None
):
    cdef minnet_draw draw = address(key, index, code)
    if out.shape[0] > 0:
        run(kernels.words, &draw, start, out.shape[0], <char *> &out[0], 4, n_threads)


def fill_uniform(
    uint64_t key,
    uint32_t index,
    uint32_t code,
    uint64_t start,
    floating[::1] out,
    double mid,
    double half,
    double low,
    double high,
    n_threads=None,
):
    cdef minnet_draw draw = address(key, index, code)
    draw.p[0], draw.p[1], draw.p[2], draw.p[3] = mid, half, low, high
    run_real(kernels.uniform_f32, kernels.uniform_f64, &draw, start, out, n_threads)


def fill_normal(
    uint64_t key,
    uint32_t index,
    uint32_t code,
    uint64_t start,
    floating[::1] out,
    double mean,
    double std,
    n_threads=None,
):
    cdef minnet_draw draw = address(key, index, code)
    draw.p[0], draw.p[1] = mean, std
    run_real(kernels.normal_f32, kernels.normal_f64, &draw, start, out, n_threads)


def fill_truncated(
    uint64_t key,
    uint32_t index,
    uint32_t code,
    uint64_t start,
    floating[::1] out,
    double mean,
    double std,
    double p_lower,
    double p_width,
    double lower,
    double upper,
    double sign,
    n_threads=None,
):
    cdef minnet_draw draw = address(key, index, code)
    draw.p[0], draw.p[1], draw.p[2], draw.p[3] = mean, std, p_lower, p_width
    draw.p[4], draw.p[5], draw.p[6] = lower, upper, sign
    run_real(kernels.truncated_f32, kernels.truncated_f64, &draw, start, out, n_threads)
