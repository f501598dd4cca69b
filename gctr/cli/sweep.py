"""`gctr sweep`: many clips at many settings of the camera, on every core here or on a Dask cluster."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gctr.cli._console import errors, frames_progress, say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gctr.experiments.scale import Step
    from gctr.experiments.scale_point import Job


def sweep(
    clips: Annotated[list[str], typer.Argument(help="Files, folders, data sets.", show_default=False)],
    out: Annotated[Path, typer.Option("-o", "--out", help="The table, .csv.", show_default=False)],
    parameter: Annotated[
        list[str] | None,
        typer.Option("-p", "--parameter", metavar="NAME VALUE", help="VALUE may be several: qp 20,24,28."),
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="A Dask scheduler, tcp://…; by default workers are started here.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Worker processes here; one for each core by default.")
    ] = None,
    judge: Annotated[
        bool, typer.Option("--judge", help="Count exposed faces where a clip has truth; takes longer.")
    ] = False,
) -> None:
    """Run every clip through a camera at every point of a grid; write what was sent and what it took, a row each.

    Parameters are the camera's settings (qp, mode, mask, policy, segment_frames, face_every, …) and frames (the first
    so many), scene and seed (of 'synthetic'). A clip that fails is a row with its error; the others go on. The table is
    written anew with every row; where it exists, its rows are kept and only missing or failed ones are done: delete it
    to begin anew. On a cluster workers read the clips by the same names.
    """
    from gctr.experiments.scale import plan
    from gctr.experiments.scale import sweep as run
    from gctr.experiments.scale_cluster import connect
    from gctr.experiments.scale_point import read_value

    pairs = dict(pair.split("=", 1) for pair in parameter or [])
    grid = {name: [read_value(name, text) for text in values.split(",")] for name, values in pairs.items()}
    jobs = plan(clips, grid, judge=judge)
    table = _Table(out, jobs)
    with _Board(jobs, table.rows) as board, connect(scheduler, workers=workers) as client:

        def keep(number: int, row: dict[str, Any]) -> None:
            table.add(number, row)
            board.tell(number, row)

        result = run(client, jobs, done=table.rows, on_step=board.step, on_row=keep)
    failed = int((result["error"] != "").sum())
    say(f"{out}: {len(result) - failed} rows, {failed} failed")
    raise typer.Exit(1 if failed else 0)


class _Table:
    """The rows so far, on disk at every moment."""

    def __init__(self, path: Path, jobs: Sequence[Job]) -> None:
        import pandas as pd

        from gctr.experiments.scale import take_up

        self._path, self._jobs = path, jobs
        self.rows = take_up(jobs, pd.read_csv(path)) if path.exists() else {}

    def add(self, number: int, row: dict[str, Any]) -> None:
        from gctr._files import write_whole
        from gctr.experiments.scale import as_table

        self.rows[number] = row
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self._path, as_table(self._jobs, self.rows).to_csv(index=False).encode(), mode=0o644)


class _Board:
    """Progress of each clip: frames that are done, over all of its points."""

    def __init__(self, jobs: Sequence[Job], done: Mapping[int, dict[str, Any]]) -> None:
        self._jobs, self._progress = jobs, frames_progress()
        totals: dict[str, int | None] = {}
        length = cache(_length)  # a clip's points share its footage
        for number, job in enumerate(jobs):
            known, frames = totals.get(job.clip, 0), 0 if number in done else length(*_footage(job))
            totals[job.clip] = None if frames is None or known is None else known + frames
        self._tasks = {clip: self._progress.add_task(clip, total=total) for clip, total in totals.items()}

    def __enter__(self) -> _Board:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def step(self, step: Step) -> None:
        """Count the frames of a segment."""
        self._progress.advance(self._tasks[self._jobs[step.job].clip], step.frames)

    def tell(self, number: int, row: dict[str, Any]) -> None:
        """Say at once what failed."""
        if row["error"]:
            say(f"{self._jobs[number].clip}: {row['error']}", errors)


def _footage(job: Job) -> tuple[str, tuple[tuple[str, Any], ...]]:
    from gctr.experiments.scale_point import footage_of

    return job.source, footage_of(job.parameters)


def _length(source: str, footage: tuple[tuple[str, Any], ...]) -> int | None:
    from gctr.experiments.scale_point import open_clip

    try:
        return open_clip(source, dict(footage)).n_frames
    except Exception:  # whatever it is, the worker meets it again and its row tells
        return 0
