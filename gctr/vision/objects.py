"""Object detection: FastestDet, a detector of the 80 COCO classes in one megabyte, on OpenCV's dnn module.

A background model says that something moves, this says what it is. It tells people from cars where only people matter,
and `FastestDet.find_people` keeps people who stand still out of a registered plate.

FastestDet (dog-qiuqiu, 2022) is anchor-free: one cell of a 22 x 22 grid answers for an object, with its presence, the
centre's offset and the size, each through a squashing function, and a probability for each class.

Limits: the whole picture is shrunk to 352 x 352 pixels, so that objects below about 20 px in the original at VGA are
missed; on PETS2009 S2.L1 it finds some four people in five. It adds to the background model and replaces nothing.
"""

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 352
_WORDS = (  # the 80 COCO classes in their order, one word each
    "person bicycle car motorcycle airplane bus train truck boat traffic_light fire_hydrant stop_sign parking_meter "
    "bench bird cat dog horse sheep cow elephant bear zebra giraffe backpack umbrella handbag tie suitcase frisbee "
    "skis snowboard sports_ball kite baseball_bat baseball_glove skateboard surfboard tennis_racket bottle wine_glass "
    "cup fork knife spoon bowl banana apple sandwich orange broccoli carrot hot_dog pizza donut cake chair couch "
    "potted_plant bed dining_table toilet tv laptop mouse remote keyboard cell_phone microwave oven toaster sink "
    "refrigerator book clock vase scissors teddy_bear hair_drier toothbrush"
)
COCO = tuple(_WORDS.split())


class Detection(NamedTuple):
    """One object: x0, y0, x1, y1 in pixels, its COCO class, and a score in 0..1."""

    xyxy: tuple[int, int, int, int]
    label: str
    score: float


class FastestDet:
    """FastestDet's ONNX model.

    Parameters
    ----------
    weights : path
        The ONNX file; `gctr datasets fetch fastestdet` gets it.
    threshold : float
        Lowest score of an object, 0..1; 0.65 is the makers' choice, lower finds more people who stand far away.
    overlap : float
        Boxes of one class with a larger intersection over union than this are the same object.
    """

    def __init__(self, weights: str | Path, threshold: float = 0.5, overlap: float = 0.45) -> None:
        if not Path(weights).is_file():
            raise FileNotFoundError(f"no FastestDet weights at {weights}: gctr datasets fetch fastestdet")
        self._net = cv2.dnn.readNetFromONNX(str(weights))
        self._threshold, self._overlap = threshold, overlap

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """Return the objects of an (H, W, 3) uint8 BGR image, surest first."""
        small = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        self._net.setInput(cv2.dnn.blobFromImage(small, 1 / 255))
        grid = np.asarray(self._net.forward(), np.float32)[0]
        boxes, scores, classes = _decode(grid, self._threshold)
        height, width = image.shape[:2]
        corner = np.array([width, height] * 2)
        pixels = (boxes * corner).clip(0, corner)
        xywh = np.column_stack([pixels[:, :2], pixels[:, 2:] - pixels[:, :2]])
        shifted = xywh + np.array([1, 0, 0, 0]) * (classes * 2 * width)[:, None]  # classes never overlap
        keep = cv2.dnn.NMSBoxes(shifted.tolist(), scores.tolist(), 0.0, self._overlap) if len(boxes) else []
        return [_detection(pixels[i], classes[i], scores[i]) for i in np.asarray(keep, int).ravel()]

    def find_people(self, image: NDArray[np.uint8]) -> NDArray[np.int32]:
        """Return the boxes of the people in an (H, W, 3) uint8 BGR image, (N, 4) int32 xyxy."""
        people = [found.xyxy for found in self.detect(image) if found.label == "person"]
        return np.array(people, np.int32).reshape(-1, 4)


def _decode(
    grid: NDArray[np.float32], threshold: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Return boxes in parts of the picture, (N, 4) xyxy, scores and classes of a (5 + classes, rows, columns) grid."""
    best = grid[5:].max(axis=0)
    score = grid[0].clip(0) ** 0.6 * best.clip(0) ** 0.4
    rows, columns = np.nonzero(score > threshold)
    answer = grid[:, rows, columns].astype(np.float64)
    centre = (np.stack([columns, rows]) + np.tanh(answer[1:3])) / np.array(grid.shape[:0:-1])[:, None]
    half = 0.5 / (1 + np.exp(-answer[3:5]))
    return np.concatenate([centre - half, centre + half]).T, score[rows, columns], answer[5:].argmax(axis=0)


def _detection(box: NDArray[np.float64], number: int, score: float) -> Detection:
    x0, y0, x1, y1 = np.rint(box).astype(int).tolist()
    return Detection((x0, y0, x1, y1), COCO[number], float(score))
