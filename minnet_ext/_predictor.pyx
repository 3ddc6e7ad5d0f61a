"""Predictions for a service: everything is looked at once, and a call does what a row takes."""

import numpy as np

from cython cimport floating
from libc.stdint cimport int64_t

from minnet_ext._program cimport minnet_data, minnet_network, minnet_outputs
from minnet_ext._runtime cimport effective_n_threads, kernels, startable
from minnet_ext._train cimport Program, refuse

# Multiplications that a thread of its own is worth, as minnet.backends.cython counts them.
cdef double MULTIPLICATIONS_A_THREAD = 8e6

cdef object ndarray = np.ndarray, empty = np.empty


cdef class Predictor:
    """Predictions of one network, of which it has copied the numbers.

    Parameters
    ----------
    program : Program
        Of the network.
    params, state : ndarray
        The network's buffers.
    n_threads : int or None
        See ``effective_n_threads``.
    multiplications : float
        Of a row.
    link, pair, temperature
        See ``Program.infer``.
    alive : object
        What the program has the addresses of.
    """

    cdef Program program
    cdef object params, state, dtype, alive, n_threads
    cdef minnet_network net
    cdef minnet_outputs outputs
    cdef double multiplications

    def __init__(self, Program program, params, state, n_threads, double multiplications,
                 int64_t link, bint pair, double temperature, alive):
        self.program, self.n_threads, self.alive = program, n_threads, alive
        self.multiplications = multiplications
        self.params, self.state, self.dtype = params.copy(), state.copy(), params.dtype
        say(&self.outputs, program, link, pair, temperature)
        if program.itemsize == 4:
            point[float](&self.net, program, self.params, self.state)
        else:
            point[double](&self.net, program, self.params, self.state)

    def __call__(self, X):
        """Return predictions of an array of the network's dtype, a row for each sample."""
        cdef minnet_outputs outputs = self.outputs
        try:
            if self.program.itemsize == 4:
                return predict[float](&self.net, self.program, &outputs, X, self.dtype, self.n_threads,
                                      self.multiplications)
            return predict[double](&self.net, self.program, &outputs, X, self.dtype, self.n_threads,
                                   self.multiplications)
        except (TypeError, ValueError):
            shape = f"(n_samples, {self.program.n_in})"
            raise ValueError(
                f"X must be an array of {self.dtype} of shape {shape}, got {described(X)}"
            ) from None


def predict_plain(Program program, params, state, X, int64_t most_bytes, n_threads,
                  double multiplications, int64_t link, bint pair, double temperature):
    """Return predictions of an array, or None where somebody must look at it first.

    That is where it is not exactly an array of the network's dtype and width with at least one row, where
    the logits take more than ``most_bytes``, or where an input or a logit is NaN or infinite. See
    :class:`Predictor` for the other arguments.
    """
    cdef minnet_network net
    cdef minnet_outputs outputs
    cdef object made
    if type(X) is not ndarray or X.dtype is not params.dtype or X.ndim != 2 or len(X) == 0:
        return None
    if <double> len(X) * program.n_out * program.itemsize > most_bytes:
        return None
    say(&outputs, program, link, pair, temperature)
    outputs.check_inputs = True
    try:
        if program.itemsize == 4:
            point[float](&net, program, params, state)
            made = predict[float](&net, program, &outputs, X, params.dtype, n_threads, multiplications)
        else:
            point[double](&net, program, params, state)
            made = predict[double](&net, program, &outputs, X, params.dtype, n_threads, multiplications)
    except (TypeError, ValueError):
        return None
    return None if outputs.not_finite else made


cdef str described(X):
    if isinstance(X, np.ndarray):
        return f"one of {X.dtype} of shape {X.shape}"
    return f"{X!r:.100}"


cdef int say(minnet_outputs *outputs, Program program, int64_t link, bint pair,
             double temperature) except -1:
    """Say what becomes of the logits."""
    if pair and program.n_out != 1:
        refuse("pair")
    outputs.n_threads, outputs.check_inputs, outputs.not_finite = 1, 0, 0
    outputs.link, outputs.pair, outputs.temperature = link, pair, temperature
    return 0


cdef int point(minnet_network *net, Program program, const floating[::1] params,
               const floating[::1] state) except -1:
    """Let a network point to its numbers; the caller keeps them alive."""
    if params.shape[0] != program.n_params or state.shape[0] != program.n_state:
        refuse("params or state")
    net.layers, net.n_layers = program.layers, program.n_layers
    net.params = <void *> &params[0] if params.shape[0] > 0 else NULL
    net.state = <void *> &state[0] if state.shape[0] > 0 else NULL
    return 0


cdef object predict(minnet_network *net, Program program, minnet_outputs *outputs,
                    const floating[:, :] X, dtype, n_threads, double multiplications):
    cdef minnet_data data
    cdef int status
    cdef object made
    cdef floating[:, ::1] out
    cdef double worth
    if X.shape[1] != program.n_in:
        raise ValueError
    made = empty((X.shape[0], 2 if outputs.pair else program.n_out), dtype)
    if X.shape[0] == 0:
        return made
    out = made
    data.X = <const char *> &X[0, 0]
    data.row_stride, data.column_stride, data.n_samples = X.strides[0], X.strides[1], X.shape[0]
    data.indptr = NULL
    data.order = NULL
    worth = 3 * multiplications * X.shape[0] / MULTIPLICATIONS_A_THREAD
    if worth >= 2:  # how many there may be takes longer to find out than a row
        outputs.n_threads = startable(<int64_t> min(<double> effective_n_threads(n_threads), worth))
    with nogil:
        if floating is float:
            status = kernels.infer_f32(net, &data, outputs, &out[0, 0])
        else:
            status = kernels.infer_f64(net, &data, outputs, &out[0, 0])
    if status != 0:
        raise MemoryError("no memory for the buffers of a forward pass")
    return made
