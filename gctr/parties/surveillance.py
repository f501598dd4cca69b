"""The surveillance system: asks the cloud, shows what it composes, unmasks with its key.

It alone (beside the camera) holds the unmask key. Unmasked faces equal the camera's pixels byte for byte; what
surrounds them, fail-safe masks by default among it, has gone through lossy video. Paper: section 3 d) and figure 2.
"""

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise, repeat
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from gctr.parties.audit import AuditLog
from gctr.parties.envelope import open_message
from gctr.parties.keyfile import Key
from gctr.parties.keys import KeyRing, Opener, UnmaskError, open_patches
from gctr.parties.messages import Composition, Header, Kind, MessageError, ObjectVideo, check_objects, decode
from gctr.parties.store import SegmentInfo
from gctr.vision.coding import decode_plate, decode_segment, decode_still
from gctr.vision.masking import Box, Patch, reveal_faces


class Source(Protocol):
    """Whom a surveillance system asks: a `Cloud` in the same process, or a `gctr.parties.remote.RemoteCloud`."""

    def segments(self, camera: str) -> list[SegmentInfo]: ...
    def at_frame(self, camera: str, number: int) -> SegmentInfo: ...
    def background(self, camera: str, version: int) -> bytes: ...
    def compose(self, camera: str, sequence: int) -> bytes: ...
    def partial(self, camera: str, sequence: int, frame: int, track_id: int) -> bytes: ...


class Shown(NamedTuple):
    """One delivered frame.

    `number` counts frames and `time` seconds since the camera's start; `image` is (H, W, 3) uint8 BGR; `objects` maps
    track ids to boxes (xyxy); `revealed` are the boxes whose original pixels are in `image`. What was masked for want
    of a face comes back too, as the camera's video has it (`CameraSettings.exact`), and is not among them.
    """

    number: int
    time: float
    image: NDArray[np.uint8]
    objects: dict[int, Box]
    revealed: list[Box]


