"""Where a sweep runs: worker processes on this machine, a Dask cluster that is there already, or one made to be broken.

Dask's scheduler runs whatever it is sent by anybody who reaches it. The workers of `connect` without an address meet
over TLS with certificates of their own; a cluster on a network should do the same (``tls://``), or stand in a network
of its own. Workers need this version of gctr and read footage from their own disks, by the same names.

References: Dask's documentation, "Deploy Dask clusters" and "TLS/SSL".
"""

import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import dask
from distributed import Client, LocalCluster, Security

_NOWHERE = "127.0.0.1:0"  # Dask's dashboards: on loopback alone, at ports that are free
_ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)


class ClusterError(RuntimeError):
    """A cluster that is not reached or did not start; the text says what to do."""


class Processes(NamedTuple):
    """A cluster of plain processes: the scheduler's address, and the processes."""

    address: str
    scheduler: subprocess.Popen
    workers: list[subprocess.Popen]


@contextmanager
def connect(scheduler: str | None = None, *, workers: int | None = None) -> Iterator[Client]:
    """Connect to a cluster, or start workers on this machine that end with the block.

    Parameters
    ----------
    scheduler : str, optional
        Address of a Dask scheduler, such as ``tcp://10.0.0.5:8786``.
    workers : int, optional
        Worker processes here, one for each core by default; or how many of a cluster's to wait for.

    Raises
    ------
    ClusterError
        If the scheduler is not reached within five seconds.
    """
    with ExitStack() as stack:
        # A result that died with its worker is made again: that is what a cluster is for, and no warning's matter.
        stack.enter_context(_errors_only(logging.getLogger("distributed.client")))
        if scheduler is None:
            count = workers or os.cpu_count() or 1
            yield stack.enter_context(Client(stack.enter_context(_local(count))))
            return
        try:
            client = stack.enter_context(Client(scheduler, timeout=5))
            client.wait_for_workers(workers or 1, timeout=30)
        except (OSError, TimeoutError, ValueError) as error:
            reason = f"no Dask cluster with workers at {scheduler} ({error})"
            raise ClusterError(f"{reason}: start one with 'dask scheduler' and 'dask worker'") from None
        yield client


@contextmanager
def cluster_processes(workers: int = 2) -> Iterator[Processes]:
    """Start a scheduler and workers as plain processes on loopback, for measurements that kill some of them.

    A worker that dies is not started again. Limits: no TLS, so whoever has an account on this machine can use the
    cluster while it stands.
    """
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        place = Path(folder) / "scheduler.json"
        common = ["--scheduler-file", str(place), "--host", "127.0.0.1", "--dashboard-address", _NOWHERE]
        scheduler = stack.enter_context(_process("scheduler", *common, "--port", "0"))
        address = _wait_for(place, scheduler)
        options = [
            "--no-nanny",
            "--nthreads",
            "1",
            "--dashboard-address",
            _NOWHERE,
            "--local-directory",
            folder,
        ]
        started = [
            stack.enter_context(_process("worker", address, *options, "--name", f"worker-{k}"))
            for k in range(workers)
        ]
        yield Processes(address, scheduler, started)


@contextmanager
def _errors_only(logger: logging.Logger) -> Iterator[None]:
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextmanager
def _local(workers: int) -> Iterator[LocalCluster]:
    options = {"threads_per_worker": 1, "processes": True, "dashboard_address": _NOWHERE, "silence_logs": 40}
    with (
        tempfile.TemporaryDirectory() as folder,
        dask.config.set({"distributed.nanny.environ": {**_ONE_THREAD, "MALLOC_TRIM_THRESHOLD_": "65536"}}),
        LocalCluster(
            n_workers=workers, security=Security.temporary(), local_directory=folder, **options
        ) as cluster,
    ):
        yield cluster


@contextmanager
def _process(kind: str, *options: str) -> Iterator[subprocess.Popen]:
    environment = {**os.environ, **_ONE_THREAD, "DASK_LOGGING__DISTRIBUTED": "error"}
    command = [sys.executable, "-W", "ignore", "-m", f"distributed.cli.dask_{kind}", *options]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()  # it holds nothing that anybody needs
        process.wait()


def _wait_for(place: Path, scheduler: subprocess.Popen, seconds: float = 30.0) -> str:
    end = time.monotonic() + seconds
    while time.monotonic() < end and scheduler.poll() is None:
        try:
            return json.loads(place.read_text())["address"]
        except (OSError, ValueError, KeyError):
            time.sleep(0.05)
    raise ClusterError("the Dask scheduler did not start: is 'distributed' installed, and loopback open?")
