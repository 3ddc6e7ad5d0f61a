"""Which rows of which shard a step takes: as one process with the rows of all would, in proportion."""

from fractions import Fraction

import numpy as np
import pytest

from minnet import BatchNorm, Dense, Network
from minnet.distributed import Shards
from minnet.training.cut import Cut
from minnet.training.shards import ShardSteps, joined_order, order_of_shard, rows_taken

SIZES = [
    [1], [7], [0, 5], [1, 0], [1, 1, 1], [5, 5, 5, 5], [530, 0, 470], [33, 1, 66], [0, 0, 41, 0],
    [3, 6, 12],
    [7, 11, 13, 17, 19, 23, 0, 1], [1, 999],
]  # fmt: skip
BATCHES = [1, 2, 10, 41, 200, 2000]
NETS = [Network([Dense(2)]), Network([Dense(4), BatchNorm(), Dense(2)])]


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("batch_size", BATCHES)
def test_steps_are_those_of_one_process_by_websters_method(sizes, batch_size):
    n = sum(sizes)
    # By the definition, in exact numbers: all rows in the order of their places.
    rows = [(Fraction(2 * j + 1, 2 * size), r) for r, size in enumerate(sizes) for j in range(size)]
    owner = np.array([r for _, r in sorted(rows)])
    for network in NETS:
        cut = Cut(network, n, batch_size)
        bounds = cut.bounds
        assert len(bounds) == cut.n_steps + 1
        assert bounds[0] == 0
        assert bounds[-1] == n
        steps = [ShardSteps.of(rank, sizes, bounds) for rank in range(len(sizes))]
        position = bounds[:-1].copy()
        for rank, (size, taken) in enumerate(zip(sizes, rows_taken(sizes, bounds), strict=True)):
            np.testing.assert_array_equal(taken, [(owner[:g] == rank).sum() for g in bounds])
            assert taken[-1] == size
            np.testing.assert_array_equal(steps[rank].bounds, taken)
            np.testing.assert_array_equal(steps[rank].lengths, np.diff(bounds))
            np.testing.assert_array_equal(steps[rank].positions, position)
            assert all(a.dtype == np.int64 for a in vars(steps[rank]).values())
            position += np.diff(taken)
        np.testing.assert_array_equal(position, bounds[1:])
        orders = [order_of_shard(rank, size, 3, 1) for rank, size in enumerate(sizes)]
        joined = joined_order(sizes, bounds, orders)
        assert sorted(joined) == list(range(n))
        offsets = np.cumsum([0, *sizes])
        for i in range(cut.n_steps):
            parts = [
                offsets[rank] + orders[rank][one.bounds[i] : one.bounds[i + 1]]
                for rank, one in enumerate(steps)
            ]
            np.testing.assert_array_equal(joined[bounds[i] : bounds[i + 1]], np.concatenate(parts))


def test_the_first_shard_has_the_order_of_one_process_and_others_their_own():
    from minnet.descend import shuffled_order

    np.testing.assert_array_equal(order_of_shard(0, 50, 7, 3), shuffled_order(50, 7, 3))
    orders = {tuple(order_of_shard(rank, 50, 7, epoch)) for rank in range(4) for epoch in range(4)}
    assert len(orders) == 16


def test_shares_of_a_step_are_in_proportion_for_large_and_unequal_shards():
    sizes = [10**7 + 1, 3, 5 * 10**8, 0, 123_456_789]
    n = sum(sizes)
    bounds = np.minimum(np.arange(-(-n // 10**6) + 1) * 10**6, n)
    total = 0
    for size, taken in zip(sizes, rows_taken(sizes, bounds), strict=True):
        assert (np.diff(taken) >= 0).all()
        assert np.abs(taken - bounds * (size / n)).max() < 2
        total = total + taken
    np.testing.assert_array_equal(total, bounds)


@pytest.mark.parametrize("sizes", [[], 3, "12", [1.5], [-1], [True], [[3]], None], ids=repr)
def test_what_is_no_list_of_sizes_is_refused(sizes):
    with pytest.raises(ValueError, match="sizes must be a list of numbers of rows"):
        Shards(sizes)
