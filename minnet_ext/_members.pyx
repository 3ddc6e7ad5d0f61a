"""Calls the compiled epochs of one network, or of several side by side, one thread each."""

import numpy as np

from libc.stdint cimport int64_t
from libc.string cimport memset

from minnet_ext._program cimport minnet_hyper, minnet_member, minnet_network
from minnet_ext._runtime cimport kernels, startable
from minnet_ext._train cimport Program, refuse, within


cdef extern from "program.h" nogil:
    int LOSS_SOFTMAX_CROSS_ENTROPY, LOSS_SIGMOID_CROSS_ENTROPY


cdef const int64_t *rows_within(str name, rows, int64_t n, list alive) except? NULL:
    """Return where row numbers lie, all of them below n; NULL for None."""
    cdef const int64_t[::1] view
    if rows is None:
        return NULL
    view = rows
    if view.shape[0] < 1 or not within(&view[0], 0, view.shape[0], n):
        refuse(name)
    alive.append(view)
    return &view[0]


cdef double *doubles(str name, array, int64_t n, list alive) except NULL:
    """Return where n float64 lie."""
    cdef double[::1] view = array
    if n < 1 or view.shape[0] < n or <size_t> &view[0] % sizeof(double):
        refuse(name)
    alive.append(view)
    return &view[0]


cdef void *copy_of(Program program, array, int64_t n, list alive) except? NULL:
    """Return where a copy of n numbers of a network is kept; NULL where there are none."""
    cdef signed char[::1] view
    if array.dtype.itemsize != program.itemsize or array.shape != (n,):
        refuse("best")
    if n == 0:
        return NULL
    view = array.view(np.int8)
    alive.append(view)
    return &view[0]


cdef class Members:
    """Takes steps of several networks at the same time; it has the memory that the threads need."""

    cdef signed char[::1] workspace
    cdef bint busy

    def __init__(self):
        self.workspace = np.zeros(1, dtype=np.int8)

    def advance(self, list tasks, int64_t most, int64_t n_threads):
        """Take the steps of tasks (minnet.backends.members.Task), ``most`` of one at a time.

        Each notes in ``done``, ``start``, ``ordered``, ``best_score`` and ``status`` how far it came.
        """
        cdef Program program
        cdef bint busy = self.busy
        # No generator: Cython 3 lets it keep a program, with its workspace, for ever.
        for task in tasks:
            program = task.program
            busy |= program.busy
        if busy:
            refuse("it takes steps in another thread")
        if len({id(task.params) for task in tasks}) < len(tasks):
            refuse("two members have the same parameters")
        self.busy = True
        for task in tasks:
            program = task.program
            program.busy = True
        try:
            self.run(tasks, most, n_threads)
        finally:
            self.busy = False
            for task in tasks:
                program = task.program
                program.busy = False

    cdef int run(self, list tasks, int64_t most, int64_t n_threads) except -1:
        cdef int64_t n = len(tasks), i, bytes = 0, needed
        cdef signed char[::1] memory = np.zeros(n * sizeof(minnet_member), dtype=np.int8)
        cdef minnet_member *members = <minnet_member *> &memory[0]
        cdef Program program = tasks[0].program
        cdef int64_t itemsize = program.itemsize
        cdef list alive = []
        cdef char *own
        for i in range(n):
            program = tasks[i].program
            if program.itemsize != itemsize:
                refuse("members of two dtypes")
            needed = point_to(tasks[i], &members[i], alive)
            bytes = max(bytes, needed)
        bytes = (bytes + 63) // 64 * 64
        n_threads = startable(max(1, min(n_threads, n)))
        if self.workspace.shape[0] < bytes * n_threads + 64:
            self.workspace = np.zeros(bytes * n_threads + 64, dtype=np.int8)
        own = <char *> &self.workspace[0]
        own += (64 - <size_t> own % 64) % 64
        with nogil:
            if itemsize == 4:
                kernels.members_f32(members, n, max(1, most), own, bytes, n_threads)
            else:
                kernels.members_f64(members, n, max(1, most), own, bytes, n_threads)
        for i in range(n):
            task = tasks[i]
            task.done, task.start = members[i].done, members[i].at
            task.ordered = members[i].ordered
            task.best_score, task.status = members[i].best_score, members[i].status
        return 0


cdef int point_to_held(Program program, rows, minnet_member *m, list alive) except -1:
    """Let a member's struct point to rows (minnet.backends.members.HeldRows) that are not of its data."""
    cdef minnet_network network
    cdef minnet_hyper hyper
    alive.append(program.point(
        rows.loss, 0.0, rows.params, rows.state, rows.X, rows.T, rows.weights, rows.hyper, rows.optimizer,
        &network, &m.held, &hyper
    ))
    if m.held.indptr != NULL or m.held.t_indptr != NULL or m.held.n_samples < 1 or not rows.weight_sum > 0:
        refuse("held rows")
    m.held.weight_sum = rows.weight_sum
    m.held_link, m.held_threads = rows.link, startable(max(1, rows.n_threads))
    return 0


