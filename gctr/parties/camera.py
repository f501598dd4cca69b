"""The camera: registers its background, finds objects, masks faces, seals and sends.

For each segment: foreground and tracks frame by frame; gaps filled backward; faces found, filled in over time, taken
out into patches and painted over, heads where no face is sure (`gctr.vision.covers`); everything outside the objects
replaced by the plate; coded, sealed, sent. An unmasked pixel leaves this module only inside a patch that is sealed
under the unmask key. If the face detector fails, every object is masked whole and the camera goes on.

Paper: section 3 a) to d), figure 1.

Limits: those of `gctr.vision.covers`; one fixed view; a person who stands still while the background is registered
becomes part of it (faces in it are masked, for good).
"""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from gctr.parties.envelope import seal
from gctr.parties.keyfile import Key
from gctr.parties.keys import PatchSealer
from gctr.parties.messages import Header, Kind, Mode, ObjectVideo, Sighting, encode
from gctr.vision.background import boxes_to_mask, register_plate
from gctr.vision.coding import DEFAULT_QP, encode_plate, encode_segment
from gctr.vision.covers import Cover, CoverSettings, Face, FaceFollower, Policy, confine, cover_objects
from gctr.vision.faces import CenterFace, FaceDetector, detect_safely
from gctr.vision.masking import Kind as MaskKind
from gctr.vision.masking import MaskStyle, Patch, cut, grow_boxes, hide_faces, paint, split_boxes
from gctr.vision.roi import cells_to_mask, find_boxes
from gctr.vision.running import CELL, RunningBackground
from gctr.vision.tracks import Track, Tracker, fill_gaps

Image = NDArray[np.uint8]


class Receiver(Protocol):
    """Whoever takes messages: the cloud, or what carries them to it."""

    def put(self, message: bytes) -> None:
        """Take one message; when this returns, it is stored."""
        ...


@dataclass(frozen=True)
class CameraSettings:
    """How one camera works.

    `camera` is its name; `mode` encrypts messages; `segment_frames` go into one segment; `qp` is the video's
    quantisation parameter; `block` the coding block in pixels; `face_threshold` the lowest score of a face;
    `face_margin` widens a face's box by this share on each side; `policy` says what of a person is masked; the
    detector is asked every `face_every` frames; `mask` is the kind of mask, `mask_shape` its
    outline: box or ellipse; `seal` says whether all masked pixels travel sealed, or faces alone, so that heads and
    bodies masked for want of a face are gone for good, at a fraction of the bytes.
    """

    camera: str = "cam-1"
    mode: Mode = "bucket_gcm"
    segment_frames: int = 50
    qp: int = DEFAULT_QP
    block: int = 16
    face_threshold: float = 0.2
    face_margin: float = 0.2
    policy: Policy = "face"
    face_every: int = 3
    mask: MaskKind = "solid"
    mask_shape: Literal["box", "ellipse"] = "box"
    seal: Literal["all", "faces"] = "all"


class Followed(NamedTuple):
    """The objects of one frame, and its cells of 8x8 px in which something moves, (ceil(H / 8), ceil(W / 8)) bool."""

    tracks: list[Track]
    cells: NDArray[np.bool_]


class Observation(NamedTuple):
    """What the camera makes of one frame; images are (H, W, 3) uint8 BGR.

    `captured` never leaves the camera. `faces` are the masked boxes, (N, 4) int32 xyxy; `patches` their original
    pixels by track; `objects` the masked objects on the plate, which is what is coded; `region` (H, W) bool where
    they are the frame's pixels, everything else is the plate's; `covers` say for each masked box whose it is and why
    it is masked.
    """

    time: float
    captured: Image
    tracks: list[Track]
    faces: NDArray[np.int32]
    patches: dict[int, list[Patch]]
    objects: Image
    region: NDArray[np.bool_]
    covers: tuple[Cover, ...] = ()


