"""What a sweep counts and clocks while a camera works: bytes by kind, shares, faces, seconds, memory.

Limits: processor time and memory are of the whole process, which should do one thing at a time.
"""

import ctypes
import gc
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
import psutil
from numpy.typing import NDArray

from gctr.datasets import Clip
from gctr.evaluation.exposure import EXPOSED, exposure, shown_by_camera, truth_of
from gctr.evaluation.pipeline import PARTS, message_parts
from gctr.parties.camera import Observation
from gctr.parties.keyfile import Key, new_key

_BYTES = dict(zip(PARTS, ("background", "video", "faces", "positions", "headers"), strict=True))
COUNTS = (
    *("n_frames", "segments", "bytes", *(f"{name}_bytes" for name in _BYTES.values())),
    *("boxes_masked", "faces_judged", "faces_exposed"),
)
MEASURED = (*COUNTS, "film_s", "bytes_per_frame", "roi_share")
"""What a row tells about the footage, `COUNTS` as whole numbers; the faces are empty where nobody judges."""
TIMING = ("fps", "cpu_s", "read_s", "peak_mb")
"""What a row tells about the machine."""


class Clock:
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


class Bench:
    """Stands where the cloud stands, counts, and keeps nothing; the camera's frames pass through its clock."""

    def __init__(self, clip: Clip, *, judge: bool = False) -> None:
        self.key: Key = new_key("store")
        self.clock, self._clip = Clock(), clip
        self.segments = self._frames = self._masked = self._judged = self._exposed = 0
        self._bytes: Counter[str] = Counter(dict.fromkeys(PARTS, 0))
        self._roi = 0.0
        self._faces = truth_of(clip.truth.faces) if judge and clip.truth.faces is not None else None

    def put(self, message: bytes) -> None:
        """Take a message as the cloud would, count its bytes by kind and drop it."""
        with self.clock("own"):
            self._bytes.update(message_parts(message, self.key))

    def timed(self) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        """Yield the clip's (seconds, frame), with the time of reading on an account of its own."""
        frames = self._clip.timed()
        while True:
            with self.clock("read"):
                pair = next(frames, None)
            if pair is None:
                return
            yield pair

    def look(self, segment: Sequence[Observation]) -> None:
        """Look at a segment inside the camera, for shares and faces."""
        with self.clock("own"):
            self._roi += sum(float(seen.region.mean()) for seen in segment)
            self._masked += sum(len(seen.faces) for seen in segment)
            if self._faces is not None:
                self._judge(segment, self._faces)
            self._frames += len(segment)

    def _judge(self, segment: Sequence[Observation], faces: pd.DataFrame) -> None:
        here = faces[faces["frame"].between(self._frames, self._frames + len(segment) - 1)]
        shares = exposure(here.assign(frame=here["frame"] - self._frames), shown_by_camera(segment))
        self._judged += len(here)
        self._exposed += int((shares > EXPOSED).sum())

    def row(self) -> dict[str, Any]:
        """Return what was counted and clocked, memory aside."""
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
def peak_memory(every: float = 0.01) -> Iterator[list[int]]:
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
