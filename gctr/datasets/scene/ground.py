"""The ground of the plaza: granite slabs, a band of setts, the pavement along the houses, kerb and lawn."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from gctr.datasets.scene.texture import Image, fractal_noise, photo_texture, sample, smoothstep
from gctr.datasets.scene.view import View

KERB_Z = 14.6  # the pavement along the houses begins here
LAWN_X = 3.9  # the lawn lies to the right of this, beyond LAWN_Z
LAWN_Z = 12.6

# BGR, as reflected in full light
SLAB = (150, 160, 168)
SETT = (116, 122, 130)
PAVEMENT = (158, 167, 174)
LAWN = (62, 104, 92)
KERB = (168, 174, 178)


def _hash(i: NDArray, j: NDArray, table: Image) -> Image:
    """Give each cell (i, j) its own number out of `table`."""
    n = table.size
    return table[(i.astype(np.int64) * 7919 + j.astype(np.int64) * 104729) % n]


def _bond(x: Image, z: Image, size: tuple[float, float], joint: float, foot: Image, table: Image) -> Image:
    """Return the brightness, about 1, of blocks laid in running bond with joints of `joint` metres.

    `foot` is a pixel's extent on the ground along z, in metres: joints thinner than a pixel fade.
    """
    wide, deep = size
    row = np.floor(z / deep)
    shifted = x + 0.5 * wide * np.mod(row, 2)
    column = np.floor(shifted / wide)
    edge_x = np.minimum(np.mod(shifted, wide), wide - np.mod(shifted, wide))
    edge_z = np.minimum(np.mod(z, deep), deep - np.mod(z, deep))
    width_x = np.maximum(joint, foot * 0.1)
    width_z = np.maximum(joint, foot)
    dark = np.maximum(
        (1 - smoothstep(0.5, 1.5, edge_x / width_x)) * joint / width_x,
        (1 - smoothstep(0.5, 1.5, edge_z / width_z)) * joint / width_z,
    )
    return (1 + 0.055 * _hash(row, column, table)) * (1 - 0.42 * dark)


def _stone(rng: np.random.Generator, x: Image, z: Image, foot: Image) -> Image:
    """Return the grain and the stains of stone, about 1."""
    fade = 1 / (1 + (foot / 0.03) ** 2)
    grain = sample(photo_texture("gravel"), x, z, 420) * fade
    stains = sample(fractal_noise(rng, 256, 1.4), x, z, 32)
    patches = sample(fractal_noise(rng, 256, 1.1), x, z, 110) * 1 / (1 + (foot / 0.1) ** 2)
    return 1 + 0.035 * grain + 0.05 * stains + 0.028 * patches


def _blend(picture: Image, colour: tuple[int, int, int], light: Image, weight: Image) -> Image:
    target = np.asarray(colour, np.float32) * light[..., None]
    return picture + (target - picture) * weight[..., None]


def _lawn_edge(x: Image, z: Image, rough: Image) -> Image:
    """Return how much of each pixel is lawn; the edge is frayed by `rough`."""
    inside = np.minimum(x - LAWN_X, z - LAWN_Z) + 0.05 * rough
    return smoothstep(0.0, 0.08, inside)


def paint_ground(rng: np.random.Generator, view: View, scale: int) -> Image:
    """Paint the ground as seen by `view`, at `scale` pixels a pixel: (H * scale, W * scale, 3) float32 BGR, 0–255."""
    u, v = np.meshgrid(
        (np.arange(view.width * scale, dtype=np.float32) + 0.5) / scale,
        (np.arange(view.height * scale, dtype=np.float32) + 0.5) / scale,
    )
    x, z = view.ground(u, np.maximum(v, view.horizon + 2))
    x, z = x.astype(np.float32), z.astype(np.float32)
    foot = z / np.maximum(v - view.horizon, 2) / scale
    table = rng.standard_normal(4096).astype(np.float32)
    stone = _stone(rng, x, z, foot)
    rough = sample(fractal_noise(rng, 256, 0.9), x, z, 60)
    picture = _paint_paving(x, z, foot, table, stone)
    picture = _paint_lawn(rng, picture, x, z, foot, stone, rough)
    return cv2.GaussianBlur(picture, (0, 0), 0.35 * scale)


def _paint_paving(x: Image, z: Image, foot: Image, table: Image, stone: Image) -> Image:
    """Paint slabs, bands of setts, the pavement along the houses, its kerb and gutter."""
    slabs = _bond(x, z, (0.8, 0.4), 0.007, foot, table) * stone
    picture = np.asarray(SLAB, np.float32) * slabs[..., None]
    band = smoothstep(0.0, 0.04, 0.3 - np.abs(np.mod(x + 1.35, 3.2) - 1.6))
    setts = _bond(x, z, (0.12, 0.1), 0.008, foot, table) * stone
    picture = _blend(picture, SETT, setts, band)
    pavement = _bond(x, z, (0.5, 0.5), 0.006, foot, table) * stone
    picture = _blend(picture, PAVEMENT, pavement, smoothstep(0.0, 0.03, z - KERB_Z))
    kerb = smoothstep(0.09, 0.06, np.abs(z - KERB_Z)) * (x < LAWN_X)
    picture = _blend(picture, KERB, stone, kerb)
    gutter = smoothstep(0.12, 0.05, np.abs(z - KERB_Z + 0.17)) * (x < LAWN_X)
    return picture * (1 - 0.25 * gutter[..., None])


def _paint_lawn(
    rng: np.random.Generator, picture: Image, x: Image, z: Image, foot: Image, stone: Image, rough: Image
) -> Image:
    """Paint the lawn and the stone border around it over `picture`."""
    blades = sample(photo_texture("grass"), x, z * 0.6, 200) / (1 + (foot / 0.08) ** 2)
    clumps = sample(fractal_noise(rng, 256, 1.0), x, z, 40)
    lawn = _lawn_edge(x, z, rough)
    picture = _blend(picture, LAWN, 1 + 0.2 * blades + 0.12 * clumps, lawn)
    border = smoothstep(0.16, 0.1, np.abs(np.minimum(x - LAWN_X, z - LAWN_Z) + 0.02))
    return _blend(picture, KERB, stone * 0.92, border)
