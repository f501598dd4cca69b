"""The empty scene: everything that does not move, as the lens sees it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from gctr.datasets.scene.ground import paint_ground
from gctr.datasets.scene.houses import paint_houses
from gctr.datasets.scene.props import Occluder, paint_props
from gctr.datasets.scene.texture import Image
from gctr.datasets.scene.view import View

SCALE = 2  # the plate is painted this much finer than the frame
PLATE_SEED = 41  # the place is the same whatever the clip's seed: cameras do not move house


@dataclass(frozen=True, eq=False)
class Plate:
    """The empty scene (H, W, 3) float32 BGR 0–255, the lens's fall-off (H, W), and what stands in front of walkers."""

    picture: Image
    vignette: Image
    occluders: list[Occluder]


@lru_cache(maxsize=4)
def plate(view: View) -> Plate:
    """Paint the empty scene for a view."""
    rng = np.random.default_rng(PLATE_SEED)
    picture = paint_ground(rng, view, SCALE)
    picture = paint_houses(rng, view, SCALE, picture)
    occluders = paint_props(rng, view, SCALE, picture)
    picture = cv2.GaussianBlur(picture, (0, 0), 0.45 * SCALE)  # the lens
    picture = cv2.resize(picture, (view.width, view.height), interpolation=cv2.INTER_AREA)
    vignette = _vignette(view)
    return Plate(np.clip(picture * vignette[..., None], 0, 250), vignette, occluders)


def _vignette(view: View) -> Image:
    x = np.linspace(-1, 1, view.width, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, view.height, dtype=np.float32)[:, None] * view.height / view.width
    return 1 - 0.16 * (x * x + y * y) / (1 + (view.height / view.width) ** 2)
