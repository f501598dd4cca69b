"""Put a frame together: the plate, shadows, walkers from far to near, what stands before them, light, sensor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import cv2
import numba
import numpy as np
from numpy.typing import NDArray

from gctr.datasets.clip import Frame
from gctr.datasets.scene import light, raster, sensor
from gctr.datasets.scene.body import EYE_HEIGHT, Placed, place, pose, rasterable
from gctr.datasets.scene.params import SceneParams
from gctr.datasets.scene.people import Walker, people
from gctr.datasets.scene.plate import Plate, plate
from gctr.datasets.scene.props import SHADE
from gctr.datasets.scene.texture import Image, fractal_noise
from gctr.datasets.scene.view import View

MARGIN = 48  # pixels drawn beyond the frame, so that a face at the edge is known in full
LENS = 0.45  # sigma of the walkers' blur in pixels, that of the plate
SOLID = 0.5  # coverage from which a pixel belongs to a walker
FAINT = 1 / 64  # coverage that is cut to none
SHADOW, UNKNOWN, MOVING = 50, 170, 255  # CDnet's labels


@dataclass(frozen=True, eq=False)
class Figure:
    """A walker drawn for one frame: `layer` (h, w, 4) colour times alpha and alpha, `face` (h, w) coverage, origin."""

    walker: Walker
    placed: Placed
    layer: Image
    face: Image
    x0: int
    y0: int
    z: float
    yaw: float  # of the head, seen from the camera: 0 looks into it, radians


@numba.njit(cache=True, nogil=True)
def _lay(picture, cover, ids, layer, hidden, vignette, x0, y0, track_id):  # type: ignore[no-untyped-def]
    """Composite one walker; `hidden` is the coverage of what stands in front of him."""
    for v in range(layer.shape[0]):
        y = y0 + v
        if y < 0 or y >= picture.shape[0]:
            continue
        for u in range(layer.shape[1]):
            x = x0 + u
            if x < 0 or x >= picture.shape[1]:
                continue
            alpha = layer[v, u, 3] * (1 - hidden[y, x])
            if alpha < FAINT:
                continue
            seen = (1 - hidden[y, x]) * vignette[y, x]
            for c in range(3):
                picture[y, x, c] = picture[y, x, c] * (1 - alpha) + layer[v, u, c] * seen
            cover[y, x] = 1 - (1 - cover[y, x]) * (1 - alpha)
            if alpha >= SOLID:
                ids[y, x] = track_id


class Scene:
    """A synthetic scene: any frame, and everything true about it, from its number.

    Parameters
    ----------
    params : SceneParams
    """

    def __init__(self, params: SceneParams) -> None:
        sensor.compressor(params.compression)
        self.params = params
        self.view = View(*params.resolution_wh)

    @cached_property
    def plate(self) -> Plate:
        """The empty scene before light and noise."""
        return plate(self.view)

    @cached_property
    def walkers(self) -> list[Walker]:
        """Everybody who comes by."""
        return people(self.params, self.view)

    @cached_property
    def _folds(self) -> Image:
        rng = np.random.default_rng(7)
        return np.clip(fractal_noise(rng, 256, 2.2) + 0.15 * fractal_noise(rng, 256, 0.6), -2.5, 2.5)

    def _check(self, k: int) -> None:
        if not 0 <= k < self.params.n_frames:
            raise IndexError(f"frame {k} of a clip of {self.params.n_frames} frames")

    def gain(self, k: int) -> NDArray[np.float32]:
        """Return the light of frame k as factors on B, G, R."""
        return light.gain(self.params, float(self.plate.picture.mean()), k)

    def background(self, k: int | None = None) -> Frame:
        """Return the empty scene without noise, (H, W, 3) uint8 BGR: in the light of frame k, or in its mean light."""
        gain = (
            np.full(3, self.params.brightness, np.float32) * 0 + self._mean_gain()
            if k is None
            else self.gain(k)
        )
        return self._expose(self.plate.picture, gain, None)

    def _mean_gain(self) -> NDArray[np.float32]:
        return np.mean([self.gain(k) for k in range(0, self.params.n_frames, 5)], axis=0, dtype=np.float32)

    def _expose(self, picture: Image, gain: NDArray[np.float32], k: int | None) -> Frame:
        frame = np.empty(picture.shape, np.uint8)
        sigma = self.params.noise_sigma if k is not None else 0.0
        luma, chroma = sensor.noise(
            self.params.seed, k or 0, picture.shape[:2], sigma, self.params.chroma_noise
        )
        sensor.expose(picture, gain, luma, chroma, frame)
        return frame

    def figures(self, k: int) -> list[Figure]:
        """Draw the walkers of frame k, from far to near."""
        drawn = (self._figure(walker, k) for walker in self.walkers if k in walker.motion.frames)
        return sorted((figure for figure in drawn if figure is not None), key=lambda figure: -figure.z)

    def _figure(self, walker: Walker, k: int) -> Figure | None:
        motion, row, look = walker.motion, k - walker.motion.first, walker.look
        joints = pose(motion.phase[row], motion.stride[row], walker.walk.pose, motion.settle[row], look.slim)
        x, z = float(motion.x[row]), float(motion.z[row])
        placed = place(joints, x, z, motion.yaw[row], motion.head_yaw[row], walker.height)
        parts, profiles = rasterable(placed, look.parts, look.index, self.view)
        window = self._window(parts, profiles)
        if window is None:
            return None
        x0, y0, x1, y1 = window
        size = raster.SUPER
        parts[:, [raster.AX, raster.BX]] -= x0 * size
        parts[:, [raster.AY, raster.BY]] -= y0 * size
        shape = ((y1 - y0) * size, (x1 - x0) * size)
        depth, colour = np.full(shape, -1e9, np.float32), np.empty((*shape, 3), np.float32)
        is_face = np.zeros(shape, np.uint8)
        level = int(np.clip(np.log2(raster.FACE_PER_METRE / (self.view.focal / z * size) + 1e-9) + 0.3, 0, 2))
        face, bare = walker.face(row, level), 1.0 if walker.walk.face else 0.0
        raster.draw_parts(
            parts,
            profiles,
            look.materials,
            self._folds,
            face,
            bare,
            look.hair,
            EYE_HEIGHT,
            depth,
            colour,
            is_face,
        )
        layer, faces = np.empty((y1 - y0, x1 - x0, 4), np.float32), np.empty((y1 - y0, x1 - x0), np.float32)
        raster.resolve(depth, colour, is_face, layer, faces)
        layer = cv2.GaussianBlur(layer, (3, 3), LENS)
        yaw = float(motion.head_yaw[row] + np.arctan2(x, z))
        return Figure(walker, placed, layer, faces, x0, y0, z, float(np.angle(np.exp(1j * yaw))))

    def _window(self, parts: NDArray, profiles: NDArray) -> tuple[int, int, int, int] | None:
        """Return the pixels that a figure may touch, cut to the frame and its margin; None if there are none."""
        reach = profiles[:, :2].max(axis=(1, 2)) * np.maximum(
            parts[:, raster.SCALE_A], parts[:, raster.SCALE_B]
        )
        x = parts[:, [raster.AX, raster.BX]] / raster.SUPER
        y = parts[:, [raster.AY, raster.BY]] / raster.SUPER
        reach = reach[:, None] / raster.SUPER
        x0, y0 = max(int((x - reach).min()) - 3, -MARGIN), max(int((y - reach).min()) - 3, -MARGIN)
        x1 = min(int((x + reach).max()) + 4, self.view.width + MARGIN)
        y1 = min(int((y + reach).max()) + 4, self.view.height + MARGIN)
        return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None

    def _hidden(self, z: float) -> Image:
        """Return the coverage of the furniture that stands nearer than `z`."""
        return self._covers[sum(occluder.z < z for occluder in self.plate.occluders)]

    @cached_property
    def _covers(self) -> list[Image]:
        covers = [np.zeros((self.view.height, self.view.width), np.float32)]
        for occluder in sorted(self.plate.occluders, key=lambda occluder: occluder.z):
            cover = covers[-1].copy()
            cover[occluder.window] = np.maximum(cover[occluder.window], occluder.cover)
            covers.append(cover)
        return covers

    def _darkness(self, figures: list[Figure], k: int) -> Image:
        """Return the shadows on the ground, 0–1; furniture keeps its light."""
        shade = np.zeros((self.view.height, self.view.width), np.uint8)
        soft = np.zeros_like(shade)
        for figure in figures:
            light.cast(shade, soft, figure.placed, self.view)
        dark = light.darkness(shade, soft, self.view)
        return dark * (1 - self._covers[-1])

    def compose(self, k: int) -> tuple[Image, Image, NDArray[np.int32], Image, list[Figure]]:
        """Return frame k before light and sensor, its walkers' coverage, track ids (0: none), shadows, and figures."""
        self._check(k)
        figures = self.figures(k)
        dark = self._darkness(figures, k)
        strength = self.params.shadow / 0.42 * (1 - 0.8 * light.cloud(self.params, k))
        picture = (
            self.plate.picture * (1 - strength * dark[..., None] * (1 - SHADE))
            if figures
            else self.plate.picture.copy()
        )
        cover = np.zeros(dark.shape, np.float32)
        ids = np.zeros(dark.shape, np.int32)
        for figure in figures:
            hidden = self._hidden(figure.z)
            _lay(
                picture,
                cover,
                ids,
                figure.layer,
                hidden,
                self.plate.vignette,
                figure.x0,
                figure.y0,
                figure.walker.track_id,
            )
        return picture.astype(np.float32, copy=False), cover, ids, dark, figures

    def raw_frame(self, k: int) -> Frame:
        """Return frame k with its noise, before compression: (H, W, 3) uint8 BGR."""
        picture = self.compose(k)[0]
        return self._expose(picture, self.gain(k), k)

    def frames(self) -> Iterator[Frame]:
        """Yield all frames in order."""
        raw = (self.raw_frame(k) for k in range(self.params.n_frames))
        return sensor.compress(raw, self.params.compression, self.params.fps)

    def labels(self, k: int) -> NDArray[np.uint8]:
        """Return frame k's CDnet labels: 255 where a walker covers half a pixel or more, 170 where less, 50 shadow, 0."""
        _, cover, ids, dark, _ = self.compose(k)
        labels = np.where(dark > 0, np.uint8(SHADOW), np.uint8(0))
        labels[cover > 0] = UNKNOWN
        labels[ids > 0] = MOVING
        return labels
