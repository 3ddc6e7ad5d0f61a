"""What ends calls that wait for too long: these, and no others."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from minnet.distributed.watchdog import Watchdog


def test_a_block_that_takes_too_long_is_ended_once():
    ended, waits = threading.Semaphore(0), []
    with Watchdog(0.05, lambda thread: [waits.append(thread), ended.release()]):
        assert ended.acquire(timeout=60)
        assert not ended.acquire(timeout=0.2)
    assert waits == [threading.get_ident()]


def test_many_short_blocks_are_not_one_that_is_long():
    ended = threading.Event()
    watchdog = Watchdog(0.5, lambda thread: ended.set())
    until = time.monotonic() + 1.5
    while time.monotonic() < until:
        for _ in range(1000):
            with watchdog:
                pass
    assert not ended.is_set()


def test_what_lies_between_two_blocks_is_not_waited_for():
    ended = threading.Event()
    watchdog = Watchdog(0.1, lambda thread: ended.set())
    with watchdog:
        pass
    assert not ended.wait(0.5)


def test_the_next_block_after_one_that_raises_is_watched():
    ended = threading.Event()
    watchdog = Watchdog(0.1, lambda thread: ended.set())
    with pytest.raises(KeyError), watchdog:
        raise KeyError
    assert not ended.wait(0.5)
    with watchdog:
        assert ended.wait(60)


STOPPED = """import os, time
from minnet.distributed.watchdog import Watchdog

with Watchdog(2, lambda thread: os._exit(7)):
    print("waits", flush=True)
    time.sleep(0.1)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="processes cannot be stopped here")
def test_time_in_which_the_process_is_stopped_does_not_count():
    with subprocess.Popen([sys.executable, "-c", STOPPED], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"waits\n"
        process.send_signal(signal.SIGSTOP)
        time.sleep(3)
        process.send_signal(signal.SIGCONT)
        assert process.wait(60) == 0


def test_its_thread_ends_with_it():
    before = set(threading.enumerate())
    watchdog = Watchdog(0.02, lambda thread: os._exit(7))
    with watchdog:
        [its_own] = set(threading.enumerate()) - before
        del watchdog
    its_own.join(60)
    assert not its_own.is_alive()
