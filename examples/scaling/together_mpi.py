"""One network on all ranks of a job of MPI: mpiexec -n 2 python together_mpi.py."""

from sklearn.datasets import load_digits

from minnet import MinNetClassifier
from minnet.distributed import MPI, together


def main():
    ranks = MPI()  # first of all: from here on an error on one rank ends the whole job
    X, y = load_digits(return_X_y=True)
    X, y = X[ranks.rank :: ranks.size] / 16, y[ranks.rank :: ranks.size]  # or a file of its own
    with together(ranks):
        model = MinNetClassifier(learning_rate_init=0.01, random_state=0).fit(X, y)
    if ranks.rank == 0:
        print(f"{ranks.size} ranks: loss {model.loss_:.4f} after {model.n_iter_} epochs")
    return model  # the same on all ranks


if __name__ == "__main__":
    main()
