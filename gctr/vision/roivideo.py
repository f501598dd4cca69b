"""Objects as video whose background is the registered still: composition inside the bitstream.

The registered plate is coded once, as a key frame that camera and cloud share. Each segment is then coded by
a fresh encoder that starts on that plate, and only the packets after it travel; outside the objects a picture
carries what the plate looks like *once decoded*, so that the encoder has exactly nothing to code there. Who
decodes ``[key] + segment`` sees the composed picture: no key frame is paid for per segment, and nobody has to
paste.

When the light changes, pictures are first brought into the plate's light, and `relight` undoes it after
decoding: two numbers a frame travel, and objects and background change together, without a seam.

Pictures are I420, see `gctr.vision.encoders`.

Limits: what differs from the plate by less than `tolerance` grey levels is not sent; the mask is as good as
the model.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import cv2
import numpy as np
from numpy.typing import NDArray

from gctr.vision.coding import CodingError
from gctr.vision.encoders import I420, EncoderPreset, decode, encode, to_bgr
from gctr.vision.exposure import Exposure
from gctr.vision.roi import cells_to_mask
from gctr.vision.running import CELL, RunningBackground

DARK, SCALE = 16, 219 / 255  # limited range: black, and its grey levels per full-range one
DEADBAND = 10.0  # grey levels of exposure change below which relighting costs more than it brings
RELIT = (1.0, 0.75, 0.5, 0.25)  # shares of an exposure that are tried
CLIPPED = 0.01  # share of the pixels sent that may be clipped
CLOSING = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))


@dataclass(frozen=True)
class SharedVideo:
    """`key`: the plate's packet, sent once. `segments`: the packets after it, each list a segment."""

    key: bytes
    segments: list[list[bytes]]

    @property
    def video_bytes(self) -> int:
        """Bytes of all segments, the key not included."""
        return sum(len(packet) for segment in self.segments for packet in segment)


def object_mask(
    picture: I420, plate: I420, cells: NDArray[np.bool_], *, tolerance: float = 18.0, grow: int = 1
) -> NDArray[np.bool_]:
    """Return the pixels to send: inside ROI `cells`, far from the plate, small holes closed, grown.

    Parameters
    ----------
    picture, plate : (3 H / 2, W) uint8
        I420, in the same light.
    cells : (ceil(H / 8), ceil(W / 8)) bool
        ROI, from `RunningBackground.cells`.
    tolerance : float
        Grey levels below which a pixel may show the plate instead.
    grow : int
        Pixels by which the mask is grown.

    Returns
    -------
    (H, W) bool
    """
    size = picture.shape[0] * 2 // 3, picture.shape[1]
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * grow + 1, 2 * grow + 1))
    mask = np.zeros(size, np.uint8)
    for at, own in _components(cells, size, room=CLOSING.shape[0] + grow):
        far = cv2.absdiff(picture[: size[0]][at], plate[: size[0]][at]) > tolerance
        closed = cv2.morphologyEx(far.view(np.uint8) & own, cv2.MORPH_CLOSE, CLOSING)
        mask[at] |= np.asarray(cv2.dilate(closed, disk), np.uint8)
    return mask.view(bool)


