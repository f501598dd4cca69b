"""The cloud under load: how fast it takes segments, how long requests take, what they cost as the store grows.

Every function starts its own cloud on loopback with TLS, in a process of its own, and stops it. Times depend on the
machine: report them with it. Camera work (detecting, coding, sealing) is done before the clock starts; the clients'
share of TLS and HTTP is inside, on the same cores.

References: Prometheus counters of `gctr.parties.metrics` give the stages; percentiles are of single requests.
"""

import re
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import count, cycle
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import psutil
from matplotlib.figure import Figure
from numpy.typing import NDArray

from gctr.parties.cloud import Cloud
from gctr.parties.envelope import seal
from gctr.parties.home import init, open_cloud, read_token
from gctr.parties.keyfile import Key, read_key
from gctr.parties.messages import Header, ObjectVideo, SealedPatch, Sighting, encode
from gctr.parties.processes import ServedCloud, cloud_process
from gctr.parties.remote import RemoteCloud
from gctr.parties.tokens import Parties
from gctr.vision.coding import encode_plate, encode_segment

FULL_HD = (1920, 1080)
_FPS = 25.0
_STAGE = re.compile(r'gctr_ingest_stage_seconds_total\{stage="(\w+)"\} (\S+)')


class Footage(NamedTuple):
    """Coded segments of one view: the plate's key packet, and bodies to be sealed for any camera and number."""

    resolution_wh: tuple[int, int]
    n_frames: int
    key_packet: bytes
    bodies: list[ObjectVideo]


class Site(NamedTuple):
    """A cloud that is served, and a client for each camera and for the surveillance system."""

    served: ServedCloud
    key: Key
    cameras: dict[str, RemoteCloud]
    reader: RemoteCloud


