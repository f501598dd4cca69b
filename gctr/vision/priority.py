"""Threads stay at the priority that they had.

SVT-AV1, run by root, makes the thread that opens it and all its own real-time threads of the highest priority
(SCHED_FIFO 99), and all that the process starts later inherits that. On two cores two such threads that wait for
each other stop the machine, and times are measured ahead of everything else that runs.

Limit: Linux only; on other systems SVT-AV1 does not do this.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil


@contextmanager
def kept_priority() -> Iterator[None]:
    """Give this thread, and all threads begun inside the block, the scheduling that this thread has before it."""
    if sys.platform != "linux":
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    before = _threads()
    try:
        yield
    finally:
        for thread in (_threads() - before) | {0}:
            with suppress(ProcessLookupError):  # it has ended by now
                if os.sched_getscheduler(thread) != policy:  # a sandbox may forbid to set even what is there
                    os.sched_setscheduler(thread, policy, parameters)


def _threads() -> set[int]:
    return {thread.id for thread in psutil.Process().threads()}
