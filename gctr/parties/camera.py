"""The camera: has its view observed, seals and sends.

What is found, followed and masked in the frames is `gctr.parties.observer`'s; here a segment of it is coded after the
registered plate, sealed and sent. An unmasked pixel leaves this module only inside a patch that is sealed under the
unmask key. When light or view change for good, the camera registers a new version of its background before the next
segment; every segment names its version, and earlier ones keep theirs.

Paper: section 3 a) to d), figure 1.

Limits: those of `gctr.parties.observer`.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from gctr.parties.envelope import open_message, seal
from gctr.parties.keyfile import Key
from gctr.parties.keys import PatchSealer
from gctr.parties.messages import Header, Kind, ObjectVideo, Sighting, encode, pack_sightings
from gctr.parties.observer import CameraSettings, Followed, Observation, Observer
from gctr.parties.plates import PlateBook, PlateError, Registered
from gctr.vision.coding import encode_plate, encode_segment
from gctr.vision.faces import FaceDetector
from gctr.vision.masking import Patch
from gctr.vision.plate import Finder, Plate

__all__ = ["Camera", "CameraSettings", "Followed", "Observation", "Receiver", "Sent"]

Image = NDArray[np.uint8]


class Receiver(Protocol):
    """Whoever takes messages: the cloud, or what carries them to it."""

    def put(self, message: bytes) -> None:
        """Take one message; when this returns, it is stored."""
        ...


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
    book : PlateBook, optional
        Remembers the versions of the background over restarts.
    find_people : callable, optional
        See `gctr.parties.observer.Observer`.
    """

    def __init__(
        self,
        store_key: Key,
        unmask_key: Key | PatchSealer,
        settings: CameraSettings | None = None,
        detector: FaceDetector | None = None,
        *,
        book: PlateBook | None = None,
        find_people: Finder | None = None,
    ) -> None:
        self.settings = settings or CameraSettings()
        self.store_key = store_key
        self.observer = Observer(self.settings, detector, find_people)
        self._sealer = unmask_key if isinstance(unmask_key, PatchSealer) else PatchSealer(unmask_key)
        self._book = book
        self._sequence = self._first_frame = 0

    @property
    def plate(self) -> Image:
        """The registered background, (H, W, 3) uint8 BGR."""
        return self._plate.image

    @property
    def background_version(self) -> int:
        """The version of the registered background, from 1."""
        return self._plate.version

    def register(self, frames: Iterable[Image]) -> bytes:
        """Build the plate of the empty scene from frames spread over time; return the background's message.

        With a book that remembers one, that one is taken up and no frame is looked at.
        """
        if self._book and (known := self._book.holding(self._sequence)):
            return self._take_up(known)
        return self._announce(Plate(self.observer.register(frames)))

    def adopt(self, plate: Image) -> bytes:
        """Take a plate that was registered elsewhere, (H, W, 3) uint8 BGR; return the background's message."""
        return self._announce(Plate(plate))

    def _announce(self, plate: Plate) -> bytes:
        self._hold(plate)
        message = seal(self.store_key, self._header("background", 0), self.key_packet)
        if self._book:
            self._book.add(plate, message, self._sequence)
        return message

    def _take_up(self, known: Registered) -> bytes:
        self._hold(known.plate())
        if open_message(self.store_key, known.message)[1] != self.key_packet:
            raise PlateError("this encoder codes the plate differently: use a new camera and folder")
        return known.message

    def _hold(self, plate: Plate) -> None:
        self._plate = plate
        self.key_packet = encode_plate(plate.image, qp=self.settings.qp)
        self.observer.adopt(plate.image)

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
            self._update_plate(receiver, again=self._sequence in done)
            images = [image for _, image in chunk]
            followed = self.observer.follow(images)
            if self._sequence not in done:
                observations = self.observer.mask(chunk, followed)
                inspect(observations)
                message = self.pack(observations)
                receiver.put(message)
                yield self._sent(observations, len(message))
            elif self._sequence + 1 not in done:  # the next segment's first frames need the faces before them
                self.observer.look(images, followed)
            self._sequence += 1
            self._first_frame += len(chunk)

    def _update_plate(self, receiver: Receiver, *, again: bool) -> None:
        """Take up the version that holds here when segments are passed `again`; else register a new one if due."""
        known = self._book.holding(self._sequence) if self._book else None
        if known is not None and known.version != self.background_version:
            message = self._take_up(known)
        elif not again and (plate := self._renewed()) is not self._plate:
            message = self._announce(plate)
        else:
            return
        if not again:
            receiver.put(message)

    def _renewed(self) -> Plate:
        image = self.observer.renewed()
        return self._plate if image is None else self._plate.renew(image)

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
        sealed = self._sealer.seal(header, _by_track(observations), qp=self.settings.qp)
        wrapped = self._sealer.wrapped(self.settings.camera) if sealed else b""
        body = ObjectVideo(
            packets, [o.time for o in observations], pack_sightings(sightings), sealed, wrapped
        )
        return seal(self.store_key, header, encode(body))

    def _header(self, kind: Kind, n_frames: int) -> Header:
        return Header(
            kind=kind,
            camera=self.settings.camera,
            epoch=self._sealer.epoch,
            sequence=self._sequence,
            first_frame=self._first_frame,
            n_frames=n_frames,
            background_version=self.background_version,
            resolution_wh=(self.plate.shape[1], self.plate.shape[0]),
            mode=self.settings.mode,
            salt=bytes(16),
            size=1,
        )

    def _sent(self, observations: Sequence[Observation], size: int) -> Sent:
        tracks = {track.track_id for o in observations for track in o.tracks}
        return Sent(
            self._sequence, len(observations), len(tracks), sum(len(o.faces) for o in observations), size
        )


def _by_track(observations: Sequence[Observation]) -> dict[int, list[tuple[int, Patch]]]:
    tiles: dict[int, list[tuple[int, Patch]]] = {}
    for k, observation in enumerate(observations):
        for track_id, patches in observation.patches.items():
            tiles.setdefault(track_id, []).extend((k, patch) for patch in patches)
    return tiles
