"""A sweep: many clips, each at many parameter points, on Dask; here by default, on a cluster by its address.

Every clip and point is one task (`gctr.experiments.scale_point`), so a worker that dies costs the tasks it was at:
they are done again elsewhere. A clip that cannot be read, or a point that cannot be, is a row with its error and does
not stop the rest. Rows come back in the order of clips and points, whoever finished first.

Limits: a task that has killed three workers is given up, as a row; two sweeps may share a cluster, but processor time
and memory of a row are then of a worker that did other things too, if its workers have several threads.
"""

import itertools
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from distributed import Client, Future, get_worker, wait

from gctr.experiments.scale_bench import COUNTS, MEASURED, TIMING
from gctr.experiments.scale_cluster import ClusterError
from gctr.experiments.scale_point import Job, protect_point, settings_of

PATIENCE = 60.0
"""Seconds that a sweep waits for a cluster without a single worker."""
_AGAIN = "run the same again, which keeps the rows that are there"


class Step(NamedTuple):
    """What a worker tells while it works: which job (its place in the sweep), and how many frames more are done."""

    job: int
    frames: int


def plan(clips: Sequence[str], parameters: Mapping[str, Sequence[Any]], *, judge: bool = False) -> list[Job]:
    """Return the jobs of a sweep: every clip at every combination of values, the first parameter varying slowest.

    Raises
    ------
    ValueError
        Before anything runs: no clip, a parameter that there is not, or a value that it cannot have.
    """
    if not clips:
        raise ValueError("a sweep needs at least one clip: a file, a folder, or a data set's name")
    points = [
        dict(zip(parameters, values, strict=True)) for values in itertools.product(*parameters.values())
    ]
    for point in points:
        settings_of(point)
    return [Job(clip, _source(clip), point, judge) for clip in clips for point in points]


def sweep(
    client: Client,
    jobs: Sequence[Job],
    *,
    done: Mapping[int, Mapping[str, Any]] | None = None,
    on_step: Callable[[Step], None] = lambda step: None,
    on_row: Callable[[int, dict[str, Any]], None] = lambda number, row: None,
) -> pd.DataFrame:
    """Do all jobs and return their rows, in the order of the jobs.

    Parameters
    ----------
    client : Client
        Of `gctr.experiments.scale_cluster.connect`, or any other.
    jobs : sequence of Job
        From `plan`.
    done : mapping of int to row, optional
        Jobs that need not be done again, from `take_up`.
    on_step : callable
        Told of every segment of every job, as workers tell it; called in a thread of Dask's.
    on_row : callable
        Told of every job that ended, with its place and its row.

    Returns
    -------
    DataFrame
        `clip`, the parameters, `MEASURED`, `TIMING`, `note` and `error`; what a job that failed did not measure is
        missing.

    Raises
    ------
    ClusterError
        If the cluster is lost, or has had no worker for `PATIENCE`; `on_row` was told of every row until then.
    """
    topic = f"gctr-sweep-{uuid.uuid4()}"
    client.subscribe_topic(topic, lambda event: on_step(Step(*event[1])))
    rows: dict[int, Mapping[str, Any]] = dict(done or {})
    try:
        waiting = [k for k in range(len(jobs)) if k not in rows]
        futures = {k: client.submit(_work, k, jobs[k], topic, pure=False) for k in waiting}
        for number in _as_they_end(client, futures):
            rows[number] = row = _row(jobs[number], futures.pop(number))
            on_row(number, row)
    finally:
        client.unsubscribe_topic(topic)
    return as_table(jobs, rows)


def as_table(jobs: Sequence[Job], rows: Mapping[int, Mapping[str, Any]]) -> pd.DataFrame:
    """Return the rows that there are, by their places, in the form that `sweep` returns."""
    columns = ["clip", *_names(jobs), *MEASURED, *TIMING, "note", "error"]
    table = pd.DataFrame([rows[k] for k in sorted(rows)], columns=columns)
    return table.astype(dict.fromkeys(COUNTS, "Int64"))  # a failed row leaves counts empty


def take_up(jobs: Sequence[Job], table: pd.DataFrame) -> dict[int, dict[str, Any]]:
    """Return the rows that an interrupted sweep left, by their places in this one; failed ones are left out.

    Raises
    ------
    ValueError
        If the table is not of a sweep over these parameters.
    """
    if list(table.columns) != list(as_table(jobs, {}).columns):
        raise ValueError("the table that is there is of another sweep: choose another name, or delete it")
    found = (
        table.astype({"note": object, "error": object}).fillna({"note": "", "error": ""}).to_dict("records")
    )
    places = {_place(job.clip, job.parameters): k for k, job in enumerate(jobs)}
    rows = {places.get(_place(str(row["clip"]), {n: row[n] for n in _names(jobs)})): row for row in found}
    return {k: row for k, row in rows.items() if k is not None and not row["error"]}


def _names(jobs: Sequence[Job]) -> list[str]:
    return list(dict.fromkeys(name for job in jobs for name in job.parameters))


def _place(clip: str, parameters: Mapping[str, Any]) -> tuple[str, ...]:
    return clip, *(str(value) for value in parameters.values())


def _source(clip: str) -> str:
    """Return the clip's name as workers, who may stand in another folder, can open it."""
    return str(Path(clip).absolute()) if Path(clip).exists() else clip


def _work(number: int, job: Job, topic: str) -> dict[str, Any]:
    import cv2

    cv2.setNumThreads(1)  # workers share the machine
    worker = get_worker()
    try:
        return protect_point(job, lambda sent: worker.log_event(topic, (number, sent.n_frames)))
    except Exception as error:  # whatever a clip does, the others go on
        return {"error": f"{type(error).__name__}: {error}".splitlines()[0]}


def _as_they_end(client: Client, futures: Mapping[int, Future]) -> Iterator[int]:
    """Yield the numbers of futures as they end, however they do, until the caller has taken them all.

    A future that is taken is forgotten by the cluster: else a worker that dies later would have its rows made again.
    """
    while futures:
        with suppress(TimeoutError):
            wait(list(futures.values()), timeout=PATIENCE, return_when="FIRST_COMPLETED")
        status = {number: future.status for number, future in futures.items()}
        if "cancelled" in status.values():
            raise ClusterError(f"the scheduler was lost: start it and its workers, and {_AGAIN}")
        ended = [number for number, word in status.items() if word in ("finished", "error")]
        if not ended and not client.scheduler_info(n_workers=-1)["workers"]:
            raise ClusterError(f"no worker for {PATIENCE:g} s: start some and {_AGAIN}")
        yield from ended


def _row(job: Job, future: Future) -> dict[str, Any]:
    """Return the row of a job that ended; where its worker died with it too often, Dask's word for it."""
    error = future.exception() if future.status != "finished" else None
    measured = {"error": f"{type(error).__name__}: {error}".splitlines()[0]} if error else future.result()
    return {"clip": job.clip, **job.parameters, "note": "", "error": "", **measured}
