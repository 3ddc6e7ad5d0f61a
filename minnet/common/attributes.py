"""What is said of an attribute that there is not: where it is, if elsewhere or later."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

__all__ = ["KnownAttributes"]


class KnownAttributes:
    """Mixin: of attributes that users look for, the error says where to find what is meant.

    Attributes
    ----------
    _elsewhere : dict of str
        The ends of the sentences, by the names of the attributes.

    Examples
    --------
    >>> class Line(KnownAttributes):
    ...     _elsewhere = {"gradient": "it is the slope"}
    >>> Line().gradient
    Traceback (most recent call last):
        ...
    AttributeError: 'Line' object has no attribute 'gradient': it is the slope
    >>> hasattr(Line(), "gradient")
    False
    """

    _elsewhere: ClassVar[Mapping[str, str]] = {}

    if not TYPE_CHECKING:  # to a type checker it would mean that every attribute is there

        def __getattr__(self, name: str) -> Any:
            where = self._elsewhere.get(name)
            sentence = f"{type(self).__name__!r} object has no attribute {name!r}"
            end = "" if where is None else f": {where}"
            raise AttributeError(sentence + end, name=name, obj=self)
