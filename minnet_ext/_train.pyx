"""Calls the compiled steps of training with the memory of NumPy arrays."""

import numpy as np

from cython cimport floating
from libc.math cimport INFINITY
from libc.stdint cimport int64_t, uint64_t

from minnet_ext._program cimport (
    minnet_column,
    minnet_data,
    minnet_hyper,
    minnet_layer,
    minnet_network,
    minnet_outputs,
    minnet_share,
)
from minnet_ext._runtime cimport kernels, startable


cdef extern from "program.h" nogil:
    int LAYER_DENSE, LAYER_DROPOUT, LAYER_BATCH_NORM, LAYER_SPLIT, LAYER_ADD, LAYER_LAYER_NORM
    int LAYER_PIECEWISE_LINEAR
    int LOSS_SOFTMAX_CROSS_ENTROPY, LOSS_SQUARED_ERROR_SOFTMAX
    int OPTIMIZER_ADAM, OPTIMIZER_RMSPROP, PRECISION_BF16_EMULATED
    int ACT_USER

# Samples drawn before, of which two can be added.
cdef int64_t MOST_POSITION = 2**62
# Numbers in the buffers of a step, of which the bytes can be counted in 64 bits; or in 32.
cdef double MOST = 1e15 if sizeof(void *) == 8 else 2.0**26
# Rows of a batch, and encoded numbers of a row, that a piecewise linear layer counts in 32 bits; and those
# of a column, which are numbered in float32.
cdef int64_t MOST_COUNTED = 2**31 - 1
cdef int64_t MOST_OF_COLUMN = 2**24 - 2


cdef int refuse(str what) except -1:
    raise ValueError(f"a compiled step was called with what does not fit its network: {what}")


cdef bint reaches(int64_t offset, int64_t rows, int64_t columns, int64_t size, int64_t align) noexcept:
    """Say whether an array with room to the next multiple of ``align`` lies in a buffer."""
    if offset < 0 or offset % align != 0 or rows < 1 or columns < 1 or rows > size // columns:
        return False
    return offset <= size - (rows * columns + align - 1) // align * align


cdef bint within(const int64_t *order, int64_t first, int64_t last, int64_t n) noexcept nogil:
    """Say whether all rows are some of the first n."""
    cdef int64_t i
    cdef bint good = True
    for i in range(first, last):
        good &= <uint64_t> order[i] < <uint64_t> n
    return good


