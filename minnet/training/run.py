"""Where a training is, in the middle of it."""

from dataclasses import dataclass, field

from minnet.common.fields import count, one_of, optional, text, texts
from minnet.common.types import Array

__all__ = ["REASONS", "Run"]

#: Why a training ended.
REASONS = ("stalled", "max_epochs", "callback", "diverged", "end_of_stream", "interrupted")


@dataclass
class Run:
    """What one call of ``Trainer.fit`` knows beside the trainer's records: with both, it can go on.

    Its fields are what a checkpoint keeps, ``losses`` and ``best`` too, as arrays.

    Attributes
    ----------
    n_epochs : int
        Epochs that were completed, and validated where they are.
    part : int
        Parts of the present epoch that are done: a stream comes in parts, other data are one.
    n_empty : int
        Batches of a stream that had no rows and were left out: in this epoch, or in all of them if a
        stream is passed through once.
    start : int
        Steps of the present part that are done.
    losses : list of ndarray of float64
        Loss of each batch of the present epoch, times the length of the batch.
    n_rows : int
        Rows of the parts that are done.
    first_score : int
        Validation scores of earlier calls.
    best : ndarrays (params, state) or None
        Copies of the weights of the best epoch; None where none is kept.
    ending_epoch : bool
        Whether the steps of an epoch are done, and what follows them is not: here a training cannot be
        resumed.
    pauses_exactly : bool
        Whether a pause leaves the bits as they are: not so where a sparse product is scaled lazily.
    stopped : str or None
        Why the training ended: "stalled", "max_epochs", "callback", "diverged", "end_of_stream" or
        "interrupted".
    fingerprint : str
        What tells this training from others, for a checkpoint.
    told : dict of str
        It in words, by the names of arguments and data.
    """

    n_epochs: int = count()
    part: int = count()
    n_empty: int = count()
    start: int = count()
    losses: list[Array] = field(default_factory=list)
    n_rows: int = count()
    first_score: int = count()
    best: tuple[Array, Array] | None = None
    ending_epoch: bool = False
    pauses_exactly: bool = True
    stopped: str | None = optional(one_of(*REASONS), default=None)
    fingerprint: str = text(default="")
    told: dict[str, str] = texts()  # noqa: RUF009
