"""Packages that only some parts need: the extras of an installation."""

import importlib
from typing import Any

__all__ = ["import_extra"]


def import_extra(module: str, sentence: str) -> Any:
    """Return a module, or raise ImportError with the sentence that says how to get it.

    Examples
    --------
    >>> import_extra("no_such_package", "this needs a package: pip install 'minnet-learn[all]'")
    Traceback (most recent call last):
        ...
    ImportError: this needs a package: pip install 'minnet-learn[all]'
    """
    try:
        # The package may be blocked, and a part of it cached.
        importlib.import_module(module.partition(".")[0])
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(sentence) from error
