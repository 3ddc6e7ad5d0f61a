"""What a network looks like: a table of its layers, a drawing for notebooks, one batch number by number.

Nothing in the core imports this package; :class:`minnet.common.displayed.Displayed` opens it when asked.
"""

from minnet.views.drawing import attributes_with_drawing, draw
from minnet.views.summary import summarize
from minnet.views.trace import Trace

__all__ = ["Trace", "attributes_with_drawing", "draw", "summarize"]
