"""The only things that travel between camera, cloud and surveillance system: typed, validated, versioned.

A *message* is a plain `Header` and a body sealed under the storage key (`gctr.parties.envelope`). The header is the
associated data of the seal: nobody can give a body to another camera, segment, frame range or background. Messages
are MessagePack; lengths are checked before anything is allocated for them, and unknown fields are refused.

Paper: figures 1 and 2; section 3.
"""

from collections.abc import Sequence
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from gctr.parties.positions import PositionsError, pack_rows, unpack_rows

MAX_MESSAGE = 64 << 20  # bytes; two seconds of crowded 8K objects stay far below
MAX_FRAMES = 10_000  # frames a segment
MESSAGE_TYPE = "application/vnd.gctr.message"  # media types on a network
STREAM_TYPE = "application/vnd.gctr.messages"  # each message after its length in 4 bytes, big-endian

CameraId = Annotated[str, Meta(pattern=r"\A[a-z0-9][a-z0-9_-]{0,62}\Z")]  # also a safe folder name
Counter = Annotated[int, Meta(ge=0, lt=1 << 62)]
Version = Annotated[int, Meta(ge=1, lt=1 << 31)]
Side = Annotated[int, Meta(ge=16, le=8192)]
Coordinate = Annotated[int, Meta(ge=0, le=8192)]
Box = tuple[Coordinate, Coordinate, Coordinate, Coordinate]
Mode = Literal["bucket_gcm", "bucket_ctr", "ctr", "gctr"]
Kind = Literal["background", "segment", "composition", "picture", "patches"]
Packets = Annotated[list[bytes], Meta(max_length=MAX_FRAMES)]
LATEST = 1e11  # seconds; since 1970, the year 5138
Seconds = Annotated[float, Meta(ge=0, le=LATEST)]
Times = Annotated[list[Seconds], Meta(max_length=MAX_FRAMES)]


class MessageError(ValueError):
    """A message that is damaged, too large, of another version, or not what it claims to be."""


class Header(Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """What everybody may read of a message; all of it is authenticated where the mode has tags.

    `sequence` numbers a camera's segments from 0; `epoch` is the period of the unmask key; `salt` (16 bytes) is
    random and makes the message's key its own; `size` is the length of the body in bytes, ds in the
    paper; frames are numbered from 0 at the camera's start.
    """

    kind: Kind
    camera: CameraId
    epoch: Counter
    sequence: Counter
    first_frame: Counter
    n_frames: Annotated[int, Meta(ge=0, le=MAX_FRAMES)]
    background_version: Version
    resolution_wh: tuple[Side, Side]
    mode: Mode
    salt: Annotated[bytes, Meta(min_length=16, max_length=16)]
    size: Annotated[int, Meta(ge=1, le=MAX_MESSAGE)]
    format: Literal[1] = 1


class Message(Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """A header, as the bytes that are authenticated, and the sealed body."""

    header: Annotated[bytes, Meta(max_length=512)]
    body: Annotated[bytes, Meta(max_length=MAX_MESSAGE)]


class Sighting(Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """Object `track_id` is at `xyxy` (pixels, x1 and y1 exclusive) in frame `frame` of the segment, from 0."""

    frame: Annotated[int, Meta(ge=0, lt=MAX_FRAMES)]
    track_id: Counter
    xyxy: Box


class SealedPatch(Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """All original face pixels of one object in one segment, sealed under that object's key (`gctr.parties.keys`)."""

    track_id: Counter
    nonce: Annotated[bytes, Meta(min_length=12, max_length=12)]
    ciphertext: Annotated[bytes, Meta(max_length=MAX_MESSAGE)]


class ObjectVideo(Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """The masked objects of one segment: what the camera sends and the cloud stores.

    `packets` follow the key packet of the background; `times` are seconds since the camera's start, one a frame;
    `positions` are the sightings, from `pack_sightings`;
    `wrapped` is the secret of the unmask key's epoch for the surveillance system's public key, empty if it is shared.
    """

    packets: Packets
    times: Times
    positions: Annotated[bytes, Meta(max_length=MAX_MESSAGE)]
    patches: Annotated[list[SealedPatch], Meta(max_length=100_000)]
    wrapped: Annotated[bytes, Meta(max_length=4096)] = b""

    @property
    def sightings(self) -> list[Sighting]:
        """Which object is where in which frame, unpacked at each call; MessageError if they are damaged."""
        try:
            rows = unpack_rows(self.positions).tolist()
            return msgspec.convert([(k, i, xyxy) for k, i, *xyxy in rows], list[Sighting])
        except (PositionsError, msgspec.ValidationError) as error:
            raise MessageError(f"not the positions of objects: {error}") from None


class Composition(Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """What the cloud delivers: the background's key packet in front of the objects."""

    key_packet: bytes
    objects: ObjectVideo


class Patches(Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """The sealed faces of a segment alone, all or those of one object."""

    patches: Annotated[list[SealedPatch], Meta(max_length=100_000)]
    wrapped: Annotated[bytes, Meta(max_length=4096)] = b""


Body = TypeVar("Body", bound=Struct)


def pack_sightings(sightings: Sequence[Sighting]) -> bytes:
    """Return sightings as the `positions` of an `ObjectVideo`."""
    return pack_rows([(s.frame, s.track_id, *s.xyxy) for s in sightings])


def encode(value: Struct) -> bytes:
    """Return a struct of this module as MessagePack."""
    return msgspec.msgpack.encode(value)


def decode(data: bytes, kind: type[Body]) -> Body:
    """Return the struct `kind` that `data` holds.

    Raises
    ------
    MessageError
        If `data` is too large, damaged, or not a `kind` of this version.
    """
    if len(data) > MAX_MESSAGE:
        raise MessageError(
            f"message of {len(data)} bytes: at most {MAX_MESSAGE} are taken; send shorter segments"
        )
    try:
        return msgspec.msgpack.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MessageError(f"not a {kind.__name__} of format 1, or damaged on the way: {error}") from None


def peek_header(data: bytes) -> Header:
    """Return the header of an encoded message. It is not authenticated until the body is opened."""
    return decode(decode(data, Message).header, Header)


def check_objects(header: Header, objects: ObjectVideo) -> None:
    """Refuse objects that do not fit the header's frames and picture.

    Raises
    ------
    MessageError
        If counts of frames differ, times run backwards, or a sighting lies outside the segment or the picture.
    """
    width, height = header.resolution_wh
    if len(objects.times) != header.n_frames or len(objects.packets) not in (0, header.n_frames):
        raise MessageError(
            f"{len(objects.packets)} packets and {len(objects.times)} times for {header.n_frames} frames"
        )
    if any(later < earlier for earlier, later in zip(objects.times, objects.times[1:], strict=False)):
        raise MessageError("the times of the frames run backwards")
    for sighting in objects.sightings:
        x0, y0, x1, y1 = sighting.xyxy
        if sighting.frame >= header.n_frames or not (x0 < x1 <= width and y0 < y1 <= height):
            raise MessageError(f"object {sighting.track_id} lies outside its segment or its picture")
