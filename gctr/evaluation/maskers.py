"""`gctr mask` beside deface on the same frames: ``python -m gctr.evaluation.maskers [CLIP ...]``.

deface (CenterFace frame by frame, no memory) is run through its own functions, with its default threshold and mask
scale and with solid boxes; both use the same net on the same library, and neither reads or writes video. Both work on
a stretch of frames in turns, so that a load on the machine meets both.

Limits: milliseconds are this machine's; only ratios carry over, and a net that is faster would narrow them.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gctr.datasets import Clip, load
from gctr.evaluation.exposure import (
    exposure,
    independent_faces,
    observe,
    plate_of,
    shown_by_boxes,
    shown_by_camera,
    summarise,
)
from gctr.vision.anonymise import anonymise
from gctr.vision.faces import CenterFace
from gctr.vision.following import CoverSettings

Image = NDArray[np.uint8]
Boxes = list[list[Any]]  # of each frame: xyxy
STRETCH = 60  # frames, as many as `gctr mask` buffers


class Compared(NamedTuple):
    """Boxes that each tool masked, by tool and frame; ms a frame in each stretch, columns gctr mask, deface, ratio."""

    boxes: dict[str, Boxes]
    speed: pd.DataFrame


def compare(frames: Sequence[Image], fps: float, *, stretches: int = 5) -> Compared:
    """Mask a clip with both tools in turns.

    Parameters
    ----------
    frames : sequence of (H, W, 3) uint8 arrays
        BGR.
    fps : float
        Frames a second.
    stretches : int
        Timed at least; a short clip is gone over again.
    """
    tools: dict[str, Callable[[Sequence[Image]], Boxes]] = {
        "gctr mask": _gctr(frames[:4], fps),
        "deface": mask_with_deface,
    }
    for tool in tools.values():
        tool(frames[:4])  # nets are built at the first frame
    boxes: dict[str, Boxes] = {}
    rows: list[dict[str, float]] = []
    while len(rows) < stretches:
        tools["gctr mask"] = _gctr(frames, fps)
        for first in range(0, len(frames), STRETCH):
            part = frames[first : first + STRETCH]
            names = list(tools) if len(rows) % 2 else list(tools)[::-1]
            timed = {name: _timed(tools[name], part) for name in names}
            for name, (_, masked) in timed.items():
                boxes.setdefault(name, []).extend(masked)
            if 2 * len(part) >= min(STRETCH, len(frames)):  # a few frames are too few to be timed
                rows.append({name: taken for name, (taken, _) in timed.items()})
    speed = pd.DataFrame(rows)[list(tools)]
    first_pass = {name: boxes[name][: len(frames)] for name in tools}
    return Compared(first_pass, speed.assign(ratio=speed["deface"] / speed["gctr mask"]))


def _timed(tool: Callable[[Sequence[Image]], Boxes], part: Sequence[Image]) -> tuple[float, Boxes]:
    began = time.perf_counter()
    masked = tool(part)
    return (time.perf_counter() - began) / len(part) * 1000, masked


def _gctr(frames: Sequence[Image], fps: float) -> Callable[[Sequence[Image]], Boxes]:
    """Return what masks the next stretch of `frames` as `gctr mask` does with its defaults."""
    timed = ((k / fps, frame) for k, frame in enumerate(frames))
    stream = anonymise(timed, _gctr_detector(), CoverSettings(margin=0.3, every=3))
    return lambda part: [[cover.xyxy for cover in seen.covers] for seen in islice(stream, len(part))]


def mask_with_deface(frames: Sequence[Image]) -> Boxes:
    """Return the boxes that deface masks in each frame, masking included."""
    from deface.deface import anonymize_frame, scale_bb

    found = []
    for frame in frames:
        rgb = frame[..., ::-1].copy()
        faces, _ = _deface_detector()(rgb, threshold=0.2)
        anonymize_frame(faces, rgb, 1.3, "solid", False, False, None, 20)
        grown = [scale_bb(*face[:4].astype(int), 1.3) for face in faces]
        limits = (frame.shape[1] - 1, frame.shape[0] - 1) * 2  # as deface clips
        found.append([tuple(np.clip(box, 0, limits).tolist()) for box in grown])
    return found


def exposures(clip: Clip, frames: Sequence[Image], compared: Compared, shown_by_gctr: list) -> pd.DataFrame:
    """Count the faces that camera, `gctr mask` and deface leave exposed: a row each, with the judge's name.

    Parameters
    ----------
    clip : Clip
    frames : sequence of (H, W, 3) uint8 arrays
        Of the clip.
    compared : Compared
    shown_by_gctr : list of (H, W) bool arrays
        From `gctr.evaluation.exposure.shown_by_camera`.
    """
    faces, judge = independent_faces(clip, frames)
    size = (frames[0].shape[0], frames[0].shape[1])
    shown = {"gctr camera": shown_by_gctr}
    shown |= {name: shown_by_boxes(boxes, size) for name, boxes in compared.boxes.items()}
    rows = [
        {"tool": t, "judge": judge} | summarise(faces, exposure(faces, where)) for t, where in shown.items()
    ]
    return pd.DataFrame(rows)


def check(names: Sequence[str]) -> pd.DataFrame:
    """Return exposed faces and speed on several clips, one row a clip and tool.

    `ms_a_frame` is the median over stretches, `ratio` deface's time over the tool's with `ratio_min` and `ratio_max`.
    """
    tables = []
    for name in names:
        clip = load(name)
        timed = list(clip.timed())
        frames = [frame for _, frame in timed]
        compared = compare(frames, clip.fps)
        seen = observe(timed, plate_of(clip, frames))
        table = exposures(clip, frames, compared, shown_by_camera(seen))
        ratio = compared.speed["ratio"]
        spread = {"ratio": ratio.median(), "ratio_min": ratio.min(), "ratio_max": ratio.max()}
        table["ms_a_frame"] = table["tool"].map(compared.speed.median())
        for column, value in spread.items():
            table[column] = np.where(table["tool"] == "gctr mask", value, np.nan)
        tables.append(table.assign(clip=name))
    columns = ["clip", "tool", "judge", "faces", "exposed", "recall", "ms_a_frame", *spread]
    return pd.concat(tables)[columns]


@lru_cache(maxsize=1)
def _gctr_detector() -> CenterFace:
    return CenterFace()


@lru_cache(maxsize=1)
def _deface_detector() -> Any:
    from deface.centerface import CenterFace as DefaceCenterFace

    return DefaceCenterFace(backend="opencv")


def main() -> None:
    """Print exposed faces and speed."""
    parser = argparse.ArgumentParser(description="exposed faces and speed beside deface")
    parser.add_argument("clips", nargs="*", default=["synthetic"], help="registered clips or paths")
    table = check(parser.parse_args().clips)
    print(table.to_string(index=False, float_format="{:.3f}".format, na_rep=""))


if __name__ == "__main__":
    main()
