"""Run notebooks side by side, those that are not up to date, and write the report.

Executed copies go to ``build/notebooks``, a report of linked pages to ``build/report``. A notebook that fails
keeps its copy up to the cell that failed, and the others still run. What has come to its end is noted at once, so a
run that was killed goes on from there. A cell with the tag ``alone`` has the machine for itself (`turns`); notebooks
that read the others' results run after them.

Limit: two runs at once in one ``build`` do not know of each other; of a file that both write the last one stays.
"""

import time
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from gctr.experiments.files import build_dir, read_provenance, results_dir
from gctr.experiments.freshness import fingerprint, note_run, record_path, why_stale
from gctr.experiments.grid import Point, join_tables, points
from gctr.experiments.kernels import execute, stop_kernels, thread_limits
from gctr.experiments.parameters import find_notebooks, metadata, read_notebook
from gctr.experiments.report import write_index, write_page
from gctr.experiments.turns import ALONE, Turns


@dataclass(frozen=True)
class Outcome:
    """How one notebook ended; `error` is None if well, else one line with cell and exception.

    `reason` says why it ran; it is "" if its results were up to date, and then `seconds` is 0.
    """

    notebook: str
    seconds: float
    executed: Path
    error: str | None = None
    reason: str = ""
    folder: str = ""


@dataclass(frozen=True)
class Summary:
    """How all notebooks ended, and the index page of the report."""

    outcomes: tuple[Outcome, ...]
    report: Path

    @property
    def ok(self) -> bool:
        """Whether every notebook ran to its end."""
        return all(outcome.error is None for outcome in self.outcomes)


def run_notebooks(
    names: Sequence[str] | None = None,
    parameters: Mapping[str, object] | None = None,
    dataset: str = "synthetic",
    *,
    jobs: int | None = None,
    force: bool = False,
    again: bool = False,
    build: Path | None = None,
    console: Console | None = None,
) -> Summary:
    """Run the notebooks whose results are not up to date, and write the report.

    Parameters
    ----------
    names : sequence of str, optional
        Such as ``["02_roi"]`` or ``["02"]``; default all of `notebooks_dir`.
    parameters : mapping, optional
        Values by name; each goes to those notebooks that declare it. Several values for a name make a grid (`grid`).
    dataset : str
        A name of the registry, a path or an address; ``parameters["dataset"]`` wins over it.
    jobs : int, optional
        How many notebooks run at a time; default one for each core.
    force : bool
        Run also what is up to date.
    again : bool
        Parameters that are not given are those of the run that wrote the results there are; notebooks without
        results of this footage are left out.
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
        Before anything runs: an unknown notebook or parameter, a value of the wrong type, no job at all, nothing to
        make again.
    """
    if jobs is not None and jobs < 1:
        raise ValueError(f"{jobs} jobs run nothing; give at least 1")
    given = {"dataset": dataset, **(parameters or {})}
    todo = points(find_notebooks(names), given, again=results_dir() if again else None)
    if not todo:
        raise ValueError(
            f"{results_dir()} has no results of {given['dataset']} to make again; run without --again"
        )
    build, console = build or build_dir(), console or Console(stderr=True)
    with _progress(console) as progress:
        session = _Session(build, force, jobs or _cores(), len(todo), progress)
        outcomes = session.run(todo)
    finished = [point for point in todo if point.folder and outcomes[_key(point)].error is None]
    for table in join_tables(finished, results_dir()):
        console.print(f"joined: {table}", highlight=False, markup=False, soft_wrap=True)
    summary = Summary(tuple(outcomes[_key(point)] for point in todo), write_index(build))
    _tell_end(summary, console)
    return summary


def _cores() -> int:
    return (
        len(psutil.Process().cpu_affinity())
        if hasattr(psutil.Process, "cpu_affinity")
        else psutil.cpu_count() or 1
    )


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True)


def _tell_end(summary: Summary, console: Console) -> None:
    failed = [outcome.notebook for outcome in summary.outcomes if outcome.error]
    if failed:
        console.print(f"[red]failed:[/] {', '.join(failed)}; the others' results are saved", highlight=False)
    elif not any(outcome.reason for outcome in summary.outcomes):
        console.print("nothing to do: all results are up to date; --force makes them again", highlight=False)
    console.print(f"report: {summary.report}", highlight=False, markup=False, soft_wrap=True)


_Key = tuple[str, str, str]


def _key(point: Point) -> _Key:
    return point.path.stem, point.label, point.folder


