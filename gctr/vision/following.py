"""Faces over time: looked for in some frames, linked, and filled in before, between and after.

A detector misses a face for a frame or two; those are the frames that identify people. So faces are linked over time
(`gctr.vision.tracks.Tracker`), their boxes interpolated forward and backward over what a segment buffers, and held at
both ends.

Without objects to look in, every other look is at the surroundings of the faces that are known, which costs little; a
new face is found by the next look at the whole frame, and held back from there.

Limits: interpolation reaches back to the start of the segment, not beyond: what was sent is sent. Who shows a face for
less than a quarter of a second, between two looks at the whole frame, is not found.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from gctr.vision.faces import DetectorError, FaceDetector, detect_safely
from gctr.vision.regions import detect_in
from gctr.vision.tracks import Track, Tracker

Policy = Literal["face", "head", "body"]
POLICIES: tuple[Policy, ...] = get_args(Policy)
Reason = Literal["found", "between", "held", "head", "body", "failed"]

_ROOM = 1.0  # share by which boxes are widened to be linked: a small face moves by more than itself
_LOOK_SECONDS = 0.14  # longest time between two looks, if there are frames: people walk on, and turn
_WHOLE = 2  # every so many looks are at the whole frame


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
        self._near: list[tuple[int, int, int, int]] = []
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
        known = {face_id: [(k, box, 0.0)] for face_id, (k, box) in self._last.items()}
        for number, (k, until) in enumerate(zip(asked, [*asked[1:], len(images)], strict=True)):
            # Where every frame is looked at, frames are rare or much is at stake: the whole of each.
            near = number % _WHOLE > 0 and k - asked[number - 1] > 1
            regions = (
                [track.xyxy for track in tracks[k]] if tracks is not None else self._near if near else None
            )
            try:
                found = self._detect(images[k], regions)
            except DetectorError:
                rows[k:until] = [None] * (until - k)
                continue
            for face_id, box, score in self._link(found):
                known.setdefault(face_id, []).append((self._frame + k, box, score))
        for face_id, seen in known.items():
            self._fill(rows, face_id, seen)
        self._frame += len(images)
        self._last = {i: seen[-1][:2] for i, seen in known.items() if self._recent(seen[-1][0])}
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

    def _detect(
        self, image: NDArray[np.uint8], regions: list[tuple[int, int, int, int]] | None
    ) -> NDArray[np.float32]:
        if regions is None:
            return detect_safely(self._detector, image)
        return detect_in(self._detector, image, regions)

    def _link(self, found: NDArray[np.float32]) -> list[tuple[int, NDArray[np.float64], float]]:
        boxes = found[:, :4].astype(float)
        room = np.tile((boxes[:, 2:] - boxes[:, :2]) * _ROOM, 2) * [-1, -1, 1, 1]
        wide = np.rint(boxes + room).astype(np.int32)
        tracks = self._tracker.update(wide)
        self._near = [track.xyxy for track in tracks]
        ids = {track.xyxy: track.track_id for track in tracks if track.missed == 0}
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
