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
        importlib.import_module(
            module.partition(".")[0]
        )  # the package may be blocked, a part cached
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(sentence) from error
