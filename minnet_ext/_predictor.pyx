"""Predictions for a service: everything is looked at once, and a call does what a row takes."""

import numpy as np

from cython cimport floating
from libc.stdint cimport int64_t

from minnet_ext._program cimport minnet_data, minnet_network, minnet_outputs
from minnet_ext._runtime cimport kernels, startable
from minnet_ext._train cimport Program, refuse

# Multiplications that a thread of its own is worth, as minnet.backends.cython counts them.
cdef double MULTIPLICATIONS_A_THREAD = 8e6


cdef class Predictor:
    """Predictions of one network, of which it has copied the numbers.

    Parameters
    ----------
    program : Program
        Of the network.
    params, state : ndarray
        The network's buffers.
    n_threads : int
        At most.
    multiplications : float
        Of a row.
    link, pair, temperature
        See ``Program.infer``.
    alive : object
        What the program has the addresses of.
    """

    cdef Program program
    cdef object params, state, dtype, alive
    cdef minnet_network net
    cdef minnet_outputs outputs
    cdef int64_t most_threads, n_wide
    cdef double multiplications

    def __init__(self, Program program, params, state, int64_t n_threads, double multiplications,
                 int64_t link, bint pair, double temperature, alive):
        self.program, self.most_threads, self.alive = program, n_threads, alive
        self.multiplications = multiplications
        self.params, self.state, self.dtype = params.copy(), state.copy(), params.dtype
        self.net.layers, self.net.n_layers = program.layers, program.n_layers
        if pair and program.n_out != 1:
            refuse("pair")
        self.n_wide = 2 if pair else program.n_out
        self.outputs.link, self.outputs.pair, self.outputs.temperature = link, pair, temperature
        if program.itemsize == 4:
            point[float](self, self.params, self.state)
        else:
            point[double](self, self.params, self.state)

    def __call__(self, X):
        """Return predictions of an array of the network's dtype, a row for each sample."""
        try:
            if self.program.itemsize == 4:
                return predict[float](self, X)
            return predict[double](self, X)
        except (TypeError, ValueError):
            shape = f"(n_samples, {self.program.n_in})"
            raise ValueError(
                f"X must be an array of {self.dtype} of shape {shape}, got {described(X)}"
            ) from None


cdef str described(X):
    if isinstance(X, np.ndarray):
        return f"one of {X.dtype} of shape {X.shape}"
    return f"{X!r:.100}"


cdef int point(Predictor self, floating[::1] params, floating[::1] state) except -1:
    """Let the network point to its numbers."""
    if params.shape[0] != self.program.n_params or state.shape[0] != self.program.n_state:
        refuse("params or state")
    self.net.params = &params[0] if params.shape[0] > 0 else NULL
    self.net.state = &state[0] if state.shape[0] > 0 else NULL
    return 0


cdef object predict(Predictor self, const floating[:, :] X):
    cdef minnet_data data
    cdef minnet_outputs outputs = self.outputs
    cdef int status
    cdef object made
    cdef floating[:, ::1] out
    if X.shape[1] != self.program.n_in:
        raise ValueError
    made = np.empty((X.shape[0], self.n_wide), self.dtype)
    if X.shape[0] == 0:
        return made
    out = made
    data.X = <const char *> &X[0, 0]
    data.row_stride, data.column_stride, data.n_samples = X.strides[0], X.strides[1], X.shape[0]
    data.indptr = NULL
    data.order = NULL
    outputs.n_threads = <int64_t> min(
        <double> self.most_threads, 3 * self.multiplications * X.shape[0] / MULTIPLICATIONS_A_THREAD
    )
    outputs.n_threads = startable(outputs.n_threads) if outputs.n_threads > 1 else 1
    with nogil:
        if floating is float:
            status = kernels.infer_f32(&self.net, &data, &outputs, &out[0, 0])
        else:
            status = kernels.infer_f64(&self.net, &data, &outputs, &out[0, 0])
    if status != 0:
        raise MemoryError("no memory for the buffers of a forward pass")
    return made
