"""What to mask in each frame: the faces that are known, and failing those, heads and bodies.

Faces come from `gctr.vision.following`. An object that still has no sure face in a frame is masked at the head, or
whole, never not at all. Where the detector itself fails, every object is masked whole.

Limits: no person is told from a car, all that moves is treated as a person. The head is taken to be at the top of what
moves: of somebody who crawls, or whose head blends into the background, only a found face, or the policy ``body``,
masks it. A face in an object's box that was never found, below the heads of a group or close beside the one that was
found, stays; faces shown on things that do not move are background and are masked when it is registered.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gctr.vision.following import CoverSettings, Face, Policy, Reason
from gctr.vision.masking import grow_boxes
from gctr.vision.tracks import Track

SURE = 0.35  # score from which one face in an object's upper half is taken to be its face
_RANK: dict[Reason, int] = {"found": 0, "between": 1, "held": 2}
_NARROW = 7.0  # face widths within which an object is taken to be one person
_HEAD = 0.4  # share of a person's height, from the top, that holds the head


class Cover(NamedTuple):
    """A box to be masked, (x0, y0, x1, y1) in pixels, whose it is, and why."""

    track_id: int
    xyxy: tuple[int, int, int, int]
    reason: Reason

    @property
    def is_face(self) -> bool:
        """Whether it covers a known face, and not a head or body for want of one."""
        return self.reason in _RANK


def cover_objects(
    faces: list[Face] | None, tracks: Sequence[Track], settings: CoverSettings, resolution_wh: tuple[int, int]
) -> list[Cover]:
    """Return what to mask of one frame's objects: at least one box for each.

    Parameters
    ----------
    faces : list of Face, or None
        From `FaceFollower.follow`; None where the detector failed.
    tracks : sequence of Track
        The frame's objects.
    settings : CoverSettings
    resolution_wh : tuple of int
        Clips the boxes.

    Returns
    -------
    list of Cover
        Faces first, in the order in which overlapping pixels belong to them. A face that touches no object is left
        out: nothing of it is sent.
    """
    clipped = {track.track_id: _clip(track.xyxy, resolution_wh) for track in tracks}
    whole = {i: box for i, box in clipped.items() if box[0] < box[2] and box[1] < box[3]}
    if faces is None:
        return [Cover(i, box, "failed") for i, box in whole.items()]
    covers: list[Cover] = []
    sure: dict[int, list[Face]] = {i: [] for i in whole}
    for face in sorted(faces, key=lambda face: _RANK[face.reason]):
        for box in grow_boxes(face.xyxy, settings.margin, resolution_wh).tolist():
            owner = _owner(box, tracks)
            if owner in whole:
                covers.append(Cover(owner, tuple(box), face.reason))
                sure[owner] += [face] if _is_sure(face, whole[owner]) else []
    for track_id, box in whole.items():
        covers += _fallback(track_id, box, sure[track_id], settings.policy)
    return covers


def confine(covers: Sequence[Cover], cells: NDArray[np.bool_], cell: int = 8) -> list[Cover]:
    """Cut the covers of heads and bodies down to the cells that are sent; those of faces stay as they are.

    What is not sent needs no mask, and a mask over background would hide nothing but background.

    Parameters
    ----------
    covers : sequence of Cover
    cells : (ceil(H / cell), ceil(W / cell)) bool array
        The cells of `cell` x `cell` pixels that are sent, at most.

    Returns
    -------
    list of Cover
        In the same order. Together they hold every pixel of `covers` that lies in a cell that is sent.
    """
    kept: list[Cover] = []
    for cover in covers:
        if cover.is_face:
            kept.append(cover)
        else:
            kept += [cover._replace(xyxy=box) for box in _runs(cover.xyxy, cells, cell)]
    return kept


def _runs(
    xyxy: tuple[int, int, int, int], cells: NDArray[np.bool_], cell: int
) -> list[tuple[int, int, int, int]]:
    """Return the set cells of a box as boxes: runs along rows, equal runs of neighbouring rows in one."""
    x0, y0, x1, y1 = xyxy
    left, top = x0 // cell, y0 // cell
    part = cells[top : -(-y1 // cell), left : -(-x1 // cell)]
    boxes, begun = [], dict[tuple[int, int], int]()
    for row in range(len(part) + 1):
        steps = np.diff(np.pad(part[row], 1).astype(np.int8)) if row < len(part) else np.empty(0, np.int8)
        edges = np.flatnonzero(steps).tolist()
        runs = set(zip(edges[::2], edges[1::2], strict=True))
        for ended in begun.keys() - runs:
            (a, b), start = ended, begun.pop(ended)
            boxes.append((left + a, top + start, left + b, top + row))
        begun |= dict.fromkeys(runs - begun.keys(), row)
    pixels = np.array(sorted(boxes), int).reshape(-1, 4) * cell
    return [tuple(box) for box in pixels.clip([x0, y0, x0, y0], [x1, y1, x1, y1]).tolist()]


def head_box(xyxy: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """Return the part of an object's box that holds the head: two fifths of its height, more if it is wide."""
    x0, y0, x1, y1 = xyxy
    height = max(_HEAD * (y1 - y0), 0.6 * (x1 - x0))
    return x0, y0, x1, min(y1, y0 + int(np.ceil(height)))


def _fallback(track_id: int, box: tuple[int, int, int, int], sure: list[Face], policy: Policy) -> list[Cover]:
    if policy == "body":
        return [Cover(track_id, box, "body")]
    if policy == "head" or not sure:
        return [Cover(track_id, head_box(box), "head")]
    # In a box too wide for one person, whoever stands beside the faces found is masked from head to foot.
    reach = _NARROW / 2 * max(float(face.xyxy[2] - face.xyxy[0]) for face in sure)
    centres = [float(face.xyxy[[0, 2]].mean()) for face in sure]
    left, right = int(min(centres) - reach), int(max(centres) + reach)
    beside = [(box[0], box[1], min(left, box[2]), box[3]), (max(right, box[0]), box[1], box[2], box[3])]
    covers = [Cover(track_id, side, "body") for side in beside if side[0] < side[2]]
    if covers or len(sure) > 1:  # a group, in which faces are lost and linked to the wrong person
        bottom = box[1] + int(np.ceil(_HEAD * (box[3] - box[1])))
        covers.append(Cover(track_id, (box[0], box[1], box[2], bottom), "head"))
    return covers


def _is_sure(face: Face, box: tuple[int, int, int, int]) -> bool:
    upper = face.xyxy[[1, 3]].mean() <= (box[1] + box[3]) / 2
    known = face.reason == "between" or (face.reason == "found" and face.score >= SURE)
    return bool(known and upper)


def _owner(face: Sequence[int], tracks: Sequence[Track]) -> int | None:
    """Return the track whose box shares most pixels with a face's, or None."""
    if not tracks:
        return None
    boxes = np.array([track.xyxy for track in tracks])
    sides = np.minimum(boxes[:, 2:], face[2:]) - np.maximum(boxes[:, :2], face[:2])
    shared = sides.clip(min=0).prod(axis=1)
    best = int(shared.argmax())
    return tracks[best].track_id if shared[best] else None


def _clip(xyxy: tuple[int, int, int, int], resolution_wh: tuple[int, int]) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = np.clip(xyxy, 0, [*resolution_wh, *resolution_wh]).tolist()
    return x0, y0, x1, y1
