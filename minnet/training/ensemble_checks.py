"""What an ensemble is told: networks of one architecture, and rows for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minnet.common.flat_parameters import check_is_network
from minnet.common.types import Array
from minnet.network import Network
from minnet.training.member import Member
from minnet.training.reading import digest_of
from minnet.training.resume import told_of_array

__all__ = ["Told", "check_networks", "check_rows"]


class Told:
    """What tells the members of one training from those of others, for a checkpoint.

    Parameters
    ----------
    members : list of Member
    scoring, keep, joint
        Of the trainer.
    """

    def __init__(
        self, members: Sequence[Member], scoring: str | None, keep: str, joint: bool
    ) -> None:
        self._members = members
        self._options = {"scoring": scoring, "keep": keep, "joint": joint}

    def digest(self) -> dict[str, str]:
        """Return it by the names that users know."""
        told = {name: repr(value) for name, value in self._options.items()}
        for i, member in enumerate(self._members):
            network = member.network
            told[f"random_state of networks[{i}]"] = repr(network.key)
            told[f"the weights of networks[{i}] to begin with"] = told_of_array(network.params)
            for name, rows in (("rows", member.rows), ("held", member.held)):
                number = "all" if rows is None else f"{rows.shape} #{digest_of(rows, 0):08x}"
                told[f"{name}[{i}]"] = number
        return told


def check_networks(networks: Any) -> list[Network]:
    """Return a list of networks of one architecture, or say what is wrong with them."""
    if not isinstance(networks, list | tuple) or not networks:
        raise TypeError(f"networks must be a list of Network, got {networks!r:.200}")
    for i, network in enumerate(networks):
        check_is_network(f"networks[{i}]", network)
        if not hasattr(network, "params"):
            raise ValueError(
                f"networks[{i}] must be initialized: call initialize(n_features) first"
            )
        if any(network is other for other in networks[:i]):
            raise ValueError(f"networks[{i}] must be another network than those before it")
        for name in ("layers", "sizes", "dtype", "loss_", "alpha", "precision"):
            one, other = getattr(networks[0], name), getattr(network, name)
            if one != other:
                raise ValueError(
                    f"networks[{i}] must have the {name} of networks[0], {one!r:.200}, got {other!r:.200}"
                )
    return list(networks)


def check_rows(name: str, value: Any, n: int, n_samples: int) -> list[Array | None]:
    """Return rows for each of n networks, or say what is wrong with them."""
    if value is None:
        return [None] * n
    if not isinstance(value, list | tuple) or len(value) != n:
        raise ValueError(
            f"{name} must be None or a list with rows, or None, for each of {n} networks, got "
            f"{value!r:.200}"
        )
    return [_check_some(f"{name}[{i}]", some, n_samples) for i, some in enumerate(value)]


def _check_some(name: str, value: Any, n_samples: int) -> Array | None:
    if value is None:
        return None
    rows = np.asarray(value)
    if rows.dtype == bool and rows.shape == (n_samples,):
        rows = np.flatnonzero(rows)
    fits = rows.ndim == 1 and rows.dtype.kind in "iu" and len(rows) > 0
    if not fits or not (rows.min() >= 0 and rows.max() < n_samples):
        raise ValueError(
            f"{name} must be numbers of rows from 0 to {n_samples - 1}, or a mask with some of them, got "
            f"{value!r:.200}"
        )
    return np.array(rows, dtype=np.int64)  # a copy: who gave it may change it
