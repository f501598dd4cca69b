"""How fast objects are found, as a ratio to OpenCV's MOG2, and how fast a live camera that finds and codes them is.

Ratios come from one run in which calls alternate; medians are compared. `live_rate` codes 1080p with x264 at preset
medium, zero latency, constant QP: every frame is found, filled with the plate and coded before the next one comes.
Beside the clock's time stands the processor's, which other programs on the machine do not stretch.

Limits: decoding or capturing, masks, encryption and network are not in it. Footage is scaled up to 1080p and made
noisy, because a clip that was compressed before is easier on the encoder than a sensor.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import NamedTuple

import av
import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gctr.vision.encoders import FULL, I420, decode, encode_one, to_i420
from gctr.vision.roivideo import fill_plate, object_mask
from gctr.vision.running import RunningBackground

Image = NDArray[np.uint8]
LIVE = replace(
    FULL["live H.264"],
    name="live H.264, preset medium",
    options={"preset": "medium", "tune": "zerolatency", "qp": "{q}"},
    gop=1 << 15,
)
STAGES = ("find", "fill", "code", "code whole frame")


def speed_ratios(
    frames: Sequence[Image],
    calls: Mapping[str, Callable[[Image], object]],
    *,
    peer: str = "MOG2",
    rounds: int = 3,
) -> pd.DataFrame:
    """Time `calls` in turn on each frame, one thread each as they come; compare medians with the `peer`'s.

    Returns
    -------
    DataFrame
        `call`, `ms` (median), `low`, `high` (quartiles), `share_of_peer`, `times_faster`.
    """
    for call in calls.values():
        for frame in frames[:2]:  # compile and warm up
            call(frame)
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for frame in frames:
            for name, call in calls.items():
                began = time.perf_counter()
                call(frame)
                times[name].append((time.perf_counter() - began) * 1e3)
    reference = float(np.median(times[peer]))
    rows = [(name, *np.percentile(t, [50, 25, 75]), np.median(t) / reference) for name, t in times.items()]
    table = pd.DataFrame(rows, columns=["call", "ms", "low", "high", "share_of_peer"])
    return table.assign(times_faster=1 / table["share_of_peer"])


def noisy_large(
    frames: Iterable[Image], size_wh: tuple[int, int] = (1920, 1080), *, sigma: float = 3.0, seed: int = 0
) -> list[Image]:
    """Return (H, W, 3) uint8 BGR `frames` scaled to `size_wh`, with Gaussian noise of `sigma` grey levels on luma."""
    rng, large = np.random.default_rng(seed), []
    for frame in frames:
        noise = rng.standard_normal((size_wh[1], size_wh[0], 1), dtype=np.float32) * np.float32(sigma)
        large.append(np.rint(cv2.resize(frame, size_wh) + noise).clip(0, 255).astype(np.uint8))
    return large


class LiveRate(NamedTuple):
    """`stages`: by stage, median and 99th percentile of its time, and its mean processor time, in ms a frame.

    `rates`: by way of working, frames a second by the clock, processor time (ms a frame) and bytes a frame.
    """

    stages: pd.DataFrame
    rates: pd.DataFrame


def live_rate(frames: Sequence[Image], plate: Image, *, quality: int = 24, threads: int = 4) -> LiveRate:
    """Run a live camera over frames held in memory; compare with coding them whole.

    Frames are coded in both ways in turn. Then the ROI is run once more, finding and filling the next frame while
    another thread codes the one before, which is what a camera with two cores does.

    Parameters
    ----------
    frames : sequence of (H, W, 3) uint8
        BGR, even sides.
    plate : (H, W, 3) uint8
        BGR.
    quality : int
        QP.
    threads : int
        The encoder's, each on a slice of the frame; more than cores, since objects do not spread evenly over slices.
    """
    camera, whole = _Camera(plate, quality, threads), _Camera(plate, quality, threads)
    camera.find(frames[0])  # compiles
    rows = []
    for frame in frames:
        cells, *find = _clocked(camera.find, frame)
        picture, *fill = _clocked(camera.fill, frame, cells)
        sent, *code = _clocked(camera.code, picture)
        full, *code_full = _clocked(whole.code_whole, frame)
        rows.append((*find, *fill, *code, *code_full, sent, full))
    columns = [(stage, clock) for stage in STAGES for clock in ("ms", "cpu_ms")]
    names = pd.MultiIndex.from_tuples([*columns, ("bytes", "ROI"), ("bytes", "whole frame")])
    return _summary(pd.DataFrame(rows, columns=names), _overlapped(frames, plate, quality, threads))


class _Camera:
    """A background model and an encoder that starts on the plate."""

    def __init__(self, plate: Image, quality: int, threads: int) -> None:
        self._plate, self._number = to_i420(plate), 0
        self._encoder: av.VideoCodecContext = LIVE.context(
            plate.shape[1], plate.shape[0], quality, threads=threads
        )
        self._shown = decode(encode_one(self._encoder, self._plate, 0), LIVE.codec)[0]
        self._model = RunningBackground(plate)

    def find(self, frame: Image) -> NDArray[np.bool_]:
        return self._model.find_cells(frame).copy()

    def fill(self, frame: Image, cells: NDArray[np.bool_]) -> I420:
        picture = to_i420(frame)
        return fill_plate(picture, self._shown, object_mask(picture, self._plate, cells))

    def code(self, picture: I420) -> int:
        self._number += 1
        return sum(map(len, encode_one(self._encoder, picture, self._number)))

    def code_whole(self, frame: Image) -> int:
        return self.code(to_i420(frame))


def _clocked(call: Callable, *arguments: object) -> tuple:
    """Return the call's result, its time and the processor's, of all threads, in ms."""
    began, used = time.perf_counter(), time.process_time()
    result = call(*arguments)
    return result, (time.perf_counter() - began) * 1e3, (time.process_time() - used) * 1e3


def _overlapped(frames: Sequence[Image], plate: Image, quality: int, threads: int) -> float:
    """Return frames a second when one frame is found and filled while the one before is coded."""
    camera = _Camera(plate, quality, threads)
    began, pending = time.perf_counter(), None
    with ThreadPoolExecutor(1) as coder:
        for frame in frames:
            picture = camera.fill(frame, camera.find(frame))
            if pending is not None:
                pending.result()
            pending = coder.submit(camera.code, picture)
    return len(frames) / (time.perf_counter() - began)


def _summary(table: pd.DataFrame, overlapped: float) -> LiveRate:
    wall = table.xs("ms", axis=1, level=1)[list(STAGES)]
    cpu = table.xs("cpu_ms", axis=1, level=1)[list(STAGES)].mean()
    stages = wall.quantile([0.5, 0.99]).T.set_axis(["p50_ms", "p99_ms"], axis=1).assign(cpu_ms=cpu)
    mean, sent = wall.mean(), table["bytes"].mean()
    roi = list(STAGES[:3])
    rates = pd.DataFrame(
        {
            "ROI": (1e3 / mean[roi].sum(), cpu[roi].sum(), sent["ROI"]),
            "ROI, coding beside finding": (overlapped, cpu[roi].sum(), sent["ROI"]),
            "whole frame": (1e3 / mean[STAGES[3]], cpu[STAGES[3]], sent["whole frame"]),
        },
        index=["fps", "cpu_ms", "bytes_a_frame"],
    )
    return LiveRate(stages.rename_axis("stage"), rates.T.rename_axis("way"))