cdef object aligned_numbers(int64_t n, int64_t itemsize):
    """Return an array of n zeros at a multiple of 64 bytes."""
    cdef object array = np.zeros(n + 64 // itemsize, np.float32 if itemsize == 4 else np.float64)
    cdef int64_t skipped = -array.ctypes.data % 64 // itemsize
    return array[skipped:skipped + n]


cdef class Sums:
    """What the steps call where several processes take them together, see kernels/share.h."""

    cdef object numbers, sum, stops, error

    def __init__(self, numbers, sum, stops):
        self.numbers, self.sum, self.stops, self.error = numbers, sum, stops, None

    cdef int64_t reduce(self, int64_t first, int64_t n, int64_t last) noexcept:
        """Sum numbers up; return whether that failed, or whether a process wants no step any more."""
        cdef int64_t flag = n - 2  # behind it is the loss
        try:
            part = self.numbers[first:first + n]
            if last:
                part[flag] = bool(self.stops())
            self.sum(part)
            return bool(last and self.numbers[flag] != 0)
        except BaseException as error:
            self.error = error
            return 1


cdef int64_t reduce(void *with_, int64_t first, int64_t n, int64_t last) noexcept with gil:
    return (<Sums> with_).reduce(first, n, last)


cdef class Program:
    """A lowered network, and the memory that its steps need.

    It believes nothing: what it is called with is compared with the network first.

    Parameters
    ----------
    layers : ndarray of minnet.backends.program.LAYER
    n_params, n_state : int
        Sizes of the network's buffers.
    itemsize : {4, 8}
        Of float32 or float64.
    key : int
        Of the random streams.
    columns : ndarray of minnet.backends.program.COLUMN, or None
        What a first layer that is piecewise linear makes of its inputs, ...
    pieces : ndarray of float32 or float64, or None
        ... and the numbers of the pieces: see minnet.backends.program.lower_columns.
    """

    def __init__(self, layers, int64_t n_params, int64_t n_state, int64_t itemsize, uint64_t key,
                 columns=None, pieces=None):
        cdef const minnet_layer *layer
        cdef int64_t i, width, align = 64 // itemsize
        cdef bint good
        cdef list begun = []
        self.table = layers.copy().view(np.int8)
        self.layers = <const minnet_layer *> &self.table[0]
        self.n_layers = self.table.shape[0] // sizeof(minnet_layer)
        self.n_params, self.n_state, self.itemsize, self.key = n_params, n_state, itemsize, key
        self.workspace = np.zeros(1, dtype=np.int8)
        self.point_to_columns(columns, pieces)
        self.n_in = width = self.layers[0].n_in
        self.n_first, self.widths = self.layers[0].n_out, width
        for i in range(self.n_layers):
            layer = &self.layers[i]
            good = layer.n_in == width and width > 0 and layer.n_out > 0
            width = layer.n_out
            self.widths += width
            self.widest = max(self.widest, width)
            if layer.kind == LAYER_DENSE:
                good &= reaches(layer.weight, layer.n_in, width, n_params, align)
                good &= reaches(layer.bias, 1, width, n_params, align)
            else:
                good &= layer.n_in == width or (i == 0 and layer.columns != 0)
                good &= layer.weight == -1 or reaches(layer.weight, 1, width, n_params, align)
                good &= layer.bias == -1 or reaches(layer.bias, 1, width, n_params, align)
                good &= layer.kind in (LAYER_DROPOUT, LAYER_BATCH_NORM, LAYER_LAYER_NORM, LAYER_SPLIT,
                                       LAYER_ADD, LAYER_PIECEWISE_LINEAR)
            good &= (layer.kind == LAYER_PIECEWISE_LINEAR) == (layer.columns != 0)
            if layer.kind == LAYER_SPLIT:
                good &= layer.weight == -1 and layer.bias == -1
                begun.append(i)
            elif layer.kind == LAYER_ADD:
                good &= layer.weight == -1 and layer.bias >= 0
                good &= len(begun) > 0 and begun.pop() == layer.partner
                good = good and self.layers[layer.partner].partner == i
                good = good and self.layers[layer.partner].n_in == width
            if layer.kind in (LAYER_BATCH_NORM, LAYER_LAYER_NORM):
                good &= layer.weight >= 0 and layer.bias >= 0
            if layer.kind == LAYER_BATCH_NORM:
                good &= reaches(layer.mean, 1, width, n_state, align)
                good &= reaches(layer.variance, 1, width, n_state, align)
            good &= 0 <= layer.rate < 1 and (layer.precision == 0 or itemsize == 4)
            good &= 0 <= layer.precision <= (PRECISION_BF16_EMULATED if layer.kind == LAYER_DENSE else 0)
            good &= layer.activation != ACT_USER or (layer.value != 0 and layer.slope != 0)
            if not good:
                refuse(f"layers[{i}] of its table reaches out of the parameters")
        for i in begun:  # within the first layers of a network
            if self.layers[i].partner != -1:
                refuse(f"layers[{i}] of its table splits what is not added again")
        self.n_out = width

    cdef int point_to_columns(self, columns, pieces) except -1:
        """Give the first layer, if it is piecewise linear, the addresses of copies of its columns."""
        cdef minnet_layer *layers = <minnet_layer *> &self.table[0]
        cdef const minnet_column *column
        cdef int64_t i, first = 0, n_numbers = 0, n_of_codes = 0, at = 0, n_columns
        cdef bint good = True
        for i in range(self.n_layers):
            layers[i].columns = layers[i].pieces = 0
        if layers[0].kind != LAYER_PIECEWISE_LINEAR:
            return 0
        if columns is None or pieces is None:
            refuse("layers[0] of its table is piecewise linear")
        # a number at the end, so that each has an address
        self.columns = np.append(columns.view(np.int8), np.int8(0))
        self.pieces = np.append(pieces.view(np.int8), np.zeros(8, np.int8))
        n_columns = (self.columns.shape[0] - 1) // sizeof(minnet_column)
        if layers[0].n_in != n_columns or self.n_layers < 2 or layers[1].kind != LAYER_DENSE:
            refuse("layers[0] of its table is piecewise linear")
        for i in range(n_columns):
            column = <const minnet_column *> &self.columns[0] + i
            good = good and column.first == first and column.n_pieces >= 0 and column.n_codes >= 0
            good = good and max(column.n_pieces, column.n_codes) <= MOST_OF_COLUMN
            good = good and (column.n_pieces == 0 or column.n_codes == 0)
            first += column.n_codes
            if column.n_codes > 0:
                good = good and column.number == n_of_codes and column.n_numbers == 0
                n_of_codes += 1
            else:
                good = good and column.number == n_numbers
                good = good and (column.n_numbers == 1 or column.n_numbers == 1 + column.n_pieces)
                n_numbers += column.n_numbers
                first += column.n_pieces + 1
            good = good and column.at == (at if column.n_pieces > 0 else 0)
            at += 2 * column.n_pieces
            if not good or first > MOST_COUNTED:
                refuse(f"columns[{i}]")
        if first != layers[0].n_out or at != (self.pieces.shape[0] - 8) // self.itemsize:
            refuse("pieces")
        layers[0].columns = <int64_t> <size_t> &self.columns[0]
        layers[0].pieces = <int64_t> <size_t> &self.pieces[0]
        return 0

    def train_steps(
        self,
        tuple loss,  # code and parameter
        double alpha,
        params,  # IN, OUT
        state,  # IN, OUT: running averages
        X,  # array, or (indptr, indices, values) of CSR rows
        T,  # classes of a softmax, or numbers: an array, or the arrays of CSR rows
        weights,  # or None
        order,  # or None
        int64_t start,
        int64_t stop,
        hyper,  # minnet.backends.Hyper
        dict optimizer,  # its code and constants
        int64_t n_threads,
        losses,  # OUT: objective times length of batch, one a step of the epoch
        lazy=None,  # IN, OUT: see minnet_ext/kernels/sparse_layer.h
        gradient=None,  # OUT: where given, the gradient of the step, which is not taken
    ):
        """Take the steps ``start`` to ``stop - 1`` of an epoch, in place; return how many were taken.

        All are, unless several processes take them together, and one wants to stop or summing fails;
        ``ended`` then says so. The optimizer counts those that were taken.
        """
        if self.busy:
            refuse("it takes steps in another thread")
        self.busy, self.ended = True, False
        try:
            if self.itemsize == 4:
                return steps[float](self, loss, alpha, params, state, X, T, weights, order, start, stop,
                                    hyper, optimizer, n_threads, losses, lazy, gradient)
            return steps[double](self, loss, alpha, params, state, X, T, weights, order, start, stop,
                                 hyper, optimizer, n_threads, losses, lazy, gradient)
        finally:
            self.busy = False

    cdef list point(
        self, tuple loss, double alpha, params, state, X, T, weights, hyper, dict optimizer,
        minnet_network *net, minnet_data *data, minnet_hyper *h
    ):
        """Let the structs of one member of an ensemble point to its data; see `pointed`."""
        if self.itemsize == 4:
            return pointed[float](self, loss, alpha, params, state, X, T, weights, hyper, optimizer, net,
                                  data, h)
        return pointed[double](self, loss, alpha, params, state, X, T, weights, hyper, optimizer, net, data,
                               h)

    def infer(self, params, state, X, out, int64_t n_threads, int64_t link=0, bint pair=False,
              double temperature=1):
        """Write predictions of all rows of ``X``, an array or the arrays of CSR rows, to ``out``.

        ``link`` says what they are (by default the logits), ``pair`` that of one logit z there are two:
        of -z and of z; ``temperature`` is what logits are divided by. Returns whether all logits are
        finite.
        """
        cdef minnet_outputs outputs
        outputs.n_threads, outputs.link, outputs.pair = n_threads, link, pair
        outputs.temperature, outputs.check_inputs, outputs.not_finite = temperature, 0, 0
        if pair and self.n_out != 1:
            refuse("pair")
        if self.itemsize == 4:
            predict[float](self, params, state, X, out, &outputs)
        else:
            predict[double](self, params, state, X, out, &outputs)
        return outputs.not_finite == 0


cdef struct rows_of_csr:
    const int64_t *indptr
    const void *indices
    int64_t wide_indices
    const char *values
    int64_t n_rows


cdef rows_of_csr point_into(str name, tuple csr, const floating[::1] values) except *:
    """Return where CSR rows lie in memory; the caller keeps the arrays alive."""
    cdef const int64_t[::1] indptr = csr[0]
    cdef const signed char[::1] indices = csr[1].view(np.int8)
    cdef int64_t size = csr[1].itemsize
    cdef rows_of_csr rows
    rows.n_rows = indptr.shape[0] - 1
    if rows.n_rows < 0 or (size != 4 and size != 8):
        refuse(f"{name} is sparse")
    if indptr[0] < 0 or indptr[rows.n_rows] > min(values.shape[0], indices.shape[0] // size):
        refuse(f"{name} has fewer entries than it says")
    rows.indptr, rows.wide_indices = &indptr[0], size == 8
    rows.indices = &indices[0] if indices.shape[0] > 0 else NULL
    rows.values = <const char *> &values[0] if values.shape[0] > 0 else NULL
    return rows


cdef int point_to(Program self, minnet_data *data, const floating[:, :] X, tuple csr) except -1:
    """Let ``data`` point to the inputs; the caller keeps ``X`` or the arrays of ``csr`` alive."""
    cdef const floating[::1] values
    cdef rows_of_csr rows
    data.indptr = NULL
    if csr is None:
        if X.shape[1] != self.n_in:
            refuse("X is as wide as another one")
        data.X = <const char *> &X[0, 0] if X.shape[0] > 0 else NULL
        data.row_stride, data.column_stride = X.strides[0], X.strides[1]
        data.n_samples = X.shape[0]
    else:
        if self.layers[0].kind != LAYER_DENSE:
            refuse("X is sparse")
        values = csr[2]
        rows = point_into("X", csr, values)
        data.indptr, data.indices, data.wide_indices = rows.indptr, rows.indices, rows.wide_indices
        data.X, data.n_samples = rows.values, rows.n_rows
    return 0


cdef int check_room(Program self, int64_t batch) except -1:
    """Say whether the numbers of a batch of so many rows can be counted."""
    if batch <= 0:
        refuse("rates")
    if <double> batch * self.widths > MOST or (self.columns is not None and batch > MOST_COUNTED):
        raise MemoryError("no memory for the buffers of a training step")
    return 0


cdef list take_part(Program self, minnet_share *s, share, int64_t n, int64_t start, int64_t stop,
                    bint weighted):
    """Let ``s`` say what is this process's of each step; return what must stay alive."""
    cdef list given = [share.bounds, share.positions, share.lengths]
    cdef const int64_t[::1] bounds = given[0], positions = given[1], lengths = given[2]
    cdef const double[::1] of_steps
    cdef int64_t i, rows, n_steps = lengths.shape[0]
    cdef bint good = n_steps >= stop and bounds.shape[0] == n_steps + 1 and positions.shape[0] == n_steps
    cdef bint alone = share.sum is None
    if not good or n_steps < 1 or bounds[0] < 0 or bounds[n_steps] > n:
        refuse("share")
    self.most_rows = 1
    for i in range(n_steps):
        good = good and 0 <= bounds[i] <= bounds[i + 1] <= n
        rows = bounds[i + 1] - bounds[i] if good else 0
        good &= rows <= lengths[i] and 1 <= lengths[i] and 0 <= positions[i] < MOST_POSITION
        good &= rows == lengths[i] or not alone
        self.most_rows = max(self.most_rows, rows)
    if not good:
        refuse("share")
    s.bounds, s.positions, s.lengths = &bounds[0], &positions[0], &lengths[0]
    s.weights = s.squares = NULL
    if weighted and not alone:
        for name in ("weights", "squares"):
            of_steps = getattr(share, name)
            if of_steps.shape[0] != n_steps:
                refuse("share")
            given.append(of_steps)
        of_steps = given[3]
        s.weights = &of_steps[0]
        of_steps = given[4]
        s.squares = &of_steps[0]
    s.leads = share.leads
    s.reduce = s.taken = s.ended = 0
    s.with_ = s.numbers = NULL
    return given


cdef int64_t steps(
    Program self,
    tuple loss,
    double alpha,
    floating[::1] params,
    floating[::1] state,
    X,
    T,
    weights,
    order,
    int64_t start,
    int64_t stop,
    hyper,
    dict optimizer,
    int64_t n_threads,
    double[::1] losses,
    lazy,
    gradient,
) except -1:
    cdef minnet_network net
    cdef minnet_data data
    cdef minnet_hyper h
    cdef minnet_share s
    cdef const int64_t[::1] rows
    cdef double[::1] scales
    cdef floating[::1] noted
    cdef int64_t n, status, first, last, taken
    cdef Sums sums = None
    cdef list held, alive = pointed[floating](self, loss, alpha, params, state, X, T, weights, hyper,
                                              optimizer, &net, &data, &h)
    n = data.n_samples
    if not 0 <= start <= stop:
        refuse("start and stop")
    if hyper.share is not None:
        held = take_part(self, &s, hyper.share, n, start, stop, weights is not None)
        s.n_samples = hyper.n_samples
        h.batch_size = self.most_rows
        check_room(self, h.batch_size)
        h.share = &s
        first, last = s.bounds[start], s.bounds[stop]
        if hyper.share.sum is not None:
            if self.numbers is None:
                self.numbers = aligned_numbers(self.n_params + 2 + 2 * self.widest, self.itemsize)
            noted = self.numbers
            sums = Sums(self.numbers, hyper.share.sum, hyper.share.stops)
            s.numbers, s.with_ = &noted[0], <void *> sums
            s.reduce = <int64_t> <size_t> &reduce
    else:
        first, last = start * h.batch_size, min(stop * h.batch_size, n)
        if stop > (n + h.batch_size - 1) // h.batch_size:
            refuse("start and stop")
    if alive[0].shape[0] < stop or losses.shape[0] < stop:
        refuse("rates")
    if order is not None:
        rows = order
        if rows.shape[0] != n or not (first == last or within(&rows[0], first, last, n)):
            raise ValueError(f"order must have {n} rows from 0 to {n - 1}")
        data.order = &rows[0] if n > 0 else NULL
    h.start, h.stop = start, stop
    h.n_threads = startable(n_threads)
    if lazy is not None:
        scales = lazy
        if data.indptr == NULL or scales.shape[0] <= self.n_first or sums is not None:
            refuse("lazy")
        h.lazy = &scales[0]
    h.losses = &losses[start]
    if gradient is not None:
        noted = gradient
        if noted.shape[0] != self.n_params or hyper.share is not None:
            refuse("gradient")
        h.gradient = &noted[0]
    if start == stop:
        return 0
    status = 1
    while status > 0:  # with too little workspace, nothing is done, and the bytes needed come back
        h.workspace, h.workspace_bytes = &self.workspace[0], self.workspace.shape[0]
        with nogil:
            if floating is float:
                status = kernels.train_f32(&net, &data, &h, self.n_params)
            else:
                status = kernels.train_f64(&net, &data, &h, self.n_params)
        if status > 0:
            self.workspace = np.zeros(status, dtype=np.int8)
    if status < 0:
        raise MemoryError("no memory for the buffers of a training step")
    taken = stop - start if h.share == NULL else s.taken
    self.ended = h.share != NULL and s.ended != 0
    if gradient is None:
        hyper.optimizer.step = optimizer["step"] + taken
    if sums is not None and sums.error is not None:
        raise sums.error
    return taken


cdef list pointed(
    Program self,
    tuple loss,
    double alpha,
    floating[::1] params,
    floating[::1] state,
    X,
    T,
    weights,
    hyper,
    dict optimizer,
    minnet_network *net,
    minnet_data *data,
    minnet_hyper *h,
):
    """Let the structs say what to do on which data; return the rates and the optimizer's state.

    The caller keeps them alive, and what it gave, and says which steps are taken by how many threads.
    """
    cdef object rates_of_steps = hyper.rates, state_of_optimizer = hyper.optimizer.state
    cdef const floating[:, :] dense = None, numbers
    cdef const floating[::1] values
    cdef rows_of_csr targets
    cdef const int64_t[::1] classes
    cdef const double[::1] factors, rates = rates_of_steps
    cdef floating[:, ::1] moments = state_of_optimizer
    cdef int64_t n, n_params = self.n_params, kind = optimizer["kind"]
    cdef int64_t V = optimizer["V"], M = optimizer["M"]  # rows of the state, or -1

    net.layers, net.n_layers = self.layers, self.n_layers
    net.loss, net.loss_parameter = loss
    net.alpha = alpha
    if params.shape[0] != n_params or state.shape[0] != self.n_state:
        refuse("params or state")
    net.params = &params[0] if n_params > 0 else NULL
    net.state = &state[0] if self.n_state > 0 else NULL

    if not isinstance(X, tuple):
        dense = X
    point_to(self, data, dense, X if isinstance(X, tuple) else None)
    n = data.n_samples
    data.classes = NULL
    data.T = NULL
    data.t_indptr = NULL
    data.t_row_stride = data.t_column_stride = 0
    if net.loss == LOSS_SOFTMAX_CROSS_ENTROPY or net.loss == LOSS_SQUARED_ERROR_SOFTMAX:
        classes = T
        if classes.shape[0] != n:
            refuse("T")
        data.classes = &classes[0] if n > 0 else NULL
    elif isinstance(T, tuple):
        values = T[2]
        targets = point_into("T", T, values)
        if targets.n_rows != n:
            refuse("T")
        data.T, data.t_indptr = targets.values, targets.indptr
        data.t_indices, data.t_wide_indices = targets.indices, targets.wide_indices
    else:
        numbers = T
        if numbers.shape[0] != n or numbers.shape[1] != self.n_out:
            refuse("T")
        data.T = <const char *> &numbers[0, 0] if n > 0 else NULL
        data.t_row_stride, data.t_column_stride = numbers.strides[0], numbers.strides[1]
    data.weights = NULL
    if weights is not None:
        factors = weights
        if factors.shape[0] != n:
            refuse("weights")
        data.weights = &factors[0] if n > 0 else NULL
    data.weight_sum = hyper.weight_sum

    if rates.shape[0] < 1 or <size_t> &rates[0] % sizeof(double):
        refuse("rates")
    data.order = NULL
    h.batch_size = 1
    if hyper.share is None:
        h.batch_size = min(hyper.batch_size, n)
        check_room(self, h.batch_size)
    h.rates = &rates[0]
    h.optimizer = kind
    h.nesterov = optimizer["nesterov"]
    h.momentum = optimizer["momentum"]
    h.beta_1, h.beta_2 = optimizer["beta_1"], optimizer["beta_2"]
    h.epsilon = optimizer["epsilon"]
    h.steps_made = optimizer["step"]
    h.weight_decay = hyper.decay
    h.clip_value = INFINITY if hyper.clip_value is None else hyper.clip_value
    h.clip_norm = INFINITY if hyper.clip_norm is None else hyper.clip_norm
    if (
        moments.shape[1] != n_params
        or max(V, M) >= moments.shape[0]
        or ((kind == OPTIMIZER_ADAM or kind == OPTIMIZER_RMSPROP) and V < 0)
        or (kind == OPTIMIZER_ADAM and M < 0)
        or (h.momentum != 0 and (M if kind == OPTIMIZER_RMSPROP else V) < 0)
    ):
        refuse("the optimizer's state")
    h.V = &moments[V, 0] if V >= 0 else NULL
    h.M = &moments[M, 0] if M >= 0 else NULL
    h.position = hyper.position
    h.key = self.key
    h.n_threads = 1
    h.lazy = NULL
    h.share = NULL
    h.gradient = NULL
    return [rates_of_steps, state_of_optimizer]


cdef int predict(
    Program self,
    const floating[::1] params,
    const floating[::1] state,
    X,
    floating[:, ::1] out,
    minnet_outputs *outputs,
) except -1:
    cdef minnet_network net
    cdef minnet_data data
    cdef const floating[:, :] dense = None
    cdef int status
    net.layers, net.n_layers = self.layers, self.n_layers
    if params.shape[0] != self.n_params or state.shape[0] != self.n_state:
        refuse("params or state")
    net.params = <void *> &params[0] if self.n_params > 0 else NULL
    net.state = <void *> &state[0] if self.n_state > 0 else NULL
    if not isinstance(X, tuple):
        dense = X
    point_to(self, &data, dense, X if isinstance(X, tuple) else None)
    if out.shape[0] != data.n_samples or out.shape[1] != (2 if outputs.pair else self.n_out):
        refuse("out")
    if data.n_samples == 0:
        return 0
    data.order = NULL
    outputs.n_threads = startable(outputs.n_threads)
    with nogil:
        if floating is float:
            status = kernels.infer_f32(&net, &data, outputs, &out[0, 0])
        else:
            status = kernels.infer_f64(&net, &data, outputs, &out[0, 0])
    if status != 0:
        raise MemoryError("no memory for the buffers of a forward pass")
    return 0
