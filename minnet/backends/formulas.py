"""The one table of what compiled training knows: layers, activations, losses, optimizers, structs.

A name's code is its place in its tuple. The build writes C's header ``minnet_ext/kernels/program.h`` and
Cython's ``minnet_ext/_program.pxd`` from here, :mod:`minnet.backends.program` its dtype; the extension
carries :func:`digest`, and one that was built from another table is refused.

Nothing is imported from minnet or NumPy, since ``setup.py`` loads this file by its path. What is to be
done for a new name is in CONTRIBUTING.md.
"""

import hashlib

__all__ = [
    "ACTIVATIONS",
    "LAYER_KINDS",
    "LINKS",
    "LOSSES",
    "OPTIMIZERS",
    "PRECISIONS",
    "STRUCTS",
    "c_header",
    "digest",
    "pxd",
]

LAYER_KINDS = ("dense", "dropout", "batch_norm", "split", "add", "layer_norm", "piecewise_linear")

#: By ``Activation.name``; "user" is what :func:`minnet.activation` makes.
ACTIVATIONS = (
    "identity",
    "sigmoid",
    "tanh",
    "lecun_tanh",
    "softsign",
    "relu",
    "leaky_relu",
    "elu",
    "selu",
    "gelu",
    "silu",
    "softplus",
    "user",
)

#: By ``Loss.name``, or that and ``Loss.output`` where the loss has several.
LOSSES = (
    "softmax_cross_entropy",
    "sigmoid_cross_entropy",
    "squared_error",
    "squared_error_softmax",
    "squared_error_logistic",
    "poisson",
    "absolute_error",
    "huber",
    "quantile",
)

#: By ``Loss.output``: what becomes of logits, the formulas of :mod:`minnet.links`.
LINKS = ("identity", "softmax", "logistic", "exp")

#: By ``Optimizer.compiled``: the rows of its ``state``, by the names that the kernels give them.
OPTIMIZERS = {"sgd": ("V",), "adam": ("M", "V"), "rmsprop": ("V", "M")}

#: Of the products of a dense layer: the network's own; bfloat16, by the CPU's instruction where it has
#: one; and bfloat16 without it, for tests.
PRECISIONS = ("own", "bf16", "bf16_emulated")

