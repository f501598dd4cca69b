"""Where each object of a segment stands on small pictures of its own: a tile for each track, or one atlas of them.

A *sheet* is a small film and the list of what stands where in it. A tile is a canvas in blocks of 16 px, big enough
for its track's largest box, that stays with the object and moves only when the box would leave it. An atlas puts all
tiles of a segment on one picture, each in a place of its own while its track lives, so that an encoder finds an object
where it was. All follows from the boxes: who has them needs nothing else to put the film's pixels back.

Pictures are I420, see `gctr.vision.encoders`.

Limits: a canvas needs its segment's largest box, so a segment must be there before its sheets are laid. Groups of fewer
than 64 px are no object and are not followed. People who meet are one box while they do.
"""

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gctr.vision.encoders import I420
from gctr.vision.roi import find_boxes
from gctr.vision.running import CELL
from gctr.vision.tracks import Track, Tracker

BLOCK = 16  # px of a macroblock
GREY = 128


class Place(NamedTuple):
    """In frame `frame`, the box `xyxy` of the picture stands at `at`, (x, y), of a sheet; all even."""

    frame: int
    xyxy: tuple[int, int, int, int]
    at: tuple[int, int]

    @property
    def on_sheet(self) -> tuple[int, int, int, int]:
        """The box on the sheet, xyxy."""
        (x0, y0, x1, y1), (x, y) = self.xyxy, self.at
        return x, y, x + x1 - x0, y + y1 - y0


class Sheet(NamedTuple):
    """A small film: its size in pixels, and what stands where; it has a picture for each frame of `places`, sorted."""

    resolution_wh: tuple[int, int]
    places: list[Place]


def follow(masks: Iterable[NDArray[np.bool_]], resolution_wh: tuple[int, int]) -> Iterator[list[Track]]:
    """Yield the objects seen in each mask, (H, W) bool, with boxes in cells of 8 px."""
    tracker = Tracker(resolution_wh=resolution_wh)
    for mask in masks:
        yield [track for track in tracker.update(find_boxes(mask, block=CELL)) if not track.missed]


def lay_sheets(segment: Sequence[Sequence[Track]], *, atlas: bool) -> list[Sheet]:
    """Return the sheets of a segment, its objects given by frame: one for each track, or an atlas; none without any."""
    tiles = lay_tiles(segment)
    return [make_atlas(tiles)] if atlas and tiles else tiles


def lay_tiles(segment: Sequence[Sequence[Track]]) -> list[Sheet]:
    """Return a sheet for each track of a segment, in the order of their ids, frames counted from its start.

    Raises
    ------
    ValueError
        If a box has an odd coordinate: chroma has half the resolution.
    """
    seen: dict[int, list[tuple[int, Track]]] = {}
    for frame, tracks in enumerate(segment):
        for track in tracks:
            seen.setdefault(track.track_id, []).append((frame, track))
    return [_lay(seen[track_id]) for track_id in sorted(seen)]


