"""The cloud under load: how fast it takes segments, and how long requests take while it does.

Every function starts its own cloud on loopback with TLS, in a process of its own, and stops it. Times depend on the
machine: report them with it. Camera work (detecting, coding, sealing) is done before the clock starts; the clients'
share of TLS and HTTP is inside, on the same cores.

References: Prometheus counters of `gctr.parties.metrics` give the stages; percentiles are of single requests.
"""

import re
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count, cycle

import pandas as pd
import psutil

from gctr.evaluation.load_site import (
    FPS,
    Footage,
    Site,
    background_message,
    make_footage,
    open_site,
    segment_message,
)
from gctr.parties.processes import ServedCloud
from gctr.parties.remote import RemoteCloud

STAGES = ("receive", "open", "check", "write", "index")
_STAGE = re.compile(r'gctr_ingest_stage_seconds_total\{stage="(\w+)"\} (\S+)')


def ingest(
    counts: Sequence[int] = (8,),
    *,
    segments: int = 12,
    repeats: int = 1,
    footage: Footage | None = None,
) -> pd.DataFrame:
    """Let so many cameras send as fast as one cloud takes; compare with real time at 25 frames a second each.

    Parameters
    ----------
    counts : sequence of int
        Numbers of cameras, which take turns.
    segments : int
        That each camera sends.
    repeats : int
    footage : Footage, optional
        1080p by default.

    Returns
    -------
    DataFrame
        One row a number and repeat: `cameras`, `repeat`, `segments` taken, `megabytes`, `wall_s`, `server_cpu_s`;
        `times_real_time`, how much faster than the cameras film; `cores_per_camera`, the cloud's processor time for a
        second of one camera; `receive_s`, `open_s`, `check_s`, `write_s`, `index_s`, the stages' time summed over
        threads (receive waits for the network, write and index for the disk).
    """
    footage = footage or make_footage()
    turns = [(n, k, [f"cam-{n}-{k}-{i}" for i in range(n)]) for k in range(repeats) for n in counts]
    with open_site([name for *_, names in turns for name in names]) as site:
        rows = [{"cameras": n, "repeat": k} | _push(site, footage, names, segments) for n, k, names in turns]
    return pd.DataFrame(rows)


def stage_shares(table: pd.DataFrame) -> pd.DataFrame:
    """Return each stage's share of the stages' time in a table of `ingest`, one row a number of cameras."""
    spent = table.groupby("cameras")[[f"{stage}_s" for stage in STAGES]].sum()
    return spent.div(spent.sum(axis=1), axis=0).set_axis(list(STAGES), axis=1)


def mixed_load(
    seconds: float = 60.0, *, cameras: int = 2, readers: int = 1, footage: Footage | None = None
) -> pd.DataFrame:
    """Let cameras send and readers ask as fast as they are answered.

    Returns
    -------
    DataFrame
        `request`, `n`, `per_s`, `p50_ms`, `p99_ms`, `max_ms`, `failed`.
    """
    footage = footage or make_footage((640, 360))
    names = [f"cam-{k}" for k in range(cameras)]
    seen: list[tuple[str, float, bool]] = []
    with open_site(names) as site:
        for name in names:
            site.cameras[name].put(background_message(site.key, footage, name))
            site.cameras[name].put(segment_message(site.key, footage, name, 0))
        end = time.monotonic() + seconds
        threads = [threading.Thread(target=_send, args=(site, footage, name, end, seen)) for name in names]
        threads += [threading.Thread(target=_read, args=(site, names, end, seen)) for _ in range(readers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return _percentiles(seen, seconds)


def _push(site: Site, footage: Footage, names: Sequence[str], segments: int) -> dict[str, float]:
    for name in names:
        site.cameras[name].put(background_message(site.key, footage, name))
    messages = {
        name: [segment_message(site.key, footage, name, k) for k in range(segments)] for name in names
    }
    before, cpu, start = _stages(site.reader), _cpu(site.served), time.perf_counter()
    with ThreadPoolExecutor(len(names)) as pool:
        taken = sum(pool.map(lambda name: _put_all(site.cameras[name], messages[name]), names))
    wall, used = time.perf_counter() - start, _cpu(site.served) - cpu
    after, filmed = _stages(site.reader), segments * footage.n_frames / FPS
    return {
        "segments": taken,
        "megabytes": sum(len(m) for sent in messages.values() for m in sent) / 1e6,
        "wall_s": wall,
        "server_cpu_s": used,
        "times_real_time": filmed / wall,
        "cores_per_camera": used / filmed / len(names),
    } | {f"{stage}_s": after[stage] - before[stage] for stage in STAGES}


def _put_all(client: RemoteCloud, messages: Sequence[bytes]) -> int:
    return sum(client.send(message).order == "next" for message in messages)


def _stages(reader: RemoteCloud) -> dict[str, float]:
    return {stage: float(value) for stage, value in _STAGE.findall(reader.metrics())}


def _cpu(served: ServedCloud) -> float:
    times = psutil.Process(served.process.pid).cpu_times()
    return times.user + times.system


def _send(site: Site, footage: Footage, name: str, end: float, seen: list[tuple[str, float, bool]]) -> None:
    for sequence in count(1):
        if time.monotonic() > end:
            return
        message = segment_message(site.key, footage, name, sequence)
        _clock("put a segment", partial(site.cameras[name].put, message), seen)


def _read(site: Site, names: Sequence[str], end: float, seen: list[tuple[str, float, bool]]) -> None:
    reader, camera = site.reader, names[0]
    asks: dict[str, Callable[[], object]] = {
        "list 50 segments": lambda: reader.page(camera, limit=50),
        "compose a segment": lambda: reader.compose(camera, 0),
        "a partial image": lambda: reader.partial(camera, 0, 5, 0),
        "a background": lambda: reader.background(camera, 1),
        "4 kB of a segment": lambda: reader.segment_part(camera, 0, 100, 4196),
    }
    for name, ask in cycle(asks.items()):
        if time.monotonic() > end:
            return
        _clock(name, ask, seen)


def _clock(name: str, ask: Callable[[], object], seen: list[tuple[str, float, bool]]) -> None:
    start = time.perf_counter()
    try:
        ask()
        seen.append((name, time.perf_counter() - start, True))
    except (RuntimeError, ValueError):
        seen.append((name, time.perf_counter() - start, False))


def _percentiles(seen: list[tuple[str, float, bool]], seconds: float) -> pd.DataFrame:
    table = pd.DataFrame(seen, columns=["request", "seconds", "ok"])
    groups = table.groupby("request")["seconds"]
    result = pd.DataFrame({"n": groups.size(), "per_s": groups.size() / seconds})
    for name, share in (("p50_ms", 0.5), ("p99_ms", 0.99), ("max_ms", 1.0)):
        result[name] = groups.quantile(share) * 1e3
    result["failed"] = (~table["ok"]).groupby(table["request"]).sum()
    return result.reset_index()
