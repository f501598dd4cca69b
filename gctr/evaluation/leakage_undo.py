"""Undoing masks: a linear map learnt from other people, and the average of many masked frames.

Limits: both are linear; a net that was trained on faces invents more detail, whose truth nobody knows.
"""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gctr.evaluation.leakage import Faces, mask_face, mask_faces
from gctr.evaluation.matchers import as_vectors
from gctr.evaluation.statistics import bootstrap
from gctr.vision.painters import MaskStyle

Image = NDArray[np.uint8]
_RIDGE = 2.0  # penalty on the map, for bytes scaled to 0..1


def reconstruct(faces: Faces, styles: Mapping[str, MaskStyle | None]) -> pd.DataFrame:
    """Learn to undo each mask by ridge regression on half of the people; judge on the other half.

    Returns
    -------
    DataFrame
        `mask`; `psnr_gain` in dB over guessing the mean face, with its 99 % interval over people (`low`, `high`).
    """
    names = np.unique(faces.identities)
    training = np.isin(faces.identities, names[: len(names) // 2])
    clear = as_vectors(faces.images) / 255
    mean = clear[training].mean(axis=0)
    null = ((clear[~training] - mean) ** 2).mean(axis=1)
    rows = []
    for name, style in styles.items():
        masked = as_vectors(mask_faces(faces.images, style)) / 255
        centre = masked[training].mean(axis=0)
        a, b = masked[training] - centre, clear[training] - mean
        weights = a.T @ np.linalg.solve(a @ a.T + _RIDGE * np.eye(len(a)), b)
        error = (((masked[~training] - centre) @ weights + mean - clear[~training]) ** 2).mean(axis=1)
        gain = 10 * np.log10(null / np.maximum(error, 1e-6))
        interval = bootstrap(gain, faces.identities[~training])
        rows.append({"mask": name, "psnr_gain": interval.value, "low": interval.low, "high": interval.high})
    return pd.DataFrame(rows)


def fuse(
    pictures: Sequence[Image], height: int, style: MaskStyle | None, *, frames: int, seed: int = 0
) -> list[Image]:
    """Return what an attacker gets by averaging several masked frames of one face that moves over the pixel grid.

    Every frame shifts the face by a random part of a pixel before it is sampled and masked; the attacker, who knows
    the mask's place, undoes the shift and averages.
    """
    rng = np.random.default_rng(seed)
    return [_fused(picture, height, style, rng.uniform(-4, 4, (frames, 2))) for picture in pictures]


def _fused(picture: Image, height: int, style: MaskStyle | None, shifts: NDArray[np.float64]) -> Image:
    tall, wide = picture.shape[:2]
    width = max(8, round(height * wide / tall))
    total = np.zeros(picture.shape)
    for number, (dx, dy) in enumerate(shifts):
        moved = _shift(picture, dx, dy)
        small = np.asarray(cv2.resize(moved, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        masked = cv2.resize(mask_face(small, style, number), (wide, tall), interpolation=cv2.INTER_LINEAR)
        total += _shift(np.asarray(masked, np.uint8), -dx, -dy)
    return np.rint(total / len(shifts)).astype(np.uint8)


def _shift(image: Image, dx: float, dy: float) -> Image:
    matrix = np.array([[1, 0, dx], [0, 1, dy]], np.float64)
    moved = cv2.warpAffine(image, matrix, image.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)
