"""Encoders leave threads at the priority that they had; SVT-AV1, run by root as in CI, would raise it."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from gctr.vision.priority import kept_priority

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has these calls; CI runs on it")

ENCODE = """
import numpy as np
from gctr.vision.encoders import FULL, ROI, encode_one

for preset in (FULL["AV1"], ROI["AV1"]):
    context = preset.context(64, 48, 40)
    encode_one(context, np.full((72, 64), 128, np.uint8), 0)
    print(sorted({os.sched_getscheduler(thread.id) for thread in psutil.Process().threads()}))
    context.encode(None)
"""


RAISED = (os.SCHED_BATCH, 0) if sys.platform == "linux" else ()  # one that nobody needs a right for


def raise_priority() -> None:
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def scheduling(thread: int) -> tuple[int, int]:
    return os.sched_getscheduler(thread), os.sched_getparam(thread).sched_priority


def test_an_av1_encoder_makes_no_thread_a_real_time_one() -> None:
    """In a process of its own, since SVT-AV1 raises the first thread that opens an encoder, once."""
    told = subprocess.run(
        [sys.executable, "-c", f"import os, psutil{ENCODE}"], capture_output=True, text=True, check=True
    )
    assert told.stdout.split("\n")[:2] == [f"[{os.SCHED_OTHER}]"] * 2


class Worker(threading.Thread):
    """A thread that changes its own scheduling and lives on until it is told to end."""

    def __init__(self) -> None:
        super().__init__()
        self.raised, self.done = threading.Event(), threading.Event()

    def run(self) -> None:
        raise_priority()
        self.raised.set()
        self.done.wait(30)

    def begin(self) -> int:
        """Start it and return its number once it has changed."""
        self.start()
        assert self.raised.wait(30)
        return self.native_id or 0


@pytest.fixture
def worker() -> Iterator[Worker]:
    thread = Worker()
    yield thread
    thread.done.set()
    thread.join()


def test_threads_begun_inside_and_this_one_get_what_this_one_had(worker: Worker) -> None:
    before = scheduling(0)
    with kept_priority():
        number = worker.begin()
        raise_priority()
        assert scheduling(number) == scheduling(0) == RAISED
    assert scheduling(number) == scheduling(0) == before


def test_threads_that_were_there_before_are_let_alone(worker: Worker) -> None:
    number = worker.begin()
    with kept_priority():
        pass
    assert scheduling(number) == RAISED


def test_it_is_given_back_when_opening_fails() -> None:
    before = scheduling(0)
    with pytest.raises(OSError, match="no encoder"), kept_priority():
        raise_priority()
        raise OSError("no encoder")
    assert scheduling(0) == before
