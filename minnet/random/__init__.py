"""Random numbers addressed by counter: see :mod:`minnet.random.streams` for what a draw is, word for word.

``elementary`` has the logarithm, sine, cosine and normal quantile that give the same bits compiled or not.
"""

from minnet.random.streams import Stream, as_stream, draw_key, philox4x32

__all__ = ["Stream", "as_stream", "draw_key", "philox4x32"]


def __dir__() -> list[str]:
    return __all__
