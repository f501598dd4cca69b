"""The cast: who is on the plaza in a clip, dressed, with a face, and on which walk."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gctr.datasets.scene.faces import Person
from gctr.datasets.scene.params import SceneParams
from gctr.datasets.scene.view import View
from gctr.datasets.scene.walks import Motion, Taken, Walk, carry_out, stroll
from gctr.datasets.scene.wardrobe import Look, dress

TRIES = 12  # walks that a newcomer considers
APART = 0.75  # metres between two walkers that are good enough
PHOTO_SECONDS, FADE_SECONDS = 1.6, 0.24  # how long a photograph stays, how long the next one takes to fade in


@dataclass(frozen=True, eq=False)
class Walker:
    """One track: a person on a walk. Face and clothes are made when first asked for."""

    track_id: int
    motion: Motion
    walk: Walk
    fps: float
    height: float
    cast: Callable[[], tuple[Person, Look]]
    identity: str

    @cached_property
    def _made(self) -> tuple[Person, Look]:
        return self.cast()

    @property
    def person(self) -> Person:
        """Whose face the walker has."""
        return self._made[0]

    @property
    def look(self) -> Look:
        """What the walker wears."""
        return self._made[1]

    def face(self, row: int, level: int) -> NDArray[np.float32]:
        """Return the face texture at a row of the motion: photographs in turn, each fading into the next."""
        photos = self.person.photos
        seconds = row / self.fps
        turn, into = divmod(seconds, PHOTO_SECONDS)
        now = photos[int(turn) % len(photos)][level]
        fade = min(into / FADE_SECONDS, 1.0)
        if turn < 1 or fade >= 1:
            return now
        before = photos[int(turn - 1) % len(photos)][level]
        return before + (now - before) * np.float32(fade)


def _walks(
    params: SceneParams, view: View, heights: Iterator[float], rng: np.random.Generator
) -> Iterator[tuple[Walk, Motion, float]]:
    """Yield walks in the order in which they begin: the scripted ones, and strangers who take the place of who left."""
    duration = params.n_frames / params.fps
    taken = Taken()
    queue: list[tuple[float, int]] = []
    for place, walk in enumerate(params.walks[: params.n_walkers]):
        height = next(heights)
        motion = carry_out(_within(walk, params.face_px), height, view, params.fps, rng)
        taken.motions.append(motion)
        yield walk, motion, height
        heapq.heappush(queue, (motion.frames.stop / params.fps + rng.uniform(0.2, 1.2), place))
    for place in range(len(params.walks), params.n_walkers):
        early = params.empty_seconds + rng.uniform(0, 2.0) if params.empty_seconds else rng.uniform(-5.0, 0.5)
        heapq.heappush(queue, (early, place))
    while queue and queue[0][0] < duration:
        start, place = heapq.heappop(queue)
        height = next(heights)
        walk, motion = _newcomer(params, view, height, start, taken, rng)
        taken.motions.append(motion)
        yield walk, motion, height
        heapq.heappush(queue, (motion.frames.stop / params.fps + rng.uniform(0.2, 1.2), place))


def _within(walk: Walk, faces: tuple[float, float]) -> Walk:
    path = tuple((across, float(np.clip(face, *faces))) for across, face in walk.path)
    return replace(walk, path=path)


def _newcomer(
    params: SceneParams, view: View, height: float, start: float, taken: Taken, rng: np.random.Generator
) -> tuple[Walk, Motion]:
    """Choose the walk that keeps furthest from everybody else, or the first that keeps far enough."""
    best: tuple[float, Walk, Motion] | None = None
    for _ in range(TRIES):
        walk = stroll(rng, params.face_px, start)
        motion = carry_out(walk, height, view, params.fps, rng)
        gap = taken.nearest(motion)
        if best is None or gap > best[0]:
            best = gap, walk, motion
        if gap >= APART:
            break
    assert best is not None  # noqa: S101  TRIES >= 1
    return best[1], best[2]


def people(params: SceneParams, view: View) -> list[Walker]:
    """Cast the clip: walkers in the order of their first frames, track ids from 1."""
    seeds = np.random.SeedSequence([params.seed, 1]).spawn(2)
    rng = np.random.default_rng(seeds[0])
    heights = iter(lambda: float(np.clip(rng.normal(1.73, 0.07), 1.55, 1.92)), None)
    walks = sorted(_walks(params, view, heights, rng), key=lambda item: item[1].first)
    order = params.face_source.order(np.random.default_rng(seeds[1]))
    wanted = {walk.identity for walk, _, _ in walks if walk.identity}
    free = [name for name in order if name not in wanted] or list(order)
    walkers, strangers = [], 0
    for i, (walk, motion, height) in enumerate(walks):
        name = walk.identity
        if name is None:
            name, strangers = free[strangers % len(free)], strangers + 1
        walkers.append(_cast(params, i + 1, walk, motion, height, name))
    return walkers


def _cast(params: SceneParams, track_id: int, walk: Walk, motion: Motion, height: float, name: str) -> Walker:
    def make() -> tuple[Person, Look]:
        rng = np.random.default_rng([params.seed, 2, track_id])
        person = params.face_source.person(name, params.photos_per_track, rng)
        return person, dress(rng, person)

    return Walker(track_id, motion, walk, params.fps, height, make, name)
