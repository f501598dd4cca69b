"""How well moving objects are found: pixels by the CDnet protocol, box area and people by MOT truth, and at
what speed.

CDnet (Goyette et al., CVPRW 2012): label 255 is positive, 0 and 50 (shadow) are negative, 85 and 170 do not
count; only the evaluated frames and the area of ROI.bmp do. Counts are summed over frames before precision
and recall.

Speed is given as a ratio to OpenCV's MOG2 in the same run: calls alternate, and the median of each is
compared.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gctr.datasets import Clip
from gctr.vision.background import BackgroundModel
from gctr.vision.roi import cells_to_mask, clean_cells, count_cells
from gctr.vision.running import CELL, RunningBackground

MISSED = 0.3  # an object of whose box less is covered counts as missed


def pixel_counts(
    foreground: NDArray[np.bool_], labels: NDArray[np.uint8], area: NDArray[np.bool_] | None = None
) -> NDArray[np.int64]:
    """Return true positives, false positives, false negatives of one frame, (3,) int64.

    Parameters
    ----------
    foreground : (H, W) bool
    labels : (H, W) uint8
        CDnet's.
    area : (H, W) bool, optional
        Evaluated pixels.
    """
    counted = (labels != 85) & (labels != 170)
    counted = counted if area is None else counted & area
    truth = (labels == 255) & counted
    hits = foreground & truth
    return np.array(
        [hits.sum(), (foreground & counted & ~truth).sum(), (truth & ~foreground).sum()], np.int64
    )


def f_measure(counts: NDArray[np.int64]) -> dict[str, float]:
    """Return precision, recall and F1 of summed counts; nan where nothing counts."""
    tp, fp, fn = (float(v) for v in counts)
    with np.errstate(invalid="ignore"):
        precision, recall = np.divide([tp, tp], [tp + fp, tp + fn])
        return {"precision": precision, "recall": recall, "f1": float(np.divide(2 * tp, 2 * tp + fp + fn))}


def evaluate_pixels(clip: Clip, model: BackgroundModel) -> dict[str, float]:
    """Run `model` over a clip with pixel truth; return precision, recall, F1 and the share of the frame
    found.
    """
    mask = clip.truth.mask
    if mask is None:
        raise ValueError(f"{clip.name} has no pixel truth; take cdnet-highway, IBMtest2 or synthetic")
    counts, shares = np.zeros(3, np.int64), []
    for k, frame in enumerate(clip):
        foreground = model.apply(frame)
        if clip.truth.evaluated is None or k in clip.truth.evaluated:
            counts += pixel_counts(foreground, mask(k), clip.truth.roi)
            shares.append(foreground.mean())
    return f_measure(counts) | {"share": float(np.mean(shares))}


def cell_mask(model: BackgroundModel, frame: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return what would be sent of a frame, (H, W) bool in cells of 8 x 8, with one clean-up for all models."""
    foreground = model.apply(frame)
    if isinstance(model, RunningBackground):
        cells = model.cells
    else:
        cells = clean_cells(count_cells(foreground, CELL), 7, 20, 4, 1)
    return cells_to_mask(cells, CELL, frame.shape[:2])


def evaluate_boxes(clip: Clip, model: BackgroundModel) -> tuple[dict[str, float], pd.DataFrame]:
    """Run `model` over a clip with box truth.

    Returns
    -------
    dict
        `recall` of truth box area, `share` of the frame sent in cells of 8 pixels, `missed` boxes (less than
        30 % covered), `boxes` in all.
    DataFrame
        `frame`, `track_id`, `area` (pixels), `covered` (share) of every truth box.
    """
    if clip.truth.boxes is None:
        raise ValueError(f"{clip.name} has no truth boxes; take pets2009-s2l1 or synthetic")
    by_frame = dict(tuple(clip.truth.boxes.groupby("frame")))
    rows, shares = [], []
    for k, frame in enumerate(clip):
        sent = cell_mask(model, frame)
        shares.append(sent.mean())
        rows += [(k, *row) for row in _coverage(sent, by_frame.get(k))]
    table = pd.DataFrame(rows, columns=["frame", "track_id", "area", "covered"])
    recall = float((table["area"] * table["covered"]).sum() / table["area"].sum())
    missed = int((table["covered"] < MISSED).sum())
    return {"recall": recall, "share": float(np.mean(shares)), "missed": missed, "boxes": len(table)}, table


def _coverage(sent: NDArray[np.bool_], boxes: pd.DataFrame | None) -> Iterable[tuple[int, int, float]]:
    if boxes is None:
        return
    height, width = sent.shape
    corners = boxes[["x0", "y0", "x1", "y1"]].round().clip(lower=0).astype(int).to_numpy()
    for track_id, (x0, y0, x1, y1) in zip(boxes["track_id"], corners, strict=True):
        part = sent[y0 : min(y1, height), x0 : min(x1, width)]
        if part.size:
            yield int(track_id), part.size, float(part.mean())


def exposure_step(
    clip: Clip, model: BackgroundModel, change: Callable[[NDArray[np.uint8]], NDArray[np.uint8]], at: int
) -> NDArray[np.float64]:
    """Return the share of each frame that is sent when `change` alters all frames from number `at` on."""
    return np.array([cell_mask(model, change(f) if k >= at else f).mean() for k, f in enumerate(clip)])


def speed_ratios(
    frames: Sequence[NDArray[np.uint8]],
    calls: Mapping[str, Callable[[NDArray[np.uint8]], object]],
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
