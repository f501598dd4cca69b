"""Live speed: what each stage of a camera takes per frame, its tail, and how that compares with coding whole
frames.

Every frame is processed twice in turn, once as ROI and once whole, with the same zero-latency encoder on one
thread, so that the machine's mood hits both alike. A frame's latency is the sum of its stages: nothing is
looked ahead.

Limits: capture, network, encryption and masking are not in it (they have notebooks of their own).
"""

import time
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from gctr.evaluation.material import Material
from gctr.vision.encoders import FULL, I420, ROI, decode, encode, encode_one, to_bgr
from gctr.vision.roivideo import encode_shared, fill_plate, object_mask
from gctr.vision.running import RunningBackground

STAGES = ("find", "fill", "code", "code whole frame", "show")


def live_stages(
    source: Sequence[I420],
    plate: I420,
    quality: int,
    *,
    form: str = "live H.264",
) -> pd.DataFrame:
    """Time every stage of every frame.

    Parameters
    ----------
    source : sequence of (3 H / 2, W) uint8
        I420.
    plate : (3 H / 2, W) uint8
    quality : int
        QP.
    form : str
        Of `FULL` and of `ROI`.

    Returns
    -------
    DataFrame
        One row a frame, milliseconds: `find` (background model), `fill` (mask, plate outside), `code`,
        `code whole frame`, `show` (decode, which composes).
    """
    height, width = plate.shape[0] * 2 // 3, plate.shape[1]
    roi, full = (preset.context(width, height, quality) for preset in (ROI[form], FULL[form]))
    key = encode_one(roi, plate, 0)[0]
    shown = decode([key], FULL[form].codec)[0]
    model, rows = RunningBackground(to_bgr(plate)), []
    frames = [to_bgr(picture) for picture in source]
    model.find_cells(frames[0])  # compiles
    packets = [key]
    for k, (picture, frame) in enumerate(zip(source, frames, strict=True), start=1):
        clock = [time.perf_counter()]
        cells = model.find_cells(frame)
        clock.append(time.perf_counter())
        filled = fill_plate(picture, shown, object_mask(picture, plate, cells))
        clock.append(time.perf_counter())
        packets += encode_one(roi, filled, k)
        clock.append(time.perf_counter())
        encode_one(full, picture, k)
        clock.append(time.perf_counter())
        rows.append(np.diff(clock) * 1e3)
    began = time.perf_counter()
    decode(packets, FULL[form].codec)
    show = (time.perf_counter() - began) * 1e3 / len(packets)
    return pd.DataFrame(rows, columns=list(STAGES[:4])).assign(show=show)


def summarise(stages: pd.DataFrame) -> pd.DataFrame:
    """Return median, 99th percentile (ms) and share of the camera's time of each stage, and of the camera in
    all.
    """
    camera = stages[["find", "fill", "code"]].sum(axis=1)
    table = stages.assign(camera=camera).quantile([0.5, 0.99]).T.set_axis(["p50_ms", "p99_ms"], axis=1)
    share = stages[["find", "fill", "code"]].sum() / camera.sum()
    fps = 1000 / stages.assign(camera=camera).mean()
    return table.assign(share=share, fps=fps).rename_axis("stage")


def coding_times(
    material: Material, quality: Mapping[str, int], *, frames: int = 50, rounds: int = 3
) -> pd.DataFrame:
    """Time the coding of whole frames and of objects, in turn.

    Parameters
    ----------
    material : Material
        Its first `frames` pictures are coded.
    quality : mapping
        The quality of each form, of `ROI`; whole frames get the same.
    frames, rounds : int
        Each form is coded `rounds` times.

    Returns
    -------
    DataFrame
        form, roi_ms and full_ms (processor time a frame, median of the rounds; all threads counted,
        filling in included) and times (their ratio).
    """
    roi, rows = material.roi[:frames], []
    pictures, masks = [r.picture for r in roi], [r.mask for r in roi]
    for form, q in quality.items():
        taken = []
        for _ in range(rounds):
            clock = [time.process_time()]
            encode_shared(material.plate, pictures, masks, ROI[form], q)
            clock.append(time.process_time())
            encode(material.source[:frames], FULL[form], q)
            clock.append(time.process_time())
            taken.append(np.diff(clock) * 1e3 / len(roi))
        sent, whole = np.median(taken, axis=0)
        rows.append((form, sent, whole, np.median([a / b for a, b in taken])))
    return pd.DataFrame(rows, columns=["form", "roi_ms", "full_ms", "times"])
