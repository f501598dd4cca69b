"""What is left around a masked face: clothes that re-identify, and people who can still be counted.

The attacker names an object by the colours of what is visible of it (HSV histograms of upper and lower half, chi-square
distance), having seen the same people earlier in the same clothes. The same leftovers are what a mask is to leave for
its users: people must still be found and counted.

Limits: one clip, a handful of people; the interval is over people. Colour is the weakest of body re-identification's
features: what it names is named.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gctr.evaluation.leakage import attack, summary
from gctr.parties.camera import Observation
from gctr.vision.masking import paint
from gctr.vision.roi import find_boxes
from gctr.vision.running import RunningBackground
from gctr.vision.tracks import iou_matrix

Image = NDArray[np.uint8]


def body_histograms(
    images: Sequence[Image], boxes: pd.DataFrame
) -> tuple[NDArray[np.float64], NDArray, NDArray[np.int64]]:
    """Return (N, d) colour histograms of true boxes in every fifth frame, whose they are, and the frame."""
    rows, who, when = [], [], []
    for row in boxes.itertuples():
        k = int(row.frame)
        x0, y0, x1, y1 = (max(0, int(v)) for v in (row.x0, row.y0, row.x1, row.y1))
        if k % 5 == 0 and k < len(images) and x1 - x0 >= 8 and y1 - y0 >= 16:
            rows.append(_histogram(images[k][y0:y1, x0:x1]))
            who.append(row.track_id)
            when.append(k)
    return np.array(rows), np.array(who), np.array(when)


def attack_bodies(images: Sequence[Image], boxes: pd.DataFrame) -> dict[str, float | int | bool]:
    """Name the people of each track's second half by its first half; columns as of `leakage.summary`."""
    people = boxes[boxes["label"].fillna("person") == "person"]
    vectors, who, when = body_histograms(images, people)
    middle = {track: np.median(when[who == track]) for track in np.unique(who)}
    gallery = np.array([w <= middle[track] for w, track in zip(when, who, strict=True)])
    known = np.isin(who, np.unique(who[gallery])) & ~gallery
    return summary(attack(_chi_square, vectors[gallery], who[gallery], vectors[known], who[known]))


def count_people(images: Sequence[Image], plate: Image, boxes: pd.DataFrame) -> dict[str, float]:
    """Find people again in pictures: mean count a frame, and the share of true boxes met (IoU of at least 0.3)."""
    model = RunningBackground(plate)
    counts, met, total = [], 0, 0
    for k, image in enumerate(images):
        found = find_boxes(model.apply(image))
        true = boxes.loc[boxes["frame"] == k, ["x0", "y0", "x1", "y1"]].to_numpy(float)
        counts.append(len(found))
        total += len(true)
        met += int((iou_matrix(true, found).max(axis=1, initial=0) >= 0.3).sum()) if len(true) else 0
    return {"objects_a_frame": float(np.mean(counts)), "people_met": met / total if total else 1.0}


def masked_bodies(observations: Sequence[Observation], plate: Image) -> list[Image]:
    """Return the pictures that the cloud would compose, before coding, if the camera's policy were ``body``."""
    return [_masked_body(seen, plate) for seen in observations]


def _masked_body(seen: Observation, plate: Image) -> Image:
    height, width = plate.shape[:2]
    boxes = np.array([track.xyxy for track in seen.tracks], int).reshape(-1, 4).clip(0, [width, height] * 2)
    inside = boxes[(boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])]
    return np.where(seen.region[..., None], paint(seen.captured, inside), plate)


def _histogram(crop: Image) -> NDArray[np.float64]:
    half = crop.shape[0] // 2
    parts = [cv2.cvtColor(part, cv2.COLOR_BGR2HSV) for part in (crop[:half], crop[half:])]
    bins = [cv2.calcHist([part], [0, 1, 2], None, [8, 4, 4], [0, 180, 0, 256, 0, 256]) for part in parts]
    return np.concatenate([part.ravel() / max(float(part.sum()), 1.0) for part in bins]).astype(np.float64)


def _chi_square(gallery: NDArray, identities: NDArray, probes: NDArray) -> NDArray[np.float64]:
    distance = [((gallery - p) ** 2 / np.maximum(gallery + p, 1e-9)).sum(axis=1) for p in probes]
    return -np.round(np.array(distance), 9)
