"""The cast: who is on the plaza in a clip, dressed, with a face, and on which walk."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from gctr.datasets.scene.faces import Person
from gctr.datasets.scene.params import SceneParams
from gctr.datasets.scene.view import View
from gctr.datasets.scene.walks import Motion, Walk, carry_out, nearest, stroll
from gctr.datasets.scene.wardrobe import Look, dress

TRIES = 12  # walks that a newcomer considers
APART = 0.75  # metres between two walkers that are good enough
PHOTO_SECONDS, FADE_SECONDS = 1.6, 0.24  # how long a photograph stays, how long the next one takes to fade in
DRESSED = 96  # walkers whose faces and clothes are kept at hand; others are made again when needed


@dataclass(frozen=True, eq=False)
class Walker:
    """One track: a person of `height` metres on a walk."""

    track_id: int
    identity: str
    height: float
    walk: Walk
    motion: Motion
    fps: float
    make: Callable[[int, str], tuple[Person, Look]]

    @property
    def person(self) -> Person:
        """Whose face the walker has."""
        return self.make(self.track_id, self.identity)[0]

    @property
    def look(self) -> Look:
        """What the walker wears."""
        return self.make(self.track_id, self.identity)[1]

    def face(self, row: int, level: int) -> NDArray[np.float32]:
        """Return the face texture at a row of the motion: photographs in turn, each fading into the next."""
        photos = self.person.photos
        turn, into = divmod(row / self.fps, PHOTO_SECONDS)
        now = photos[int(turn) % len(photos)][level]
        fade = min(into / FADE_SECONDS, 1.0)
        if turn < 1 or fade >= 1:
            return now
        before = photos[int(turn - 1) % len(photos)][level]
        return before + (now - before) * np.float32(fade)


class Cast:
    """The walkers of a clip, met as time goes on: track ids from 1 in the order in which they come."""

    def __init__(self, params: SceneParams, view: View) -> None:
        self._met: list[Walker] = []
        self._coming = _walkers(params, view, lru_cache(DRESSED)(_maker(params)))
        self._next: Walker | None = next(self._coming, None)

    def present(self, k: int) -> list[Walker]:
        """Return who is on his way in frame k."""
        while self._next is not None and self._next.motion.first <= k:
            self._met.append(self._next)
            self._next = next(self._coming, None)
        return [walker for walker in self._met if k in walker.motion.frames]


def _maker(params: SceneParams) -> Callable[[int, str], tuple[Person, Look]]:
    def make(track_id: int, identity: str) -> tuple[Person, Look]:
        rng = np.random.default_rng([params.seed, 2, track_id])
        person = params.face_source.person(identity, params.photos_per_track, rng)
        return person, dress(rng, person)

    return make


def _walkers(
    params: SceneParams, view: View, make: Callable[[int, str], tuple[Person, Look]]
) -> Iterator[Walker]:
    """Yield walkers in the order in which they come: the script's, and strangers who replace those who left."""
    rng = np.random.default_rng([params.seed, 1])
    # A generator of their own: other faces leave the walks as they are
    identities = _identities(params, np.random.default_rng([params.seed, 4]))
    script = [_scripted(walk, params, view, rng) for walk in params.walks[: params.n_walkers]]
    queue: list[tuple[float, int]] = [(walk.start, place) for place, (walk, _, _) in enumerate(script)]
    queue += [(_arrival(params, rng), place) for place in range(len(script), params.n_walkers)]
    heapq.heapify(queue)
    around = [motion for _, motion, _ in script]
    waiting, track_id = set(range(len(script))), 0
    while queue and queue[0][0] * params.fps < params.n_frames:
        start, place = heapq.heappop(queue)
        if place in waiting:
            waiting.remove(place)
            walk, motion, height = script[place]
        else:
            around = [motion for motion in around if motion.frames.stop > start * params.fps]
            walk, motion, height = _newcomer(params, view, start, around, rng)
            around.append(motion)
        track_id += 1
        yield Walker(track_id, walk.identity or next(identities), height, walk, motion, params.fps, make)
        heapq.heappush(queue, (motion.frames.stop / params.fps + rng.uniform(0.2, 1.2), place))


def _identities(params: SceneParams, rng: np.random.Generator) -> Iterator[str]:
    """Yield identities for strangers, over and over: all that the script does not name, in an order of the seed's."""
    named = {walk.identity for walk in params.walks}
    order = params.face_source.order(rng)
    free = [name for name in order if name not in named] or order
    while True:
        yield from free


def _stature(rng: np.random.Generator) -> float:
    return float(np.clip(rng.normal(1.73, 0.07), 1.55, 1.92))


def _arrival(params: SceneParams, rng: np.random.Generator) -> float:
    """Return when a place that nobody's script fills is first taken, in seconds."""
    if params.empty_seconds == 0:
        return rng.uniform(-5.0, 0.5)
    return params.empty_seconds + rng.uniform(0.0, 2.0)


def _scripted(
    walk: Walk, params: SceneParams, view: View, rng: np.random.Generator
) -> tuple[Walk, Motion, float]:
    """Carry out a walk of the script, kept within the sizes of faces that are asked for."""
    path = tuple((across, float(np.clip(face, *params.face_px))) for across, face in walk.path)
    walk = replace(walk, path=path, start=walk.start - 1.0 + params.empty_seconds)
    height = _stature(rng)
    return walk, carry_out(walk, height, view, params.fps, rng), height


def _newcomer(
    params: SceneParams, view: View, start: float, around: list[Motion], rng: np.random.Generator
) -> tuple[Walk, Motion, float]:
    """Choose the walk that keeps furthest from everybody else, or the first that keeps far enough."""
    height, best, gap = _stature(rng), None, -1.0
    for _ in range(TRIES):
        walk = stroll(rng, params.face_px, start)
        motion = carry_out(walk, height, view, params.fps, rng)
        distance = nearest(motion, around)
        if distance > gap:
            best, gap = (walk, motion, height), distance
        if gap >= APART:
            break
    assert best is not None  # noqa: S101  the first try is nearer than -1 to nobody
    return best
