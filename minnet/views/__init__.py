"""What a network looks like: a table of its layers, a drawing for notebooks, one batch number by number.

Nothing in the core imports this package; :class:`minnet.common.displayed.Displayed` opens it when asked.
"""

from minnet.views.drawing import attributes_with_drawing as attributes_with_drawing
from minnet.views.drawing import draw as draw
from minnet.views.summary import summarize as summarize
from minnet.views.trace import Trace

__all__ = ["Trace"]


def __dir__() -> list[str]:
    return __all__
