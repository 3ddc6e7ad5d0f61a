"""Good calls of the page in a notebook, which ``valid_calls`` has among all."""

from call_makers import Call

from minnet.playground import Playground

__all__ = ["PLAYGROUND_CALLS"]


def _opened_and_closed():
    def make(**arguments):
        Playground(**arguments).close()

    return Call(make, {"budget": 0.3, "data": "moons", "depth": 1, "width": 2, "batch_norm": False})


PLAYGROUND_CALLS = {
    "Playground": _opened_and_closed,
    "Playground.close": lambda: Call(Playground(depth=1, width=2).close),
}