def _lay(seen: Sequence[tuple[int, Track]]) -> Sheet:
    boxes = np.array([track.xyxy for _, track in seen])
    if (boxes % 2).any():
        raise ValueError("boxes of 4:2:0 pictures need even coordinates: align them outwards")
    size = -(-(boxes[:, 2:] - boxes[:, :2]).max(axis=0) // BLOCK) * BLOCK
    low, high = boxes[:, 2:] - size, boxes[:, :2]  # between them the canvas holds the box
    corner, places = _rest(low, high), []
    for (frame, track), least, most in zip(seen, low, high, strict=True):
        corner = np.clip(corner, least, most)  # pushed by the box, else at rest
        x, y = (most - corner).tolist()
        places.append(Place(frame, track.xyxy, (x, y)))
    width, height = size.tolist()
    return Sheet((width, height), places)


def _rest(low: NDArray[np.int64], high: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where a canvas starts so that it need not move for long: inside as many of the ranges as go together."""
    first, last = low[0], high[0]
    for least, most in zip(low, high, strict=True):
        least, most = np.maximum(first, least), np.minimum(last, most)
        first, last = np.where(least <= most, (least, most), (first, last))
    return first


def make_atlas(tiles: Sequence[Sheet]) -> Sheet:
    """Return one sheet with all tiles of a segment, at least one, each in the place that `pack` gives it."""
    corners, resolution_wh = pack(tiles)
    places = [
        place._replace(at=(place.at[0] + x, place.at[1] + y))
        for tile, (x, y) in zip(tiles, corners, strict=True)
        for place in tile.places
    ]
    return Sheet(resolution_wh, sorted(places))


def pack(tiles: Sequence[Sheet]) -> tuple[list[tuple[int, int]], tuple[int, int]]:
    """Return the corner (x, y) of each tile on a picture, and its size; first fit, the tallest first.

    No two tiles share a pixel from the first to the last frame of each: a place is free again when its track is gone.
    """
    sizes = np.array([tile.resolution_wh for tile in tiles]) // BLOCK
    lives = [slice(tile.places[0].frame, tile.places[-1].frame + 1) for tile in tiles]
    blocks = np.zeros(max(life.stop for life in lives), int)
    for life, size in zip(lives, sizes, strict=True):
        blocks[life] += size.prod()
    width = max(int(sizes[:, 0].max()), math.isqrt(int(blocks.max()) - 1) + 1)  # about a square
    taken = np.zeros((len(blocks), sizes[:, 1].sum(), width), bool)
    corners = [(0, 0)] * len(tiles)
    for i in np.lexsort((-sizes[:, 0], -sizes[:, 1])):
        x, y = _claim(taken[lives[i]], *sizes[i].tolist())
        corners[i] = x * BLOCK, y * BLOCK
    height = int(taken.any(axis=(0, 2)).sum())
    return corners, (width * BLOCK, height * BLOCK)


def _claim(life: NDArray[np.bool_], w: int, h: int) -> tuple[int, int]:
    """Take the first w x h blocks of (frames, rows, columns) that stay free; there are rows for all in one column."""
    busy = np.logical_or.reduce(life)
    rows, columns = busy.shape
    at = itertools.product(range(rows - h + 1), range(columns - w + 1))
    y, x = next((y, x) for y, x in at if not busy[y : y + h, x : x + w].any())
    life[:, y : y + h, x : x + w] = True
    return x, y


def draw(sheet: Sheet, pictures: Sequence[I420]) -> Iterator[I420]:
    """Yield the sheet's film of a segment's `pictures`, (3 H / 2, W) uint8; what is not drawn stays as it was."""
    width, height = sheet.resolution_wh
    canvas = np.full((height * 3 // 2, width), GREY, np.uint8)
    for frame, places in itertools.groupby(sheet.places, key=lambda place: place.frame):
        for place in places:
            _copy(canvas, place.at, pictures[frame], place.xyxy)
        yield canvas.copy()


def paste(sheet: Sheet, film: Iterable[I420], onto: Sequence[I420]) -> None:
    """Put the boxes of a decoded film back where they were in the segment's frames, in place."""
    frames = itertools.groupby(sheet.places, key=lambda place: place.frame)
    for (frame, places), picture in zip(frames, film, strict=True):
        for place in places:
            _copy(onto[frame], place.xyxy[:2], picture, place.on_sheet)


def _copy(target: I420, at: tuple[int, int], source: I420, xyxy: tuple[int, int, int, int]) -> None:
    for there, here, scale in zip(_planes(target), _planes(source), (1, 2, 2), strict=True):
        x, y, x0, y0, x1, y1 = (value // scale for value in (*at, *xyxy))
        there[y : y + y1 - y0, x : x + x1 - x0] = here[y0:y1, x0:x1]


def _planes(picture: I420) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """Return views of luma, (H, W), and both chroma planes, (H / 2, W / 2)."""
    height, width = picture.shape[0] * 2 // 3, picture.shape[1]
    chroma = picture[height:].reshape(2, height // 2, width // 2)
    return picture[:height], chroma[0], chroma[1]
