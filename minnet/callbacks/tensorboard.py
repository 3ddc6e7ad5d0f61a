"""Event files for TensorBoard."""

import contextlib
import math
import os
import platform
import time
import warnings
from typing import Any

from minnet.callbacks.epoch import Epoch
from minnet.common.callers import level_of_user
from minnet.common.checks import check_path
from minnet.common.extras import import_extra
from minnet.training.callback import Callback
from minnet.training.per_trainer import PerTrainer

__all__ = ["TensorBoard"]

_TAGS = {
    "loss": "loss/training",
    "validation_loss": "loss/validation",
    "validation_score": "score/validation",
    "learning_rate": "learning_rate",
    "seconds": "time/seconds",
    "rows_per_second": "time/rows_per_second",
}
_FLUSH = 10  # seconds: what a killed process loses at most


class TensorBoard(Callback):
    """Writes the figures of each epoch to event files, which ``tensorboard --logdir FOLDER`` shows.

    Each fit has a folder of its own in the folder given, named by date and time; where several begin in
    the same second, as in a search with many processes, a number follows. Values that are NaN, such as
    scores of a fit without validation, are left out. The files are written by tensorboardX, which is an
    extra (``pip install 'minnet-learn[tensorboard]'``), small, and needs neither TensorFlow nor
    TensorBoard; these are for looking.

    Parameters
    ----------
    folder : str or path-like
        Made if need be when a fit begins.

    Attributes
    ----------
    run_folders : list of str
        Of the fits watched, in the order in which they began.

    Raises
    ------
    ImportError
        When a fit begins without tensorboardX.
    OSError
        When a fit begins, if its folder cannot be made or written into.

    Warns
    -----
    UserWarning
        If the file cannot be written to any more, since the disk is full for example: the training goes
        on, and nothing more is written of it.

    Examples
    --------
    >>> import os
    >>> import tempfile
    >>> from sklearn.datasets import load_iris
    >>> from minnet import MinNetClassifier
    >>> from minnet.callbacks import TensorBoard
    >>> X, y = load_iris(return_X_y=True)
    >>> folder = tempfile.TemporaryDirectory()
    >>> board = TensorBoard(folder.name)
    >>> _ = MinNetClassifier((8,), max_iter=3, n_iter_no_change=3).set_callbacks(board).fit(X, y)
    >>> [file] = os.listdir(board.run_folders[0])
    >>> file.startswith("events.out.tfevents.")
    True
    >>> folder.cleanup()
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        check_path("folder", folder)
        self.folder = folder
        self.run_folders: list[str] = []
        self._running = PerTrainer()

    def __repr__(self) -> str:
        return f"TensorBoard({str(self.folder)!r})"

    def begin(self, trainer: Any) -> None:
        """Open the event file of a fit."""
        library = import_extra(
            "tensorboardX",
            "TensorBoard needs tensorboardX: pip install 'minnet-learn[tensorboard]'",
        )
        folder = _new_folder(self.folder)
        self._running[trainer] = _Fit(library, folder)
        self.run_folders.append(folder)

    def begin_epoch(self, trainer: Any) -> None:
        """Take the time."""
        self._running[trainer].epoch = Epoch(trainer)

    def end_epoch(self, trainer: Any) -> None:
        """Write the figures."""
        self._running[trainer].end_epoch(trainer)

    def end(self, trainer: Any) -> None:
        """Close the file."""
        if trainer in self._running:  # not where begin has failed
            self._running.pop(trainer).close()

    abort = end


class _Fit:
    """One training and its event file.

    It is written here and now. The library's ``SummaryWriter`` hands all to a thread, which ends where the
    disk is full, and then waits for that thread for ever.
    """

    epoch: Epoch

    def __init__(self, library: Any, folder: str) -> None:
        self._folder = folder
        self._Event = import_extra(
            "tensorboardX.proto.event_pb2", "tensorboardX lacks a part"
        ).Event
        name = f"events.out.tfevents.{int(time.time())}.{platform.node()}"
        self._writer = library.RecordWriter(os.path.join(folder, name))
        self._flushed = -math.inf  # when
        self._write(self._Event(wall_time=time.time(), file_version="brain.Event:2"))

    def end_epoch(self, trainer: Any) -> None:
        if self._writer is None:
            return
        figures = self.epoch.figures(trainer)
        event = self._Event(wall_time=time.time(), step=figures["epoch"])
        for name, tag in _TAGS.items():
            if not math.isnan(figures[name]):
                event.summary.value.add(tag=tag, simple_value=figures[name])
        try:
            self._write(event)
        except OSError as error:
            self._give_up(error)

    def close(self) -> None:
        try:
            if self._writer is not None:
                self._writer.close()
        except OSError as error:
            self._give_up(error)

    def _write(self, event: Any) -> None:
        self._writer.write(event.SerializeToString())
        if time.monotonic() - self._flushed > _FLUSH:
            self._writer.flush()
            self._flushed = time.monotonic()

    def _give_up(self, error: OSError) -> None:
        with contextlib.suppress(OSError):
            self._writer.close()
        self._writer = None
        warnings.warn(
            f"the figures of this training can no longer be written to {self._folder!r} ({error}): the "
            "training goes on without",
            stacklevel=level_of_user(),
        )


def _new_folder(parent: str | os.PathLike[str]) -> str:
    """Make a folder that nobody else has, and return its path."""
    name = os.path.join(os.path.abspath(os.fspath(parent)), time.strftime("%Y-%m-%d_%H-%M-%S"))
    number = 1
    while True:
        folder = name if number == 1 else f"{name}_{number}"
        try:
            os.makedirs(folder)
        except FileExistsError:
            number += 1
        else:
            return folder
