"""One notebook from its first cell to its last, through papermill, on the interpreter that runs this.

Limit: papermill runs in the calling thread and its kernel in a process of its own; killing this process ends the
kernel too, which watches it.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from weakref import WeakSet

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager

from gctr.experiments.parameters import notebooks_dir

# Warnings that are errors here (python -W error, pytest) are none of the notebook's concern.
_ENVIRONMENT = {
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "PYTHONWARNINGS": "",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    "OPENCV_LOG_LEVEL": "ERROR",  # OpenCV 5 warns of each net that it loads with a target, its own detectors included
    "OPENBLAS_NUM_THREADS": "1",  # the matrices are small: more threads only wait for each other
}
_THREADS = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")
_kernels: WeakSet["_KernelManager"] = WeakSet()


def thread_limits(threads: int) -> dict[str, str]:
    """Return the environment that keeps the libraries of a kernel to so many threads each."""
    return dict.fromkeys(_THREADS, str(threads))


class _ThisInterpreter(KernelSpecManager):
    """Answers every kernel name with the running interpreter, whatever kernels the machine has installed."""

    environment: Mapping[str, str] = {}

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        return KernelSpec(
            argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            display_name="Python",
            language="python",
            metadata={"supported_encryption": ["curve"]},
            env=_ENVIRONMENT | {"GCTR_NOTEBOOKS": str(notebooks_dir())} | dict(self.environment),
        )


class _KernelManager(AsyncKernelManager):
    environment: Mapping[str, str]

    def __init__(self, **options: Any) -> None:
        # Outputs show footage: other users of the machine must not be able to read them off the local sockets.
        super().__init__(kernel_spec_manager=_ThisInterpreter(), transport_encryption="auto", **options)
        self.kernel_spec_manager.environment = self.environment
        _kernels.add(self)

    async def _async_interrupt_kernel(self) -> None:
        """Interrupt the kernel, but not to shut it down: its cells have ended, and it would report an error."""
        if not self.shutting_down:
            await super()._async_interrupt_kernel()


def execute(
    path: Path,
    executed: Path,
    values: Mapping[str, object],
    environment: Mapping[str, str],
    on_cell: Callable[[int, Iterable[str]], None],
) -> str | None:
    """Run a notebook and return None, or one line that tells the cell and the exception that ended it.

    Parameters
    ----------
    path, executed : Path
        The notebook, and where the copy with outputs goes; up to the cell that failed if one does.
    values : mapping
        Of its parameters, by name.
    environment : mapping
        Environment variables of the kernel, beside those of this process.
    on_cell : callable
        Called before each cell with its number and its tags; the cell waits until it returns.
    """
    import papermill  # slow to import, and needed only when notebooks run

    def start_cell(cell: Any, cell_index: int) -> None:
        on_cell(cell_index, cell["metadata"].get("tags", ()))

    try:
        papermill.execute_notebook(
            path,
            executed,
            parameters=dict(values),
            kernel_name="python3",
            language="python",
            progress_bar=False,
            start_timeout=120,
            kernel_manager_class=type("Manager", (_KernelManager,), {"environment": environment}),
            on_cell_start=start_cell,
        )
    except papermill.PapermillExecutionError as error:
        first = error.source.strip().partition("\n")[0]
        return f"{path.stem}: cell [{error.exec_count}] `{first}` raised {error.ename}: {error.evalue}"
    except Exception as error:  # a kernel that died must not keep the next notebook from running
        return f"{path.stem}: {type(error).__name__}: {error}"
    finally:
        _close_event_loop()
    return None


def _close_event_loop() -> None:
    """Close the event loop that jupyter_client has left in this thread."""
    try:
        loop = asyncio.get_event_loop()
    except RuntimeError:  # it made none
        return
    loop.close()
    asyncio.set_event_loop(None)


def stop_kernels() -> None:
    """Kill the kernels that run, and what they have started: a run in another thread then ends with an error."""
    for manager in list(_kernels):
        process = getattr(manager.provisioner, "process", None)
        if process is not None and process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL) if hasattr(os, "killpg") else process.kill()
