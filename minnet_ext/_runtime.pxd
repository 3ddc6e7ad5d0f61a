# What the compiled modules of minnet share: the table of kernels and the thread count.

from libc.stdint cimport int64_t, uint32_t, uint64_t

from minnet_ext._program cimport (
    minnet_data,
    minnet_hyper,
    minnet_member,
    minnet_network,
    minnet_outputs,
)


cdef extern from "table.h" nogil:
    ctypedef struct minnet_draw:
        uint32_t[2] key
        uint32_t[2] stream
        double[8] p

    ctypedef void (*minnet_fill)(
        const minnet_draw *draw, uint64_t start, size_t n, void *out
    ) noexcept nogil

    ctypedef int64_t (*minnet_train)(
        const minnet_network *network,
        const minnet_data *data,
        minnet_hyper *hyper,
        int64_t n_params,
    ) noexcept nogil

    ctypedef int (*minnet_infer)(
        const minnet_network *network, const minnet_data *data, minnet_outputs *outputs, void *to
    ) noexcept nogil

    ctypedef int (*minnet_gemm)(
        Py_ssize_t M, Py_ssize_t K, Py_ssize_t N, const void *A, Py_ssize_t lda, const void *B,
        void *to, int64_t n_threads
    ) noexcept nogil

    ctypedef void (*minnet_advance)(
        minnet_member *members, int64_t n, int64_t most, char *memory, int64_t bytes,
        int64_t n_threads
    ) noexcept nogil

    ctypedef int (*minnet_score)(
        minnet_member *member, double *score, double *loss
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
        minnet_train train_f32
        minnet_train train_f64
        minnet_infer infer_f32
        minnet_infer infer_f64
        minnet_gemm gemm_f32
        minnet_gemm gemm_f64
        minnet_advance members_f32
        minnet_advance members_f64
        minnet_score score_f32
        minnet_score score_f64


cdef const minnet_kernels *kernels

cdef int startable(int64_t n_threads) noexcept nogil

cpdef int effective_n_threads(object n_threads=*) except -1
