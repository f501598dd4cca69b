"""The camera's eyes: a fixed view's frames in, its masked objects on the registered plate out. It holds no key.

For each segment: foreground and tracks frame by frame; gaps filled backward; faces found, filled in over time, taken
out into patches and painted over, heads where no face is sure (`gctr.vision.covers`); everything outside the objects
replaced by the plate. If the face detector fails, every object is masked whole and the camera goes on. When the plate
no longer explains the picture, because light or view changed for good, a new one is made (`gctr.vision.plate`).

Paper: section 3 a) to d).

Limits: those of `gctr.vision.covers`; one fixed view at a time; faces and, with a finder of people, people who stand
still while a plate is registered are masked in it, for good; between a change of light and the new plate, objects stand
in the new light on a plate in the old.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple, get_args, get_type_hints

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from gctr.parties.messages import MAX_FRAMES, CameraId, Mode
from gctr.vision.background import boxes_to_mask, register_plate
from gctr.vision.coding import DEFAULT_QP
from gctr.vision.covers import Cover, confine, cover_objects
from gctr.vision.faces import CenterFace, DetectorError, FaceDetector, detect_safely
from gctr.vision.following import CoverSettings, Face, FaceFollower, Policy
from gctr.vision.masking import Kind as MaskKind
from gctr.vision.masking import MaskStyle, Patch, cut, grow_boxes, hide_faces, paint, split_boxes
from gctr.vision.plate import Finder, PlateKeeper, PlateWatch
from gctr.vision.roi import cells_to_mask, find_boxes
from gctr.vision.running import CELL, RunningBackground
from gctr.vision.tracks import Track, Tracker, fill_gaps

Image = NDArray[np.uint8]
Exact = Literal["all", "faces", "none"]
EXACT: tuple[Exact, ...] = get_args(Exact)


@dataclass(frozen=True)
class CameraSettings:
    """How one camera works.

    `camera` is its name; `mode` encrypts messages; `segment_frames` go into one segment; `qp` is the video's
    quantisation parameter; `block` the coding block in pixels; `face_threshold` the lowest score of a face;
    `face_margin` widens a face's box by this share on each side; `policy` says what of a person is masked; the
    detector is asked every `face_every` frames; `mask` is the kind of mask, `mask_shape` its
    outline: box or ellipse; `seal` says whether all masked pixels travel sealed, or faces alone, so that heads and
    bodies masked for want of a face are gone for good; `exact` says which of it comes back byte for byte (all, faces,
    none) at eleven bits a pixel and more, and which as video, like all that is not masked; a new background is
    registered when the present one has not explained the picture for `renew_after` frames, 0 for never.

    Raises
    ------
    ValueError
        If a setting is outside its limits.
    """

    camera: CameraId = "cam-1"
    mode: Mode = "bucket_gcm"
    segment_frames: Annotated[int, Meta(ge=1, le=MAX_FRAMES)] = 50
    qp: Annotated[int, Meta(ge=0, le=51)] = DEFAULT_QP
    block: Annotated[int, Meta(ge=1, le=64)] = 16
    face_threshold: Annotated[float, Meta(ge=0, le=1)] = 0.2
    face_margin: Annotated[float, Meta(ge=0, le=5)] = 0.2
    policy: Policy = "face"
    face_every: Annotated[int, Meta(ge=1)] = 3
    mask: MaskKind = "solid"
    mask_shape: Literal["box", "ellipse"] = "box"
    seal: Literal["all", "faces"] = "all"
    exact: Exact = "faces"
    renew_after: Annotated[int, Meta(ge=0)] = 250

    def __post_init__(self) -> None:
        for name, kind in get_type_hints(type(self), include_extras=True).items():
            value = getattr(self, name)
            try:
                msgspec.convert(value, kind)
            except msgspec.ValidationError as error:
                raise ValueError(f"no camera has the setting {name} = {value!r}: {error}") from None


class Followed(NamedTuple):
    """The objects of one frame, and its cells of 8x8 px in which something moves, (ceil(H / 8), ceil(W / 8)) bool."""

    tracks: list[Track]
    cells: NDArray[np.bool_]


class Observation(NamedTuple):
    """What the camera makes of one frame; images are (H, W, 3) uint8 BGR.

    `captured` never leaves the camera. `covers` say what is masked, whose it is and why; `faces` are the masked
    boxes, (N, 4) int32 xyxy, where something is sent; `patches` their original pixels by track; `objects` the masked
    objects on the plate, which is what is coded; `region` (H, W) bool where they are the frame's pixels, everything
    else is the plate's.
    """

    time: float
    captured: Image
    tracks: list[Track]
    faces: NDArray[np.int32]
    patches: dict[int, list[Patch]]
    objects: Image
    region: NDArray[np.bool_]
    covers: tuple[Cover, ...] = ()


class Observer:
    """Finds and masks the objects of one view.

    Parameters
    ----------
    settings : CameraSettings
    detector : FaceDetector, optional
        CenterFace by default.
    find_people : callable, optional
        (H, W, 3) uint8 BGR image to (N, 4) xyxy boxes of people, such as `gctr.vision.objects.FastestDet.find_people`;
        beside the face detector it keeps people out of plates.

    Attributes
    ----------
    plate : (H, W, 3) uint8
        The registered background, BGR.
    """

    plate: Image

    def __init__(
        self,
        settings: CameraSettings,
        detector: FaceDetector | None = None,
        find_people: Finder | None = None,
    ) -> None:
        self.settings = settings
        self._detector = detector or CenterFace(settings.face_threshold)
        self._find_people = find_people
        self._covering = CoverSettings(settings.policy, settings.face_margin, settings.face_every)
        # The scrambling key is forgotten with the camera: the sealed patches are the way back.
        self._style = MaskStyle(settings.mask, settings.mask_shape == "ellipse", key=os.urandom(32))
        self._tracker = Tracker()
        self._follower = FaceFollower(self._detector, self._covering)
        self._keeper = PlateKeeper(PlateWatch(patience=max(1, settings.renew_after)), self._in_plate)

    def register(self, frames: Iterable[Image]) -> Image:
        """Build and adopt the plate of the empty scene from frames spread over time; return it."""
        plate = register_plate(frames)
        self.adopt(hide_faces(plate, self._in_plate(plate))[0])
        return self.plate

    def adopt(self, plate: Image) -> None:
        """Take a plate, (H, W, 3) uint8 BGR. Live tracks end, and none of their ids is given again."""
        self.plate = plate
        self._model = RunningBackground(plate)
        self._tracker.clear(_resolution_wh(plate))

    def renewed(self) -> Image | None:
        """Return a plate to adopt if the present one is out of date and nobody is seen in the new one, else None."""
        try:
            return self._keeper.next_plate() if self.settings.renew_after else None
        except DetectorError:
            return None  # nobody knows who is in it: not now

    def follow(self, images: Sequence[Image]) -> list[Followed]:
        """Return the objects of each frame of a segment, gaps filled; updates background and tracks."""
        seen, moving = [], []
        held = np.empty((0, 4), np.int32)
        for image in images:
            boxes = find_boxes(self._model.apply(image, held), block=self.settings.block)
            seen.append(self._tracker.update(boxes))
            moving.append(self._model.cells.copy())
            self._keeper.see(image, moving[-1], self._model.exposure)
            held = _boxes(seen[-1])
        return [Followed(*row) for row in zip(fill_gaps(seen), moving, strict=True)]

    def mask(self, timed: Sequence[tuple[float, Image]], followed: Sequence[Followed]) -> list[Observation]:
        """Mask the faces of a segment's objects and drop everything else.

        Parameters
        ----------
        timed : sequence of (float, (H, W, 3) uint8 BGR array)
        followed : sequence of Followed
            From `follow`, for the same frames.
        """
        faces = self.look([image for _, image in timed], followed, [time for time, _ in timed])
        return [self._observe(*row) for row in zip(timed, followed, faces, strict=True)]

    def look(
        self, images: Sequence[Image], followed: Sequence[Followed], times: Sequence[float] | None = None
    ) -> list[list[Face] | None]:
        """Find and follow the faces of a segment; None for frames in which nobody knows."""
        return self._follower.follow(images, [frame.tracks for frame in followed], times)

    def _observe(
        self, timed: tuple[float, Image], followed: Followed, faces: list[Face] | None
    ) -> Observation:
        time, image = timed
        cells = _sent_cells(followed)
        covers = cover_objects(faces, followed.tracks, self._covering, _resolution_wh(image))
        # Painted whole, because a mosaic of a strip hides little; sealed where something is sent.
        masked = paint(image, [cover.xyxy for cover in covers], self._style, self.plate)
        sent = confine(covers, cells, CELL)
        boxes = np.array([cover.xyxy for cover in sent], np.int32).reshape(-1, 4)
        patches: dict[int, list[Patch]] = {}
        for cover, parts in zip(sent, split_boxes(boxes), strict=True):
            if parts and (self.settings.seal == "all" or cover.is_face):
                exact = {"all": True, "faces": cover.is_face, "none": False}[self.settings.exact]
                patches.setdefault(cover.track_id, []).extend(cut(image, parts, exact=exact))
        size = image.shape[:2]
        region = cells_to_mask(cells, CELL, size) & boxes_to_mask(_boxes(followed.tracks), size)
        objects = np.where(region[..., None], masked, self.plate)
        return Observation(time, image, followed.tracks, boxes, patches, objects, region, tuple(covers))

    def _in_plate(self, plate: Image) -> NDArray[np.int32]:
        """Return the boxes of faces and people in a plate: what is registered, the cloud can see."""
        found = detect_safely(self._detector, plate)
        boxes = [grow_boxes(found[:, :4], self.settings.face_margin, _resolution_wh(plate))]
        if self._find_people is not None:
            try:
                people = self._find_people(plate)
            except Exception as error:  # as of a face detector: nobody knows who is in it
                raise DetectorError(f"the finder of people failed: {type(error).__name__}") from error
            boxes.append(grow_boxes(people, 0.0, _resolution_wh(plate)))
        return np.concatenate(boxes)


def _resolution_wh(image: Image) -> tuple[int, int]:
    return image.shape[1], image.shape[0]


def _sent_cells(followed: Followed) -> NDArray[np.bool_]:
    """Return the cells of which something is sent: what moves, and all of an object that was lost for a while."""
    cells = followed.cells.copy()
    for track in followed.tracks:
        if track.missed:
            x0, y0, x1, y1 = track.xyxy
            cells[y0 // CELL : -(-y1 // CELL), x0 // CELL : -(-x1 // CELL)] = True
    return cells


def _boxes(tracks: Sequence[Track]) -> NDArray[np.int32]:
    return np.array([track.xyxy for track in tracks], np.int32).reshape(-1, 4)
