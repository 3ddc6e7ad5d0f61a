"""A page in a browser on which one sees a network learn, or not, and touches the cause.

    python -m minnet.playground

opens it: a small deep network trains, and the page shows its decision boundary, what arrives at each layer
forward and backward beside what theory predicts, its loss, and how fast its weights move, while data,
depth, activation, initialization and all else that matters can be changed. It is minnet itself that
trains, on this machine; the page asks no other host for anything.

:func:`serve` is that command as a function. :class:`Playground` is the same page in a notebook; it needs
anywidget (``pip install 'minnet-learn[notebook]'``). Importing minnet imports nothing of it.
"""

from minnet.playground.server import serve
from minnet.playground.widget import Playground

__all__ = ["Playground", "serve"]


def __dir__() -> list[str]:
    return __all__