class Sent(NamedTuple):
    """A segment that the receiver acknowledged; `size` in bytes; `faces` counts masked boxes over its frames."""

    sequence: int
    n_frames: int
    tracks: int
    faces: int
    size: int


class Camera:
    """One camera and its keys.

    Parameters
    ----------
    store_key : Key
        Shared with cloud and surveillance system.
    unmask_key : Key or PatchSealer
        Shared with the surveillance system alone, or its public key; a sealer brings epoch and nonce ledger too.
    settings : CameraSettings
    detector : FaceDetector, optional
        CenterFace by default.
    """

    def __init__(
        self,
        store_key: Key,
        unmask_key: Key | PatchSealer,
        settings: CameraSettings | None = None,
        detector: FaceDetector | None = None,
    ) -> None:
        self.settings = settings or CameraSettings()
        self.store_key = store_key
        self._sealer = unmask_key if isinstance(unmask_key, PatchSealer) else PatchSealer(unmask_key)
        self._detector = detector or CenterFace(self.settings.face_threshold)
        self._covering = CoverSettings(
            self.settings.policy, self.settings.face_margin, self.settings.face_every
        )
        # The scrambling key is forgotten with the camera: the sealed patches are the way back.
        self._style = MaskStyle(self.settings.mask, self.settings.mask_shape == "ellipse", key=os.urandom(32))
        self._sequence = self._first_frame = 0

    def register(self, frames: Iterable[Image]) -> bytes:
        """Build the plate of the empty scene from frames spread over time; return the background's message."""
        plate = register_plate(frames)
        faces = self._faces(plate)  # of people who stood still: what is registered, the cloud can see
        return self.adopt(hide_faces(plate, faces)[0])

    def adopt(self, plate: Image) -> bytes:
        """Take a plate that was registered before, (H, W, 3) uint8 BGR; return the background's message."""
        self.plate = plate
        self.key_packet = encode_plate(plate, qp=self.settings.qp)
        self._model = RunningBackground(plate)
        self._tracker = Tracker(resolution_wh=_resolution_wh(plate))
        self._follower = FaceFollower(self._detector, self._covering)
        return seal(self.store_key, self._header("background", 0), self.key_packet)

    def resume(self, sequence: int, first_frame: int) -> None:
        """Number what comes from here on, after a restart: no number may be given twice."""
        self._sequence, self._first_frame = sequence, first_frame

    def run(
        self,
        timed: Iterable[tuple[float, Image]],
        receiver: Receiver,
        *,
        done: Collection[int] = (),
        inspect: Callable[[Sequence[Observation]], None] = lambda segment: None,
    ) -> Iterator[Sent]:
        """Send a stream of (seconds, frame) segment by segment; yield each that was acknowledged.

        Parameters
        ----------
        timed : iterable of (float, (H, W, 3) uint8 BGR array)
        receiver : Receiver
            The cloud, or what carries messages to it.
        done : collection of int
            Sequence numbers that the receiver holds already: their frames are only followed, so that a run that
            was interrupted goes on where it stopped.
        inspect : callable
            Shown each segment inside the camera, unmasked; for figures and measurements.
        """
        frames = iter(timed)
        while chunk := list(islice(frames, self.settings.segment_frames)):
            followed = self.follow([image for _, image in chunk])
            if self._sequence not in done:
                observations = self.mask_segment(chunk, followed)
                inspect(observations)
                message = self.pack(observations)
                receiver.put(message)
                yield self._sent(observations, len(message))
            elif self._sequence + 1 not in done:  # the next segment's first frames need the faces before them
                self._look([image for _, image in chunk], followed)
            self._sequence += 1
            self._first_frame += len(chunk)

    def follow(self, images: Sequence[Image]) -> list[Followed]:
        """Return the objects of each frame of a segment, gaps filled; updates background and tracks."""
        seen, moving = [], []
        held = np.empty((0, 4), np.int32)
        for image in images:
            boxes = find_boxes(self._model.apply(image, held), block=self.settings.block)
            seen.append(self._tracker.update(boxes))
            moving.append(self._model.cells.copy())
            held = _boxes(seen[-1])
        return [Followed(*row) for row in zip(fill_gaps(seen), moving, strict=True)]

    def mask_segment(
        self, timed: Sequence[tuple[float, Image]], followed: Sequence[Followed]
    ) -> list[Observation]:
        """Mask the faces of a segment's objects and drop everything else.

        Parameters
        ----------
        timed : sequence of (float, (H, W, 3) uint8 BGR array)
        followed : sequence of Followed
            From `follow`, for the same frames.
        """
        faces = self._look([image for _, image in timed], followed)
        return [self._observe(*row) for row in zip(timed, followed, faces, strict=True)]

    def _look(self, images: list[Image], followed: Sequence[Followed]) -> list[list[Face] | None]:
        return self._follower.follow(images, [frame.tracks for frame in followed])

    def _observe(
        self, timed: tuple[float, Image], followed: Followed, faces: list[Face] | None
    ) -> Observation:
        time, image = timed
        cells = _sent_cells(followed)
        covers = cover_objects(faces, followed.tracks, self._covering, _resolution_wh(image))
        covers = confine(covers, cells, CELL)
        boxes = np.array([cover.xyxy for cover in covers], np.int32).reshape(-1, 4)
        masked = paint(image, boxes, self._style, self.plate)
        patches: dict[int, list[Patch]] = {}
        for cover, parts in zip(covers, split_boxes(boxes), strict=True):
            if parts and (self.settings.seal == "all" or cover.reason in ("found", "between", "held")):
                patches.setdefault(cover.track_id, []).extend(cut(image, parts))
        size = image.shape[:2]
        region = cells_to_mask(cells, CELL, size) & boxes_to_mask(_boxes(followed.tracks), size)
        objects = np.where(region[..., None], masked, self.plate)
        return Observation(time, image, followed.tracks, boxes, patches, objects, region, tuple(covers))

    def pack(self, observations: Sequence[Observation]) -> bytes:
        """Return the sealed message of one segment. A segment in which nothing moved carries no video."""
        header = self._header("segment", len(observations))
        sightings = [Sighting(k, t.track_id, t.xyxy) for k, o in enumerate(observations) for t in o.tracks]
        packets: list[bytes] = []
        if sightings:
            objects = (o.objects for o in observations)
            packets = encode_segment(
                self.plate, objects, qp=self.settings.qp, key_packet=self.key_packet
            ).packets
        sealed = self._sealer.seal(header, _by_track(observations))
        wrapped = self._sealer.wrapped(self.settings.camera) if sealed else b""
        body = ObjectVideo(packets, [o.time for o in observations], sightings, sealed, wrapped)
        return seal(self.store_key, header, encode(body))

    def _faces(self, image: Image) -> NDArray[np.int32]:
        found = detect_safely(self._detector, image)
        return grow_boxes(found[:, :4], self.settings.face_margin, _resolution_wh(image))

    def _header(self, kind: Kind, n_frames: int) -> Header:
        return Header(
            kind=kind,
            camera=self.settings.camera,
            epoch=self._sealer.epoch,
            sequence=self._sequence,
            first_frame=self._first_frame,
            n_frames=n_frames,
            background_version=1,
            resolution_wh=_resolution_wh(self.plate),
            mode=self.settings.mode,
            salt=bytes(16),
            size=1,
        )

    def _sent(self, observations: Sequence[Observation], size: int) -> Sent:
        tracks = {track.track_id for o in observations for track in o.tracks}
        return Sent(
            self._sequence, len(observations), len(tracks), sum(len(o.faces) for o in observations), size
        )


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


def _by_track(observations: Sequence[Observation]) -> dict[int, list[tuple[int, Patch]]]:
    tiles: dict[int, list[tuple[int, Patch]]] = {}
    for k, observation in enumerate(observations):
        for track_id, patches in observation.patches.items():
            tiles.setdefault(track_id, []).extend((k, patch) for patch in patches)
    return tiles
