"""What stands behind the plaza: a row of shops, the street beside it, trees and the sky.

The shop front is drawn flat, at `PER_METRE` pixels a metre, and projected; the street is painted in the
picture's plane, because it is far away.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from gctr.datasets.scene.texture import Image, fractal_noise, sample, smoothstep
from gctr.datasets.scene.trees import paint_hedge, paint_tree
from gctr.datasets.scene.view import HEIGHT, View

FRONT_Z = 17.0
LEFT, CORNER = -9.0, 3.1  # x of the front's ends
TOP = 4.3  # metres shown of the front's height
PER_METRE = 130

BRICK = (78, 96, 142)
STONE = (146, 160, 170)
FRAME = (58, 62, 52)
GLASS = (66, 62, 54)
SIGNS = (
    ((60, 72, 38), "GREEN & SONS"),
    ((52, 38, 92), "BAKERY"),
    ((86, 62, 34), "CENTRAL BOOKS"),
    ((48, 48, 48), "CAFE"),
)


def _box(x: float, y: float) -> tuple[int, int]:
    """Return the flat drawing's pixel for x from the front's left end and y from the ground, in metres."""
    return round(x * PER_METRE), round((TOP - y) * PER_METRE)


def _fill(flat: Image, x0: float, y0: float, x1: float, y1: float, colour: Sequence[float]) -> None:
    cv2.rectangle(flat, _box(x0, y0), _box(x1, y1), colour, cv2.FILLED)


def _region(flat: Image, x0: float, y0: float, x1: float, y1: float) -> Image:
    """Return the part of the drawing between two corners (y1 the upper) as a view."""
    (u0, v1), (u1, v0) = _box(x0, y0), _box(x1, y1)
    return flat[max(v0, 0) : max(v1, 0), max(u0, 0) : max(u1, 0)]


def _brickwork(rng: np.random.Generator, width: int, height: int) -> Image:
    """Draw a wall of stretchers 0.215 x 0.065 m with joints of 10 mm."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / PER_METRE
    row = np.floor(y / 0.075)
    shifted = x + 0.1125 * np.mod(row, 2)
    column = np.floor(shifted / 0.225)
    mortar = (np.mod(shifted, 0.225) < 0.012) | (np.mod(y, 0.075) < 0.012)
    table = rng.standard_normal((997, 3)).astype(np.float32)
    tint = table[((row * 31 + column * 17) % 997).astype(int)]
    wall = np.asarray(BRICK, np.float32) * (1 + 0.10 * tint[..., :1] + 0.03 * tint)
    wall[mortar] = (128, 138, 146)
    weather = sample(fractal_noise(rng, 256, 1.3), x, y, 40)
    return wall * (1 + 0.07 * weather)[..., None]


