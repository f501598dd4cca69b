"""What an attacker looks at: raw regions of interest, their place in the picture, and ciphertext of each mode.

The *raw* reading of the paper sends the pixels inside the ROI boxes, row by row, box after box. Where the boxes lie is
known to whoever composes the picture, so `Region` belongs to the cloud's view.

Limits: faces are not masked here; a mask of one colour would only give the attacker known plaintext.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gctr.cipher import GctrParams, bucket_ctr_xor, bucket_gcm_seal, bucket_layout, ctr_xor, gctr_xor
from gctr.parties.messages import Mode
from gctr.vision.background import Mog2Background
from gctr.vision.roi import find_boxes

MODES: tuple[Mode, ...] = ("gctr", "ctr", "bucket_ctr", "bucket_gcm")
CONTROLS = ("ctr", "bucket_ctr", "bucket_gcm")
TAG = 16
Octets = NDArray[np.uint8]


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


def spread(frames: Sequence[Frame], count: int, most_pixels: int = 60_000) -> list[Frame]:
    """Return `count` of the frames, evenly spread in time, ends left out.

    Frames whose region has more than `most_pixels`, or whose largest box is cut by the picture's side, are passed
    over if enough others are left: attacks take time in proportion, and half a person makes a poor picture.
    """
    small = [f for f in frames if f.region.pixels.size <= most_pixels]
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


def camera_secret(seed: int) -> tuple[bytes, bytes]:
    """Return a camera's AES-256 key and 16-byte seed for the paper's mode, drawn from `seed`."""
    drawn = np.random.default_rng([seed, 0x6763]).bytes(48)
    return drawn[:32], drawn[32:]


def encrypt(
    mode: str, payload: Octets | bytes, seed: int, number: int = 0, params: GctrParams | None = None
) -> Octets:
    """Return the ciphertext of a camera's message, without tags.

    Parameters
    ----------
    mode : {"gctr", "ctr", "bucket_ctr", "bucket_gcm", "weak"}
        ``gctr`` has one key and seed for a camera, as the paper's ``s XOR ds`` implies; the others draw a fresh key
        a message, as `gctr.parties.envelope` does. ``weak`` is a planted generator that every attack must catch: a
        counter mode whose counter was left out, one keystream block for a whole message.
    payload : bytes or (n,) uint8
    seed : int
        Names the camera; the same seed gives the same key.
    number : int
        Of the message.
    params : GctrParams, optional

    Returns
    -------
    (n,) uint8
        Of ``bucket_gcm`` without the tags, which an attacker strips once the layout is known.
    """
    params = params or GctrParams()
    data = np.frombuffer(payload, np.uint8)
    if mode == "gctr":
        key, start = camera_secret(seed)
        return gctr_xor(key, start, data, params=params)
    drawn = _fresh(seed, number)
    return _ENCRYPT[mode](drawn[:32], drawn[32:40], drawn[40:], data, params)


def layout_seed(mode: str, seed: int, number: int = 0) -> bytes:
    """Return the seed that places the buckets of a message made by `encrypt`."""
    return _fresh(seed, number)[40:] if mode in ("bucket_ctr", "bucket_gcm") else camera_secret(seed)[1]


def _fresh(seed: int, number: int) -> bytes:
    return np.random.default_rng([seed, number, 1]).bytes(56)


def _gcm(key: bytes, nonce: bytes, seed: bytes, data: Octets, params: GctrParams) -> Octets:
    sealed = np.frombuffer(bucket_gcm_seal(key, nonce, seed, data, params=params), np.uint8)
    layout = bucket_layout(seed, data.size, params)
    ends = (layout.starts + layout.lengths).astype(np.int64) + TAG * np.arange(len(layout))
    tags = (ends[:, None] + np.arange(TAG)).ravel()
    return np.delete(sealed, tags)


def _weak(key: bytes, nonce: bytes, seed: bytes, data: Octets, params: GctrParams) -> Octets:
    block = np.frombuffer(ctr_xor(key, seed, bytes(16)), np.uint8)
    return data ^ np.resize(block, data.size)


_ENCRYPT: dict[str, Callable[[bytes, bytes, bytes, Octets, GctrParams], Octets]] = {
    "ctr": lambda key, nonce, seed, data, params: ctr_xor(key, seed, data),
    "bucket_ctr": lambda key, nonce, seed, data, params: bucket_ctr_xor(
        key, nonce, seed, data, params=params
    ),
    "bucket_gcm": _gcm,
    "weak": _weak,
}