def score(rows):
    """Return score and mean loss of minnet.backends.members.HeldRows, for its network as it is now."""
    cdef Program program = rows.program
    cdef minnet_member m
    cdef minnet_hyper hyper
    cdef double score = 0, loss = 0
    cdef int status
    cdef list alive = []
    memset(&m, 0, sizeof(m))
    point_to_held(program, rows, &m, alive)
    alive.append(program.point(
        rows.loss, 0.0, rows.params, rows.state, rows.X, rows.T, rows.weights, rows.hyper, rows.optimizer,
        &m.network, &m.data, &hyper
    ))
    m.scoring = 3
    with nogil:
        if program.itemsize == 4:
            status = kernels.score_f32(&m, &score, &loss)
        else:
            status = kernels.score_f64(&m, &score, &loss)
    if status != 0:
        raise MemoryError("no memory for the buffers of a forward pass")
    return score, loss


cdef int64_t point_to(task, minnet_member *m, list alive) except -1:
    """Let a member's struct point to its data; return the bytes that its steps need for themselves."""
    cdef Program program = task.program
    cdef int64_t n, n_steps, batch, epochs, needed
    cdef int64_t[::1] order
    alive.append(program.point(
        task.loss, task.alpha, task.params, task.state, task.X, task.T, task.weights, task.hyper,
        task.optimizer, &m.network, &m.data, &m.hyper
    ))
    if m.data.indptr != NULL or m.data.t_indptr != NULL:
        refuse("sparse rows")
    if task.hyper.share is not None:
        refuse("share")
    m.n_params, m.n_state = program.n_params, program.n_state
    m.held = m.data
    m.rows = rows_within("rows", task.rows, m.data.n_samples, alive)
    m.held.order = rows_within("held", task.held, m.data.n_samples, alive)
    if task.rows is not None:
        m.data.n_samples = task.rows.shape[0]
    n = m.data.n_samples
    batch = m.hyper.batch_size = min(m.hyper.batch_size, n)
    m.long_step = task.long_step
    n_steps = m.n_steps = (n + batch - 1) // batch - m.long_step
    if m.long_step and (n % batch != 1 or n_steps < 1):
        refuse("long_step")
    m.done, m.at, m.n_epochs, m.stop = 0, task.start, task.n_epochs, task.stop
    if not (0 <= m.at < n_steps and m.n_epochs >= 0 and 0 <= m.stop < n_steps):
        refuse("start and stop")
    epochs = m.n_epochs + (m.stop > 0)
    if epochs < 1 or epochs > 2**40 // n_steps or task.hyper.rates.shape[0] < epochs * n_steps:
        refuse("rates")
    m.hyper.losses = doubles("losses", task.losses, epochs * n_steps, alive)
    m.mean_losses = doubles("mean_losses", task.mean_losses, epochs, alive)
    m.n_iter_no_change, m.tol = task.n_iter_no_change, task.tol
    m.best_loss, m.no_improvement = task.best_loss, task.no_improvement
    m.shuffle, m.part, m.ordered = task.shuffle, task.part, task.ordered
    m.stream_code = task.stream_code
    m.order = NULL
    if task.order is not None:
        order = task.order
        if order.shape[0] != n or n >= 2**32 or (m.shuffle and not 0 <= m.part <= 2**32 - epochs):
            refuse("order")
        if m.ordered == m.part and not within(&order[0], 0, n, m.held.n_samples):
            refuse("order")
        alive.append(order)
        m.order = &order[0]
    elif m.shuffle or m.rows != NULL or m.long_step:
        refuse("order")
    m.scoring = task.scoring
    m.best_score = task.best_score
    m.best_params = m.best_state = NULL
    m.scores = m.held_losses = NULL
    m.held_threads = 1
    m.score_decides = task.score_decides
    if m.scoring == 3:
        if task.held_rows is None:
            refuse("held rows")
        point_to_held(program, task.held_rows, m, alive)
    elif m.scoring != 0:
        if m.held.order == NULL or m.scoring not in (1, 2) or not task.held_weight > 0:
            refuse("held")
        if m.scoring == 2 and m.network.loss not in (LOSS_SOFTMAX_CROSS_ENTROPY,
                                                     LOSS_SIGMOID_CROSS_ENTROPY):
            refuse("scoring")
        m.held.n_samples, m.held.weight_sum = task.held.shape[0], task.held_weight
    if m.scoring != 0:
        m.scores = doubles("scores", task.scores, epochs, alive)
        m.held_losses = doubles("held_losses", task.held_losses, epochs, alive)
        if task.best is not None:
            m.best_params = copy_of(program, task.best[0], m.n_params, alive)
            m.best_state = copy_of(program, task.best[1], m.n_state, alive)
    m.status = m.taken = 0
    m.hyper.workspace, m.hyper.workspace_bytes = NULL, 0
    m.hyper.start = m.hyper.stop = 0
    m.hyper.batch_size = batch + m.long_step
    m.hyper.n_threads = startable(max(1, task.n_threads))
    if program.itemsize == 4:  # with no workspace nothing is done but to say how much it takes
        needed = kernels.train_f32(&m.network, &m.data, &m.hyper, m.n_params)
    else:
        needed = kernels.train_f64(&m.network, &m.data, &m.hyper, m.n_params)
    m.hyper.batch_size = batch
    if needed <= 0:
        raise MemoryError("no memory for the buffers of a training step")
    return needed
