"""Street furniture, with the shadow it throws: what stands on the plaza, some of it in front of the walkers."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from gctr.datasets.scene.texture import Image
from gctr.datasets.scene.trees import foliage, paste
from gctr.datasets.scene.view import View, on_ground

# What a full shadow leaves of B, G, R: the sky still lights it
SHADE = np.array([0.60, 0.56, 0.53], np.float32)


@dataclass(frozen=True)
class Post:
    """An upright cylinder: foot at (x, z), metres; colour BGR."""

    x: float
    z: float
    radius: float
    height: float
    colour: tuple[float, float, float]
    bottom: float = 0.0


LAMP = (
    Post(2.05, 7.6, 0.055, 6.0, (84, 88, 84)),
    Post(2.05, 7.6, 0.105, 0.75, (78, 82, 78)),
    Post(2.05, 7.6, 0.085, 0.85, (90, 94, 90), 0.75),
)
BIN = (
    Post(2.62, 7.7, 0.205, 0.84, (52, 66, 48)),
    Post(2.62, 7.7, 0.225, 0.93, (78, 84, 82), 0.84),
)
BOLLARDS = tuple(Post(x, 10.9, 0.075, 0.92, (74, 76, 78)) for x in (-5.0, -3.4, -1.8, 2.9, 4.5))
TUBS = tuple(Post(x, 13.7, 0.30, 0.55, (96, 108, 118)) for x in (-1.15, 1.55))  # a shrub grows in each


@dataclass(frozen=True, eq=False)
class Occluder:
    """What hides walkers behind depth `z` (metres): its coverage of the frame, (H, W) float32."""

    z: float
    cover: Image


def _column(post: Post) -> Image:
    """Return the brightness across a cylinder lit from the left."""
    s = np.linspace(-0.98, 0.98, 41, dtype=np.float32)
    towards = np.sqrt(1 - s * s)
    lit = np.maximum(0.0, -0.66 * s + 0.50 * towards)
    return 0.42 + 0.85 * lit + 0.9 * np.maximum(0, lit - 0.72) * 2


def _paint_post(picture: Image, cover: Image, post: Post, view: View, scale: int) -> None:
    """Paint a post and add it to `cover` (H * scale, W * scale)."""
    points = np.array([[post.x, post.height, post.z], [post.x, post.bottom, post.z]])
    (u, v0), (_, v1) = view.project(points) * scale
    half = post.radius * view.focal / post.z * scale
    x0, x1 = int(np.floor(u - half)), int(np.ceil(u + half))
    y0, y1 = max(int(v0), 0), min(round(v1 + 0.18 * half), picture.shape[0])
    if x1 <= 0 or x0 >= picture.shape[1] or y1 <= y0:
        return
    light = cv2.resize(_column(post)[None], (x1 - x0, 1), interpolation=cv2.INTER_LINEAR)
    layer = np.asarray(post.colour, np.float32) * light[..., None]
    layer = np.repeat(layer, y1 - y0, axis=0)
    layer *= np.linspace(1.05, 0.9, y1 - y0, dtype=np.float32)[:, None, None]
    mask = np.ones(layer.shape[:2], np.float32)
    rounding = np.sqrt(np.clip(1 - np.linspace(-1, 1, x1 - x0) ** 2, 0, 1)) * 0.18 * half
    rows = np.arange(y1 - y0)[:, None]
    mask[rows >= (y1 - y0) - 0.18 * half + rounding[None]] = 0
    paste(picture, layer, mask, x0, y0)
    paste(cover[..., None], np.ones((*mask.shape, 1), np.float32), mask, x0, y0)


def _paint_shrub(
    rng: np.random.Generator, picture: Image, cover: Image, tub: Post, view: View, scale: int
) -> None:
    side = round(0.95 * view.focal / tub.z * scale)
    layer, leaves = foliage(rng, (side, side), (26, 44, 30), (80, 138, 104), 26)
    u, v = view.project(np.array([tub.x, 0.5, tub.z])) * scale
    left, top = round(u - side / 2), round(v - side * 0.86)
    paste(picture, layer, leaves, left, top)
    paste(cover[..., None], np.ones((side, side, 1), np.float32), leaves, left, top)


def _throw(shade: NDArray[np.uint8], post: Post, view: View, scale: int) -> None:
    """Draw a post's shadow on the ground."""
    angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    ring = post.radius * np.stack([np.cos(angle), np.zeros(12), np.sin(angle)], axis=1)
    top = np.array([post.x, min(post.height, 4.5), post.z])
    ground = np.concatenate([top * [1, 0, 1] + ring, on_ground(top) + ring])
    hull = cv2.convexHull((view.project(ground) * scale).astype(np.float32))
    cv2.fillConvexPoly(shade, np.round(hull * 16).astype(np.int32), 255, cv2.LINE_AA, 4)


def _paint_shadows(picture: Image, view: View, scale: int) -> None:
    shade = np.zeros(picture.shape[:2], np.uint8)
    for post in (*LAMP, *BIN, *BOLLARDS, *TUBS):
        _throw(shade, post, view, scale)
    soft = cv2.GaussianBlur(shade, (0, 0), 0.9 * scale).astype(np.float32)[..., None] / 255
    soft[: int((view.horizon + 0.10 * view.height) * scale)] = 0  # the houses begin here
    picture *= 1 - soft * (1 - SHADE)


def paint_props(rng: np.random.Generator, view: View, scale: int, picture: Image) -> list[Occluder]:
    """Paint furniture and its shadows into `picture`; return what may hide walkers, from far to near."""
    _paint_shadows(picture, view, scale)
    occluders = []
    for group in (TUBS, BOLLARDS, BIN, LAMP):
        cover = np.zeros(picture.shape[:2], np.float32)
        for post in group:
            _paint_post(picture, cover, post, view, scale)
        if group is TUBS:
            for tub in TUBS:
                _paint_shrub(rng, picture, cover, tub, view, scale)
        small = cv2.resize(cover, (view.width, view.height), interpolation=cv2.INTER_AREA)
        occluders.append(Occluder(group[0].z, small))
    return occluders
