"""What to mask in each frame: faces found, faces filled in before, between and after, and failing those, heads.

A detector misses a face for a frame or two; those are the frames that identify people. So faces are linked over time
(`gctr.vision.tracks.Tracker`), their boxes interpolated forward and backward over what a segment buffers, and held at
both ends. An object that still has no sure face in a frame is masked at the head, or whole, never not at all. Where the
detector itself fails, every object is masked whole.

Limits: no person is told from a car, all that moves is treated as a person. The head is taken to be at the top of what
moves: of somebody who crawls, or whose head blends into the background, only a found face, or the policy ``body``,
masks it. A face in an object's box that was never found, below the heads of a group or close beside the one that was
found, stays; faces shown on things that do not move are background and are masked when it is registered. Interpolation
reaches back to the start of the segment, not beyond: what was sent is sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from gctr.vision.faces import DetectorError, FaceDetector, detect_in, detect_safely
from gctr.vision.masking import grow_boxes
from gctr.vision.tracks import Track, Tracker

Policy = Literal["face", "head", "body"]
Reason = Literal["found", "between", "held", "head", "body", "failed"]
POLICIES: tuple[Policy, ...] = get_args(Policy)

SURE = 0.35  # score from which one face in an object's upper half is taken to be its face
_ROOM = 1.0  # share by which boxes are widened to be linked: a small face moves by more than itself
_RANK: dict[Reason, int] = {"found": 0, "between": 1, "held": 2}
_LOOK_SECONDS = 0.14  # longest time between two looks, if there are frames: people walk on, and turn
_NARROW = 7.0  # face widths within which an object is taken to be one person


class Cover(NamedTuple):
    """A box to be masked, (x0, y0, x1, y1) in pixels, whose it is, and why."""

    track_id: int
    xyxy: tuple[int, int, int, int]
    reason: Reason


class Face(NamedTuple):
    """One face in one frame: box (4,) float in pixels, score 0..1 (0 unless found), and how it is known."""

    face_id: int
    xyxy: NDArray[np.float64]
    score: float
    reason: Reason


@dataclass(frozen=True)
class CoverSettings:
    """How faces are looked for and what is masked.

    Parameters
    ----------
    policy : str
        ``face``: faces, and the head of whoever shows none; ``head``: always faces and head; ``body``: everything.
    margin : float
        Share by which a face's box is widened on each side.
    every : int
        The detector is asked in one frame of so many, at least every seventh of a second, and at both ends of a
        segment; between, boxes are interpolated.
    hold : int
        Frames for which a face is masked before it was first and after it was last found.
    max_gap : int
        Longest gap in frames over which a face is interpolated.
    """

    policy: Policy = "face"
    margin: float = 0.2
    every: int = 1
    hold: int = 6
    max_gap: int = 15

    def __post_init__(self) -> None:
        if self.policy not in POLICIES:
            raise ValueError(f"no policy {self.policy!r}: there are {', '.join(POLICIES)}")
        if self.every < 1 or self.hold < 0 or self.max_gap < 0 or not 0 <= self.margin <= 5:
            raise ValueError("ask at least every frame; hold, gap and margin (at most 5) are not negative")


class FaceFollower:
    """Finds faces segment by segment and fills their gaps; keeps what it needs from one segment to the next."""

    def __init__(self, detector: FaceDetector, settings: CoverSettings) -> None:
        self._detector, self._settings = detector, settings
        self._tracker = Tracker(max_gap=settings.max_gap // settings.every, min_iou=0.05)
        self._last: dict[int, tuple[int, NDArray[np.float64]]] = {}
        self._frame = 0

    def follow(
        self,
        images: Sequence[NDArray[np.uint8]],
        tracks: Sequence[Sequence[Track]] | None = None,
        times: Sequence[float] | None = None,
    ) -> list[list[Face] | None]:
        """Return the faces of each frame of a segment; None for frames in which nobody knows.

        Parameters
        ----------
        images : sequence of (H, W, 3) uint8 arrays
            BGR.
        tracks : sequence of sequence of Track, optional
            The objects of each frame; faces are looked for in these only. The whole frame by default.
        times : sequence of float, optional
            Of each frame, in seconds: where frames are rare, the detector is asked more often than `every`.
        """
        asked = self._asked(times or [0.0] * len(images))
        rows: list[list[Face] | None] = [[] for _ in images]
        keys = {face_id: [(k, box, 0.0)] for face_id, (k, box) in self._last.items()}
        for k, until in zip(asked, [*asked[1:], len(images)], strict=True):
            try:
                found = self._detect(images[k], None if tracks is None else tracks[k])
            except DetectorError:
                rows[k:until] = [None] * (until - k)
                continue
            for face_id, box, score in self._link(found):
                keys.setdefault(face_id, []).append((self._frame + k, box, score))
        for face_id, seen in keys.items():
            self._fill(rows, face_id, seen)
        self._frame += len(images)
        self._last = {i: seen[-1][:2] for i, seen in keys.items() if self._recent(seen[-1][0])}
        return rows

    def _asked(self, times: Sequence[float]) -> list[int]:
        """Return the frames in which the detector is asked, the first and the last among them."""
        asked = [0] if times else []
        for k in range(1, len(times)):
            last = k == len(times) - 1
            if (
                last
                or k - asked[-1] >= self._settings.every
                or times[k + 1] - times[asked[-1]] > _LOOK_SECONDS
            ):
                asked.append(k)
        return asked

    def _detect(self, image: NDArray[np.uint8], tracks: Sequence[Track] | None) -> NDArray[np.float32]:
        if tracks is None:
            return detect_safely(self._detector, image)
        return detect_in(self._detector, image, [track.xyxy for track in tracks])

    def _link(self, found: NDArray[np.float32]) -> list[tuple[int, NDArray[np.float64], float]]:
        boxes = found[:, :4].astype(float)
        room = np.tile((boxes[:, 2:] - boxes[:, :2]) * _ROOM, 2) * [-1, -1, 1, 1]
        wide = np.rint(boxes + room).astype(np.int32)
        ids = {track.xyxy: track.track_id for track in self._tracker.update(wide) if track.missed == 0}
        links = [(ids.get(tuple(box)), k) for k, box in enumerate(wide.tolist())]
        return [(i, boxes[k], float(found[k, 4])) for i, k in links if i is not None]

    def _recent(self, frame: int) -> bool:
        return self._frame - frame <= max(self._settings.max_gap, self._settings.hold)

    def _fill(
        self,
        rows: list[list[Face] | None],
        face_id: int,
        seen: list[tuple[int, NDArray[np.float64], float]],
    ) -> None:
        frames = [frame for frame, _, _ in seen]
        for k, row in enumerate(rows):
            frame = self._frame + k
            after = int(np.searchsorted(frames, frame))
            if row is None:
                continue
            if after < len(seen) and frames[after] == frame:
                row.append(Face(face_id, seen[after][1], seen[after][2], "found"))
            elif 0 < after < len(seen):
                row.append(Face(face_id, _between(frame, seen[after - 1], seen[after]), 0.0, "between"))
            elif (gap := frames[0] - frame if after == 0 else frame - frames[-1]) <= self._settings.hold:
                row.append(Face(face_id, _held(seen, after == 0, gap), 0.0, "held"))


def _between(frame: int, before: tuple, after: tuple) -> NDArray[np.float64]:
    share = (frame - before[0]) / (after[0] - before[0])
    return before[1] + (after[1] - before[1]) * share


def _held(seen: list[tuple[int, NDArray[np.float64], float]], early: bool, gap: int) -> NDArray[np.float64]:
    """Cover both where the face was and where it would have gone on to, at most its own size away."""
    end, other = (seen[0], seen[min(1, len(seen) - 1)]) if early else (seen[-1], seen[max(-2, -len(seen))])
    size = end[1][2:] - end[1][:2]
    moved = (end[1] - other[1]).reshape(2, 2).mean(axis=0) / max(1, abs(end[0] - other[0])) * gap
    gone = end[1] + np.tile(moved.clip(-size, size), 2)
    return np.concatenate([np.minimum(end[1][:2], gone[:2]), np.maximum(end[1][2:], gone[2:])])


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
        if cover.reason in _RANK:
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
    height = max(0.4 * (y1 - y0), 0.6 * (x1 - x0))
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
        covers.append(Cover(track_id, (box[0], box[1], box[2], box[1] + _heads(box)), "head"))
    return covers


def _heads(box: tuple[int, int, int, int]) -> int:
    return int(np.ceil(0.4 * (box[3] - box[1])))


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