#: C's structs: lines of type, names, comment.
STRUCTS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "minnet_column": (
        ("int64_t", "first", "of its encoded numbers"),
        ("int64_t", "n_pieces n_codes", "one of both, or none: it stays as it is"),
        ("int64_t", "at", "of n_pieces: where the numbers of its pieces are"),
        ("int64_t", "number", "of n_codes: which of all such columns; else where its numbers are"),
        ("int64_t", "n_numbers", "that are made of it: 1, or with each piece's; of n_codes 0"),
    ),
    "minnet_layer": (
        ("int64_t", "kind activation n_in n_out", ""),
        ("int64_t", "weight bias", "offsets of W and b, or gamma and beta, or of s in bias; or -1"),
        ("int64_t", "partner", "of a split its add, and of an add its split; -1: there is none"),
        ("int64_t", "mean variance", "offsets in the layer state of BatchNorm's averages"),
        ("int64_t", "trainable", ""),
        ("int64_t", "precision", "of the products of a dense layer"),
        ("int64_t", "needs_Z", "whether the activation's derivative reads Z"),
        ("int64_t", "value slope", "addresses of a user's activation (user.h); 0 where none is"),
        ("int64_t", "columns pieces", "addresses of what is made of columns (piecewise.h), or 0"),
        ("int64_t", "stream_index stream_code", "random stream of dropout, and of that of codes"),
        ("double", "activation_parameter", ""),
        ("double", "lr_factor bias_lr_factor", "of W, and of all else"),
        ("double", "decay_factor", "of W"),
        ("double", "rate", "of dropout, or of that of codes"),
        ("double", "momentum epsilon", "of normalization; momentum of BatchNorm alone"),
    ),
    "minnet_network": (
        ("const minnet_layer *", "layers", ""),
        ("int64_t", "n_layers loss", ""),
        ("double", "loss_parameter", "Huber's delta, or which quantile"),
        ("double", "alpha", "of L2"),
        ("void *", "params state", ""),
    ),
    "minnet_data": (
        ("const char *", "X", "of the network's type; strides in bytes"),
        ("int64_t", "row_stride column_stride", ""),
        (
            "const int64_t *",
            "indptr",
            "NULL, or where CSR's rows begin, of which X has the values,",
        ),
        ("const void *", "indices", "and this the columns: int32_t, or int64_t"),
        ("int64_t", "wide_indices", "if this is not 0"),
        ("const int64_t *", "classes", "targets of a softmax; otherwise numbers:"),
        ("const char *", "T", ""),
        ("int64_t", "t_row_stride t_column_stride", ""),
        ("const int64_t *", "t_indptr", "NULL, or where CSR's rows of targets begin, as for X"),
        ("const void *", "t_indices", ""),
        ("int64_t", "t_wide_indices", ""),
        ("const double *", "weights", "sample weights or NULL"),
        ("const int64_t *", "order", "or NULL"),
        ("int64_t", "n_samples", ""),
        ("double", "weight_sum", ""),
    ),
    "minnet_share": (
        (
            "const int64_t *",
            "bounds",
            "step i takes rows bounds[i] up to bounds[i + 1] of the order,",
        ),
        (
            "const int64_t *",
            "positions",
            "of which the first is this row of the epoch of all processes,",
        ),
        ("const int64_t *", "lengths", "and all of them have so many in it"),
        ("const double *", "weights squares", "of these: see minnet.backends.share; or NULL"),
        ("double", "n_samples", "of all processes"),
        ("int64_t", "leads", ""),
        (
            "int64_t",
            "reduce",
            "address of what sums over the processes (share.h), and what it is called",
        ),
        ("void *", "with_", "with; 0: there is one process"),
        ("void *", "numbers", "what it sums: the gradient and what is behind it (share.h)"),
        ("int64_t", "taken ended", "OUT: steps; whether summing ended them"),
    ),
    "minnet_hyper": (
        ("int64_t", "batch_size start stop", "steps of the epoch"),
        ("const double *", "rates", "one a step of the epoch"),
        ("int64_t", "optimizer nesterov", ""),
        ("double", "momentum beta_1 beta_2 epsilon", ""),
        ("double", "weight_decay clip_value clip_norm", "infinite: no clipping"),
        ("void *", "V M", "rows of the optimizer's state, or NULL"),
        ("int64_t", "steps_made", "before this call"),
        ("int64_t", "position", "samples drawn before this epoch"),
        ("uint64_t", "key", ""),
        ("int64_t", "n_threads", ""),
        (
            "double *",
            "lazy",
            "IN, OUT: s (0 before any step), sums of squares of W / s; NULL: W is exact",
        ),
        ("void *", "workspace", "what steps need for themselves; too little: nothing is done,"),
        ("int64_t", "workspace_bytes", "and the number of bytes needed is returned"),
        ("minnet_share *", "share", "of a step in several processes; NULL: there is one"),
        ("void *", "gradient", "OUT: the gradient of one step, which is then not taken; or NULL"),
        ("double *", "losses", "OUT: objective times length of batch, one a step from start on"),
    ),
    "minnet_outputs": (
        ("int64_t", "n_threads", ""),
        ("int64_t", "link", "what becomes of the logits"),
        ("int64_t", "pair", "of one logit z two numbers: what becomes of -z, and of z"),
        ("double", "temperature", "that the logits are divided by before"),
        ("int64_t", "check_inputs", "whether to look for NaN and infinity among the inputs, too"),
        ("int64_t", "not_finite", "OUT: whether a logit is NaN or infinite, or an input"),
    ),
    "minnet_member": (
        ("minnet_network", "network", ""),
        ("minnet_data", "data held", "its rows, and those that are scored"),
        (
            "minnet_hyper",
            "hyper",
            "of the epoch that it is in; rates and losses of all of the call",
        ),
        ("int64_t", "n_params n_state", ""),
        ("const int64_t *", "rows", "of the data; NULL: all"),
        ("int64_t *", "order", "room for the order of its rows; NULL: as they lie"),
        ("int64_t", "shuffle stream_code", "the code of the stream's name"),
        ("int64_t", "part ordered", "the number of its epoch, and that of the order that is there"),
        ("int64_t", "n_steps long_step", "of an epoch; whether the last takes one row more"),
        ("int64_t", "at done", "IN, OUT: steps made of the epoch; epochs completed"),
        ("int64_t", "n_epochs stop", "where to go: so many epochs, and steps of the next one"),
        ("int64_t", "scoring", "of held rows: none, loss, refinement, accuracy"),
        ("int64_t", "held_link held_threads", "what becomes of their logits; who computes them"),
        ("double *", "scores held_losses", "OUT: one an epoch"),
        ("double", "best_score", "IN, OUT"),
        ("void *", "best_params best_state", "OUT: copies, if they are wanted"),
        ("double *", "mean_losses", "OUT: one an epoch"),
        ("int64_t", "n_iter_no_change", "so many epochs may not lower it by tol; -1: all may"),
        ("double", "tol best_loss", "the smallest mean loss so far: IN, OUT"),
        ("int64_t", "no_improvement", "epochs without one: IN, OUT"),
        ("int64_t", "score_decides", "whether it is the score that has to be better by tol"),
        (
            "int64_t",
            "status taken",
            "OUT: 1 has diverged, 2 no memory, 3 stalled; whether a thread has it",
        ),
    ),
}

