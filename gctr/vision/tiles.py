"""Patches coded, in one of two ways: without loss, or as video.

A patch that is `exact` becomes a still without loss. Losslessly coded pixels of a real camera are mostly its noise,
eleven bits and more a pixel, so what need not be exact is coded as the pictures around it are: all such patches of an
object become one small H.264 film on a canvas that holds them all, which costs a tenth.

What comes back of a film are the pixels as the camera coded them, in every place that decodes it alike.

Limits: the film is 8-bit 4:2:0; its colours come back through FFmpeg's conversion, whose last bit may differ between
versions.
"""

from collections.abc import Sequence
from itertools import groupby

import msgspec
import numpy as np
from numpy.typing import NDArray

from gctr.vision.coding import (
    DEFAULT_QP,
    MAX_SIDE,
    CodingError,
    decode_segment,
    decode_still,
    encode_segment,
    encode_still,
)
from gctr.vision.masking import Box, Patch

Tile = tuple[int, Patch]  # a frame's number, and pixels of it
_LEAST_SIDE = 16  # px of the coder's pictures
_GREY = 96


class _Still(msgspec.Struct, frozen=True, array_like=True):
    frame: int
    xyxy: Box
    coded: bytes


class _Film(msgspec.Struct, frozen=True, array_like=True):
    """`canvas`: where the film lies in the frame; `boxes`: of each picture: which frame's, and places there."""

    canvas: Box
    key_packet: bytes
    packets: list[bytes]
    boxes: list[tuple[int, list[Box]]]


class _Coded(msgspec.Struct, frozen=True, array_like=True):
    stills: list[_Still]
    film: _Film | None


def encode_tiles(tiles: Sequence[Tile], *, qp: int = DEFAULT_QP) -> bytes:
    """Code one object's patches.

    Parameters
    ----------
    tiles : sequence of (int, Patch)
        Frame and pixels.
    qp : int
        Quantisation parameter of those that are not `exact`, 0..51; as of `gctr.vision.coding.encode_segment`.
    """
    stills = [_Still(k, patch.xyxy, encode_still(patch.pixels)) for k, patch in tiles if patch.exact]
    rest = sorted((tile for tile in tiles if not tile[1].exact), key=lambda tile: tile[0])
    return msgspec.msgpack.encode(_Coded(stills, _film(rest, qp) if rest else None))


def decode_tiles(coded: bytes) -> list[Tile]:
    """Return the patches that `encode_tiles` coded; what went through the film is not `exact`.

    Raises
    ------
    CodingError
        If the bytes are damaged or not of this version.
    """
    try:
        read = msgspec.msgpack.decode(coded, type=_Coded)
    except (msgspec.DecodeError, RecursionError) as error:
        raise CodingError(f"these are no patches, or they are damaged: {error}") from None
    tiles = [(still.frame, Patch(still.xyxy, decode_still(still.coded))) for still in read.stills]
    return tiles + (_show(read.film) if read.film else [])


def _film(tiles: Sequence[Tile], qp: int) -> _Film:
    boxes = np.array([patch.xyxy for _, patch in tiles])
    (left, top), (right, bottom) = boxes[:, :2].min(axis=0).tolist(), boxes[:, 2:].max(axis=0).tolist()
    right, bottom = max(right, left + _LEAST_SIDE), max(bottom, top + _LEAST_SIDE)
    canvas = np.full((bottom - top, right - left, 3), _GREY, np.uint8)
    pictures: list[NDArray[np.uint8]] = []
    places: list[tuple[int, list[Box]]] = []
    for frame, group in groupby(tiles, key=lambda tile: tile[0]):
        patches = [patch for _, patch in group]
        last = canvas if not pictures else pictures[-1]
        pictures.append(_paste(last, patches, left, top))  # the rest stands still and costs nothing
        places.append((frame, [patch.xyxy for patch in patches]))
    coded = encode_segment(canvas, pictures, qp=qp)
    return _Film((left, top, right, bottom), coded.key_packet, coded.packets, places)


def _paste(canvas: NDArray[np.uint8], patches: Sequence[Patch], left: int, top: int) -> NDArray[np.uint8]:
    picture = canvas.copy()
    for patch in patches:
        x0, y0, x1, y1 = patch.xyxy
        picture[y0 - top : y1 - top, x0 - left : x1 - left] = patch.pixels
    return picture


def _show(film: _Film) -> list[Tile]:
    left, top, right, bottom = film.canvas
    if not (_LEAST_SIDE <= right - left <= MAX_SIDE and _LEAST_SIDE <= bottom - top <= MAX_SIDE):
        raise CodingError("the patches' film has no size that can be coded")
    if len(film.packets) != len(film.boxes):
        raise CodingError("the patches' film has another number of pictures than of places")
    tiles: list[Tile] = []
    pictures = decode_segment(film.key_packet, film.packets, (right - left, bottom - top))
    for (frame, boxes), picture in zip(film.boxes, pictures, strict=True):
        for x0, y0, x1, y1 in boxes:
            if not (left <= x0 < x1 <= right and top <= y0 < y1 <= bottom):
                raise CodingError("a patch lies outside its film")
            pixels = picture[y0 - top : y1 - top, x0 - left : x1 - left].copy()
            tiles.append((frame, Patch((x0, y0, x1, y1), pixels, exact=False)))
    return tiles
