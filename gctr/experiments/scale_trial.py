"""A sweep under trial: how much faster it is on more workers, and whether it minds the death of one."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import pandas as pd
from distributed import Client

from gctr.experiments.scale import sweep
from gctr.experiments.scale_bench import TIMING
from gctr.experiments.scale_cluster import ClusterError, Processes, cluster_processes, connect
from gctr.experiments.scale_point import Job, footage_of, forget, open_clip, protect_point


class Trial(NamedTuple):
    """One sweep: how many workers began it, whether one was killed, wall seconds, and its rows."""

    workers: int
    killed: bool
    seconds: float
    rows: pd.DataFrame


def run_trials(jobs: Sequence[Job], counts: Sequence[int]) -> list[Trial]:
    """Run the same sweep on so many workers each, and once more killing one when half of the good rows are there.

    Workers are processes on this machine. Before the first trial footage is read once and every worker does a short
    job, so that no trial pays for a cold start. The trial with the kill comes second, on the most workers; those with
    fewer follow on what is left.
    """
    _read_once(jobs)
    most, fewer = max(counts), sorted(set(counts) - {max(counts)}, reverse=True)
    with cluster_processes(most) as cluster, connect(cluster.address, workers=most) as client:
        client.run(_try_shortly, jobs[0])
        trials = [_timed(client, jobs, most)]
        if most > 1:
            good = int((trials[0].rows["error"] == "").sum())
            trials.append(_timed(client, jobs, most, _Killer(cluster, good // 2)))
        for count in fewer:
            _shrink(cluster, client, count)
            trials.append(_timed(client, jobs, count))
    return trials


def compare_trials(trials: Sequence[Trial]) -> pd.DataFrame:
    """Return one row a trial.

    Returns
    -------
    DataFrame
        `workers`, `killed`, `jobs`; `same_rows`: whether they equal the first trial's, machine aside; `seconds`;
        `cpu_s` of all cameras; `speedup` over the trial with the fewest workers.
    """
    slowest = min((trial for trial in trials if not trial.killed), key=lambda trial: trial.workers)
    first = trials[0].rows.drop(columns=list(TIMING))
    rows = [
        {
            "workers": trial.workers,
            "killed": trial.killed,
            "jobs": len(trial.rows),
            "same_rows": first.equals(trial.rows.drop(columns=list(TIMING))),
            "seconds": trial.seconds,
            "cpu_s": trial.rows["cpu_s"].sum(),
            "speedup": slowest.seconds / trial.seconds,
        }
        for trial in trials
    ]
    return pd.DataFrame(rows).sort_values(["killed", "workers"], ignore_index=True)


def _timed(
    client: Client, jobs: Sequence[Job], workers: int, on_row: Callable[[int, Any], None] | None = None
) -> Trial:
    client.run(forget)
    start = time.perf_counter()
    rows = sweep(client, jobs, on_row=on_row or (lambda number, row: None))
    return Trial(workers, on_row is not None, time.perf_counter() - start, rows)


def _read_once(jobs: Sequence[Job]) -> None:
    once = ({**job.parameters, "loops": 1} for job in jobs)
    for source, footage in {(job.source, footage_of(point)) for job, point in zip(jobs, once, strict=True)}:
        with suppress(ValueError, TypeError, OSError):  # a clip that fails is a row's matter
            for _ in open_clip(source, dict(footage)):
                pass


def _try_shortly(job: Job) -> None:
    with suppress(ValueError, TypeError, OSError):
        protect_point(job._replace(parameters={**job.parameters, "frames": 10, "loops": 1}))


class _Killer:
    """Kills the last worker when so many rows without an error are there; it is at work then, since jobs are left."""

    def __init__(self, cluster: Processes, after: int) -> None:
        self._victim, self._left = cluster.workers[-1], after

    def __call__(self, number: int, row: Mapping[str, Any]) -> None:
        self._left -= not row["error"]
        if self._left <= 0:
            self._victim.kill()


def _shrink(cluster: Processes, client: Client, count: int, patience: float = 30.0) -> None:
    """Kill workers until `count` are left and the scheduler knows."""
    for worker in cluster.workers[count:]:
        worker.kill()
    end = time.monotonic() + patience
    while len(client.scheduler_info(n_workers=-1)["workers"]) != count:
        if time.monotonic() > end:
            raise ClusterError(f"the scheduler still sees other than {count} workers")
        time.sleep(0.02)