class _Session:
    """One call of `run_notebooks`: where it writes, who has the machine, how far it is."""

    def __init__(self, build: Path, force: bool, jobs: int, count: int, progress: Progress) -> None:
        self._build, self._force, self._jobs, self._count = build, force, jobs, count
        self._progress = progress
        self._total = progress.add_task("notebook", total=count)
        self._turns = Turns()
        self._done = 0

    def run(self, todo: Sequence[Point]) -> dict[_Key, Outcome]:
        """Run all points, those that read results last."""
        late = [point for point in todo if metadata(point.path).get("reads")]
        early = [point for point in todo if point not in late]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return {**self._run_batch(early), **self._run_batch(late)}

    def _run_batch(self, batch: Sequence[Point]) -> dict[_Key, Outcome]:
        outcomes = {}
        with ThreadPoolExecutor(self._jobs) as pool:
            futures = {
                pool.submit(self._run_point, point): point for point in sorted(batch, key=_longest_first)
            }
            try:
                for future in as_completed(futures):
                    outcomes[_key(futures[future])] = future.result()
                    self._tell(future.result())
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                stop_kernels()
                raise
        return outcomes

    def _tell(self, outcome: Outcome) -> None:
        self._done += 1
        self._progress.advance(self._total)
        line = f"{self._done}/{self._count} {_line(outcome)}"
        self._progress.console.print(line, highlight=False, soft_wrap=True)

    def _run_point(self, point: Point) -> Outcome:
        results = results_dir() / "grid" / point.folder if point.folder else results_dir()
        build = self._build / "grid" / point.folder if point.folder else self._build
        executed = build / "notebooks" / f"{point.path.stem}.{point.label}.ipynb"
        began = time.monotonic()
        with self._turns.notebook() as turn:
            now = fingerprint(point.path, point.values, results)
            reason = "asked to" if self._force else why_stale(executed, now, results)
            if not reason:
                return Outcome(point.path.stem, 0, executed, folder=point.folder)
            executed.parent.mkdir(parents=True, exist_ok=True)
            record_path(executed).unlink(missing_ok=True)
            task = self._progress.add_task(f"{point.path.stem}, cell", total=_cells(point.path))

            def on_cell(index: int, tags: Iterable[str]) -> None:
                self._progress.update(task, completed=index + 1)
                turn.take(alone=ALONE in tags)

            environment = {"GCTR_RESULTS": str(results)} | self._limits(point.path)
            error = execute(point.path, executed, point.values, environment, on_cell)
            turn.take(alone=False)
            write_page(executed, build)
            if error is None:
                note_run(executed, now, _keep_saved(point, results))
        self._progress.remove_task(task)
        return Outcome(point.path.stem, time.monotonic() - began, executed, error, reason, point.folder)

    def _limits(self, path: Path) -> dict[str, str]:
        """Share the cores between libraries of notebooks that run at once; one that measures time has them all."""
        tags = {tag for cell in read_notebook(path)["cells"] for tag in cell["metadata"].get("tags", [])}
        return {} if self._jobs == 1 or ALONE in tags else thread_limits(max(1, _cores() // self._jobs))


def _longest_first(point: Point) -> float:
    """Order by the time of the last run: what takes longest begins first, so that no core waits at the end."""
    try:
        return -float(read_provenance(point.provenance(results_dir()))["run_seconds"])
    except (OSError, ValueError, KeyError):
        return 0.0


def _cells(path: Path) -> int:
    return len(read_notebook(path)["cells"]) + 1  # papermill adds one


def _line(outcome: Outcome) -> str:
    name = f"{outcome.notebook} {escape(outcome.folder)}".strip()
    if not outcome.reason:
        return f"{name} is up to date"
    why = f"[dim]({escape(outcome.reason)})[/]"
    if outcome.error is None:
        return f"{name} [green]done[/] in {outcome.seconds:.1f} s {why}"
    return f"{name} [red]failed[/] in {outcome.seconds:.1f} s {why}\n    {escape(outcome.error)}"


def _keep_saved(point: Point, results: Path) -> dict[str, str]:
    """Delete results of earlier runs that this one, which came to its end, did not save again; return what it saved."""
    saved = _saved(point, results)
    for path in _results_of(point, results) if saved else ():
        if path.relative_to(results).as_posix() not in saved:
            path.unlink()
    return saved


def _saved(point: Point, results: Path) -> dict[str, str]:
    record = point.provenance(results)
    return read_provenance(record)["files"] if record.is_file() else {}


def _results_of(point: Point, results: Path) -> Iterator[Path]:
    for kind in ("tables", "figures"):
        yield from (results / kind).glob(f"{point.path.stem}.{point.label}.*")