_ENUMS = (
    ("layer_kind", "LAYER", LAYER_KINDS),
    ("activation", "ACT", ACTIVATIONS),
    ("loss_kind", "LOSS", LOSSES),
    ("link_kind", "LINK", LINKS),
    ("optimizer_kind", "OPTIMIZER", tuple(OPTIMIZERS)),
    ("precision", "PRECISION", PRECISIONS),
)


def digest() -> str:
    """Return 16 letters that change with any name, code, field or type of the table.

    Examples
    --------
    >>> len(digest())
    16
    """
    structs = [(name, [line[:2] for line in lines]) for name, lines in STRUCTS.items()]
    return hashlib.sha256(repr((_ENUMS, OPTIMIZERS, structs)).encode()).hexdigest()[:16]


def c_header() -> str:
    """Return the text of C's header: the enums and the structs."""
    parts = [
        "/* Written by the build from minnet/backends/formulas.py: what the compiled steps read. */",
        "#ifndef MINNET_PROGRAM_H\n#define MINNET_PROGRAM_H\n\n#include <stdint.h>\n",
        f'#define MINNET_DIGEST "{digest()}"\n',
    ]
    for name, prefix, members in _ENUMS:
        lines = "".join(f"    {prefix}_{member.upper()},\n" for member in members)
        parts.append(f"enum {name} {{\n{lines}}};\n")
    for name, fields in STRUCTS.items():
        lines = "".join(
            f"    {_declared(kind, names)};{comment and f' /* {comment} */'}\n"
            for kind, names, comment in fields
        )
        parts.append(f"typedef struct {{\n{lines}}} {name};\n")
    return "\n".join([*parts, "#endif\n"])


def pxd() -> str:
    """Return the text of Cython's declarations of the structs."""
    parts = [
        "# Written by the build from minnet/backends/formulas.py.\n",
        'from libc.stdint cimport int64_t, uint64_t\n\n\ncdef extern from "program.h" nogil:',
        "    const char *MINNET_DIGEST\n",
    ]
    for name, fields in STRUCTS.items():
        lines = [_declared(kind, field) for kind, names, _ in fields for field in names.split()]
        indented = "".join(f"        {line}\n" for line in lines)
        parts.append(f"    ctypedef struct {name}:\n{indented}")
    return "\n".join(parts)


def _declared(kind: str, names: str) -> str:
    """Return a declaration of several names, of which each has the star of a pointer."""
    kind, star = (kind[:-1], "*") if kind[-1] == "*" else (kind + " ", "")
    return kind + ", ".join(star + name for name in names.split())
