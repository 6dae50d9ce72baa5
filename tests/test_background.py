import threading
import time
from functools import partial

import pytest

from atrous.background import Background


def test_results_keep_their_order_whoever_is_first():
    background = Background(num_threads=4, limit=8)
    for number in range(20):
        background.submit(str(number), partial(lambda n: time.sleep(0.002 * (20 - n)) or n, number))
    assert background.finish() == list(range(20))


def test_an_error_comes_with_its_picture_and_ends_the_threads():
    def broken():
        raise ValueError("no such class")

    before = set(threading.enumerate())
    background = Background()
    background.submit("good", lambda: 1)
    background.submit("bad", broken)
    with pytest.raises(ValueError, match="no such class") as told:
        background.finish()
    assert told.value.__notes__ == ["picture 'bad'"]
    assert set(threading.enumerate()) == before


def test_an_error_is_told_while_more_work_comes():
    background = Background(limit=2)

    def submit_many():
        for number in range(50):
            background.submit(str(number), lambda: 1 / 0)

    with pytest.raises(ZeroDivisionError) as told:
        submit_many()
    assert told.value.__notes__ == ["picture '0'"]


def test_no_more_than_the_limit_waits_or_runs():
    gate, started = threading.Event(), []
    background = Background(num_threads=2, limit=3)
    for number in range(3):
        background.submit(str(number), partial(lambda n: started.append(n) or gate.wait(10), number))
    blocked = threading.Thread(target=lambda: background.submit("3", lambda: True))
    blocked.start()
    blocked.join(0.1)
    assert blocked.is_alive()
    assert sorted(started) == [0, 1]
    gate.set()
    blocked.join(10)
    assert background.finish() == [True] * 4


def test_no_thread_is_left():
    before = set(threading.enumerate())
    background = Background()
    background.submit("one", lambda: 1)
    assert len(set(threading.enumerate()) - before) == 1
    assert background.finish() == [1]
    assert set(threading.enumerate()) == before
    assert Background().finish() == []
