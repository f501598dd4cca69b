"""Run notebooks from the first cell to the last, through papermill, on the interpreter that runs this.

Executed copies go to ``build/notebooks``, a report of linked pages to ``build/report``. A notebook that fails
keeps its copy up to the cell that failed, and those after it still run. Limit: notebooks run one after the other,
because later ones read what earlier ones have saved.
"""

import json
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from gctr.experiments.files import build_dir, dataset_label, results_dir
from gctr.experiments.parameters import assign_parameters, find_notebooks, notebooks_dir, read_notebook
from gctr.experiments.report import write_index, write_page


@dataclass(frozen=True)
class Outcome:
    """How the run of one notebook ended; `error` is None if well, else one line with cell and exception."""

    notebook: str
    seconds: float
    executed: Path
    error: str | None = None


@dataclass(frozen=True)
class Summary:
    """How all notebooks ended, and the index page of the report."""

    outcomes: tuple[Outcome, ...]
    report: Path

    @property
    def ok(self) -> bool:
        """Whether every notebook ran to its end."""
        return all(outcome.error is None for outcome in self.outcomes)


class _ThisInterpreter(KernelSpecManager):
    """Answers every kernel name with the running interpreter, whatever kernels the machine has installed."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        return KernelSpec(
            argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            display_name="Python",
            language="python",
            metadata={"supported_encryption": ["curve"]},
            # Warnings that are errors here (python -W error, pytest) are none of the notebook's concern.
            env={
                "GCTR_RESULTS": str(results_dir()),
                "GCTR_NOTEBOOKS": str(notebooks_dir()),
                "MPLBACKEND": "module://matplotlib_inline.backend_inline",
                "PYTHONWARNINGS": "",
                "PYDEVD_DISABLE_FILE_VALIDATION": "1",
                "OPENBLAS_NUM_THREADS": "1",  # the matrices are small: more threads only wait for each other
            },
        )


class _KernelManager(AsyncKernelManager):
    def __init__(self, **options: Any) -> None:
        # Outputs show footage: other users of the machine must not be able to read them off the local sockets.
        super().__init__(kernel_spec_manager=_ThisInterpreter(), transport_encryption="auto", **options)


def run_notebooks(
    names: Sequence[str] | None = None,
    parameters: Mapping[str, object] | None = None,
    dataset: str = "synthetic",
    *,
    build: Path | None = None,
    console: Console | None = None,
) -> Summary:
    """Run notebooks in the order of their numbers and write the report.

    Parameters
    ----------
    names : sequence of str, optional
        Such as ``["02_roi"]`` or ``["02"]``; default all of `notebooks_dir`.
    parameters : mapping, optional
        Values by name; each goes to those notebooks that declare it.
    dataset : str
        A name of the registry, a path or an address; ``parameters["dataset"]`` wins over it.
    build : Path, optional
        Where executed copies and report go; default `build_dir`.
    console : Console, optional
        Where progress is shown; default the terminal's error stream.

    Returns
    -------
    Summary
        Also when notebooks failed: ask its `ok`.

    Raises
    ------
    ValueError
        Before anything runs: an unknown notebook or parameter, a value of the wrong type.
    """
    given = {"dataset": dataset, **(parameters or {})}
    assigned = assign_parameters(find_notebooks(names), given)
    build, console = build or build_dir(), console or Console(stderr=True)
    outcomes = []
    with _progress(console) as progress:
        total = progress.add_task("notebook", total=len(assigned))
        for number, (path, values) in enumerate(assigned.items(), 1):
            outcome = _run_one(path, values, build, progress)
            outcomes.append(outcome)
            progress.advance(total)
            progress.console.print(_line(outcome, number, len(assigned)), highlight=False)
    summary = Summary(tuple(outcomes), write_index(build))
    console.print(f"report: {summary.report}", highlight=False, markup=False, soft_wrap=True)
    return summary


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True)


def _line(outcome: Outcome, number: int, count: int) -> str:
    verdict = "[green]done[/]" if outcome.error is None else "[red]failed[/]"
    line = f"{number}/{count} {outcome.notebook} {verdict} in {outcome.seconds:.1f} s"
    return line if outcome.error is None else f"{line}\n    {escape(outcome.error)}"


def _run_one(path: Path, values: dict[str, object], build: Path, progress: Progress) -> Outcome:
    label = dataset_label(str(values["dataset"]))
    executed = build / "notebooks" / f"{path.stem}.{label}.ipynb"
    executed.parent.mkdir(parents=True, exist_ok=True)
    task = progress.add_task(f"{path.stem}, cell", total=None)
    began = time.monotonic()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        error = _execute(path, executed, values, progress, task)
        write_page(executed, build)
    progress.remove_task(task)
    if error is None:
        _prune(path.stem, label)
    return Outcome(path.stem, time.monotonic() - began, executed, error)


def _execute(
    path: Path, executed: Path, values: dict[str, object], progress: Progress, task: TaskID
) -> str | None:
    import papermill  # slow to import, and needed only when notebooks run

    def on_cell_start(cell: Any, cell_index: int) -> None:
        progress.update(task, completed=cell_index + 1, total=cells)

    cells = len(read_notebook(path)["cells"]) + 1  # papermill adds one
    try:
        papermill.execute_notebook(
            path,
            executed,
            parameters=values,
            kernel_name="python3",
            language="python",
            progress_bar=False,
            start_timeout=120,
            kernel_manager_class=_KernelManager,
            on_cell_start=on_cell_start,
        )
    except papermill.PapermillExecutionError as error:
        first = error.source.strip().partition("\n")[0]
        return f"{path.stem}: cell [{error.exec_count}] `{first}` raised {error.ename}: {error.evalue}"
    except Exception as error:  # a kernel that died must not keep the next notebook from running
        return f"{path.stem}: {type(error).__name__}: {error}"
    return None


def _prune(notebook: str, label: str) -> None:
    """Delete results of earlier runs that this run, which came to its end, did not save again."""
    folder = results_dir()
    record = folder / "provenance" / f"{notebook}.{label}.json"
    if not record.is_file():
        return
    saved = json.loads(record.read_text(encoding="utf-8"))["files"]
    for kind in ("tables", "figures"):
        for path in (folder / kind).glob(f"{notebook}.{label}.*"):
            if path.relative_to(folder).as_posix() not in saved:
                path.unlink()
