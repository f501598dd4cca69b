"""The cloud: holds backgrounds and masked objects, maps one to the other, composes on request.

It shares the storage key with camera and surveillance system and has no other: faces stay sealed, here and in all
that it answers. This module imports nothing that knows the unmask key; a test proves it.

The store is an SQLite index (`gctr.parties.index`) and one immutable file a message (`gctr.parties.blobs`). A message
is opened and checked, then its file is made durable, and only then indexed, in one transaction: what was acknowledged
is whole and stays, and a process killed at any moment leaves a store that opens. Messages are stored as they came,
encrypted. Many threads, and many processes on one disk, may use one store.

Paper: section 3 and figures 1 and 2.

Limits: the index lives on a local disk, also where the files are in a bucket.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from gctr.parties.arrivals import Stamp, add_background, add_segment, captured_at
from gctr.parties.blobs import blob_name, open_blobs, read_checked
from gctr.parties.envelope import open_message, seal
from gctr.parties.index import PAGE, Index
from gctr.parties.keyfile import Key
from gctr.parties.messages import (
    Composition,
    Header,
    MessageError,
    ObjectVideo,
    Patches,
    check_objects,
    decode,
    encode,
)
from gctr.parties.store import NotStored, Receipt, Refused, SegmentInfo, Standing, StoreError, clear_errors
from gctr.vision.coding import CodingError, decode_plate, decode_segment, encode_still

__all__ = ["Cloud", "SegmentInfo", "StoreError"]

_BACKGROUNDS_AT_HAND = 16
Stages = Callable[[str], AbstractContextManager[object]]


class Cloud:
    """A store of backgrounds and segments.

    Parameters
    ----------
    folder : Path
        Holds the index, and the files unless `blobs` says otherwise. Made where it does not exist.
    store_key : Key
        The storage key, to check what comes and to compose.
    blobs : str, optional
        Where the files are: a path or an fsspec URL such as ``s3://bucket/prefix``.
    options : mapping, optional
        For the library that opens the URL.
    stages : callable, optional
        Gives a context manager for each stage of ingest ("open", "check", "write", "index"), to time it.
    clock : callable
        Seconds since 1970.
    """

    def __init__(
        self,
        folder: Path,
        store_key: Key,
        *,
        blobs: str | None = None,
        options: Mapping[str, Any] | None = None,
        stages: Stages | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.folder = folder
        self._key = store_key
        self._stages, self._clock = stages or (lambda stage: nullcontext()), clock
        with clear_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        self.blobs = open_blobs(blobs or folder / "blobs", options)
        self.index = Index(folder / "index.sqlite")
        self._key_packet = lru_cache(_BACKGROUNDS_AT_HAND)(self._read_key_packet)

    def close(self) -> None:
        """Close the index. What was acknowledged is safe without it."""
        self.index.close()

    def put(self, message: bytes) -> None:
        """Take a background or a segment from a camera. When this returns, it is stored for good.

        Raises
        ------
        MessageError
            If the message is damaged, altered, or sealed under another key.
        StoreError
            If its place is taken by another message, its background is not registered, or the disk is full.
        """
        self.receive(message)

    def receive(self, message: bytes, stamp: Stamp | None = None) -> Receipt:
        """Take a message as `put` does; say in which order it came and what is missing.

        `stamp` is the camera's word on when the segment was captured and sent (`gctr.parties.arrivals`).
        """
        received = self._clock()
        with self._stages("open"):
            header, body = open_message(self._key, message)
        with self._stages("check"):
            self._check(header, body)
            self._check_background(header)
            file = blob_name(message)
            whole = self._known(header) == file and self._is_whole(file)
        if not whole:  # new, or stored once and damaged since: what comes again heals it
            with self._stages("write"):
                self.blobs.put(file, message)
        with self._stages("index"):
            return self._add(header, file, len(message), received, stamp)

    def check(self, message: bytes) -> None:
        """Open a message and refuse one that a camera could not have sent; stores nothing."""
        self._check(*open_message(self._key, message))

    def segments(self, camera: str) -> list[SegmentInfo]:
        """Return all that is stored of a camera, in order."""
        found, page = [], self.index.segments(camera)
        while page:
            found += page
            page = self.index.segments(camera, first=page[-1].sequence + 1) if len(page) == PAGE else []
        return found

    def at_frame(self, camera: str, number: int) -> SegmentInfo:
        """Return the segment that holds frame `number`, counted since the camera's start."""
        found = self.index.at_frame(camera, number)
        if found is None:
            raise NotStored(f"no segment of camera {camera!r} holds frame {number}")
        return found

    def cameras(self) -> list[str]:
        """Return the names of the cameras that registered a background."""
        return self.index.cameras()

    def background(self, camera: str, version: int) -> bytes:
        """Return a background alone: the message that registered it."""
        file = self.index.background_file(camera, version)
        if file is None:
            raise NotStored(f"no background with version {version} of camera {camera!r} is stored here")
        return read_checked(self.blobs, file)

    def segment(self, camera: str, sequence: int) -> bytes:
        """Return a segment as the camera sent it."""
        return read_checked(self.blobs, self._segment_file(camera, sequence))

    def segment_size(self, camera: str, sequence: int) -> int:
        """Return the size in bytes of a segment as the camera sent it."""
        for found in self.index.segments(camera, first=sequence, last=sequence):
            return found.size
        raise _no_segment(camera, sequence)

    def segment_part(self, camera: str, sequence: int, start: int, stop: int) -> bytes:
        """Return bytes `start` to `stop` of a segment; only they are read. The seal of their buckets proves them."""
        return self.blobs.read(self._segment_file(camera, sequence), start, stop)

    def standing(self, camera: str) -> Standing:
        """Return where a camera stands: what is expected next, what is missing, which backgrounds there are."""
        place = self.index.next_sequence(camera), self.index.gaps(camera), self.index.backgrounds(camera)
        return Standing(camera, *place)

    def compose(self, camera: str, sequence: int) -> bytes:
        """Return a segment in front of its background: a sealed `Composition`, faces still sealed within."""
        header, composition = self._composition(camera, sequence)
        return seal(self._key, replace(header, kind="composition"), encode(composition))

    def partial(self, camera: str, sequence: int, frame: int, track_id: int) -> bytes:
        """Return one masked object of one frame alone: a sealed picture (lossless WebP).

        `frame` counts from 0 in the segment. Raises StoreError if the object is not in that frame.
        """
        header, composition = self._composition(camera, sequence)
        x0, y0, x1, y1 = _find(composition.objects, frame, track_id)
        frames = decode_segment(composition.key_packet, composition.objects.packets, header.resolution_wh)
        for image in islice(frames, frame, None):
            picture = encode_still(image[y0:y1, x0:x1].copy())
            return seal(self._key, replace(header, kind="picture"), picture)
        raise StoreError(f"segment {sequence} of {camera} holds no picture of frame {frame}")

    def patches(self, camera: str, sequence: int, track_id: int | None = None) -> bytes:
        """Return the sealed faces of a segment alone, all or those of one object: a sealed `Patches`."""
        header, objects = self._objects(camera, sequence)
        wanted = [patch for patch in objects.patches if track_id in (None, patch.track_id)]
        return seal(self._key, replace(header, kind="patches"), encode(Patches(wanted, objects.wrapped)))

    def _segment_file(self, camera: str, sequence: int) -> str:
        file = self.index.segment_file(camera, sequence)
        if file is None:
            raise _no_segment(camera, sequence)
        return file

    def _composition(self, camera: str, sequence: int) -> tuple[Header, Composition]:
        header, objects = self._objects(camera, sequence)
        return header, Composition(self._key_packet(camera, header.background_version), objects)

    def _objects(self, camera: str, sequence: int) -> tuple[Header, ObjectVideo]:
        header, body = open_message(self._key, self.segment(camera, sequence))
        return header, decode(body, ObjectVideo)

    def _read_key_packet(self, camera: str, version: int) -> bytes:
        return open_message(self._key, self.background(camera, version))[1]

    def _check(self, header: Header, body: bytes) -> None:
        if header.kind == "background":
            try:
                decode_plate(body, header.resolution_wh)
            except CodingError as error:
                raise MessageError(f"the background of {header.camera} is no picture: {error}") from None
        elif header.kind == "segment":
            check_objects(header, decode(body, ObjectVideo))
        else:
            raise Refused(f"a camera sends backgrounds and segments, not a {header.kind}")

    def _check_background(self, header: Header) -> None:
        if header.kind == "background":
            self._check_version(header.camera, header.background_version)
            return
        registered = self.index.background_size(header.camera, header.background_version)
        if registered is None:
            raise NotStored(
                f"no background with version {header.background_version} of camera {header.camera!r} is stored "
                "here: register it first"
            )
        if registered != tuple(header.resolution_wh):
            raise Refused(
                f"segment {header.sequence} of {header.camera} is of another size than its background"
            )

    def _check_version(self, camera: str, version: int) -> None:
        known = self.index.backgrounds(camera)
        if known and version not in known and version < known[-1]:
            raise Refused(
                f"background {version} of {camera} came before and its time is over: it is a replay"
            )

    def _known(self, header: Header) -> str | None:
        if header.kind == "background":
            return self.index.background_file(header.camera, header.background_version)
        return self.index.segment_file(header.camera, header.sequence)

    def _is_whole(self, file: str) -> bool:
        try:
            read_checked(self.blobs, file)
        except StoreError:
            return False
        return True

    def _add(self, header: Header, file: str, size: int, received: float, stamp: Stamp | None) -> Receipt:
        try:
            with self.index.writing() as index:
                if header.kind == "background":
                    return add_background(index, header, file, size, received)
                captured, offset = captured_at(stamp, received)
                return add_segment(index, header, file, size, captured, offset)
        except Refused:
            self._forget(file)
            raise

    def _forget(self, file: str) -> None:
        query = "SELECT 1 FROM segments WHERE file = ? UNION ALL SELECT 1 FROM backgrounds WHERE file = ?"
        if not self.index.rows(query, (file, file)):
            self.blobs.delete(file)


def iterate_compositions(cloud: Cloud, camera: str, first: int, last: int) -> Iterator[bytes]:
    """Yield the compositions of the stored segments `first` to `last`, both included, one at a time."""
    page = cloud.index.segments(camera, first=first, last=last, limit=64)
    while page:
        for segment in page:
            yield cloud.compose(camera, segment.sequence)
        page = cloud.index.segments(camera, first=page[-1].sequence + 1, last=last, limit=64)


def _no_segment(camera: str, sequence: int) -> NotStored:
    return NotStored(f"no segment with sequence {sequence} of camera {camera!r} is stored here")


def _find(objects: ObjectVideo, frame: int, track_id: int) -> tuple[int, int, int, int]:
    for sighting in objects.sightings:
        if (sighting.frame, sighting.track_id) == (frame, track_id):
            return sighting.xyxy
    raise NotStored(f"object {track_id} is not in frame {frame} of this segment")
