"""Masking the faces of any footage, moving cameras too: what `gctr mask` runs.

Frames are buffered in windows; in each, faces are looked for in every few frames, linked, interpolated both ways and
held at both ends (`gctr.vision.following`). Where the detector fails, the frame is masked whole.

Limits: without a registered background nobody knows who shows no face: a person whom the detector never sees stays as
they are; `gctr.parties.camera`, which knows what moves, masks their heads. A face that is first found at the very start
of a window is not held into the window before it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from gctr.vision.covers import Cover
from gctr.vision.faces import FaceDetector
from gctr.vision.following import CoverSettings, Face, FaceFollower, Reason
from gctr.vision.masking import Patch, cut, grow_boxes, paint, split_boxes
from gctr.vision.painters import SOLID, MaskStyle

_WINDOW_BYTES = 256 << 20
_WINDOW_FRAMES = 60
_UNSURE = 0.1  # share by which faces that were filled in are masked wider than those that were found


class BoxesError(ValueError):
    """A file of boxes that is damaged or does not fit the footage."""


class Anonymised(NamedTuple):
    """One masked frame: `image` (H, W, 3) uint8 BGR, what was masked and why, the pixels under it by face."""

    time: float
    image: NDArray[np.uint8]
    covers: list[Cover]
    patches: dict[int, list[Patch]]


class _Box(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    face: int
    xyxy: tuple[int, int, int, int]
    reason: str = "found"


class _Boxes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    gctr: str
    resolution_wh: tuple[int, int]
    frames: dict[int, list[_Box]]


def windows(timed: Iterable[tuple[float, NDArray]]) -> Iterator[list[tuple[float, NDArray[np.uint8]]]]:
    """Yield (seconds, frame) in lists that take at most 256 MiB, 60 frames at most and 4 at least."""
    frames = iter(timed)
    size = 1
    while window := list(islice(frames, size)):
        size = max(4, min(_WINDOW_FRAMES, _WINDOW_BYTES // window[0][1].nbytes))
        window += islice(frames, size - len(window))
        yield window


def anonymise(
    timed: Iterable[tuple[float, NDArray[np.uint8]]],
    detector: FaceDetector,
    settings: CoverSettings | None = None,
    style: MaskStyle = SOLID,
    background: NDArray[np.uint8] | None = None,
) -> Iterator[Anonymised]:
    """Yield masked frames.

    Parameters
    ----------
    timed : iterable of (float, (H, W, 3) uint8 BGR array)
    detector : FaceDetector
    settings : CoverSettings, optional
        Its policy does not matter here.
    style : MaskStyle
    background : (H, W, 3) uint8 array, optional
        For silhouettes.
    """
    settings = settings or CoverSettings()
    follower = FaceFollower(detector, settings)
    for window in windows(timed):
        rows = follower.follow([image for _, image in window], times=[time for time, _ in window])
        for (time, image), faces in zip(window, rows, strict=True):
            yield _masked(time, image, _covers(faces, settings, image), style, background)


def mask_boxes(
    timed: Iterable[tuple[float, NDArray[np.uint8]]],
    boxes: Mapping[int, Sequence[Cover]],
    style: MaskStyle = SOLID,
    background: NDArray[np.uint8] | None = None,
) -> Iterator[Anonymised]:
    """Yield frames masked at given boxes, by frame number from 0; for boxes that were read or corrected by hand."""
    for k, (time, image) in enumerate(timed):
        yield _masked(time, image, list(boxes.get(k, [])), style, background)


def write_boxes(frames: Mapping[int, Sequence[Cover]], resolution_wh: tuple[int, int]) -> bytes:
    """Return boxes as JSON: ``{"gctr", "resolution_wh", "frames": {"0": [{"face", "xyxy", "reason"}]}}``."""
    rows = {k: [_Box(c.track_id, c.xyxy, c.reason) for c in covers] for k, covers in frames.items()}
    return msgspec.json.encode(_Boxes("boxes, format 1", resolution_wh, rows)) + b"\n"


def read_boxes(data: bytes, resolution_wh: tuple[int, int]) -> dict[int, list[Cover]]:
    """Read what `write_boxes` wrote.

    Raises
    ------
    BoxesError
        If it is damaged, of another size of picture, or a box leaves the picture.
    """
    try:
        read = msgspec.json.decode(data, type=_Boxes)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BoxesError(f"not a file of boxes: {error}") from None
    if read.resolution_wh != resolution_wh:
        raise BoxesError(f"boxes for pictures of {read.resolution_wh}, the footage has {resolution_wh}")
    for k, boxes in read.frames.items():
        for box in boxes:
            x0, y0, x1, y1 = box.xyxy
            if not (0 <= x0 < x1 <= resolution_wh[0] and 0 <= y0 < y1 <= resolution_wh[1]):
                raise BoxesError(f"frame {k}: box {box.xyxy} is empty or leaves the picture")
    found: Reason = "found"
    return {k: [Cover(box.face, box.xyxy, found) for box in boxes] for k, boxes in read.frames.items()}


def _covers(faces: list[Face] | None, settings: CoverSettings, image: NDArray[Any]) -> list[Cover]:
    size = (image.shape[1], image.shape[0])
    if faces is None:
        return [Cover(0, (0, 0, *size), "failed")]
    covers = []
    for face in faces:
        margin = settings.margin + (0 if face.reason == "found" else _UNSURE)
        boxes = grow_boxes(face.xyxy, margin, size).tolist()
        covers += [Cover(face.face_id, tuple(box), face.reason) for box in boxes]
    return covers


def _masked(
    time: float,
    image: NDArray[np.uint8],
    covers: list[Cover],
    style: MaskStyle,
    background: NDArray[np.uint8] | None,
) -> Anonymised:
    boxes = np.array([cover.xyxy for cover in covers], np.int32).reshape(-1, 4)
    patches: dict[int, list[Patch]] = {}
    for cover, parts in zip(covers, split_boxes(boxes), strict=True):
        if parts:
            patches.setdefault(cover.track_id, []).extend(cut(image, parts))
    return Anonymised(time, paint(image, boxes, style, background), covers, patches)
