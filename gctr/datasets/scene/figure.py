"""Draw one walker: pose, find what is seen, light it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from gctr.datasets.scene import raster, shade
from gctr.datasets.scene.body import Placed, place, rasterable
from gctr.datasets.scene.faces import LEVELS
from gctr.datasets.scene.gait import pose
from gctr.datasets.scene.people import Walker
from gctr.datasets.scene.texture import Image, fractal_noise
from gctr.datasets.scene.view import View

MARGIN = 48  # pixels drawn beyond the frame, so that a face at the edge is known in full
LENS = 0.45  # sigma of the walkers' blur in pixels, that of the plate
SOLID = 0.5  # coverage from which a pixel belongs to a walker

_FOLDS: Image = np.clip(
    fractal_noise(np.random.default_rng(7), 256, 2.2)
    + 0.15 * fractal_noise(np.random.default_rng(8), 256, 0.6),
    -2.5,
    2.5,
)


@dataclass(frozen=True, eq=False)
class Figure:
    """A walker drawn for one frame.

    `layer` is (h, w, 4) float32, colour times alpha and alpha; `face` (h, w) float32 the coverage by the
    face; their upper left corner lies at (x0, y0) of the frame. `z` is the depth in metres, `yaw` the head's,
    as the camera sees it: 0 looks into it, radians.
    """

    walker: Walker
    placed: Placed
    layer: Image
    face: Image
    x0: int
    y0: int
    z: float
    yaw: float

    def in_frame(self, coverage: Image, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Return a coverage of the figure as a mask over a frame of (H, W) pixels."""
        height, width = coverage.shape
        mask = np.zeros(shape, bool)
        y0, x0 = max(self.y0, 0), max(self.x0, 0)
        y1, x1 = min(self.y0 + height, shape[0]), min(self.x0 + width, shape[1])
        if y1 > y0 and x1 > x0:
            mask[y0:y1, x0:x1] = coverage[y0 - self.y0 : y1 - self.y0, x0 - self.x0 : x1 - self.x0] >= SOLID
        return mask


def draw_figure(walker: Walker, k: int, view: View, *, lit: bool) -> Figure | None:
    """Draw a walker as of frame k; None if nothing of him can be in the frame.

    Without `lit` the layer has only its alpha.
    """
    motion, row, look = walker.motion, k - walker.motion.first, walker.look
    joints = pose(motion.phase[row], motion.stride[row], walker.walk.pose, motion.settle[row], look.slim)
    x, z = float(motion.x[row]), float(motion.z[row])
    placed = place(joints, x, z, motion.yaw[row], motion.head_yaw[row], walker.height)
    parts, shapes = rasterable(placed, look.parts, look.index, view)
    window = _window(parts, shapes, view)
    if window is None:
        return None
    x0, y0, x1, y1 = window
    parts[:, [raster.AX, raster.BX]] -= x0 * raster.SUPER
    parts[:, [raster.AY, raster.BY]] -= y0 * raster.SUPER
    fine = ((y1 - y0) * raster.SUPER, (x1 - x0) * raster.SUPER)
    depth, seen = np.empty(fine, np.float32), np.empty(fine, np.int8)
    raster.find_seen(parts, shapes, look.hair, _FOLDS, depth, seen)
    layer, face = np.empty((y1 - y0, x1 - x0, 4), np.float32), np.empty((y1 - y0, x1 - x0), np.float32)
    photo = walker.face(row, _level(z, view))
    shade.paint(parts, shapes, look.materials, _FOLDS, photo, depth, seen, layer, face, lit)
    layer[:] = cv2.GaussianBlur(layer, (3, 3), LENS)
    yaw = float(motion.head_yaw[row] + np.arctan2(x, z))
    return Figure(walker, placed, layer, face, x0, y0, z, float(np.angle(np.exp(1j * yaw))))


def _level(z: float, view: View) -> int:
    """Return which of the face's textures, each half the one before, fits depth `z`."""
    shrink = shade.FACE_PER_METRE / (view.focal / z * raster.SUPER)
    return int(np.clip(np.log2(shrink) + 0.3, 0, LEVELS - 1))


def _window(parts: NDArray, shapes: NDArray, view: View) -> tuple[int, int, int, int] | None:
    """Return the pixels that a figure may touch, cut to the frame and its margin; None if there are none."""
    wide = (shapes[:, raster.WIDTH] + np.abs(shapes[:, raster.ASIDE])).max(axis=1)
    reach = (wide * np.maximum(parts[:, raster.SCALE_A], parts[:, raster.SCALE_B]) / raster.SUPER)[:, None]
    x = parts[:, [raster.AX, raster.BX]] / raster.SUPER
    y = parts[:, [raster.AY, raster.BY]] / raster.SUPER
    x0, y0 = max(int((x - reach).min()) - 3, -MARGIN), max(int((y - reach).min()) - 3, -MARGIN)
    x1 = min(int((x + reach).max()) + 4, view.width + MARGIN)
    y1 = min(int((y + reach).max()) + 4, view.height + MARGIN)
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None
