"""One clip at one parameter point: what a sweep runs many times, on whichever machine has time.

A clip goes through a whole camera: background registered, objects found and followed, faces masked and sealed,
segments coded and encrypted. Every message is opened again and its bytes counted by kind, then dropped: frames stream,
so memory does not grow with the clip. Footage is read where the work is done, and only the row travels.

Rows are the same on every machine with the same versions, except for the columns in `TIMING`. Limits: the mask
``scramble`` has a new key each time, so the bytes of its video vary; processor time and memory are of the whole
process, which should do one thing at a time.
"""

import ctypes
import gc
import sys
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
import numpy as np
import psutil
from numpy.typing import NDArray

from gctr.datasets import Clip, Truth, load
from gctr.evaluation.exposure import EXPOSED, exposure, shown_by_camera, truth_of
from gctr.evaluation.pipeline import PARTS, message_parts
from gctr.parties.camera import Camera, CameraSettings, Observation, Sent
from gctr.parties.keyfile import Key, new_key
from gctr.vision.background import register_plate

FOOTAGE: dict[str, type] = {"frames": int, "loops": int, "scene": str, "seed": int}
"""Parameters of the footage, and their types: its first frames only; these so many times over, as if it were longer,
without truth; scene and seed of ``synthetic``."""
CAMERA: dict[str, type] = {f.name: type(f.default) for f in fields(CameraSettings) if f.name != "camera"}
"""Parameters of the camera, and their types: the fields of `CameraSettings`."""
_BYTES = dict(zip(PARTS, ("background", "video", "faces", "positions", "headers"), strict=True))
COUNTS = (
    *("n_frames", "segments", "bytes", *(f"{name}_bytes" for name in _BYTES.values())),
    *("boxes_masked", "faces_judged", "faces_exposed"),
)
MEASURED = (*COUNTS, "film_s", "bytes_per_frame", "roi_share")
"""What a row tells about the footage, `COUNTS` as whole numbers; the faces are empty where nobody judges."""
TIMING = ("fps", "cpu_s", "read_s", "peak_mb")
"""What a row tells about the machine."""


class Job(NamedTuple):
    """One clip at one point.

    `clip` is what the user calls it, `source` what `gctr.datasets.load` takes; `judge` asks to count exposed faces
    where the clip has truth.
    """

    clip: str
    source: str
    parameters: dict[str, Any]
    judge: bool = False


def read_value(name: str, text: str) -> object:
    """Return a parameter's value out of text, in the parameter's type.

    Raises
    ------
    ValueError
        If there is no such parameter, or the text is no value of it.
    """
    known = FOOTAGE | CAMERA
    if name not in known:
        raise ValueError(f"unknown parameter {name!r}; known are {', '.join(known)}")
    try:
        return known[name](text)
    except ValueError:
        raise ValueError(
            f"parameter {name} takes a value of type {known[name].__name__}, not {text!r}"
        ) from None


def settings_of(parameters: Mapping[str, object]) -> CameraSettings:
    """Return the camera's settings at a parameter point; the footage's parameters are left out.

    Raises
    ------
    ValueError
        If there is no such parameter, or it cannot have this value.
    """
    if unknown := sorted(set(parameters) - set(FOOTAGE) - set(CAMERA)):
        raise ValueError(
            f"unknown parameter {', '.join(unknown)}; known are {', '.join([*FOOTAGE, *CAMERA])}"
        )
    try:
        chosen = {name: value for name, value in parameters.items() if name in CAMERA}
        return msgspec.convert(chosen, CameraSettings)
    except msgspec.ValidationError as error:
        raise ValueError(f"a parameter cannot have this value: {error}") from None


def open_clip(source: str, parameters: Mapping[str, Any]) -> Clip:
    """Return the footage at a parameter point; the camera's parameters are left out."""
    options = dict(footage_of(parameters))
    frames, loops = options.pop("frames", None), options.pop("loops", 1)
    clip = load(source, **options)
    clip = clip.head(frames) if frames is not None else clip
    return clip if loops == 1 else _looped(clip, loops)


def _looped(clip: Clip, loops: int) -> Clip:
    if loops < 1 or clip.n_frames is None:
        raise ValueError(f"a clip of known length can be played once or more, not {loops} times")
    seconds = clip.n_frames / clip.fps

    def play() -> Iterator[tuple[float, NDArray[np.uint8]]]:
        return ((k * seconds + t, frame) for k in range(loops) for t, frame in clip.timed())

    return replace(clip, n_frames=clip.n_frames * loops, open_timed=play, truth=Truth(), sha256=None)


