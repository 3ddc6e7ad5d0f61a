# What the compiled modules of minnet share: the table of kernels and the thread count.

from libc.stdint cimport uint32_t, uint64_t


cdef extern from "table.h" nogil:
    ctypedef struct minnet_draw:
        uint32_t[2] key
        uint32_t[2] stream
        double[8] p

    ctypedef void (*minnet_fill)(
        const minnet_draw *draw, uint64_t start, size_t n, void *out
    ) noexcept nogil

    ctypedef struct minnet_kernels:
        const char *name
        minnet_fill words
        minnet_fill uniform_f32
        minnet_fill uniform_f64
        minnet_fill normal_f32
        minnet_fill normal_f64
        minnet_fill truncated_f32
        minnet_fill truncated_f64


cdef const minnet_kernels *kernels

cpdef int effective_n_threads(object n_threads=*) except -1
