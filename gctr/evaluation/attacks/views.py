"""What an attacker looks at: raw regions of interest and their place in the picture.

The *raw* reading of the paper sends the pixels inside the ROI boxes, row by row, box after box. Where the boxes lie is
known to whoever composes the picture, so `Region` belongs to the cloud's view.

Limits: faces are not masked here; a mask of one colour would only give the attacker known plaintext.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gctr.vision.background import Mog2Background
from gctr.vision.roi import find_boxes

Octets = NDArray[np.uint8]
MOST_PIXELS = 60_000


@dataclass(frozen=True)
class Region:
    """The pixels of the ROI boxes of one frame, in the order in which they are sent.

    Attributes
    ----------
    boxes : (N, 4) int32
        xyxy in pixels.
    shape : tuple of int
        (H, W) of the picture.
    pixels : (n,) int64
        Flat index of each pixel sent, ``y * W + x``.
    """

    boxes: NDArray[np.int32]
    shape: tuple[int, int]
    pixels: NDArray[np.int64]

    @classmethod
    def of(cls, boxes: NDArray[np.int32], shape: tuple[int, int]) -> "Region":
        """Make the region of boxes inside a picture of (H, W) `shape`."""
        grid = np.arange(shape[0] * shape[1], dtype=np.int64).reshape(shape)
        parts = [grid[y0:y1, x0:x1].ravel() for x0, y0, x1, y1 in boxes]
        return cls(boxes, shape, np.concatenate(parts) if parts else np.empty(0, np.int64))

    def cut(self, image: Octets) -> Octets:
        """Return the payload, (3 n,) uint8, of an (H, W, 3) uint8 BGR image."""
        return image.reshape(-1, 3)[self.pixels].ravel()

    def crop(self, image: Octets) -> Octets:
        """Return the pixels of the first box of an (H, W, 3) image, (h, w, 3)."""
        x0, y0, x1, y1 = self.boxes[0]
        return np.ascontiguousarray(image[y0:y1, x0:x1])

    def paste(self, payload: Octets, onto: Octets) -> Octets:
        """Return a copy of the (H, W, 3) image `onto` with the region's pixels replaced by `payload`."""
        image = onto.copy()
        image.reshape(-1, 3)[self.pixels] = payload.reshape(-1, 3)
        return image

    def mask(self) -> NDArray[np.bool_]:
        """Return the (H, W) bool mask of the region."""
        inside = np.zeros(self.shape[0] * self.shape[1], bool)
        inside[self.pixels] = True
        return inside.reshape(self.shape)

    def links(self) -> NDArray[np.int32]:
        """Return for each pixel the number of its left, right, upper and lower neighbour, -1 where not sent."""
        height, width = self.shape
        number = np.full((height + 2, width + 2), -1, np.int32)
        y, x = np.divmod(self.pixels, width)
        number[y + 1, x + 1] = np.arange(self.pixels.size)
        return np.stack(
            [number[y + 1, x], number[y + 1, x + 2], number[y, x + 1], number[y + 2, x + 1]], axis=1
        )


class Frame(NamedTuple):
    """One frame of a clip with its region; `number` counts from 0, `image` is (H, W, 3) uint8 BGR."""

    number: int
    image: Octets
    region: Region


def follow_regions(frames: Iterable[Octets], plate: Octets) -> Iterator[Frame]:
    """Yield frames with the boxes of what moves in them (MOG2, boxes aligned to 16 pixels)."""
    model = Mog2Background(plate)
    for number, image in enumerate(frames):
        yield Frame(number, image, Region.of(find_boxes(model.apply(image)), plate.shape[:2]))


def spread(frames: Sequence[Frame], count: int) -> list[Frame]:
    """Return `count` of the frames, evenly spread in time, ends left out.

    Frames whose region has more than `MOST_PIXELS`, or whose largest box is cut by the picture's side, are passed
    over if enough others are left: attacks take time in proportion, and half a person makes a poor picture.
    """
    small = [f for f in frames if f.region.pixels.size <= MOST_PIXELS]
    if len(small) < count:
        small = sorted(
            sorted(frames, key=lambda f: f.region.pixels.size)[: 2 * count], key=lambda f: f.number
        )
    whole = [f for f in small if _is_whole(f)]
    pick = whole if len(whole) >= count else small
    at = (np.arange(1, count + 1) * len(pick)) // (count + 1)
    return [pick[k] for k in np.unique(at)] if pick else []


def _is_whole(frame: Frame) -> bool:
    boxes = frame.region.boxes
    x0, _, x1, _ = boxes[((boxes[:, 2:] - boxes[:, :2]).prod(axis=1)).argmax()]
    return bool(x0 > 0 and x1 < frame.image.shape[1])


def is_foreground(image: Octets, plate: Octets, tolerance: int = 20) -> NDArray[np.bool_]:
    """Return where any channel is more than `tolerance` grey levels from the plate, (H, W) bool."""
    return np.asarray(np.abs(image.astype(np.int16) - plate).max(axis=-1) > tolerance)
