"""Docstrings in numpydoc's form of which a part is written elsewhere, once."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["complete_docstring"]

_Documented = TypeVar("_Documented", bound=Callable[..., Any])

#: Sections that are lists of entries; others are texts.
_LISTS = ("Parameters", "Attributes")
_TITLE = re.compile(r"^(\w[\w ]*)\n-{3,}\n", re.MULTILINE)
_ENTRY = re.compile(r"^(?=\S)", re.MULTILINE)


def complete_docstring(shared: Any) -> Callable[[_Documented], _Documented]:
    """Return a decorator that gives a class or method what its docstring shares with another's.

    Sections that it has not are those of ``shared``. Its parameters come in the order of its signature,
    each in its own words or else in those of ``shared``; of its attributes its own come first.

    Parameters
    ----------
    shared : class or function
        Whose docstring has what several have in common.

    Examples
    --------
    >>> def base(a, b):
    ...     '''Do something.
    ...
    ...     Parameters
    ...     ----------
    ...     a, b : int
    ...     '''
    >>> @complete_docstring(base)
    ... def other(a, c, b):
    ...     '''Do something else.
    ...
    ...     Parameters
    ...     ----------
    ...     c : str
    ...         And this.
    ...     '''
    >>> other.__doc__.splitlines()[-4:]
    ['----------', 'a, b : int', 'c : str', '    And this.']
    """

    def decorate(documented: _Documented) -> _Documented:
        if documented.__doc__ is None or shared.__doc__ is None:  # python -OO
            return documented
        own, other = _sections(documented.__doc__), _sections(shared.__doc__)
        sections = {title: own.get(title, text) for title, text in other.items()}
        sections |= {title: text for title, text in own.items() if title not in sections}
        for title in _LISTS:
            if title in own and title in other:
                entries = _entries(own[title]) | {
                    name: text
                    for name, text in _entries(other[title]).items()
                    if name not in _entries(own[title])
                }
                if title == "Parameters":
                    order = list(inspect.signature(documented).parameters)
                    entries = dict(sorted(entries.items(), key=lambda e: order.index(e[0])))
                sections[title] = "".join(entries.values())
        documented.__doc__ = "\n".join(
            text if not title else f"{title}\n{'-' * len(title)}\n{text}"
            for title, text in sections.items()
        ).rstrip()
        return documented

    return decorate


def _sections(doc: str) -> dict[str, str]:
    """Return the texts of a docstring by their titles; what comes before the first has none."""
    first, *rest = _TITLE.split(inspect.cleandoc(doc) + "\n")
    titled = dict(zip(rest[::2], rest[1::2], strict=True))
    return {"": first.strip("\n") + "\n"} | {
        title: text.strip("\n") + "\n" for title, text in titled.items()
    }


def _entries(text: str) -> dict[str, str]:
    """Return the entries of a list of parameters by the first name of each."""
    found = [entry for entry in _ENTRY.split(text) if entry]
    return {re.split(r"[ ,:\n]", entry, maxsplit=1)[0]: entry for entry in found}
