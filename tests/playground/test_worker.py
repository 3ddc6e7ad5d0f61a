import threading
import time

import pytest

from minnet.playground.worker import Worker


@pytest.fixture
def counter():
    done = []
    worker = Worker(lambda: done.append(threading.get_ident()), lambda: 0.001, "counter")
    yield worker, done
    worker.close()


def test_it_works_between_questions_and_both_in_one_thread(counter):
    worker, done = counter
    assert worker.wait(lambda: len(done) > 3, time.monotonic() + 60)
    thread = worker.ask(threading.get_ident)
    assert set(done) == {thread}
    assert thread != threading.get_ident()


def test_an_error_comes_to_the_one_who_asked(counter):
    worker, _ = counter
    with pytest.raises(ZeroDivisionError):
        worker.ask(lambda: 1 / 0)
    assert worker.ask(lambda: 2) == 2


def test_it_sleeps_until_somebody_asks():
    done = []
    worker = Worker(lambda: done.append(1), lambda: None, "sleeper")
    assert not worker.wait(lambda: bool(done), time.monotonic() + 0.05)
    assert worker.ask(lambda: "here") == "here"
    worker.close()
    assert not done


def test_all_that_was_asked_before_the_end_is_answered():
    worker = Worker(lambda: None, lambda: None, "clerk")
    answers, began = [], threading.Event()

    def slow():
        began.set()
        time.sleep(0.1)
        return 1

    asking = [threading.Thread(target=lambda: answers.append(worker.ask(slow))) for _ in range(3)]
    for thread in asking:
        thread.start()
    began.wait(10)
    while worker._inbox.qsize() < 2:
        time.sleep(0.001)
    worker.close()
    for thread in asking:
        thread.join(10)
    assert answers == [1, 1, 1]
    worker.close()
    assert worker.wait(lambda: False)
    with pytest.raises(ValueError, match="the clerk must be open to be asked"):
        worker.ask(slow)
