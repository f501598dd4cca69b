"""Who walks where and when: paths over the plaza, stops, glances, and a schedule that keeps people apart.

A path is given in what the camera sees: (across, face): across is -1 at the picture's left edge and 1 at its
right, face the height in pixels that the walker's face has there in a frame of 360 rows, which fixes the
depth.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gctr.datasets.scene.anatomy import STATURE
from gctr.datasets.scene.shade import FACE_HALF_HEIGHT
from gctr.datasets.scene.view import FOCAL, View

ACCELERATION = 1.6  # m/s²
OUTSIDE = 1.45  # where walkers enter and leave, across

Plan = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Walk:
    """What one walker means to do."""

    path: Plan
    start: float  # seconds
    speed: float = 1.3  # m/s
    stop_at: float | None = None  # which way point, counted from 0; fractions lie between
    stop_for: float = 0.0  # seconds
    pose: str = "stand"
    looks: float = 0.7  # 0–1, how far he turns his head to the camera; 0: never
    identity: str | None = None


@dataclass(frozen=True, eq=False)
class Motion:
    """A walk carried out: one row a frame from `first` on."""

    first: int
    x: NDArray[np.float64]
    z: NDArray[np.float64]
    yaw: NDArray[np.float64]
    head_yaw: NDArray[np.float64]
    phase: NDArray[np.float64]
    stride: NDArray[np.float64]
    settle: NDArray[np.float64]

    @property
    def frames(self) -> range:
        """The frames in which the walker is on his way."""
        return range(self.first, self.first + len(self.x))


def depth_of(face: float, height: float) -> float:
    """Return the depth in metres at which a face is `face` / 360 of the frame high, for a person of `height` metres."""
    return 2 * FACE_HALF_HEIGHT * height / STATURE * FOCAL * 360 / face


def _line(plan: Plan, height: float, view: View) -> tuple[NDArray, NDArray]:
    """Return a smooth line through a plan's points, (N, 3) x, z and way, and the points' places along it."""
    points = []
    for across, face in plan:
        z = depth_of(face, height)
        points.append((across * view.half_width(z), z))
    p = np.array(points)
    padded = np.vstack([2 * p[0] - p[1], p, 2 * p[-1] - p[-2]])
    t = np.linspace(0, 1, 60, endpoint=False)[:, None]
    pieces = []
    for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        pieces.append(
            0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        )
    line = np.vstack([*pieces, p[-1:]])
    length = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    return np.column_stack([line, length]), length[::60]


def _advance(walk: Walk, total: float, stop: float, fps: float) -> tuple[NDArray, NDArray]:
    """Return way and speed at each frame until the line's end, with a smooth halt at `stop`."""
    way, speed, waited = [0.0], [walk.speed], 0.0
    halted = stop < 0
    while way[-1] < total and len(way) < 1_000_000:
        s, v = way[-1], speed[-1]
        if not halted:
            wish = min(walk.speed, np.sqrt(max(2 * ACCELERATION * (stop - s), 0.0)))
            if stop - s < 0.015:
                wish, waited = 0.0, waited + 1 / fps
                halted = waited >= walk.stop_for
        else:
            wish = walk.speed
        v = max(min(v + ACCELERATION / fps, wish), 0.0)
        way.append(s + v / fps)
        speed.append(v)
    return np.array(way), np.array(speed)


def _smooth(values: NDArray, frames: float) -> NDArray:
    """Average over about `frames` frames, keeping the ends."""
    n = max(int(frames), 1)
    padded = np.pad(values, (n, n), mode="edge")
    kernel = np.hanning(2 * n + 3)[1:-1]
    return np.convolve(padded, kernel / kernel.sum(), mode="valid")