def _glass(rng: np.random.Generator, flat: Image, x0: float, y0: float, x1: float, y1: float) -> None:
    """Fill a pane: what lies behind it, dimly, and the bright street and sky that it mirrors."""
    pane = _region(flat, x0, y0, x1, y1)
    height, width = pane.shape[:2]
    y = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(0, 1, width, dtype=np.float32)[None, :]
    inside = np.full((height, width, 3), GLASS, np.float32) * (0.55 + 0.45 * y[..., None])
    for shelf in (0.52, 0.74, 0.93):  # goods on shelves and lamps, out of focus
        base = int(shelf * height)
        for u in np.arange(rng.uniform(0, 20), width, 26):
            w, h = int(rng.integers(7, 12)), int(rng.integers(10, 40))
            b, g, r = (64 + 56 * rng.random()) * (1 + 0.08 * rng.standard_normal(3)) * (0.9, 1.0, 1.1)
            cv2.rectangle(inside, (int(u) - w, base - h), (int(u) + w, base), (b, g, r), -1)
        cv2.line(inside, (0, base + 3), (width, base + 3), (40, 40, 40), 5)
    for u in rng.uniform(0.1, 0.9, 2):
        cv2.circle(inside, (int(u * width), int(0.16 * height)), 8, (170, 220, 245), -1)
    inside = cv2.GaussianBlur(inside, (0, 0), 4)
    noise = cv2.resize(
        rng.standard_normal((4, 5)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
    )
    sky = smoothstep(0.62, 0.25, y + 0.10 * noise + 0.12 * x)
    sheen = smoothstep(0.02, 0.0, np.abs(x + 0.55 * y - 0.62) - 0.10) + smoothstep(
        0.02, 0.0, np.abs(x + 0.55 * y - 0.86) - 0.03
    )
    mirror = np.clip(0.10 + 0.34 * sky + 0.09 * sheen, 0, 0.7)[..., None]
    pane[:] = inside * (1 - mirror) + np.asarray((206, 196, 184), np.float32) * mirror


def _window(
    rng: np.random.Generator, flat: Image, x0: float, x1: float, y0: float, y1: float, panes: int
) -> None:
    """Draw a shop window of `panes` panes with transoms, over a stall riser."""
    _fill(flat, x0 - 0.07, 0.0, x1 + 0.07, y1 + 0.07, FRAME)
    width = (x1 - x0) / panes
    for i in range(panes):
        left, right = x0 + i * width + 0.03, x0 + (i + 1) * width - 0.03
        _glass(rng, flat, left, y0, right, y1 - 0.45)
        _glass(rng, flat, left, y1 - 0.40, right, y1)
    riser = tuple(1.25 * c for c in FRAME)
    _fill(flat, x0, 0.12, x1, y0 - 0.06, riser)
    for i in range(panes):
        _fill(
            flat,
            x0 + i * width + 0.08,
            0.18,
            x0 + (i + 1) * width - 0.08,
            y0 - 0.12,
            tuple(1.5 * c for c in FRAME),
        )
    _fill(flat, x0 - 0.09, y0 - 0.06, x1 + 0.09, y0, STONE)


def _door(rng: np.random.Generator, flat: Image, x0: float, x1: float) -> None:
    """Draw a recessed double door with glass and brass handles."""
    _fill(flat, x0, 0.0, x1, 2.75, (34, 36, 32))
    middle = (x0 + x1) / 2
    for left, right in ((x0 + 0.06, middle - 0.01), (middle + 0.01, x1 - 0.06)):
        _fill(flat, left, 0.02, right, 2.2, tuple(1.15 * c for c in FRAME))
        _glass(rng, flat, left + 0.12, 0.55, right - 0.12, 2.06)
    _glass(rng, flat, x0 + 0.08, 2.28, x1 - 0.08, 2.68)
    for x in (middle - 0.07, middle + 0.07):
        _fill(flat, x - 0.012, 0.95, x + 0.012, 1.3, (96, 168, 196))
    _fill(flat, x0 - 0.05, 0.0, x1 + 0.05, 0.06, STONE)


def _sign(flat: Image, x0: float, x1: float, colour: Sequence[float], text: str) -> None:
    """Draw a fascia with its cornice and its name in painted letters."""
    _fill(flat, x0, 2.88, x1, 3.42, tuple(float(c) for c in colour))
    _fill(flat, x0 - 0.04, 3.42, x1 + 0.04, 3.54, STONE)
    _fill(flat, x0 - 0.04, 3.40, x1 + 0.04, 3.42, tuple(0.6 * c for c in STONE))
    size = 0.3 * PER_METRE / 21
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, size, 4)
    size *= min(1.0, 0.8 * (x1 - x0) * PER_METRE / width)
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, size, 4)
    u, v = _box((x0 + x1) / 2, 3.15)
    letters = np.zeros(flat.shape[:2], np.uint8)  # OpenCV 5 writes on 8-bit pictures only
    cv2.putText(
        letters, text, (u - width // 2, v + height // 2), cv2.FONT_HERSHEY_DUPLEX, size, 255, 4, cv2.LINE_AA
    )
    cover = letters.astype(np.float32)[..., None] / 255
    flat += (np.asarray((178, 206, 214), np.float32) - flat) * cover


def _shop(rng: np.random.Generator, flat: Image, x0: float, x1: float, sign: tuple) -> None:
    """Draw one shop: window, door, window or the other way round."""
    door = x0 + (0.28 if rng.random() < 0.5 else x1 - x0 - 1.48)
    _sign(flat, x0 + 0.05, x1 - 0.05, *sign)
    _fill(flat, x0 + 0.05, 0.0, x1 - 0.05, 2.88, tuple(0.9 * c for c in FRAME))
    _door(rng, flat, door, door + 1.2)
    if door - x0 < 1:
        _window(rng, flat, door + 1.38, x1 - 0.18, 0.62, 2.72, 2)
    else:
        _window(rng, flat, x0 + 0.18, door - 0.18, 0.62, 2.72, 2)


def _shade(flat: Image, rng: np.random.Generator) -> None:
    """Darken what lies under the cornices and near the ground, and let the rain leave its traces."""
    height, width = flat.shape[:2]
    y = TOP - (np.arange(height, dtype=np.float32) + 0.5) / PER_METRE
    under = 1 - 0.40 * smoothstep(2.45, 2.88, y) * (y < 2.88) - 0.25 * smoothstep(3.25, 3.42, y) * (y < 3.42)
    foot = 0.72 + 0.28 * smoothstep(0.0, 0.35, y)
    streaks = cv2.resize(
        rng.standard_normal((6, 300)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
    )
    flat *= (under * foot)[:, None, None] * (1 + 0.035 * streaks)[..., None]


def draw_front(rng: np.random.Generator) -> Image:
    """Draw the row of shops flat: (TOP, CORNER - LEFT) metres at `PER_METRE`, float32 BGR."""
    length = CORNER - LEFT
    flat = _brickwork(rng, round(length * PER_METRE), round(TOP * PER_METRE))
    ends = np.linspace(0.1, length - 0.45, 4)
    for i, (x0, x1) in enumerate(pairwise(ends)):
        _shop(rng, flat, float(x0) + 0.22, float(x1) - 0.02, SIGNS[i])
    for x in ends:  # pilasters of stone, lit on their left
        _fill(flat, x - 0.2, 0.0, x + 0.2, 3.56, STONE)
        _fill(flat, x + 0.13, 0.0, x + 0.2, 3.56, tuple(0.78 * c for c in STONE))
        _fill(flat, x - 0.25, 0.0, x + 0.25, 0.35, tuple(0.86 * c for c in STONE))
        _fill(flat, x - 0.25, 3.2, x + 0.25, 3.56, tuple(1.05 * c for c in STONE))
    _shade(flat, rng)
    return flat


def _warp(flat: Image, corners: NDArray, size: tuple[int, int]) -> tuple[Image, Image]:
    """Project a flat drawing on to four picture points (clockwise from top left); return picture and coverage."""
    height, width = flat.shape[:2]
    source = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(source, corners.astype(np.float32))
    shrink = max(1.0, height / max(float(corners[3, 1] - corners[0, 1]), 1.0))
    soft = cv2.GaussianBlur(flat, (0, 0), 0.35 * shrink) if shrink > 1.3 else flat
    picture = cv2.warpPerspective(soft, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    cover = cv2.warpPerspective(np.ones((height, width), np.float32), matrix, size, flags=cv2.INTER_LINEAR)
    return picture, cover


def _corners(view: View, scale: int, a: tuple[float, float], b: tuple[float, float], top: float) -> NDArray:
    """Project a wall from ground point `a` to `b` (x, z), `top` metres high."""
    (ax, az), (bx, bz) = a, b
    points = np.array([[ax, top, az], [bx, top, bz], [bx, 0, bz], [ax, 0, az]])
    return view.project(points) * scale


def _over(picture: Image, layer: Image, cover: Image) -> Image:
    return picture + (layer - picture) * cover[..., None]


def _sky(rng: np.random.Generator, view: View, scale: int) -> Image:
    """Paint a bright, slightly clouded sky."""
    height, width = view.height * scale, view.width * scale
    y = np.linspace(0, 1 / 0.2, height, dtype=np.float32)[:, None]
    ramp = np.clip(y, 0, 1)[..., None]
    sky = (
        np.asarray((226, 206, 182), np.float32) * (1 - ramp) + np.asarray((232, 226, 216), np.float32) * ramp
    )
    cloud = cv2.resize(fractal_noise(rng, 64, 1.6), (width, height // 2), interpolation=cv2.INTER_CUBIC)
    cloud = np.vstack([cloud, cloud[::-1]])[:height]
    return (sky + 7 * cloud[..., None]) * np.ones((height, width, 1), np.float32)


def _far_house(rng: np.random.Generator, view: View, scale: int, picture: Image) -> Image:
    """Paint the house at the street's end, hazy with distance."""
    flat = np.full((560, 1200, 3), (150, 166, 180), np.float32)
    flat *= (1 + 0.03 * cv2.resize(rng.standard_normal((20, 40)).astype(np.float32), (1200, 560)))[..., None]
    for row in range(4):
        for column in range(12):
            x, y = 30 + column * 98, 20 + row * 140
            cv2.rectangle(flat, (x - 5, y - 5), (x + 55, y + 88), (176, 186, 192), -1)
            tone = float(rng.uniform(72, 120))
            cv2.rectangle(flat, (x, y), (x + 50, y + 80), (tone * 1.05, tone, tone * 0.93), -1)
            cv2.line(flat, (x + 25, y), (x + 25, y + 80), (170, 176, 180), 4)
    flat = flat * 0.82 + np.asarray((214, 208, 200), np.float32) * 0.18
    corners = _corners(view, scale, (2.0, 46.0), (30.0, 46.0), 13.0)
    layer, cover = _warp(flat, corners, (picture.shape[1], picture.shape[0]))
    return _over(picture, layer, cover)


def paint_houses(rng: np.random.Generator, view: View, scale: int, ground: Image) -> Image:
    """Paint everything that stands beyond the plaza over `ground`, in place of its far part; same shape."""
    height, width = ground.shape[:2]
    horizon = round(view.horizon * scale) + 1
    picture = ground.copy()
    picture[:horizon] = _sky(rng, view, scale)[:horizon]
    street = slice(horizon - 1, round((view.horizon + HEIGHT * view.focal / 46.0) * scale))
    picture[street] = _sky(rng, view, scale)[street]
    picture = _far_house(rng, view, scale, picture)
    for x, z, tall in ((8.5, 36.0, 6.5), (13.0, 31.0, 7.0), (10.2, 27.0, 5.0), (6.4, 25.0, 3.6)):
        paint_tree(rng, view, scale, picture, x, z, tall)
    paint_hedge(rng, view, scale, picture)
    corners = _corners(view, scale, (LEFT, FRONT_Z), (CORNER, FRONT_Z), TOP)
    layer, cover = _warp(draw_front(rng), corners, (width, height))
    return _over(picture, layer, cover)
