"""Foliage: trees, a clipped hedge, shrubs."""

from __future__ import annotations

import cv2
import numpy as np

from gctr.datasets.scene.texture import Image, smoothstep
from gctr.datasets.scene.view import View


def foliage(
    rng: np.random.Generator, size: tuple[int, int], dark: tuple, light: tuple, lobes: int
) -> tuple[Image, Image]:
    """Draw a mass of leaves, (height, width): its picture and coverage. Lobes are lit from the upper left."""
    height, width = size
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    cover = np.zeros(size, np.float32)
    light_map = np.zeros(size, np.float32)
    for _ in range(lobes):
        angle, reach = rng.uniform(0, 2 * np.pi), np.sqrt(rng.uniform(0, 1))
        cx = width * (0.5 + 0.34 * reach * np.cos(angle))
        cy = height * (0.5 + 0.34 * reach * np.sin(angle))
        radius = min(width, height) * rng.uniform(0.10, 0.20)
        d = np.hypot(x - cx, y - cy) / radius
        lobe = smoothstep(1.0, 0.8, d)
        shade = 0.5 - 0.32 * (x - cx) / radius - 0.42 * (y - cy) / radius
        light_map += (shade + 0.3 * (0.5 - cy / height) - light_map) * lobe * 0.85
        cover = np.maximum(cover, lobe)
    leaves: Image = rng.standard_normal((height // 3 + 1, width // 3 + 1)).astype(np.float32)
    leaves = cv2.resize(leaves, (width, height), interpolation=cv2.INTER_CUBIC)
    cover = smoothstep(0.35, 0.65, cover + 0.30 * leaves * (cover > 0.02))
    tone = np.clip(light_map + 0.22 * leaves, 0, 1)[..., None]
    return np.asarray(dark, np.float32) * (1 - tone) + np.asarray(light, np.float32) * tone, cover


def paste(picture: Image, layer: Image, cover: Image, left: int, top: int) -> None:
    """Lay a drawing over the picture, its upper left corner at (left, top); what sticks out is cut."""
    height, width = cover.shape
    y0, x0 = max(top, 0), max(left, 0)
    y1, x1 = min(top + height, picture.shape[0]), min(left + width, picture.shape[1])
    if y1 <= y0 or x1 <= x0:
        return
    window = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
    part = picture[y0:y1, x0:x1]
    part += (layer[window] - part) * cover[window][..., None]


def paint_tree(
    rng: np.random.Generator, view: View, scale: int, picture: Image, x: float, z: float, height: float
) -> None:
    """Paint a tree of `height` metres at (x, z)."""
    per_metre = view.focal / z * scale
    base = view.project(np.array([x, 0.0, z])) * scale
    trunk = round(0.13 * per_metre)
    top = base[1] - 0.55 * height * per_metre
    cv2.rectangle(
        picture,
        (round(base[0] - trunk), round(top)),
        (round(base[0] + trunk), round(base[1])),
        (44, 54, 62),
        -1,
    )
    size = (round(0.75 * height * per_metre), round(0.8 * height * per_metre))
    layer, cover = foliage(rng, size, (30, 44, 34), (78, 132, 112), 46)
    haze = min(0.35, z / 120)
    layer = layer * (1 - haze) + np.asarray((206, 206, 200), np.float32) * haze
    paste(picture, layer, cover, round(base[0] - size[1] / 2), round(base[1] - height * per_metre))


def paint_hedge(rng: np.random.Generator, view: View, scale: int, picture: Image) -> None:
    """Paint the clipped hedge behind the lawn."""
    per_metre = view.focal / 20.5 * scale
    left, base = view.project(np.array([5.2, 0.0, 20.5])) * scale
    width, height = round(9 * per_metre), round(1.15 * per_metre)
    layer, _ = foliage(rng, (height, width), (34, 50, 36), (74, 122, 98), 60)
    ramp = np.linspace(1.12, 0.55, height, dtype=np.float32)[:, None]
    noise = cv2.resize(
        rng.standard_normal((height // 2 + 1, width // 2 + 1)).astype(np.float32), (width, height)
    )
    leaves = np.asarray((52, 86, 66), np.float32) * (ramp * (1 + 0.24 * noise))[..., None]
    layer = 0.4 * layer + 0.6 * leaves
    edge = smoothstep(0.0, 4.0, np.arange(height, dtype=np.float32)[:, None] + 2 * noise)
    paste(picture, layer, edge, round(left), round(base - height))