def _components(
    cells: NDArray[np.bool_], size: tuple[int, int], room: int
) -> Iterator[tuple[tuple[slice, slice], NDArray[np.uint8]]]:
    """Yield where in the picture each connected group of cells lies, with `room` pixels around, and its own pixels.

    Two groups are at least a cell apart: what is done to one within half a cell does not touch another.
    """
    n, labels, stats, _ = cv2.connectedComponentsWithStats(cells.view(np.uint8), ltype=cv2.CV_16U)
    for i, (x, y, w, h) in enumerate((stats[1:n, :4] * CELL).tolist(), start=1):
        top, left = max(0, y - room), max(0, x - room)
        at = np.s_[top : min(size[0], y + h + room), left : min(size[1], x + w + room)]
        own = np.zeros((at[0].stop - top, at[1].stop - left), np.uint8)
        group = labels[y // CELL : (y + h) // CELL, x // CELL : (x + w) // CELL] == i
        inside = own[y - top : y - top + h, x - left : x - left + w]
        inside[:] = cells_to_mask(group, CELL, inside.shape)
        yield at, own


def fill_plate(picture: I420, plate: I420, mask: NDArray[np.bool_]) -> I420:
    """Return `plate` with the pixels of `picture` where `mask`, (H, W) bool, is set; chroma where any of its
    four is.
    """
    height, width = mask.shape
    rows = mask[::2] | mask[1::2]
    quarter = rows[:, ::2] | rows[:, 1::2]
    chroma = np.concatenate([quarter, quarter]).reshape(height // 2, width)
    whole = np.concatenate([mask, chroma]).view(np.uint8)
    return np.asarray(cv2.copyTo(picture, whole, plate.copy()), np.uint8)


def relight(picture: I420, exposure: Exposure) -> I420:
    """Return the picture in the light that `exposure` leads to, itself if that is the same; the inverse leads back,
    but for clipped pixels.
    """
    if exposure == (1.0, 0.0):
        return picture
    gain, offset = exposure
    levels = np.arange(256)
    luma = gain * (levels - DARK) + DARK + offset * SCALE
    chroma = gain * (levels - 128.0) + 128
    height = picture.shape[0] * 2 // 3
    lit = np.empty_like(picture)
    lit[:height] = np.rint(luma).clip(0, 255).astype(np.uint8)[picture[:height]]
    lit[height:] = np.rint(chroma).clip(0, 255).astype(np.uint8)[picture[height:]]
    return lit


def inverse(exposure: Exposure) -> Exposure:
    """Return the exposure that undoes `exposure`."""
    return Exposure(1 / exposure.gain, -exposure.offset / exposure.gain)


@dataclass(frozen=True)
class RoiPicture:
    """A picture in the plate's light or nearer to it, the pixels of it to send, and how it was lit."""

    picture: I420
    mask: NDArray[np.bool_]
    exposure: Exposure
    cells: NDArray[np.bool_]


def find_objects(
    pictures: Iterable[I420], plate: I420, *, tolerance: float = 18.0, grow: int = 1, light: bool = True
) -> Iterator[RoiPicture]:
    """Run the background model over `pictures`; yield each with what of it is to be sent.

    With noise the tolerance rises to five mean absolute deviations (four standard deviations). `light` brings
    pictures whose exposure moved by more than 10 grey levels into the plate's light, or as near to it as objects can go
    without being clipped.
    """
    model = RunningBackground(to_bgr(plate))
    for picture in pictures:
        model.find_cells(to_bgr(picture))
        noise = model.noise() * SCALE
        exposure = model.exposure if light and _moved(model.exposure) else Exposure(1.0, 0.0)
        lit = relight(picture, exposure)
        mask = object_mask(lit, plate, model.cells, tolerance=max(tolerance, 5 * noise), grow=grow)
        kept = _unclipped(picture, mask, exposure)
        yield RoiPicture(relight(picture, kept), mask, kept, model.cells)


def _unclipped(picture: I420, mask: NDArray[np.bool_], exposure: Exposure) -> Exposure:
    """Return as much of `exposure` as clips next to none of what is sent: what is clipped cannot be undone.

    A bright vehicle for which the camera closes its iris would be white without detail in the plate's light.
    """
    sent = np.bincount(picture[: len(mask)][mask], minlength=256)
    for share in RELIT:
        gain, offset = 1 + share * (exposure.gain - 1), share * exposure.offset
        luma = gain * (np.arange(256) - DARK) + DARK + offset * SCALE
        if sent[(luma < 0) | (luma > 255)].sum() <= CLIPPED * sent.sum():
            return Exposure(gain, offset)
    return Exposure(1.0, 0.0)


def _moved(exposure: Exposure) -> bool:
    ends = np.array([32.0, 224.0])
    return bool(np.abs(exposure.gain * ends + exposure.offset - ends).max() > DEADBAND)


def encode_shared(
    plate: I420,
    pictures: Sequence[I420],
    masks: Sequence[NDArray[np.bool_]],
    preset: EncoderPreset,
    quality: int,
    *,
    segment: int = 250,
) -> SharedVideo:
    """Code what `masks` leave of `pictures`, `segment` frames at a time, on a key that is sent once.

    Raises
    ------
    CodingError
        If the encoder answers the plate differently from one segment to the next.
    """
    if not preset.shared:
        raise CodingError(f"{preset.name} moves bits between frames: it cannot share a key frame")
    key = encode([plate], preset, quality)[0]
    shown = decode([key], preset.codec)[0]
    segments = []
    pairs = zip(pictures, masks, strict=True)
    while part := list(islice(pairs, segment)):
        packets = encode(
            [plate, *(fill_plate(picture, shown, mask) for picture, mask in part)], preset, quality
        )
        if packets[0] != key:
            raise CodingError(f"{preset.name} coded the same plate in two ways: it cannot share a key frame")
        segments.append(packets[1:])
    return SharedVideo(key, segments)


def decode_shared(video: SharedVideo, codec: str) -> list[I420]:
    """Decode all segments; return the composed pictures, the plate's own left out."""
    return [picture for segment in video.segments for picture in decode([video.key, *segment], codec)[1:]]
