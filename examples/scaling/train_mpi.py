"""One network, trained by all ranks of a job of MPI: mpiexec -n 2 python train_mpi.py.

Each rank has its own rows. On a cluster Slurm starts the ranks: srun python train_mpi.py.
"""

import sys

import numpy as np
from sklearn.datasets import load_digits

from minnet import MinNetClassifier
from minnet.callbacks import Checkpoint
from minnet.distributed import MPI, together


def standardized(X, ranks):
    """Return a shard as a StandardScaler does that is fitted to the rows of all."""
    sums = np.concatenate([[len(X)], X.sum(axis=0)])
    ranks.sum(sums)
    mean = sums[1:] / sums[0]
    squares = ((X - mean) ** 2).sum(axis=0)
    ranks.sum(squares)
    std = np.sqrt(squares / sums[0])
    return (X - mean) / np.where(std > 0, std, 1.0)


def main(path="digits.safetensors"):
    ranks = MPI()  # first of all: from here on an error of one rank ends the job
    X, y = load_digits(return_X_y=True)
    mine = slice(ranks.rank, None, ranks.size)  # or files of its own
    X, y = X[mine], y[mine]
    X = standardized(X, ranks)
    net = MinNetClassifier(learning_rate_init=0.01, random_state=0)
    net.set_callbacks(Checkpoint(path))  # after a failure run the job again
    with together(ranks):
        net.fit(X, y)
    if ranks.rank == 0:
        print(f"{net.n_iter_} epochs, loss {net.loss_:.4f}: load_model({path!r})")
    return net


if __name__ == "__main__":
    main(*sys.argv[1:])
