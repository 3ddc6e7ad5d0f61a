"""Calls the compiled steps of training with the memory of NumPy arrays."""

import numpy as np

from cython cimport floating
from libc.math cimport INFINITY
from libc.stdint cimport int64_t, uint64_t

from minnet_ext._program cimport minnet_data, minnet_hyper, minnet_layer, minnet_network
from minnet_ext._runtime cimport kernels, startable


cdef int point_to(minnet_data *data, const floating[:, :] X, csr) except -1:
    """Let ``data`` point to the inputs; the caller keeps ``X`` or the arrays of ``csr`` alive."""
    cdef const int64_t[::1] indptr
    cdef const signed char[::1] indices
    cdef const floating[::1] values
    data.indptr = NULL
    if csr is None:
        data.X = <const char *> &X[0, 0]
        data.row_stride, data.column_stride = X.strides[0], X.strides[1]
        data.n_samples = X.shape[0]
    else:
        indptr, values = csr[0], csr[2]
        data.wide_indices = csr[1].itemsize == 8
        indices = csr[1].view(np.int8)
        data.n_samples = indptr.shape[0] - 1
        data.indptr = &indptr[0]
        data.indices = &indices[0] if indices.shape[0] > 0 else NULL
        data.X = <const char *> &values[0] if values.shape[0] > 0 else NULL
    return 0


def train_steps(
    const signed char[::1] layers,  # IN: bytes of an array of minnet.backends.program.LAYER
    int64_t loss,
    double loss_parameter,
    double alpha,
    floating[::1] params,  # IN, OUT
    floating[::1] state,  # IN, OUT: running averages
    const floating[:, :] X,  # or None and
    csr,  # (indptr, indices, values), or None
    const int64_t[:] classes,  # targets of a softmax, or None
    const floating[:, :] T,  # other targets, or None
    const double[::1] weights,  # or None
    const int64_t[::1] order,  # or None
    double weight_sum,
    int64_t batch_size,
    int64_t start,
    int64_t stop,
    const double[::1] rates,
    dict optimizer,
    floating[:, ::1] optimizer_state,  # IN, OUT
    double weight_decay,
    clip_value,
    clip_norm,
    int64_t position,
    uint64_t key,
    int64_t n_threads,
    signed char[::1] workspace,
    double[::1] losses,  # OUT: objective times length of batch, one a step of the epoch
    double[::1] lazy=None,  # IN, OUT: see minnet_ext/kernels/sparse_step.h
    floating[::1] gradient=None,  # OUT: where given, the gradient of the step, which is not taken
):
    """Take the steps ``start`` to ``stop - 1`` of an epoch, in place; return 0.

    With too little workspace, nothing is done, and the number of bytes needed is returned.
    """
    cdef minnet_network network
    cdef minnet_data data
    cdef minnet_hyper hyper
    cdef int64_t status
    cdef int64_t n_params = params.shape[0]

    network.layers = <const minnet_layer *> &layers[0]
    network.n_layers = layers.shape[0] // sizeof(minnet_layer)
    network.loss = loss
    network.loss_parameter = loss_parameter
    network.alpha = alpha
    network.params = &params[0]
    network.state = &state[0] if state.shape[0] > 0 else NULL

    point_to(&data, X, csr)
    data.classes = NULL
    data.T = NULL
    data.t_row_stride = data.t_column_stride = 0
    cdef const int64_t[::1] contiguous
    if classes is not None:
        contiguous = np.ascontiguousarray(classes)
        data.classes = &contiguous[0]
    else:
        data.T = <const char *> &T[0, 0]
        data.t_row_stride, data.t_column_stride = T.strides[0], T.strides[1]
    data.weights = &weights[0] if weights is not None else NULL
    data.order = &order[0] if order is not None else NULL
    data.weight_sum = weight_sum

    hyper.batch_size, hyper.start, hyper.stop = batch_size, start, stop
    hyper.rates = &rates[0]
    hyper.optimizer = optimizer["kind"]
    hyper.nesterov = optimizer["nesterov"]
    hyper.momentum = optimizer["momentum"]
    hyper.beta_1, hyper.beta_2 = optimizer["beta_1"], optimizer["beta_2"]
    hyper.epsilon = optimizer["epsilon"]
    hyper.steps_made = optimizer["step"]
    hyper.weight_decay = weight_decay
    hyper.clip_value = INFINITY if clip_value is None else clip_value
    hyper.clip_norm = INFINITY if clip_norm is None else clip_norm
    cdef int64_t V = optimizer["V"], M = optimizer["M"]  # rows of the state, or -1
    hyper.V = &optimizer_state[V, 0] if V >= 0 else NULL
    hyper.M = &optimizer_state[M, 0] if M >= 0 else NULL
    hyper.position = position
    hyper.key = key
    hyper.n_threads = startable(n_threads)
    hyper.workspace, hyper.workspace_bytes = &workspace[0], workspace.shape[0]
    hyper.lazy = &lazy[0] if lazy is not None else NULL
    hyper.losses = &losses[start]
    hyper.gradient = &gradient[0] if gradient is not None else NULL
    with nogil:
        if floating is float:
            status = kernels.train_f32(&network, &data, &hyper, n_params)
        else:
            status = kernels.train_f64(&network, &data, &hyper, n_params)
    if status < 0:
        raise MemoryError("no memory for the buffers of a training step")
    return status


def infer(
    const signed char[::1] layers,  # IN: bytes of an array of minnet.backends.program.LAYER
    const floating[::1] params,
    const floating[::1] state,
    const floating[:, :] X,  # or None and
    csr,  # (indptr, indices, values), or None
    floating[:, ::1] out,  # OUT: logits
    int64_t n_threads,
):
    """Write the logits of all rows of ``X`` to ``out``."""
    cdef minnet_network network
    cdef minnet_data data
    cdef minnet_hyper hyper
    cdef int status
    network.layers = <const minnet_layer *> &layers[0]
    network.n_layers = layers.shape[0] // sizeof(minnet_layer)
    network.params = <void *> &params[0]
    network.state = <void *> &state[0] if state.shape[0] > 0 else NULL
    point_to(&data, X, csr)
    data.order = NULL
    hyper.n_threads = startable(n_threads)
    with nogil:
        if floating is float:
            status = kernels.infer_f32(&network, &data, &hyper, &out[0, 0])
        else:
            status = kernels.infer_f64(&network, &data, &hyper, &out[0, 0])
    if status != 0:
        raise MemoryError("no memory for the buffers of a forward pass")


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
