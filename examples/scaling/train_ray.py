"""One network on the workers of a Ray cluster: python train_ray.py [ADDRESS].

Without an address Ray is started on this machine, with two processes.
"""

import sys

import ray
from ray.util.placement_group import placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy
from sklearn.datasets import load_digits

from minnet import MinNetClassifier
from minnet.distributed import Gloo, free_address, together


class Rank:
    """A process of the cluster, and the part of the rows that is its own."""

    def address(self):
        """Return where the ranks can meet."""
        return free_address()

    def fit(self, model, address, rank, size):
        """Return the model of all ranks, of the first of them."""
        X, y = load_digits(return_X_y=True)
        X, y = X[rank::size] / 16, y[rank::size]  # or a file of its own
        with together(Gloo(address, rank, size, timeout=60)):
            model.fit(X, y)
        return model if rank == 0 else None


def fit_by(ranks, model):
    """Return the model fitted, or raise what the first rank that fails raises."""
    address = ray.get(ranks[0].address.remote())
    waiting = [rank.fit.remote(model, address, i, len(ranks)) for i, rank in enumerate(ranks)]
    first = waiting[0]
    while waiting:
        done, waiting = ray.wait(waiting)
        ray.get(done)
    return ray.get(first)


def main(address=None, model=None, size=2):
    model = model or MinNetClassifier(learning_rate_init=0.01, random_state=0)
    ray.init(address) if address else ray.init(num_cpus=size, include_dashboard=False)
    places = placement_group([{"CPU": 1}] * size, strategy="SPREAD")  # all at once, or none
    ray.get(places.ready(), timeout=600)
    strategy = PlacementGroupSchedulingStrategy(places)
    actor = ray.remote(num_cpus=1, scheduling_strategy=strategy)(Rank)
    ranks = [actor.remote() for _ in range(size)]
    try:
        model = fit_by(ranks, model)
    finally:
        for rank in ranks:
            ray.kill(rank)  # one that is stopped would stay
        ray.shutdown()
    print(f"{size} ranks: loss {model.loss_:.4f} after {model.n_iter_} epochs")
    return model


if __name__ == "__main__":
    main(*sys.argv[1:])