def protect_point(job: Job, on_sent: Callable[[Sent], None] = lambda sent: None) -> dict[str, Any]:
    """Run a clip through a camera at a parameter point; return what it sent and what that took.

    Parameters
    ----------
    job : Job
    on_sent : callable
        Told of every segment.

    Returns
    -------
    dict
        `MEASURED`: frames, seconds of film, segments, bytes in all and by kind, mean share of the frame that is sent,
        boxes masked over all frames; where the job asks and the truth is known, faces that somebody could recognise
        and how many of them were exposed. `TIMING`: frames a second and processor seconds of the camera, without
        reading; seconds of reading; most memory that the process held, in MB. `note`: what the source warned of.

    Raises
    ------
    ValueError
        If the clip or a parameter is not what it should be.
    """
    settings, clip = settings_of(job.parameters), open_clip(job.source, job.parameters)
    _warm_up(clip.resolution_wh)
    bench = _Bench(clip, new_key("store"), job.judge)
    with _peak_memory() as peak, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        camera = Camera(bench.key, new_key("unmask"), settings)
        bench.put(camera.register([_plate(job.source, _played_once(job.parameters))]))
        with bench.clock("all"):
            for sent in camera.run(bench.timed(), bench, inspect=bench.look):
                bench.segments += 1
                on_sent(sent)
    note = "; ".join(dict.fromkeys(str(warning.message) for warning in caught))
    return bench.row() | {"peak_mb": peak[0] / 1e6, "note": note}


@lru_cache(maxsize=8)
def _warm_up(resolution_wh: tuple[int, int]) -> None:
    """Let kernels be loaded or compiled, once, before a job of this process is timed."""
    width, height = resolution_wh
    noise = np.random.default_rng(0).integers(0, 255, (3, height, width, 3), np.uint8)
    bench = _Bench(Clip.from_array("noise", noise, 25), new_key("store"), False)
    camera = Camera(bench.key, new_key("unmask"))
    bench.put(camera.register(noise[:1]))
    list(camera.run(bench.timed(), bench))


def forget() -> None:
    """Forget what jobs share, so that the next ones are timed like the first."""
    _plate.cache_clear()


@lru_cache(maxsize=4)  # a clip's points share its plate
def _plate(source: str, footage: tuple[tuple[str, Any], ...]) -> NDArray[np.uint8]:
    return register_plate(open_clip(source, dict(footage)))


def footage_of(parameters: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Return the footage's parameters, name and value each."""
    return tuple((name, value) for name, value in parameters.items() if name in FOOTAGE)


def _played_once(parameters: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(pair for pair in footage_of(parameters) if pair[0] != "loops")


class _Clock:
    """Wall and processor seconds by account."""

    def __init__(self) -> None:
        self.wall: Counter[str] = Counter()
        self.cpu: Counter[str] = Counter()

    @contextmanager
    def __call__(self, account: str) -> Iterator[None]:
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self.wall[account] += time.perf_counter() - wall  # type: ignore[assignment]
            self.cpu[account] += time.process_time() - cpu  # type: ignore[assignment]


class _Bench:
    """Stands where the cloud stands, counts, and keeps nothing; the camera's frames pass through its clock."""

    def __init__(self, clip: Clip, key: Key, judge: bool) -> None:
        self.key, self.clock, self._clip = key, _Clock(), clip
        self.segments = self._frames = self._masked = self._judged = self._exposed = 0
        self._bytes: Counter[str] = Counter(dict.fromkeys(PARTS, 0))
        self._roi = 0.0
        self._faces = truth_of(clip.truth.faces) if judge and clip.truth.faces is not None else None

    def put(self, message: bytes) -> None:
        with self.clock("own"):
            self._bytes.update(message_parts(message, self.key))

    def timed(self) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        frames = self._clip.timed()
        while True:
            with self.clock("read"):
                pair = next(frames, None)
            if pair is None:
                return
            yield pair

    def look(self, segment: Sequence[Observation]) -> None:
        with self.clock("own"):
            self._roi += sum(float(seen.region.mean()) for seen in segment)
            self._masked += sum(len(seen.faces) for seen in segment)
            if self._faces is not None:
                here = self._faces[
                    self._faces["frame"].between(self._frames, self._frames + len(segment) - 1)
                ]
                shares = exposure(here.assign(frame=here["frame"] - self._frames), shown_by_camera(segment))
                self._judged, self._exposed = (
                    self._judged + len(here),
                    self._exposed + int((shares > EXPOSED).sum()),
                )
            self._frames += len(segment)

    def row(self) -> dict[str, Any]:
        size, wall, cpu = sum(self._bytes.values()), self.clock.wall, self.clock.cpu
        seconds = wall["all"] - wall["read"] - wall["own"]
        judged = self._faces is not None
        return {
            "n_frames": self._frames,
            "film_s": self._frames / self._clip.fps,
            "segments": self.segments,
            "bytes": size,
            "bytes_per_frame": size / self._frames,
            **{f"{name}_bytes": self._bytes[part] for part, name in _BYTES.items()},
            "roi_share": self._roi / self._frames,
            "boxes_masked": self._masked,
            "faces_judged": self._judged if judged else None,
            "faces_exposed": self._exposed if judged else None,
            "fps": self._frames / seconds,
            "cpu_s": cpu["all"] - cpu["read"] - cpu["own"],
            "read_s": wall["read"],
        }


def _give_memory_back() -> None:
    """Return to the system what earlier jobs freed, which glibc keeps: it is none of the next job's need."""
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's alone
        if trim is not None:
            trim(0)


@contextmanager
def _peak_memory(every: float = 0.01) -> Iterator[list[int]]:
    """Yield a list of one number: the most bytes that this process held in memory during the block, sampled."""
    _give_memory_back()
    process, done = psutil.Process(), threading.Event()
    peak = [process.memory_info().rss]

    def watch() -> None:
        while not done.wait(every):
            peak[0] = max(peak[0], process.memory_info().rss)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()
