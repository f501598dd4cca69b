"""The cloud as a process of its own, for notebooks, measurements and tests: it ends with the block that started it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from gctr.parties.store import StoreError

_SERVE = """
import sys, warnings
from pathlib import Path
from gctr.parties.limits import Limits
from gctr.parties.serving import serve
limits = Limits(requests=1e6, bytes=1e12)  # far away: what is measured is the cloud
serve(Path(sys.argv[1]), port=0, tls=sys.argv[2] == "tls", limits=limits,
      on_ready=lambda url: print(url, flush=True), until_stdin_closes=True)
"""


class ServedCloud(NamedTuple):
    """Where a cloud is reached, and its process."""

    url: str
    process: subprocess.Popen


@contextmanager
def cloud_process(folder: Path, *, tls: bool = True) -> Iterator[ServedCloud]:
    """Serve the cloud of a folder on loopback, on a port that the system chooses, in a process of its own.

    No party is made to wait for its rate.

    Parameters
    ----------
    folder : Path
        The ``cloud`` folder that `gctr.parties.home.init` made.
    tls : bool
        Without it everything but the sealed bodies can be read on the way.

    Raises
    ------
    StoreError
        If it does not start.
    """
    command = [sys.executable, "-c", _SERVE, str(folder), "tls" if tls else "plain"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin and process.stdout  # noqa: S101 - for the type checker
    try:
        url = process.stdout.readline().strip()
        if not url:
            raise StoreError(f"the cloud of {folder} did not start; its reason stands on standard error")
        yield ServedCloud(url, process)
    finally:
        process.stdin.close()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
