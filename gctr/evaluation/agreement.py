"""What detectors see in the composed picture beside what they see in the original: adequacy for a machine.

A detection is *kept* if the other picture has one that overlaps it by an intersection over union of one half;
*new* ones have no partner in the original. The full frame at the same quantiser is the fair reference: what
coding alone costs.

Limits: agreement with the original is not correctness, its own mistakes are kept too.
"""

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gctr.datasets import check, model_path
from gctr.vision.encoders import I420, to_bgr
from gctr.vision.faces import CenterFace
from gctr.vision.objects import FastestDet
from gctr.vision.tracks import iou_matrix

Detect = Callable[[NDArray[np.uint8]], NDArray[np.generic]]


def detectors_at_hand() -> dict[str, Detect]:
    """Return detectors by name, each from an (H, W, 3) uint8 BGR image to (N, 4) xyxy: faces, and people where
    FastestDet's weights are at hand.
    """
    face = CenterFace()
    found: dict[str, Detect] = {"faces (CenterFace)": lambda image: face.detect(image)[:, :4]}
    if check("fastestdet").ok:
        found["people (FastestDet)"] = FastestDet(model_path("fastestdet")).find_people
    return found


def compare(detect: Detect, source: Iterable[I420], shown: Iterable[I420]) -> dict[str, float]:
    """Return `n` (detections in `source`), `kept` (share of them in `shown`) and `new` (for each of n).

    `source` and `shown` are (3 H / 2, W) uint8 I420 pictures.
    """
    n = kept = new = 0
    for original, other in zip(source, shown, strict=True):
        a, b = detect(to_bgr(original)), detect(to_bgr(other))
        overlaps = iou_matrix(a, b) >= 0.5
        n += len(a)
        kept += int(overlaps.any(axis=1).sum())
        new += int((~overlaps.any(axis=0)).sum())
    return {"n": n, "kept": kept / n if n else float("nan"), "new": new / n if n else float("nan")}


def agreement(source: list[I420], shown: dict[str, list[I420]], *, every: int = 10) -> pd.DataFrame:
    """Compare every `every`-th picture; one row for each detector and each form in `shown`."""
    rows = [
        {"detector": name, "shown": form, **compare(detect, source[::every], pictures[::every])}
        for name, detect in detectors_at_hand().items()
        for form, pictures in shown.items()
    ]
    return pd.DataFrame(rows)
