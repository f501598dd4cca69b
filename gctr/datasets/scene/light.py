"""The light over time, and the shadows of the walkers on the ground."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from gctr.datasets.scene.anatomy import STATURE
from gctr.datasets.scene.body import Placed
from gctr.datasets.scene.params import SceneParams
from gctr.datasets.scene.texture import Image
from gctr.datasets.scene.view import View, on_ground

# Shadows are thrown by these joints' axes; radius in metres
_CASTERS = (
    ("crotch", "waist", 0.15),
    ("waist", "neck", 0.17),
    ("chin", "crown", 0.085),
    *((f"hip_{s}", f"knee_{s}", 0.085) for s in "lr"),
    *((f"knee_{s}", f"ankle_{s}", 0.060) for s in "lr"),
    *((f"heel_{s}", f"toe_{s}", 0.050) for s in "lr"),
    *((f"shoulder_{s}", f"elbow_{s}", 0.055) for s in "lr"),
    *((f"elbow_{s}", f"finger_{s}", 0.042) for s in "lr"),
)
_RING = np.linspace(0, 2 * np.pi, 8, endpoint=False)
# Shadow below this is cut to none, so that the ground is untouched outside the truth's shadow label
FLOOR = 0.04


def cloud(params: SceneParams, k: int) -> float:
    """Return how much a cloud covers the sun in frame k, 0–1: it comes and goes once, at `cloud_at` of the clip."""
    seconds = k / params.fps - params.cloud_at * params.n_frames / params.fps
    return float(np.exp(-((seconds / 1.4) ** 2)))


def gain(params: SceneParams, background_mean: float, k: int) -> NDArray[np.float32]:
    """Return the factors on B, G, R that the light of frame k puts on the scene."""
    seconds = k / params.fps
    phase = 2 * np.pi * (params.seed % 89) / 89
    level = params.brightness * (1 + params.drift * np.sin(2 * np.pi * seconds / 23.0 + phase))
    level *= 1 - params.cloud_depth * cloud(params, k)
    if params.exposure_step is not None and k >= params.exposure_step[0]:
        level *= max(1 + params.exposure_step[1] / (background_mean * params.brightness), 0.02)
    warm = params.warmth
    return (level * np.array([1 - 0.5 * warm, 1 - 0.08 * warm, 1 + 0.3 * warm])).astype(np.float32)


def cast(shade: NDArray[np.uint8], soft: NDArray[np.uint8], placed: Placed, view: View) -> None:
    """Draw a walker's shadow: what is near the ground into `shade`, the rest, with its wider penumbra, into `soft`."""
    scale = placed.height / STATURE
    ends = np.array([[placed.joints[a], placed.joints[b]] for a, b, _ in _CASTERS])
    radii = np.array([r for _, _, r in _CASTERS]) * scale
    ring = np.stack([np.cos(_RING), np.zeros(8), np.sin(_RING)], axis=1)
    ground = on_ground(ends)[:, :, None, :] + radii[:, None, None, None] * ring
    ground[..., 2] = np.maximum(ground[..., 2], 0.4)
    outline = (view.project(ground).reshape(len(_CASTERS), -1, 2) * 16).astype(np.int32)
    _contact(soft, placed, view)
    for points, (a, _, _) in zip(outline, _CASTERS, strict=True):
        canvas = shade if a.startswith(("knee", "heel")) else soft
        cv2.fillConvexPoly(canvas, cv2.convexHull(points), 255, cv2.LINE_AA, 4)


def _contact(canvas: NDArray[np.uint8], placed: Placed, view: View) -> None:
    """Darken the ground around the feet, which see less of the sky."""
    feet = (placed.joints["ankle_l"] + placed.joints["ankle_r"]) / 2
    ring = feet * [1, 0, 1] + 0.30 * np.stack([np.cos(_RING), np.zeros(8), np.sin(_RING)], axis=1)
    ring[:, 2] = np.maximum(ring[:, 2], 0.4)
    points = (view.project(ring) * 16).astype(np.int32)
    cv2.fillConvexPoly(canvas, cv2.convexHull(points), 96, cv2.LINE_AA, 4)


def darkness(shade: NDArray[np.uint8], soft: NDArray[np.uint8], view: View) -> Image:
    """Blur and join the two canvases into (H, W) float32 darkness, 0–1, exactly 0 away from shadows."""
    unit = view.height / 360
    near = cv2.GaussianBlur(shade, (0, 0), 1.1 * unit)
    far = cv2.GaussianBlur(soft, (0, 0), 2.6 * unit)
    full = np.maximum(near, far).astype(np.float32) / 255
    return np.maximum(full - FLOOR, 0) / (1 - FLOOR)
