"""The synthetic scene: CCTV-like footage of a plaza with exact truth, made from a seed.

People walk over a paved plaza in front of a row of shops, towards the camera and away from it; they cross,
hide each other, pass behind a lamp post, stop and go on. Their heads carry photographs of real faces.
Everything that is true of a frame follows from its number: pixel masks, tracks, faces with identity, the
empty background.

Faces: the ORL database, by courtesy of AT&T Laboratories Cambridge; textures of grass and gravel: CC0
photographs shipped with scikit-image.

Limits, by design: one camera, level and fixed; heads stay upright; shadows fall on the ground, not on
walkers, furniture or walls; clothes do not flutter; no motion blur; a photograph's pose does not follow the
head's turn beyond what the projection gives. Frames are the same byte for byte for the same parameters on the
same versions of numpy, OpenCV and FFmpeg.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, partial
from typing import Any

import cv2
import msgspec
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gctr.datasets.clip import BOX_COLUMNS, FACE_COLUMNS, Clip, Frame, Truth, box_table
from gctr.datasets.scene.cache import SceneCache, scene_cache, scene_digest
from gctr.datasets.scene.figure import SOLID, Figure
from gctr.datasets.scene.params import load_params, scene_names
from gctr.datasets.scene.render import Scene
from gctr.datasets.sequences import decode_picture
from gctr.datasets.store import cache_folder

__all__ = ["scene_names", "synthetic_clip"]

LEAST_PIXELS = 12  # a walker of whom fewer pixels are seen has no box in that frame
FACE_YAW = 75.0  # degrees: a head turned further shows no face
FACE_VISIBLE = 0.35  # a face of which less is seen has no box
_MORE_BOXES = ("full_x0", "full_y0", "full_x1", "full_y1", "visible")
_MORE_FACES = ("visible", "yaw")


def _bounds(mask: NDArray[np.bool_]) -> tuple[int, int, int, int] | None:
    """Return the tight xyxy box of a mask, None if it is empty."""
    rows, columns = np.nonzero(mask.any(axis=1))[0], np.nonzero(mask.any(axis=0))[0]
    if len(rows) == 0:
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


class SceneTruth(Truth):
    """The truth of a synthetic clip; its tables are made when first asked for (about half the time of the frames).

    `boxes` has, beyond `BOX_COLUMNS` with the tight box of what is seen of a walker, the box of all of him
    that lies in the frame (`full_x0` …) and the share of its pixels that are seen (`visible`). `faces` has
    the box of the whole face (brow to chin, ear to ear, cut at the frame's edge), the share of the face that
    is seen (`visible`) and the head's yaw in degrees, 0 when it looks into the camera. A face is listed while
    |yaw| <= `FACE_YAW` and `visible` >= `FACE_VISIBLE`. `mask(k)` has 255 where a walker covers half a pixel or
    more, 170 where he covers less, 50 where the ground is darker by a shadow; where it has 0 the frame is the
    background in that frame's light, exactly, before noise and compression.
    """

    _scene: Scene
    _n_frames: int

    def __init__(self, scene: Scene, n_frames: int) -> None:
        fields = {
            "mask": self._labels,
            "roi": None,
            "evaluated": None,
            "_scene": scene,
            "_n_frames": n_frames,
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        return f"SceneTruth({self._scene.params.scene!r}, {self._n_frames} frames)"

    def _labels(self, k: int) -> NDArray[np.uint8]:
        name = f"{k:06d}.png"
        data = self._scene.cache.get(name, lambda: _png(self._scene.compose(k, lit=False).labels()))
        return decode_picture(data, name, cv2.IMREAD_GRAYSCALE)

    def head(self, n: int) -> Truth:
        """Return the truth of the first `n` frames."""
        return SceneTruth(self._scene, min(n, self._n_frames))

    @cached_property
    def _tables(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        boxes: list[tuple] = []
        faces: list[tuple] = []
        for k in range(self._n_frames):
            data = self._scene.cache.get(f"{k:06d}.json", partial(self._rows, k))
            rows = msgspec.json.decode(data)
            boxes += rows["boxes"]
            faces += rows["faces"]
        return box_table(boxes, (*BOX_COLUMNS, *_MORE_BOXES)), box_table(faces, (*FACE_COLUMNS, *_MORE_FACES))

    def _rows(self, k: int) -> bytes:
        made = self._scene.compose(k, lit=False)
        rows = {"boxes": _box_rows, "faces": _face_rows}
        return msgspec.json.encode(
            {name: [row for f in made.figures for row in of(k, f, made.ids)] for name, of in rows.items()}
        )

    @property
    def boxes(self) -> pd.DataFrame:
        """One row a walker and frame."""
        return self._tables[0]

    @property
    def faces(self) -> pd.DataFrame:
        """One row a visible face and frame."""
        return self._tables[1]

    @cached_property
    def background(self) -> Frame:
        """The empty scene in the clip's mean light, without noise."""
        name = "background.png"
        data = self._scene.cache.get(name, lambda: _png(self._scene.background()))
        return decode_picture(data, name, cv2.IMREAD_COLOR)


def _png(image: NDArray[np.uint8]) -> bytes:
    return cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()


def _box_rows(k: int, figure: Figure, ids: NDArray[np.int32]) -> Iterator[tuple]:
    track_id = figure.walker.track_id
    seen = ids == track_id
    full = figure.in_frame(figure.layer[..., 3], ids.shape)
    count = int(seen.sum())
    if count >= LEAST_PIXELS:
        visible = count / max(int(full.sum()), 1)
        identity = figure.walker.identity
        yield (k, track_id, *_bounds(seen), "person", identity, *_bounds(full), min(visible, 1.0))  # type: ignore[misc]


def _face_rows(k: int, figure: Figure, ids: NDArray[np.int32]) -> Iterator[tuple]:
    yaw = np.degrees(figure.yaw)
    if abs(yaw) > FACE_YAW:
        return
    face = figure.in_frame(figure.face, ids.shape)
    box = _bounds(face)
    whole = int((figure.face >= SOLID).sum())
    if box is None or whole == 0:
        return
    visible = float((face & (ids == figure.walker.track_id)).sum()) / whole
    if visible >= FACE_VISIBLE:
        yield (k, figure.walker.track_id, *box, figure.walker.identity, visible, float(yaw))


def synthetic_clip(
    scene: str = "default",
    *,
    seed: int | None = None,
    n_frames: int | None = None,
    cache: bool = False,
    **overrides: Any,
) -> Clip:
    """Make a synthetic clip.

    Parameters
    ----------
    scene : str
        A file of `datasets/scenes/`, see `scene_names`.
    seed : int, optional
        Chooses people, clothes, photographs, noise and the walks that are not scripted.
    n_frames : int, optional
        Length in frames.
    cache : bool
        Cache frames and truth on disk (`GCTR_CACHE`) once they are made; `load("synthetic")` does.
    **overrides
        Any parameter of the scene file:

        resolution_wh : tuple of int
            (width, height) in pixels.
        fps : float
        n_walkers : int
            People on the plaza at once, 0 to 60. The first follow the scene's script; who leaves is replaced.
        face_px : tuple of float
            Smallest and largest face height, 11 to 90 pixels of a frame of 360 rows (other frames in
            proportion): how far and how near people come.
        faces : "orl" or list of (str, NDArray[uint8])
            Face source: the ORL set, or the caller's own pictures, (H, W) grey or (H, W, 3) BGR, one upright
            face each.
        photos_per_track : int
            Photographs that a track shows in turn, each for 1.6 s.
        walks : tuple of gctr.datasets.scene.walks.Walk
            The script, in place of the scene file's.
        empty_seconds : float
            Nobody is there before; with 0 those who follow no script are on their way from the start.
        noise_sigma : float
            Standard deviation of the temporal luma noise, in levels. `chroma_noise` is that of Cb and Cr in
            parts of it.
        compression : str
            "none", "jpeg:QUALITY" or "h264:CRF", applied by the camera itself.
        brightness, warmth : float
            Factor on the light, 0.02 to 1.5; shift from blue to red, -1 to 1.
        shadow : float
            How much of the light a shadow takes, 0 to 0.9.
        drift, cloud_depth, cloud_at : float
            Amplitude of the slow gain drift; how much light a passing cloud takes, and when it comes, in
            parts of the clip.
        exposure_step : tuple of (int, float)
            From this frame on the background is brighter by so many levels on average (negative: darker).

    Returns
    -------
    Clip
        Frames are made as they are asked for, alike at each iteration, in memory that grows by a few kilobytes
        a walker. Its `sha256` is that of what they are drawn from, not of the frames; None with the caller's faces.

    Raises
    ------
    DatasetError
        If there is no such scene or parameter, or a value lies outside its range.
    """
    params = load_params(scene, {"seed": seed, "n_frames": n_frames, **overrides})
    made = Scene(params, scene_cache(params, cache_folder()) if cache else SceneCache())
    return Clip(
        name="synthetic" if scene == "default" else f"synthetic-{scene}",
        fps=params.fps,
        resolution_wh=params.resolution_wh,
        n_frames=params.n_frames,
        open_timed=partial(_timed, made),
        truth=SceneTruth(made, params.n_frames),
        sha256=scene_digest(params) if params.faces == "orl" else None,
    )


def _timed(scene: Scene) -> Iterator[tuple[float, Frame]]:
    return ((k / scene.params.fps, frame) for k, frame in enumerate(scene.frames()))
