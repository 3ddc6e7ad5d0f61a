"""One network, trained by several processes on a shard of the rows each.

Wherever a process per shard is started, by ``mpiexec``, Slurm, Dask, Ray or Spark, all of them run the
same lines, each with its own rows::

    with together(MPI()):
        clf = MinNetClassifier(random_state=0).fit(X_shard, y_shard)
"""

from minnet.common.communicator import Communicator, together
from minnet.distributed.gloo import Gloo, free_address
from minnet.distributed.mpi import MPI
from minnet.distributed.shards import Shards

__all__ = ["MPI", "Communicator", "Gloo", "Shards", "free_address", "together"]


def __dir__() -> list[str]:
    return __all__
