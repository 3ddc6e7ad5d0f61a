"""Processes that anything may have started, such as Dask, Ray or Spark, connected by PyTorch's gloo."""

from __future__ import annotations

import atexit
import contextlib
import ipaddress
import pickle
import socket
import time
import weakref
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np

from minnet.common.checks import check_bounded, check_text, check_whole
from minnet.common.communicator import Communicator
from minnet.common.extras import import_extra
from minnet.common.types import Array

__all__ = ["Gloo", "free_address"]

#: The most seconds that a timeout can have, 115 days: PyTorch counts nanoseconds.
LONGEST = 1e7
PAUSE = 0.02  # seconds between two looks for those who are to come

_ALIVE: weakref.WeakSet[Gloo] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """Close what is connected while Python still runs: PyTorch's threads may end the process later."""
    for connected in list(_ALIVE):
        connected.abort()


def free_address(towards: str | None = None) -> str:
    """Return an address of this machine, with a port that is free, for Gloo.

    Rank 0 calls it and tells the others, by whatever has started them.

    Parameters
    ----------
    towards : str or None, default=None
        The name or address of another machine: the address is that of the network interface that reaches
        it. None takes the one that reaches the internet, or the loopback where there is none.

    Returns
    -------
    str
        ``"host:port"``.

    Raises
    ------
    ValueError
        If no machine is known by that name.

    Examples
    --------
    >>> from minnet.distributed import free_address
    >>> free_address("127.0.0.1").startswith("127.0.0.1:")
    True
    """
    host = _own_address("192.0.2.1" if towards is None else check_text("towards", towards))
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as free:
        free.bind((host, 0))
        port = free.getsockname()[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Gloo(Communicator):
    """A process among others that find each other at an address of the first of them.

    Needs PyTorch: ``pip install 'minnet-learn[gloo]'``. How the process has been started does not matter,
    and PyTorch's own process groups are left alone. When one of the others ends, or is silent for longer
    than ``timeout``, what is waited for fails on all.

    Parameters
    ----------
    address : str
        ``"host:port"`` of the machine of rank 0, where a port must be free, and the same on all ranks:
        see :func:`free_address`. An IPv6 address stands in brackets.
    rank : int
        The number of this process, from 0 on.
    size : int
        How many there are.
    timeout : float, default=60
        The most seconds that this rank waits for the others: at the start, and then each time for the
        slowest of them, be it that it computes, reads data, writes a checkpoint or has been stopped.
    interface : str or None, default=None
        The network interface to use, such as ``"eth0"``. None takes the one that reaches the other ranks.

    Raises
    ------
    ConnectionError
        If another rank has ended or cannot be reached; also later, when something is waited for.
    TimeoutError
        If another rank is not there, or silent, for longer than ``timeout``; also later.
    ValueError
        If another process has the same rank, or another size.

    See Also
    --------
    minnet.distributed.MPI : Faster, where ``mpiexec`` or Slurm starts all processes at once.

    Notes
    -----
    What is sent is neither encrypted nor signed, and what arrives is unpickled: use it in a network that
    you trust, as Dask, Ray and Spark are used.

    When a block of :func:`~minnet.distributed.together` is left by an error the connection is closed, so
    that the others need not wait; then make another ``Gloo`` to go on.

    Examples
    --------
    >>> from minnet.distributed import Gloo, free_address, together
    >>> with together(Gloo(free_address(), rank=0, size=1)) as ranks:  # doctest: +SKIP
    ...     ranks.gather("one process alone")
    ['one process alone']
    """

    def __init__(
        self,
        address: str,
        rank: int,
        size: int,
        timeout: float = 60,
        interface: str | None = None,
    ) -> None:
        host, port = _parse(address)
        self.size = check_whole("size", size)
        self.rank = check_whole("rank", rank, 0, self.size - 1)
        self.timeout = check_bounded("timeout", timeout, 0, LONGEST, left=False, right=True)
        if interface is not None:
            check_text("interface", interface)
        self.address = address
        self._torch = import_extra("torch", "Gloo needs PyTorch: pip install 'minnet-learn[gloo]'")
        self._server: Any = None
        self._group: Any = None
        _ALIVE.add(self)
        with self._ended_by_errors():
            self._connect(host, port, interface)

    def sum(self, numbers: Array) -> None:
        """Replace an array by the sum of those of all ranks: see :class:`Communicator`."""
        with self._ended_by_errors():
            self._opened().allreduce([self._torch.from_numpy(numbers)]).wait()

    def gather(self, thing: Any) -> list[Any]:
        """Return what all ranks gave, in the order of the ranks: see :class:`Communicator`."""
        with self._ended_by_errors():
            mine = np.frombuffer(pickle.dumps(thing, protocol=5), np.uint8)
            sizes = [int(one[0]) for one in self._all(np.array([mine.size]))]
            padded = np.zeros(max(sizes), np.uint8)
            padded[: mine.size] = mine
            pieces = zip(self._all(padded), sizes, strict=True)
            return [pickle.loads(piece[:size].tobytes()) for piece, size in pieces]

    def abort(self) -> None:
        """Close the connections: what the others wait for fails at once. Then make another one."""
        # In a process that lives on, the sockets are closed when nothing refers to the group any more.
        # Measured: ProcessGroupGloo.abort() and shutdown() leave the others waiting.
        self._server = self._group = None

    def left(self, error: BaseException) -> None:
        """Close the connections, since an error has ended the block of :func:`together`."""
        self.abort()

    def _opened(self) -> Any:
        if self._group is None:
            raise ConnectionError(
                f"rank {self.rank} of {self.size} has closed its connections after an error: "
                "make another Gloo"
            )
        return self._group

    def _all(self, numbers: Array) -> list[Array]:
        """Return the arrays of all ranks, which are of one size."""
        arrays = [np.empty_like(numbers) for _ in range(self.size)]
        tensors = [self._torch.from_numpy(array) for array in arrays]
        self._opened().allgather([tensors], [self._torch.from_numpy(numbers)]).wait()
        return arrays

    @contextlib.contextmanager
    def _ended_by_errors(self) -> Iterator[None]:
        """Close the connections when something fails, and say what PyTorch's errors mean."""
        me = f"rank {self.rank} of {self.size}"
        try:
            yield
        except RuntimeError as error:
            self.abort()
            said = str(error).partition("\n")[0]
            if "timed out" in said.lower() or "timeout" in said.lower():
                raise TimeoutError(
                    f"{me} has waited for another one for {self.timeout:g} seconds (timeout): "
                    f"it is stopped, cannot be reached, or needs longer ({said})"
                ) from error
            raise ConnectionError(
                f"{me} has lost another one, which has ended or failed: see what it says ({said})"
            ) from error
        except BaseException:
            self.abort()
            raise

    def _connect(self, host: str, port: int, interface: str | None) -> None:
        """Meet the others at a store in rank 0's process, and connect with all of them."""
        distributed, wait = self._torch.distributed, timedelta(seconds=self.timeout)
        until = time.monotonic() + self.timeout
        if self.rank == 0:
            self._server = distributed.TCPStore(
                host, port, None, True, wait, wait_for_workers=False
            )
        own = _reach(host, port, until, self.timeout)
        store = distributed.TCPStore(host, port, None, False, wait)
        known = store.compare_set("size", "", str(self.size)).decode()
        if known != str(self.size):
            raise ValueError(f"size must be the same on all ranks, got {self.size} and {known}")
        if store.add(f"came {self.rank}", 1) > 1:
            raise ValueError(f"rank must be another one in each process, got {self.rank} twice")
        store.set(f"address {self.rank}", own)
        while absent := [r for r in range(self.size) if not store.check([f"address {r}"])]:
            if time.monotonic() > until:
                raise TimeoutError(
                    f"no rank {', '.join(map(str, absent))} of {self.size} has come to {host}:{port} "
                    f"within {self.timeout:g} seconds (timeout)"
                )
            time.sleep(PAUSE)
        addresses = [store.get(f"address {r}").decode() for r in range(self.size)]
        make_device = distributed.ProcessGroupGloo.create_device
        options = distributed.ProcessGroupGloo._Options()
        options._timeout = wait
        if interface is None:
            options._devices = [make_device(hostname=_seen_by_others(addresses, own))]
        else:
            options._devices = [make_device(interface=interface)]
        self._group = distributed.ProcessGroupGloo(store, self.rank, self.size, options)
        # Who makes another Gloo at this address must not come to this server: all wait until it is gone.
        self._group.barrier().wait()
        self._server = None
        self._group.barrier().wait()


def _parse(address: str) -> tuple[str, int]:
    """Return host and port."""
    host, colon, port = check_text("address", address).rpartition(":")
    if not (host and colon and port.isdecimal() and 0 < int(port) < 2**16):
        raise ValueError(
            f'address must be "host:port" with a port from 1 to 65535, got {address!r:.200}'
        )
    return host.removeprefix("[").removesuffix("]"), int(port)


def _reach(host: str, port: int, until: float, timeout: float) -> str:
    """Wait for rank 0's server, and return the address that this machine has on the way to it."""
    while True:
        try:
            with socket.create_connection((host, port), timeout) as connection:
                return str(connection.getsockname()[0])
        except UnicodeError as error:
            raise ValueError(
                f"address must have the name of a machine, got {host!r:.200}"
            ) from error
        except OSError as error:
            if time.monotonic() > until:
                raise TimeoutError(
                    f"no rank 0 is at {host}:{port} within {timeout:g} seconds (timeout): {error}"
                ) from error
            time.sleep(PAUSE)


def _seen_by_others(addresses: list[str], own: str) -> str:
    """Return the address of this machine that those with these addresses reach.

    A process on the machine of rank 0 may have come there by the loopback, of which others see nothing.
    """
    outside = [one for one in addresses if not ipaddress.ip_address(one).is_loopback]
    return _own_address(outside[-1]) if outside else own


def _own_address(towards: str) -> str:
    """Return the address of the interface that reaches another machine; nothing is sent."""
    try:
        family, kind, _, _, place = socket.getaddrinfo(towards, 9, type=socket.SOCK_DGRAM)[0]
    except (socket.gaierror, ValueError) as error:  # ValueError: what cannot be a name
        raise ValueError(
            f"towards must be the name or address of a machine, got {towards!r:.200}: {error}"
        ) from error
    try:
        with socket.socket(family, kind) as way:
            way.connect(place)
            return str(way.getsockname()[0])
    except OSError:
        return "127.0.0.1"
