"""Several hosts, made of network namespaces: the same bits, and as many bytes as a ring sends."""

import ctypes
import os
import shutil
import subprocess
import uuid

import numpy as np
import pytest
from fits import digest, fitted, shard
from in_processes import outcomes

from minnet.distributed import Gloo, free_address, together

pytest.importorskip("torch.distributed")
pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(
        getattr(os, "geteuid", lambda: 1)() != 0 or shutil.which("ip") is None,
        reason="network namespaces need root and ip",
    ),
]

PORT = 29507
CLONE_NEWNET = 0x40000000
N_NUMBERS, N_STEPS = 250_000, 20


def ip(*words, check=True):
    """Call ``ip``."""
    return subprocess.run(["ip", *map(str, words)], check=check, capture_output=True, text=True)


@pytest.fixture
def hosts():
    """Return a function that enters the namespace of a host with an address, and that address."""
    name = uuid.uuid4().hex[:6]
    subnet = f"10.{int(name[:2], 16)}.{int(name[2:4], 16)}"
    made, bridge = [], f"mn{name}"
    try:
        try:
            ip("link", "add", "name", bridge, "type", "bridge")
            ip("link", "set", "dev", bridge, "up")
            for host in range(3):
                space, inside, outside = f"mn{name}{host}", f"mi{name}{host}", f"mo{name}{host}"
                ip("netns", "add", space)
                made.append(space)
                ip("link", "add", "name", outside, "type", "veth", "peer", "name", inside)
                ip("link", "set", "dev", outside, "master", bridge, "up")
                ip("link", "set", "dev", inside, "netns", space)
                ip("-n", space, "addr", "add", f"{subnet}.{host + 1}/24", "dev", inside)
                ip("-n", space, "link", "set", "dev", inside, "up")
                ip("-n", space, "link", "set", "dev", "lo", "up")
        except (subprocess.CalledProcessError, OSError) as error:
            pytest.skip(f"no network namespaces here: {getattr(error, 'stderr', error)}")
        yield name, f"{subnet}.1:{PORT}"
    finally:
        for space in made:
            ip("netns", "delete", space, check=False)
        ip("link", "delete", "dev", bridge, check=False)


def _enter(name, host):
    """Move this process into the namespace of a host."""
    with open(f"/var/run/netns/mn{name}{host}") as space:
        if ctypes.CDLL(None, use_errno=True).setns(space.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")


def _sent():
    """Return the bytes that the interfaces of this host have sent, but for the loopback."""
    with open("/proc/self/net/dev") as lines:
        found = [line.replace(":", " ").split() for line in lines.readlines()[2:]]
    return sum(int(words[9]) for words in found if words[0] != "lo")


def _fit_and_count(rank, size, _, name, address):
    _enter(name, rank)
    assert free_address(address.split(":")[0]).startswith(address.split(":")[0]) == (rank == 0)
    ranks = Gloo(address, rank, size)
    with together(ranks):
        model = fitted(*shard(rank, size))
    ranks.gather(None)
    numbers, before = np.ones(N_NUMBERS, np.float32), _sent()
    for _ in range(N_STEPS):
        ranks.sum(numbers)
    sent = _sent() - before
    ranks.gather(None)
    return digest(model), sent


def _fit_here(rank, size, address):
    with together(Gloo(address, rank, size)):
        return digest(fitted(*shard(rank, size)))


@pytest.mark.parametrize("size", [2, 3])
def test_hosts_train_as_processes_of_one_do_and_send_what_a_ring_does(hosts, size):
    found = outcomes(size, _fit_and_count, *hosts)
    for outcome in found:
        assert outcome.error is None, outcome.error
    here = outcomes(size, _fit_here)
    assert {outcome.value[0] for outcome in found} == {outcome.value for outcome in here}
    gradients = N_STEPS * N_NUMBERS * 4
    sent = sum(outcome.value[1] for outcome in found) / size
    assert sent == pytest.approx(2 * (size - 1) / size * gradients, rel=0.05)
