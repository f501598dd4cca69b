"""Put a frame together: the plate, shadows, walkers from far to near, what stands before them, light, sensor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from gctr.datasets.clip import Frame
from gctr.datasets.scene import light, sensor
from gctr.datasets.scene.cache import SceneCache
from gctr.datasets.scene.figure import SOLID, Figure, draw_figure
from gctr.datasets.scene.params import SceneParams
from gctr.datasets.scene.people import Cast
from gctr.datasets.scene.plate import Plate, plate
from gctr.datasets.scene.props import SHADE
from gctr.datasets.scene.raster import jit
from gctr.datasets.scene.texture import Image
from gctr.datasets.scene.view import View
from gctr.datasets.sequences import decode_picture

FAINT = 1 / 64  # coverage that is cut to none
SHADOW, UNKNOWN, MOVING = 50, 170, 255  # CDnet's labels


@jit
def _lay_shadow(empty: NDArray, dark: NDArray, taken: NDArray, picture: NDArray) -> None:
    """Write `empty` (H, W, 3) darkened by `dark` (H, W), of which a full shadow takes `taken` (3,), into `picture`."""
    for y in range(picture.shape[0]):
        for x in range(picture.shape[1]):
            for c in range(3):
                picture[y, x, c] = empty[y, x, c] * (1 - taken[c] * dark[y, x])


@jit
def _lay(
    picture: NDArray, cover: NDArray, ids: NDArray, layer: NDArray, hidden: NDArray, vignette: NDArray,
    x0: int, y0: int, track_id: int,
) -> None:  # fmt: skip
    """Composite one walker over `picture`; `hidden` is the coverage of what stands in front of him."""
    for y in range(max(y0, 0), min(y0 + layer.shape[0], picture.shape[0])):
        for x in range(max(x0, 0), min(x0 + layer.shape[1], picture.shape[1])):
            v, u = y - y0, x - x0
            alpha = layer[v, u, 3] * (1 - hidden[y, x])
            if alpha < FAINT:
                continue
            seen = (1 - hidden[y, x]) * vignette[y, x]
            for c in range(3):
                picture[y, x, c] = picture[y, x, c] * (1 - alpha) + layer[v, u, c] * seen
            cover[y, x] = 1 - (1 - cover[y, x]) * (1 - alpha)
            if alpha >= SOLID:
                ids[y, x] = track_id


@dataclass(frozen=True, eq=False)
class Composition:
    """A frame before light and sensor.

    `picture` (H, W, 3) float32 BGR; `cover` (H, W) coverage by walkers; `ids` (H, W) the track that owns each
    pixel, 0 for none; `dark` (H, W) depth of the shadows, exactly 0 outside them; `figures` from far to near.
    """

    picture: Image
    cover: Image
    ids: NDArray[np.int32]
    dark: Image
    figures: list[Figure]

    def labels(self) -> NDArray[np.uint8]:
        """Return (H, W) CDnet labels: 255 where a walker covers half a pixel or more, 170 where less, 50 shadow, 0."""
        labels = np.where(self.dark > 0, np.uint8(SHADOW), np.uint8(0))
        labels[self.cover > 0] = UNKNOWN
        labels[self.ids > 0] = MOVING
        return labels


class Scene:
    """A synthetic scene: any frame, and everything true about it, from its number.

    Parameters
    ----------
    params : SceneParams
    cache : SceneCache, optional
        Where JPEG frames, labels and truth are cached once they are drawn; by default nowhere.
    """

    def __init__(self, params: SceneParams, cache: SceneCache | None = None) -> None:
        self.params = params
        self.cache = cache or SceneCache()
        self.view = View(*params.resolution_wh)

    def __reduce__(self) -> tuple:
        """Send the parameters to another process, which draws the same: what is drawn here stays here."""
        return Scene, (self.params, self.cache)

    @cached_property
    def plate(self) -> Plate:
        """The empty scene before light and noise."""
        return plate(self.view)

    @cached_property
    def cast(self) -> Cast:
        """Everybody who comes by."""
        return Cast(self.params, self.view)

    def gain(self, k: int) -> NDArray[np.float32]:
        """Return the light of frame k as factors on B, G, R."""
        return light.gain(self.params, self._mean, k)

    @cached_property
    def _mean(self) -> float:
        return float(self.plate.picture.mean(dtype=np.float64))

    def background(self, k: int | None = None) -> Frame:
        """Return the empty scene without noise, (H, W, 3) uint8 BGR, in the light of frame k or the mean light."""
        gains = [self.gain(i) for i in (range(self.params.n_frames) if k is None else (k,))]
        return sensor.expose(self.plate.picture, np.mean(gains, axis=0, dtype=np.float32), 0, 0, 0.0, 0.0)

    def compose(self, k: int, *, lit: bool = True) -> Composition:
        """Put frame k together; without `lit` its truth only, and the picture is meaningless.

        Raises
        ------
        IndexError
            If the clip has no frame k.
        """
        if not 0 <= k < self.params.n_frames:
            raise IndexError(f"frame {k} of a clip of {self.params.n_frames} frames")
        drawn = (draw_figure(walker, k, self.view, lit=lit) for walker in self.cast.present(k))
        figures = sorted((figure for figure in drawn if figure is not None), key=lambda figure: -figure.z)
        empty, shape = self.plate.picture, (self.view.height, self.view.width)
        made = Composition(
            np.empty_like(empty),
            np.zeros(shape, np.float32),
            np.zeros(shape, np.int32),
            self._darkness(figures),
            figures,
        )
        strength = self.params.shadow / (1 - float(SHADE.mean())) * (1 - 0.8 * light.cloud(self.params, k))
        _lay_shadow(empty, made.dark, np.minimum(strength * (1 - SHADE), 1), made.picture)
        for f in figures:
            hidden, track_id = self._hidden(f.z), f.walker.track_id
            _lay(
                made.picture, made.cover, made.ids, f.layer, hidden, self.plate.vignette, f.x0, f.y0, track_id
            )
        return made

    def _hidden(self, z: float) -> Image:
        """Return the coverage of the furniture that stands nearer than `z`."""
        return self._covers[sum(occluder.z < z for occluder in self.plate.occluders)]

    @cached_property
    def _covers(self) -> list[Image]:
        """The coverage of the nearest 0, 1, 2 … groups of furniture."""
        covers = [np.zeros((self.view.height, self.view.width), np.float32)]
        for occluder in reversed(self.plate.occluders):
            covers.append(np.maximum(covers[-1], occluder.cover))
        return covers

    def _darkness(self, figures: list[Figure]) -> Image:
        """Return the shadows on the ground, 0–1; furniture keeps its light."""
        near = np.zeros((self.view.height, self.view.width), np.uint8)
        far = np.zeros_like(near)
        for figure in figures:
            light.cast(near, far, figure.placed, self.view)
        return light.darkness(near, far, self.view) * (1 - self._covers[-1])

    def raw_frame(self, k: int) -> Frame:
        """Return frame k with its noise, before compression: (H, W, 3) uint8 BGR."""
        params = self.params
        picture = self.compose(k).picture
        return sensor.expose(picture, self.gain(k), params.seed, k, params.noise_sigma, params.chroma_noise)

    def frames(self) -> Iterator[Frame]:
        """Yield all frames in order, as the camera delivers them."""
        numbers = range(self.params.n_frames)
        kind, level = sensor.compressor(self.params.compression)
        if kind == "jpeg":
            return (decode_picture(self._jpeg(k, level), f"frame {k}", cv2.IMREAD_COLOR) for k in numbers)
        raw = (self.raw_frame(k) for k in numbers)
        return sensor.through_h264(raw, level, self.params.fps) if kind == "h264" else raw

    def _jpeg(self, k: int, quality: int) -> bytes:
        """Return frame k as the camera's JPEG, which is what is cached of it."""
        return self.cache.get(f"{k:06d}.jpg", lambda: sensor.encode_jpeg(self.raw_frame(k), quality))
