"""Saving a model and loading it."""

from __future__ import annotations

import json
import os
from typing import Any, BinaryIO

from minnet._version import __version__
from minnet.common.atomic import write_atomically
from minnet.common.checks import check_file
from minnet.common.entry import reworded
from minnet.common.fields import text, whole
from minnet.persistence.container import ArrayReader, write_container
from minnet.persistence.models import describe, restore
from minnet.persistence.record import Record, parse_json, shorten
from minnet.persistence.values import Decoder, Encoder

__all__ = ["FORMAT", "load_model", "read_model", "save_model"]

#: Version of what the files say. A reader takes its own and all older ones.
FORMAT = 1

_LONGEST_SENTENCE = 400


def save_model(model: Any, path: str | os.PathLike[str]) -> None:
    """Write a model into a file that :func:`load_model` reads without running code.

    Parameters
    ----------
    model : estimator, TableEncoder, Network or Trainer
        A MinNetClassifier, MinNetRegressor, TabularClassifier or TabularRegressor, fitted or not; an
        encoder of tables; a network or its trainer.
    path : path-like
        ``.safetensors`` is a good ending, since other programs can read the arrays too. A file that is
        there is replaced when the new one is complete: whoever reads it finds the old or the new one. Its
        permissions stay. What is there and no regular file (a folder, a device, a pipe) is refused.

    Raises
    ------
    TypeError
        If the model is of another class.
    ValueError
        If it has a function or an object of a class of your own, which such a file cannot keep, or a
        weight that is NaN or infinite, which would be refused at loading.
    OSError
        If the file cannot be written, or ``path`` is that of something else than a file. What was there
        is then as it was.

    See Also
    --------
    load_model : Reads it.

    Notes
    -----
    Kept are the arguments, the weights, the optimizer's state, the random key, the curves, the labels
    and names: a later ``partial_fit`` or warm start goes on to the same bits as if nothing had been
    saved. Callbacks are not kept.

    Examples
    --------
    >>> import os, tempfile
    >>> from minnet import MinNetClassifier, load_model, save_model
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = MinNetClassifier((16,), solver="lbfgs", random_state=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "iris.safetensors")
    ...     save_model(clf, path)
    ...     same = load_model(path)

    >>> bool((same.predict_proba(X) == clf.predict_proba(X)).all())
    True
    """
    with write_atomically(path) as file:  # which looks at the path before there is work to do
        encoder = Encoder()
        record = {"format": FORMAT, "minnet": __version__, "model": describe(model, encoder)}
        description = json.dumps(record, separators=(",", ":"), allow_nan=False)
        write_container(file, encoder.arrays, description)


def load_model(path: str | os.PathLike[str]) -> Any:
    """Read a model that :func:`save_model` wrote.

    The file is not trusted: sizes, shapes, names and numbers are checked before they are used, names
    stand for minnet's own classes only, and nothing of it is run.

    Parameters
    ----------
    path : path-like
        Where the file is.

    Returns
    -------
    estimator, TableEncoder, Network or Trainer

    Raises
    ------
    ValueError
        If it is no such file, is broken, or comes from a later version of the format.
    OSError
        If it cannot be read.

    See Also
    --------
    save_model : Writes it, with an example.

    Notes
    -----
    Of a checkpoint (:class:`minnet.callbacks.Checkpoint`) it is what the fit would have come to if it had
    been interrupted there: with early stopping the best weights so far.
    """
    model = read_model(path)
    trainer = getattr(model, "_trainer", model)
    if getattr(trainer, "run", None) is not None:
        trainer.restore_best_weights()
    return model


def read_model(path: str | os.PathLike[str]) -> Any:
    """Read a model as :func:`load_model` does, but leave a training that was saved in the middle of it."""
    path = check_file("path", path)
    with open(path, "rb") as file:
        try:
            return _read(file, os.fstat(file.fileno()).st_size)
        except (OSError, MemoryError):
            raise
        except Exception as error:
            # All that is known to be wrong with a file is a ValueError here; so is the rest.
            sentence = " ".join(str(error).split())
            if len(sentence) > _LONGEST_SENTENCE:
                sentence = sentence[:_LONGEST_SENTENCE] + "..."
            named = ValueError(f"{path} cannot be read as a model: {sentence}")
            # Where a check of minnet's says it, its frames tell no more; what was not foreseen tells all.
            foreseen = type(error) in (ValueError, TypeError)
            raise named from (reworded(error, named).__cause__ if foreseen else error)


def _read(file: BinaryIO, size: int) -> Any:
    arrays = ArrayReader(file, size)
    record = Record(parse_json(arrays.description), "the description")
    version = record.read("format", whole())
    written_by = record.read("minnet", text())
    if version > FORMAT:
        raise ValueError(
            f"it has format {version}, written by minnet {shorten(written_by)}, and minnet "
            f"{__version__} reads formats up to {FORMAT}: a newer minnet reads it"
        )
    model = restore(record.take("model"), Decoder(arrays))
    record.done()
    arrays.done()
    return model
