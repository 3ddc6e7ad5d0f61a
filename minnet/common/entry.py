"""Where a user's call comes in: what is said of wrong ones is short, and names what is meant.

An argument that there is not is named by what it is called here. An error says in one sentence what is
wrong, and the way from the call to the check says nothing more: it is left out of the traceback, and the
log (``logging.getLogger("minnet")``, level DEBUG) has it.
"""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, ClassVar, Self, TypeVar

from minnet.common.names import hint_of_keyword, known_as

__all__ = ["KnownKeywords", "entry", "reworded", "shorten"]

_Function = TypeVar("_Function", bound=Callable[..., Any])

_Error = TypeVar("_Error", bound=BaseException)

_log = logging.getLogger("minnet")

#: Packages in whose frames nobody looks for the cause of a wrong argument.
_LIBRARIES = (
    "minnet", "sklearn", "numpy", "scipy", "pandas", "polars", "pyarrow", "joblib", "contextlib",
    "threading", "concurrent", "queue", "importlib", "_frozen_importlib", "json", "dask", "distributed",
    "narwhals",
)  # fmt: skip


class KnownKeywords:
    """Mixin: a keyword that ``__init__`` does not take is a TypeError that says what it is called here.

    Examples
    --------
    >>> class Fit(KnownKeywords):
    ...     def __init__(self, max_iter=200):
    ...         self.max_iter = max_iter
    >>> Fit(epochs=10)
    Traceback (most recent call last):
        ...
    TypeError: Fit() got an unexpected keyword argument 'epochs': did you mean 'max_iter'?
    """

    _keywords: ClassVar[frozenset[str] | None] = frozenset()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        # That of object takes nothing, though its signature takes all.
        has_none = cls.__init__ is object.__init__
        cls._keywords = frozenset({"self"}) if has_none else _keywords_of(cls.__init__)

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:  # noqa: D102
        if kwargs and (known := cls._keywords) is not None and not known >= kwargs.keys():
            raise TypeError(_unknown(cls.__name__, kwargs, known, cls, "fit", "__call__"))
        if args and cls.__init__ is object.__init__:
            raise TypeError(f"{cls.__name__}() takes no arguments, got {args[0]!r:.200}")
        return super().__new__(cls)

    # That of a class without __init__ is the signature that help() shows.
    __new__.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter("cls", inspect.Parameter.POSITIONAL_ONLY)]
    )


def entry(function: _Function) -> _Function:
    """Return a function as a user calls it: keywords are known, and tracebacks are short.

    Arguments of other libraries' ``fit`` are arguments of the class here.
    """
    known = _keywords_of(function)

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        if kwargs and known is not None and not known >= kwargs.keys():
            cls = type(args[0]) if "self" in known and args else None
            name = function.__name__ if cls is None else f"{cls.__name__}.{function.__name__}"
            raise TypeError(_unknown(name, kwargs, known, cls, "__init__"))
        try:
            return function(*args, **kwargs)
        except (TypeError, ValueError, ImportError, MemoryError) as error:
            shorten(error)
            raise

    return called  # type: ignore[return-value]


def shorten(error: BaseException) -> None:
    """Take from an error the frames that it came through so far, to be raised on.

    Where code of others took part, a function of the user's say, all stays.
    """
    chain: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and one not in chain:
        chain.append(one)
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    if any(not _of_libraries(name) for each in chain for name in _modules(each.__traceback__)):
        return
    _log.debug("the whole traceback of %r", error, exc_info=error)
    error.__cause__ = error.__traceback__ = None
    error.__suppress_context__ = True


def reworded(error: BaseException, named: _Error) -> _Error:
    """Return an error that says another one in more words, with that as its cause where it tells more."""
    named.__cause__ = error
    shorten(named)
    return named


def _modules(traceback: TracebackType | None) -> Iterator[str]:
    while traceback is not None:
        yield str(traceback.tb_frame.f_globals.get("__name__", ""))
        traceback = traceback.tb_next


def _of_libraries(module: str) -> bool:
    return module.partition(".")[0] in _LIBRARIES


def _keywords_of(function: Any) -> frozenset[str] | None:
    """Return the names of a function's arguments, or None where it takes any."""
    parameters = inspect.signature(function).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return None
    return frozenset(parameters)


def _unknown(
    name: str, given: Mapping[str, Any], known: frozenset[str], cls: type[Any] | None, *others: str
) -> str:
    """Return the sentence for the first keyword that is not known; another method may take it."""
    keyword = next(keyword for keyword in given if keyword not in known)
    sentence = f"{name}() got an unexpected keyword argument {keyword!r}"
    if cls is not None and known_as(keyword, known) is None:
        for method in others:
            function = getattr(cls, method, None)
            meant = known_as(keyword, (function and _keywords_of(function)) or ())
            if meant is not None:
                it = "it" if meant == keyword else meant
                return f"{sentence}: {it} {_WHERE[method].format(cls.__name__)}"
    return sentence + hint_of_keyword(keyword, sorted(known))


#: Where a method's arguments are given.
_WHERE = {
    "__init__": "is an argument of {}(...)",
    "fit": "is an argument of {}.fit(...)",
    "__call__": "is given when it is called, and random_state to the estimator",
}
