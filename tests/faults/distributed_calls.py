"""Good calls of what connects processes, which ``valid_calls`` has among all."""

from call_makers import Call, _new

from minnet import distributed
from minnet.distributed import Gloo, Shards, free_address

__all__ = ["DISTRIBUTED_CALLS"]


def _together():
    def enter(communicator):
        with distributed.together(communicator):
            pass

    return Call(enter, {"communicator": Shards([20, 10])})


def _gloo():
    return Call(Gloo, {"address": free_address("127.0.0.1"), "rank": 0, "size": 1, "timeout": 60.0})


DISTRIBUTED_CALLS = {
    "Shards": _new(Shards, sizes=[20, 0, 10]),
    "together": _together,
    "free_address": _new(free_address, towards="127.0.0.1"),
    "Gloo": _gloo,
    "MPI": _new(distributed.MPI, comm=None, timeout=60.0),
}