def carry_out(walk: Walk, height: float, view: View, fps: float, rng: np.random.Generator) -> Motion:
    """Turn a walk into positions, yaws and gait phases, one row a frame."""
    line, marks = _line(walk.path, height, view)
    stop = -1.0 if walk.stop_at is None else float(np.interp(walk.stop_at, np.arange(len(marks)), marks))
    way, speed = _advance(walk, float(line[-1, 2]), stop, fps)
    x, z = np.interp(way, line[:, 2], line[:, 0]), np.interp(way, line[:, 2], line[:, 1])
    ahead = np.minimum(way + 0.25, line[-1, 2])
    behind = np.maximum(way - 0.25, 0)
    dx = np.interp(ahead, line[:, 2], line[:, 0]) - np.interp(behind, line[:, 2], line[:, 0])
    dz = np.interp(ahead, line[:, 2], line[:, 1]) - np.interp(behind, line[:, 2], line[:, 1])
    yaw = np.unwrap(np.arctan2(dx, -dz))
    standing = _smooth((speed < 0.25).astype(float), 0.35 * fps)
    to_camera = np.arctan2(-x, z)
    relative = np.angle(np.exp(1j * (to_camera - yaw)))
    if walk.looks > 0:  # one who stops turns part of the way to the camera
        yaw = yaw + 0.75 * standing * relative
    yaw = _smooth(yaw, 0.3 * fps)
    relative = np.angle(np.exp(1j * (to_camera - yaw)))
    glance = _glances(walk, len(x), fps, rng)
    head = yaw + np.clip(relative, -1.05, 1.05) * glance * (np.abs(relative) < 2.2)
    head = _smooth(head + 0.08 * _wander(len(x), fps, rng), 0.25 * fps)
    stride = 1.38 * (np.maximum(speed, 0) / 1.3) ** 0.6 * height / STATURE
    phase = rng.random() + np.cumsum(np.where(stride > 1e-3, speed / np.maximum(stride, 1e-3), 0) / fps)
    first = round(walk.start * fps)
    return Motion(first, x, z, yaw, head, phase, np.where(speed < 0.06, 0.0, stride), standing)


def _wander(n: int, fps: float, rng: np.random.Generator) -> NDArray:
    """Return slow noise of about unit size."""
    knots = rng.standard_normal(int(n / (0.8 * fps)) + 3)
    return _smooth(np.interp(np.arange(n) / (0.8 * fps), np.arange(len(knots)), knots), 0.2 * fps)


def _glances(walk: Walk, n: int, fps: float, rng: np.random.Generator) -> NDArray:
    """Return how far the head is turned to the camera, 0–1 at each frame."""
    if walk.looks == 0:
        return np.zeros(n)
    knots = np.clip(walk.looks + 0.5 * rng.standard_normal(int(n / (1.2 * fps)) + 3), 0, 1)
    return _smooth(np.interp(np.arange(n) / (1.2 * fps), np.arange(len(knots)), knots), 0.3 * fps)


def stroll(rng: np.random.Generator, faces: tuple[float, float], start: float) -> Walk:
    """Make up a walk: across, towards the camera, away from it, or on a slant."""
    small, large = faces
    span = large / small

    def size(low: float, high: float) -> float:
        return small * span ** rng.uniform(low, high)

    side = rng.choice([-1.0, 1.0])
    kind = rng.choice(["across", "approach", "recede", "slant"], p=[0.34, 0.32, 0.14, 0.2])
    across = rng.uniform(-0.5, 0.5)
    if kind == "across":
        f = size(0.05, 0.75)
        path: Plan = ((-OUTSIDE * side, f), (across, f * rng.uniform(0.92, 1.08)), (OUTSIDE * side, f))
    elif kind == "slant":
        a, b = size(0.0, 0.3), size(0.4, 0.9)
        path = ((-OUTSIDE * side, a), (across * 0.6, float(np.sqrt(a * b))), (OUTSIDE * side, b))
    else:
        f = size(0.85, 1.0)
        far = ((-1.25 * side, small), (-0.6 * side, small * span**0.08))
        near = ((0.5 * across, small * span**0.5), (0.35 * side, small * span**0.8), (1.75 * side, f))
        path = (*far, *near)
        path = path if kind == "approach" else tuple(reversed(path))
    stops = rng.random() < 0.3
    return Walk(
        path=path,
        start=start,
        speed=float(rng.uniform(1.05, 1.5)),
        stop_at=float(rng.uniform(0.8, 1.2)) if stops else None,
        stop_for=float(rng.uniform(1.5, 3.5)),
        pose=str(rng.choice(["stand", "phone"])),
        looks=0.0 if kind == "recede" or rng.random() < 0.1 else float(rng.uniform(0.3, 1.0)),
    )


def nearest(motion: Motion, others: Iterable[Motion]) -> float:
    """Return how near, in metres, a motion comes to any of the others; 9 if they never meet in time."""
    closest = 9.0
    for other in others:
        low, high = max(motion.first, other.first), min(motion.frames.stop, other.frames.stop)
        if low < high:
            mine, theirs = (slice(low - m.first, high - m.first) for m in (motion, other))
            gap = np.hypot(motion.x[mine] - other.x[theirs], motion.z[mine] - other.z[theirs])
            closest = min(closest, float(gap.min()))
    return closest
