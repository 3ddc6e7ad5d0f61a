# What the compiled modules of minnet share: the table of kernels and the thread count.

from libc.stdint cimport int64_t, uint32_t, uint64_t


cdef extern from "program.h" nogil:
    ctypedef struct minnet_layer:
        int64_t kind

    ctypedef struct minnet_network:
        const minnet_layer *layers
        int64_t n_layers, loss
        double loss_parameter
        double alpha
        void *params
        void *state

    ctypedef struct minnet_data:
        const char *X
        int64_t row_stride, column_stride
        const int64_t *indptr
        const void *indices
        int64_t wide_indices
        const int64_t *classes
        const char *T
        int64_t t_row_stride, t_column_stride
        const double *weights
        const int64_t *order
        int64_t n_samples
        double weight_sum

    ctypedef struct minnet_hyper:
        int64_t batch_size, start, stop
        const double *rates
        int64_t optimizer, nesterov
        double momentum, beta_1, beta_2, epsilon
        double weight_decay, clip_value, clip_norm
        void *V
        void *M
        int64_t steps_made
        int64_t position
        uint64_t key
        int64_t n_threads
        double *lazy
        void *workspace
        int64_t workspace_bytes
        void *gradient
        double *losses


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
        const minnet_network *network, const minnet_data *data, minnet_hyper *hyper, void *to
    ) noexcept nogil

    ctypedef int (*minnet_gemm)(
        Py_ssize_t M, Py_ssize_t K, Py_ssize_t N, const void *A, Py_ssize_t lda, const void *B,
        void *to, int64_t n_threads
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


cdef const minnet_kernels *kernels

cpdef int effective_n_threads(object n_threads=*) except -1
