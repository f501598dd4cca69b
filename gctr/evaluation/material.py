"""What a rate comparison starts from: pictures, plate, what the camera would send, and which pixels judge the
result.

Noise is added before the camera looks, so that it disturbs the background model as well as the encoder.

Limits: white Gaussian noise, which a sensor's is not after its own processing. The clip is held in memory.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from gctr.datasets import Clip
from gctr.evaluation.quality import truth_objects
from gctr.vision.background import boxes_to_mask, register_plate
from gctr.vision.encoders import I420, to_i420
from gctr.vision.exposure import Exposure
from gctr.vision.roivideo import RoiPicture, find_objects

CHROMA_NOISE = 0.6  # of the luma's sigma
SAME = Exposure(1.0, 0.0)


@dataclass(frozen=True)
class Material:
    """What all forms code: `source` pictures, `plate`, what the camera sends (`roi`), and the judging
    `objects`.
    """

    name: str
    fps: float
    noise: float
    source: list[I420]
    plate: I420
    roi: list[RoiPicture]
    objects: list[NDArray[np.bool_]]

    @property
    def resolution_wh(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.plate.shape[1], self.plate.shape[0] * 2 // 3


def prepare(clip: Clip, *, noise: float = 0.0, seed: int = 0, oracle: bool = False) -> Material:
    """Read a clip and find its objects as the camera would.

    Parameters
    ----------
    clip : Clip
        Held in memory whole. Without truth boxes, what the clean clip's own ROI sends judges.
    noise : float
        Standard deviation of Gaussian noise added to luma, in grey levels; chroma gets 0.6 of it.
    seed : int
        Of the noise.
    oracle : bool
        Send the truth's boxes instead of what the background model finds: what perfect detection would cost.
    """
    clean = [to_i420(_even(frame)) for frame in clip]
    empty = clip.truth.background
    plate = to_i420(_even(register_plate(clip) if empty is None else empty))
    source = clean if not noise else list(add_noise(clean, noise, seed))
    roi = list(find_objects(source, plate))
    objects = _judges(clip, clean, plate)
    if oracle:
        size = objects[0].shape
        sent = [boxes_to_mask(_outward(_boxes(clip, k)), size) for k in range(len(clean))]
        roi = [
            replace(r, picture=p, mask=m, exposure=SAME) for r, p, m in zip(roi, source, sent, strict=True)
        ]
    return Material(clip.name, clip.fps, noise, source, plate, roi, objects)


def _outward(boxes: NDArray[np.float64]) -> NDArray[np.int32]:
    return np.concatenate([np.floor(boxes[:, :2]), np.ceil(boxes[:, 2:])], axis=1).astype(np.int32)


def _even(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return frame[: frame.shape[0] // 2 * 2, : frame.shape[1] // 2 * 2]


def _boxes(clip: Clip, k: int) -> NDArray[np.float64]:
    table = clip.truth.boxes
    if table is None:
        raise ValueError(f"{clip.name} has no truth boxes; choose footage that has, or leave the oracle out")
    return table.loc[table["frame"] == k, ["x0", "y0", "x1", "y1"]].to_numpy(float)


def _judges(clip: Clip, clean: Sequence[I420], plate: I420) -> list[NDArray[np.bool_]]:
    height = plate.shape[0] * 2 // 3
    if clip.truth.boxes is None:
        return [
            roi.mask & (cv2.absdiff(roi.picture[:height], plate[:height]) > 20)
            for roi in find_objects(clean, plate)
        ]
    return [truth_objects(p[:height], plate[:height], _boxes(clip, k)) for k, p in enumerate(clean)]


def add_noise(pictures: Iterable[I420], sigma: float, seed: int) -> Iterator[I420]:
    """Yield the pictures with Gaussian noise of `sigma` grey levels on luma and 0.6 `sigma` on chroma."""
    rng = np.random.default_rng(seed)
    for picture in pictures:
        noise = rng.standard_normal(picture.shape, dtype=np.float32) * np.float32(sigma)
        noise[picture.shape[0] * 2 // 3 :] *= CHROMA_NOISE
        yield np.rint(picture + noise).clip(0, 255).astype(np.uint8)