def make_footage(
    resolution_wh: tuple[int, int] = FULL_HD, *, n_frames: int = 50, unique: int = 2, walkers: int = 4
) -> Footage:
    """Code segments in which people-sized textures walk over a street of blocks; about 3 % of the picture moves."""
    rng = np.random.default_rng(5)
    width, height = resolution_wh
    tiles = rng.integers(60, 120, (height // 8 + 1, width // 8 + 1, 3))
    plate = np.kron(tiles, np.ones((8, 8, 1))).astype(np.uint8)[:height, :width]
    key_packet = encode_plate(plate)
    bodies = [_walk(plate, key_packet, n_frames, walkers, rng) for _ in range(unique)]
    return Footage(resolution_wh, n_frames, key_packet, bodies)


def ingest(
    *, cameras: int = 8, segments: int = 12, footage: Footage | None = None, tls: bool = True
) -> pd.DataFrame:
    """Let cameras send as fast as the cloud takes; compare with real time at 25 frames a second each.

    Returns
    -------
    DataFrame
        One row a stage: `stage`, `seconds` (of all threads), `share` of the stages' sum; and in every row `segments`,
        `megabytes`, `wall_s`, `times_real_time`, `server_cpu_s`. ``receive`` waits for the network.
    """
    footage = footage or make_footage()
    names = [f"cam-{k}" for k in range(cameras)]
    with _site(names, tls=tls) as site:
        for name in names:
            site.cameras[name].put(_background(site.key, footage, name))
        messages = {name: [_segment(site.key, footage, name, k) for k in range(segments)] for name in names}
        before, cpu = _stages(site.reader), _cpu(site.served)
        start = time.perf_counter()
        with ThreadPoolExecutor(cameras) as pool:
            taken = sum(pool.map(lambda name: _put_all(site.cameras[name], messages[name]), names))
        wall, used = time.perf_counter() - start, _cpu(site.served) - cpu
        stages = {stage: value - before.get(stage, 0.0) for stage, value in _stages(site.reader).items()}
    table = pd.DataFrame({"stage": list(stages), "seconds": list(stages.values())})
    table["share"] = table["seconds"] / table["seconds"].sum()
    table["segments"] = taken
    table["megabytes"] = sum(len(m) for sent in messages.values() for m in sent) / 1e6
    table["wall_s"], table["server_cpu_s"] = wall, used
    table["times_real_time"] = segments * footage.n_frames / _FPS / wall
    return table


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
    with _site(names) as site:
        for name in names:
            site.cameras[name].put(_background(site.key, footage, name))
            site.cameras[name].put(_segment(site.key, footage, name, 0))
        end = time.monotonic() + seconds
        threads = [threading.Thread(target=_send, args=(site, footage, name, end, seen)) for name in names]
        threads += [threading.Thread(target=_read, args=(site, names, end, seen)) for _ in range(readers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return _percentiles(seen, seconds)


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
        folder = Path(tempfile.mkdtemp())
        try:
            key = Key("store", bytes(32))
            cloud = Cloud(folder, key)
            whole = _fill(cloud, key, size, real=min(asks, size))
            rows += [(size, name, *_timed(cloud, ask, whole)) for name, ask in _REQUESTS.items()]
            cloud.close()
        finally:
            shutil.rmtree(folder)
    return pd.DataFrame(rows, columns=["segments", "request", "median_ms", "low_ms", "high_ms", "steps"])


def plot_costs(costs: pd.DataFrame) -> Figure:
    """Draw the milliseconds of each request against the number of segments stored."""
    figure = Figure(figsize=(3.5, 2.6), layout="constrained")
    axes = figure.subplots()
    for name, rows in costs.groupby("request", sort=False):
        spread = np.abs(rows[["low_ms", "high_ms"]].to_numpy().T - rows["median_ms"].to_numpy())
        axes.errorbar(
            rows["segments"], rows["median_ms"], spread, label=name, marker="o", ms=3, lw=1, capsize=2
        )
    axes.set(xscale="log", yscale="log", xlabel="segments stored", ylabel="median of one request (ms)")
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


def _walk(
    plate: NDArray[np.uint8], key_packet: bytes, n_frames: int, walkers: int, rng: np.random.Generator
) -> ObjectVideo:
    height, width = plate.shape[:2]
    tall, wide = height // 4 // 16 * 16, height // 10 // 16 * 16 + 16
    looks = (
        rng.integers(0, 256, (walkers, tall // 4, wide // 4, 3)).astype(np.uint8).repeat(4, 1).repeat(4, 2)
    )
    places = [
        (int(rng.integers(0, width - wide - n_frames * 4)), height * k // walkers // 2)
        for k in range(walkers)
    ]
    sightings = [
        Sighting(t, k, (x + 4 * t, y, x + 4 * t + wide, y + tall))
        for t in range(n_frames)
        for k, (x, y) in enumerate(places)
    ]

    def frames() -> Iterator[NDArray[np.uint8]]:
        for t in range(n_frames):
            frame = plate.copy()
            for look, (x, y) in zip(looks, places, strict=True):
                frame[y : y + tall, x + 4 * t : x + 4 * t + wide] = look
            yield frame

    packets = encode_segment(plate, frames(), key_packet=key_packet).packets
    faces = [SealedPatch(k, bytes(12), rng.bytes(180 * n_frames)) for k in range(walkers)]
    return ObjectVideo(packets, [t / _FPS for t in range(n_frames)], sightings, faces)


@contextmanager
def _site(cameras: Sequence[str], *, tls: bool = True) -> Iterator[Site]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "site"
        init(home)
        parties = Parties(home / "cloud" / "parties.json")
        tokens = {name: parties.issue(name, "camera") for name in cameras}
        certificate = home / "surveillance" / "cert.pem" if tls else None
        reading = read_token(home / "surveillance" / "surveillance.token")
        with cloud_process(home / "cloud", tls=tls) as served:
            clients = {name: RemoteCloud(served.url, token, certificate) for name, token in tokens.items()}
            reader = RemoteCloud(served.url, reading, certificate)
            key = read_key(home / "cloud" / "store.key", "store")
            try:
                yield Site(served, key, clients, reader)
            finally:
                for client in (*clients.values(), reader):
                    client.close()


def _header(footage: Footage, camera: str, kind: str, sequence: int) -> Header:
    n_frames = footage.n_frames if kind == "segment" else 0
    numbers = (0, sequence, sequence * n_frames, n_frames, 1)
    return Header(kind, camera, *numbers, footage.resolution_wh, "bucket_gcm", bytes(16), 1)  # type: ignore[arg-type]


def _background(key: Key, footage: Footage, camera: str) -> bytes:
    return seal(key, _header(footage, camera, "background", 0), footage.key_packet)


def _segment(key: Key, footage: Footage, camera: str, sequence: int) -> bytes:
    body = footage.bodies[sequence % len(footage.bodies)]
    return seal(key, _header(footage, camera, "segment", sequence), encode(body))


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
        message = _segment(site.key, footage, name, sequence)
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


def _fill(cloud: Cloud, key: Key, size: int, *, real: int) -> list[int]:
    """Store a background and `size` segments, of which `real` are whole; return the numbers of those."""
    plate = np.full((48, 64, 3), 90, np.uint8)
    patch = SealedPatch(1, bytes(12), bytes(8000))
    footage = Footage((64, 48), 50, encode_plate(plate), [ObjectVideo([], [0.0] * 50, [], [patch])])
    cloud.put(_background(key, footage, "cam-0"))
    whole = sorted({int(k) for k in np.linspace(0, max(0, size - 1), real)})
    for sequence in whole:
        cloud.put(_segment(key, footage, "cam-0", sequence))
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
    cloud = open_cloud(home / "cloud")
    _fill(cloud, read_key(home / "cloud" / "store.key", "store"), size, real=0)
    cloud.close()
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
