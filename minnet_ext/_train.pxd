# What the compiled steps of one network have in common with those of an ensemble's members.

from libc.stdint cimport int64_t, uint64_t

from minnet_ext._program cimport minnet_data, minnet_hyper, minnet_layer, minnet_network

cdef int refuse(str what) except -1

cdef bint within(const int64_t *order, int64_t first, int64_t last, int64_t n) noexcept nogil


cdef class Program:
    cdef signed char[::1] table
    cdef const signed char[::1] columns, pieces  # which the table has the addresses of
    cdef const minnet_layer *layers
    cdef int64_t n_layers, n_in, n_out, n_first, n_params, n_state, itemsize, widest, most_rows
    cdef double widths
    cdef uint64_t key
    cdef signed char[::1] workspace
    cdef object numbers  # room for what several processes sum up
    cdef bint busy
    cdef readonly bint ended

    cdef int point_to_columns(self, columns, pieces) except -1

    cdef list point(
        self, tuple loss, double alpha, params, state, X, T, weights, hyper, dict optimizer,
        minnet_network *net, minnet_data *data, minnet_hyper *h
    )
