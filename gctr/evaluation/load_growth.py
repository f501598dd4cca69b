"""What the cloud's answers cost as its store grows: the time to restart, and each request against stores of many sizes.

Cost must grow with what is asked, not with what is stored. Times depend on the machine; beside them stands a count
without noise, the instructions of SQLite's machine.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import cycle
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from gctr.evaluation.load_site import Footage, background_message, segment_message
from gctr.parties.cloud import Cloud
from gctr.parties.home import init, open_cloud, read_token
from gctr.parties.keyfile import Key, read_key
from gctr.parties.messages import ObjectVideo, SealedPatch
from gctr.parties.processes import cloud_process
from gctr.parties.remote import RemoteCloud
from gctr.vision.coding import encode_plate


def restart(sizes: Sequence[int] = (0, 1_000, 10_000, 100_000), *, repeats: int = 3) -> pd.DataFrame:
    """Time from starting the cloud's process to its first answer about a segment, for stores of several sizes.

    Returns
    -------
    DataFrame
        `segments`, `repeat`, `seconds`.
    """
    with tempfile.TemporaryDirectory() as folder:
        homes = {size: _filled_home(Path(folder) / str(size), size) for size in sizes}
        # Sizes take turns, so that a busy machine is busy for all of them.
        rows = [(size, k, _time_to_answer(homes[size], size)) for k in range(repeats) for size in sizes]
    return pd.DataFrame(rows, columns=["segments", "repeat", "seconds"])


def request_costs(sizes: Sequence[int] = (100, 1_000, 10_000, 100_000), *, asks: int = 60) -> pd.DataFrame:
    """Time requests for the same amount against stores of growing size, in the cloud's own process.

    Of the stored segments, `asks` spread over the store are whole; the files of the others are empty, which leaves
    index and folder as large as they would be.

    Returns
    -------
    DataFrame
        `segments` stored, `request`, `median_ms`, `low_ms` and `high_ms` (quartiles), `steps` of SQLite's machine
        (in thousands of instructions, a count without noise).
    """
    rows: list[tuple] = []
    for size in sizes:
        key = Key("store", bytes(32))
        with tempfile.TemporaryDirectory() as folder, closing(Cloud(Path(folder), key)) as cloud:
            whole = _fill(cloud, key, size, real=min(asks, size))
            rows += [(size, name, *_timed(cloud, ask, whole)) for name, ask in _REQUESTS.items()]
    return pd.DataFrame(rows, columns=["segments", "request", "median_ms", "low_ms", "high_ms", "steps"])


def plot_costs(costs: pd.DataFrame) -> Figure:
    """Draw the milliseconds of each request against the number of segments stored."""
    figure = Figure(figsize=(3.5, 2.6), layout="constrained")
    axes = figure.subplots()
    for (name, rows), mark in zip(costs.groupby("request", sort=False), cycle("os^DvX"), strict=False):
        spread = np.abs(rows[["low_ms", "high_ms"]].to_numpy().T - rows["median_ms"].to_numpy())
        axes.errorbar(
            rows["segments"], rows["median_ms"], spread, label=name, marker=mark, ms=3.5, lw=1, capsize=2
        )
    axes.set(xscale="log", yscale="log", xlabel="segments stored", ylabel="median of one request (ms)")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    figure.legend(loc="outside upper center", fontsize=6, ncols=3, frameon=False)
    return figure


_REQUESTS: dict[str, Callable[[Cloud, int], object]] = {
    "list 50 by number": lambda cloud, k: cloud.index.segments("cam-0", first=k, limit=50),
    "list 50 by time": lambda cloud, k: cloud.index.segments("cam-0", since=float(k), limit=50),
    "find a frame": lambda cloud, k: cloud.at_frame("cam-0", 50 * k),
    "range of 4 kB": lambda cloud, k: cloud.segment_part("cam-0", k, 100, 4196),
    "compose": lambda cloud, k: cloud.compose("cam-0", k),
    "where it stands": lambda cloud, k: cloud.standing("cam-0"),
}


def _fill(cloud: Cloud, key: Key, size: int, *, real: int) -> list[int]:
    """Store a background and `size` segments, of which `real` are whole; return the numbers of those."""
    plate = np.full((48, 64, 3), 90, np.uint8)
    patch = SealedPatch(1, bytes(12), bytes(8000))
    footage = Footage((64, 48), 50, encode_plate(plate), [ObjectVideo([], [0.0] * 50, b"", [patch])])
    cloud.put(background_message(key, footage, "cam-0"))
    whole = sorted({int(k) for k in np.linspace(0, max(0, size - 1), real)})
    for sequence in whole:
        cloud.put(segment_message(key, footage, "cam-0", sequence))
    rows = [(f"{k:064x}.msg", k) for k in sorted(set(range(size)) - set(whole))]
    for name, _ in rows if real else ():
        (cloud.folder / "blobs" / name).touch()
    with cloud.index.writing() as index:
        insert = "INSERT INTO segments VALUES ('cam-0', ?, ?, 50, 1, ?, ?, 9000)"
        index.executemany(insert, [(k, 50 * k, float(k), name) for name, k in rows])
        index.execute("DELETE FROM gaps")
        index.executemany(
            "UPDATE segments SET captured = ? WHERE sequence = ?", [(float(k), k) for k in whole]
        )
        index.execute("UPDATE cameras SET next_sequence = ?, segments = ?", (size, size))
    return whole


def _filled_home(home: Path, size: int) -> Path:
    init(home)
    with closing(open_cloud(home / "cloud")) as cloud:
        _fill(cloud, read_key(home / "cloud" / "store.key", "store"), size, real=0)
    return home


def _time_to_answer(home: Path, size: int) -> float:
    token = read_token(home / "surveillance" / "surveillance.token")
    start = time.perf_counter()
    with cloud_process(home / "cloud") as served:
        client = RemoteCloud(served.url, token, home / "surveillance" / "cert.pem")
        found = client.page("cam-0", first=max(0, size - 1))
        seconds = time.perf_counter() - start
        client.close()
    if len(found) != min(1, size):
        raise RuntimeError(f"the cloud answered with {len(found)} segments after its restart")
    return seconds


def _timed(cloud: Cloud, ask: Callable[[Cloud, int], object], whole: Sequence[int]) -> tuple[float, ...]:
    steps = [0]

    def step() -> int:
        steps[0] += 1
        return 0

    ask(cloud, whole[0])
    cloud.index._reader.set_progress_handler(step, 1)
    ask(cloud, whole[len(whole) // 2])
    cloud.index._reader.set_progress_handler(None, 1)
    times = []
    for k in whole:
        start = time.perf_counter()
        ask(cloud, k)
        times.append((time.perf_counter() - start) * 1e3)
    low, median, high = np.quantile(times, (0.25, 0.5, 0.75))
    return float(median), float(low), float(high), steps[0] / 1000
