"""Boxes over time to objects: Kalman prediction, optimal IoU assignment, gaps filled both ways.

The scheme is SORT's (Bewley et al., ICIP 2016): predict every track, assign boxes by the Hungarian method on
IoU, correct. An object that stops stays an object: its track coasts over misses with its velocity damped to
rest, and its box is handed back to the background model as held, so that the model never learns it.
`fill_gaps` works backward over a segment.

Limits: no appearance model. Two people who cross may swap ids; for masking and for rate that costs nothing,
for per-object grants it means that a grant covers whoever the track covered.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment


@dataclass(frozen=True)
class Track:
    """One object in one frame."""

    track_id: int
    xyxy: tuple[int, int, int, int]
    missed: int = 0
    """Frames since the object was last seen; 0 when it is seen in this frame."""


def iou_matrix(a: NDArray, b: NDArray) -> NDArray[np.float64]:
    """Return the IoU of every box of `a`, (N, 4) xyxy, with every box of `b`, (M, 4), as (N, M) float64."""
    a, b = np.asarray(a, float).reshape(-1, 1, 4), np.asarray(b, float).reshape(1, -1, 4)
    side = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    shared = side.clip(min=0).prod(axis=-1)
    area = (a[..., 2:] - a[..., :2]).prod(axis=-1) + (b[..., 2:] - b[..., :2]).prod(axis=-1)
    return shared / np.maximum(area - shared, 1e-9)


@dataclass
class _Motion:
    """A box and its velocity, corrected with a Kalman filter's steady-state (alpha-beta) gains."""

    box: NDArray[np.float64]
    track_id: int
    velocity: NDArray[np.float64] = field(default_factory=lambda: np.zeros(4))
    missed: int = 0

    def predict(self) -> NDArray[np.float64]:
        return self.box + self.velocity

    def correct(self, seen: NDArray[np.float64], alpha: float = 0.7, beta: float = 0.25) -> None:
        residual = seen - self.predict()
        self.box = self.predict() + alpha * residual
        self.velocity = self.velocity + beta * residual
        self.missed = 0

    def coast(self) -> None:
        self.velocity *= 0.8  # who is not seen for long has most often stopped
        self.box, self.missed = self.predict(), self.missed + 1


class Tracker:
    """Follow boxes from frame to frame. A track is reported from its first box on, so that no pixel of it is lost.

    Parameters
    ----------
    max_gap : int
        Frames that a track lives on without being seen. Its box is reported meanwhile (forward fill).
    min_iou : float
        Overlap of prediction and box below which they are never matched.
    resolution_wh : (int, int), optional
        Clips reported boxes and ends tracks that left the frame.
    """

    def __init__(
        self,
        *,
        max_gap: int = 8,
        min_iou: float = 0.1,
        resolution_wh: tuple[int, int] | None = None,
    ) -> None:
        self._max_gap, self._min_iou = max_gap, min_iou
        self._limit = resolution_wh
        self._live: list[_Motion] = []
        self._next_id = 1

    def update(self, boxes: NDArray[np.int32]) -> list[Track]:
        """Take one frame's boxes, (N, 4) xyxy; return its objects ordered by id, coasting ones included.

        A seen object is reported with the box that was seen, a coasting one with its prediction.
        """
        boxes = np.asarray(boxes, dtype=np.int32).reshape(-1, 4)
        pairs = self._assign(boxes)
        for i, motion in enumerate(self._live):
            if i in pairs:
                motion.correct(boxes[pairs[i]].astype(float))
            else:
                motion.coast()
        seen = {self._live[i].track_id: boxes[j] for i, j in pairs.items()}
        for j in sorted(set(range(len(boxes))) - set(pairs.values())):
            seen[self._next_id] = boxes[j]
            self._live.append(_Motion(boxes[j].astype(float), self._next_id))
            self._next_id += 1
        self._live = [motion for motion in self._live if self._lives(motion)]
        return [self._report(motion, seen) for motion in self._live]

    def clear(self, resolution_wh: tuple[int, int] | None = None) -> None:
        """End all tracks, for a new view of this size; ids go on, none is given twice."""
        self._live, self._limit = [], resolution_wh

    def _assign(self, boxes: NDArray[np.int32]) -> dict[int, int]:
        predicted = np.array([motion.predict() for motion in self._live]).reshape(-1, 4)
        iou = iou_matrix(predicted, boxes)
        rows, columns = linear_sum_assignment(-iou)
        return {int(i): int(j) for i, j in zip(rows, columns, strict=True) if iou[i, j] >= self._min_iou}

    def _lives(self, motion: _Motion) -> bool:
        if motion.missed > self._max_gap:
            return False
        x0, y0, x1, y1 = self._clip(motion.box)
        return x1 > x0 and y1 > y0

    def _clip(self, box: NDArray) -> tuple[int, int, int, int]:
        if self._limit is not None:
            box = np.clip(box, 0, [*self._limit, *self._limit])
        x0, y0, x1, y1 = np.rint(box).astype(int).tolist()
        return x0, y0, x1, y1

    def _report(self, motion: _Motion, seen: dict[int, NDArray[np.int32]]) -> Track:
        box = seen.get(motion.track_id, motion.box)
        return Track(motion.track_id, self._clip(box), motion.missed)


def fill_gaps(segment: Sequence[Sequence[Track]], *, lead: int = 2) -> list[list[Track]]:
    """Fill a buffered segment backward: lines across gaps, and `lead` frames before an object appears.

    A detector sees an object late (hysteresis, a foot behind a post); a segment is buffered anyway before it
    is coded, so the frames before can still be given the box. Coasted boxes of a gap that closed are replaced
    by the line.
    """
    rows: list[dict[int, Track]] = [{t.track_id: t for t in frame} for frame in segment]
    for track_id in {t.track_id for frame in segment for t in frame}:
        seen = [k for k, row in enumerate(rows) if track_id in row and row[track_id].missed == 0]
        for k0, k1 in pairwise(seen):
            _line(rows, track_id, k0, k1)
        if seen and not any(track_id in row for row in rows[: seen[0]]):
            for k in range(max(0, seen[0] - lead), seen[0]):
                rows[k][track_id] = replace(rows[seen[0]][track_id], missed=seen[0] - k)
    return [[row[i] for i in sorted(row)] for row in rows]


def _line(rows: list[dict[int, Track]], track_id: int, k0: int, k1: int) -> None:
    a, b = np.array(rows[k0][track_id].xyxy), np.array(rows[k1][track_id].xyxy)
    for k in range(k0 + 1, k1):
        x0, y0, x1, y1 = np.rint(a + (b - a) * (k - k0) / (k1 - k0)).astype(int).tolist()
        rows[k][track_id] = Track(track_id, (x0, y0, x1, y1), k - k0)