class Surveillance:
    """Reads one cloud.

    Parameters
    ----------
    cloud : Source
        Whom to ask.
    store_key : Key
        Opens what the cloud delivers.
    unmask_key : Key or Opener, optional
        An unmask key, a ring of them, or a grant for one object; without it everything stays masked.
    audit : AuditLog, optional
        Every unmask is written there before the first pixel is shown.
    """

    def __init__(
        self,
        cloud: Source,
        store_key: Key,
        unmask_key: Key | Opener | None = None,
        audit: AuditLog | None = None,
    ) -> None:
        self._cloud = cloud
        self._store_key = store_key
        self._opener = KeyRing(unmask_key) if isinstance(unmask_key, Key) else unmask_key
        self._audit = audit

    def watch(
        self,
        camera: str,
        *,
        sequences: list[int] | None = None,
        unmask: bool = False,
        track_id: int | None = None,
        reason: str = "",
        who: str = "",
    ) -> Iterator[Shown]:
        """Yield the composed frames of a camera, in order.

        Parameters
        ----------
        camera : str
            Its name.
        sequences : list of int, optional
            Segments wanted; all that are stored by default.
        unmask : bool
            Put faces back.
        track_id : int, optional
            Unmask this object alone; with a grant, the granted one by default.
        reason, who : str
            For the audit log.

        Raises
        ------
        UnmaskError
            If there is no unmask key, or a patch does not open under it. No pixel of the segment is shown then.
        MessageError, StoreError, CodingError
            If what the cloud delivers is damaged or is not what was asked for.
        AuditError
            If the unmask cannot be logged.
        """
        if track_id is None and unmask and self._opener:
            track_id = self._opener.track_id  # all that a grant is for
        if sequences is None:
            sequences = [segment.sequence for segment in self._cloud.segments(camera)]
        if unmask and self._audit and sequences:
            span = (min(sequences), max(sequences))
            self._audit.append("unmask", camera, track_id=track_id, segments=span, reason=reason, who=who)
        latest, ordered = -1, sequences == sorted(set(sequences))
        for sequence in sequences:
            for shown in self._segment(camera, sequence, unmask, track_id):
                if ordered and shown.number <= latest:
                    raise MessageError(
                        f"segment {sequence} of {camera} shows frames of an earlier one: it is a replay"
                    )
                latest = shown.number
                yield shown

    def gaps(self, camera: str) -> list[tuple[int, int]]:
        """Return ranges of numbers, both ends included, that are missing between the segments the cloud lists."""
        numbers = [segment.sequence for segment in self._cloud.segments(camera)]
        return [(left + 1, right - 1) for left, right in pairwise(numbers) if right > left + 1]

    def segments(self, camera: str) -> Iterator[tuple[Header, ObjectVideo]]:
        """Yield what the cloud holds of a camera, faces sealed: for grants and for accounts."""
        for segment in self._cloud.segments(camera):
            header, composition = self._composed(camera, segment.sequence)
            yield header, composition.objects

    def background(self, camera: str, version: int | None = None) -> NDArray[np.uint8]:
        """Return a background alone, (H, W, 3) uint8 BGR; by default the one that the last segment was coded on."""
        if version is None:
            version = next((s.background_version for s in reversed(self._cloud.segments(camera))), 1)
        header, body = self._ask("background", camera, self._cloud.background(camera, version))
        return decode_plate(body, header.resolution_wh)

    def partial(self, camera: str, number: int, track_id: int) -> NDArray[np.uint8]:
        """Return one masked object of frame `number` alone, (h, w, 3) uint8 BGR; StoreError if it is not there."""
        segment = self._cloud.at_frame(camera, number)
        frame = number - segment.first_frame
        message = self._cloud.partial(camera, segment.sequence, frame, track_id)
        return decode_still(self._ask("picture", camera, message, segment.sequence)[1])

    def _segment(self, camera: str, sequence: int, unmask: bool, track_id: int | None) -> Iterator[Shown]:
        header, composition = self._composed(camera, sequence)
        patches = self._unmask(header, composition, track_id) if unmask else {}
        boxes: defaultdict[int, dict[int, Box]] = defaultdict(dict)
        for sighting in composition.objects.sightings:
            boxes[sighting.frame][sighting.track_id] = sighting.xyxy
        for k, image in enumerate(_pictures(header, composition)):
            shown = [patch.xyxy for patch in patches.get(k, []) if patch.exact]
            image = reveal_faces(image, patches.get(k, []))
            yield Shown(header.first_frame + k, composition.objects.times[k], image, boxes[k], shown)

    def _composed(self, camera: str, sequence: int) -> tuple[Header, Composition]:
        header, body = self._ask("composition", camera, self._cloud.compose(camera, sequence), sequence)
        composition = decode(body, Composition)
        check_objects(header, composition.objects)
        return header, composition

    def _unmask(
        self, header: Header, composition: Composition, track_id: int | None
    ) -> dict[int, list[Patch]]:
        if self._opener is None:
            raise UnmaskError("this surveillance system holds no unmask key: everything stays masked")
        objects = composition.objects
        return open_patches(self._opener, header, objects.patches, track_id=track_id, wrapped=objects.wrapped)

    def _ask(
        self, kind: Kind, camera: str, message: bytes, sequence: int | None = None
    ) -> tuple[Header, bytes]:
        header, body = open_message(self._store_key, message)
        if (header.kind, header.camera) != (kind, camera) or sequence not in (None, header.sequence):
            raise MessageError(f"the cloud answered with {header.kind} {header.sequence} of {header.camera}")
        return header, body


def _pictures(header: Header, composition: Composition) -> Iterator[NDArray[np.uint8]]:
    if not composition.objects.packets:  # nothing moved: the camera sent no video
        yield from repeat(decode_plate(composition.key_packet, header.resolution_wh), header.n_frames)
        return
    yield from decode_segment(composition.key_packet, composition.objects.packets, header.resolution_wh)
