"""A masked video and, beside it, its faces sealed: the reversible kind of `gctr mask`.

``masked.mp4`` plays everywhere and shows no face; ``masked.mp4.sealed`` holds the original pixels under every mask,
sealed for each face and window of frames under the unmask key (`gctr.parties.keys`). Put back on a lossless .mkv they
give the original clip, byte for byte; on an .mp4 the faces are exact and their surroundings as the .mp4 has them.

Limits: a face is linked over time while it is seen; the same person seen again later is another face. Whoever can write
both files can cut the same end off both.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from gctr._files import write_whole
from gctr.parties.keys import Opener, PatchSealer, open_patches
from gctr.parties.messages import Header, ObjectVideo, SealedPatch
from gctr.vision.anonymise import Anonymised
from gctr.vision.masking import Patch, reveal_faces

WINDOW = 50  # frames a sealed segment
_MAX_SIZE = 4 << 30


class SidecarError(ValueError):
    """A sidecar that is missing, damaged, or of another video."""


class _Segment(Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    header: Header
    patches: list[SealedPatch]


class Sidecar(Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """All sealed faces of a video; `sha256` is of the masked video's file, `wrapped` as in `ObjectVideo`."""

    gctr: Literal["sealed faces, format 1"]
    sha256: Annotated[bytes, Meta(min_length=32, max_length=32)]
    wrapped: bytes
    segments: list[_Segment]

    def objects(self) -> Iterator[tuple[Header, ObjectVideo]]:
        """Yield header and sealed faces of each segment, as grants are issued from them."""
        for segment in self.segments:
            times = [0.0] * segment.header.n_frames
            yield segment.header, ObjectVideo([], times, b"", segment.patches, self.wrapped)


def sidecar_path(video: Path) -> Path:
    """Return where the sidecar of a masked video stands."""
    return video.with_name(video.name + ".sealed")


class SidecarWriter:
    """Seals faces while a video is masked: pass the frames through `sealing`, write the video, then `write`.

    What is sealed is held in memory until then.

    Parameters
    ----------
    sealer : PatchSealer
    resolution_wh : tuple of int
    """

    def __init__(self, sealer: PatchSealer, resolution_wh: tuple[int, int]) -> None:
        self._sealer, self._size = sealer, resolution_wh
        self._name = f"mask-{os.urandom(8).hex()}"  # two videos under one key must not share patches
        self._segments: list[_Segment] = []

    def sealing(self, frames: Iterable[Anonymised]) -> Iterator[Anonymised]:
        """Pass frames on, and seal what is under their masks."""
        tiles: dict[int, list[tuple[int, Patch]]] = {}
        count = 0
        for count, frame in enumerate(frames, start=1):
            for face_id, patches in frame.patches.items():
                tiles.setdefault(face_id, []).extend(((count - 1) % WINDOW, patch) for patch in patches)
            if count % WINDOW == 0:
                self._seal(count - WINDOW, WINDOW, tiles)
                tiles = {}
            yield frame
        if count % WINDOW:
            self._seal(count - count % WINDOW, count % WINDOW, tiles)

    def write(self, video: Path) -> Path:
        """Write the sidecar of the masked video, which must be complete by now."""
        wrapped = self._sealer.wrapped(self._name)
        sidecar = Sidecar("sealed faces, format 1", _sha256(video), wrapped, self._segments)
        write_whole(sidecar_path(video), msgspec.msgpack.encode(sidecar))
        return sidecar_path(video)

    def _seal(self, first: int, n_frames: int, tiles: dict[int, list[tuple[int, Patch]]]) -> None:
        header = Header(
            kind="segment",
            camera=self._name,
            epoch=self._sealer.epoch,
            sequence=first // WINDOW,
            first_frame=first,
            n_frames=n_frames,
            background_version=1,
            resolution_wh=self._size,
            mode="bucket_gcm",
            salt=bytes(16),
            size=1,
        )
        self._segments.append(_Segment(header, self._sealer.seal(header, tiles)))


def read_sidecar(video: Path) -> Sidecar:
    """Read the sidecar of a masked video.

    Raises
    ------
    SidecarError
        If it is missing or damaged, its parts are not in their places, or the video was changed since.
    """
    path = sidecar_path(video)
    try:
        if path.stat().st_size > _MAX_SIZE:
            raise SidecarError(f"{path} is larger than {_MAX_SIZE} bytes")
        sidecar = msgspec.msgpack.decode(path.read_bytes(), type=Sidecar)
    except OSError as error:
        raise SidecarError(
            f"{path}: {error.strerror}; only what 'gctr mask --sealed' wrote is unmasked"
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise SidecarError(
            f"{path} is no sidecar of sealed faces, or damaged: restore it from a copy"
        ) from None
    if sidecar.sha256 != _sha256(video):
        raise SidecarError(f"{path} belongs to another video than {video}, or the video was changed since")
    _check_order(path, sidecar)
    return sidecar


def reveal_video(
    timed: Iterable[tuple[float, NDArray[np.uint8]]],
    sidecar: Sidecar,
    opener: Opener,
    track_id: int | None = None,
) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Yield (seconds, frame) with the faces put back.

    Raises
    ------
    UnmaskError
        If a patch does not open; no frame of its segment is shown then.
    SidecarError
        If the video has fewer or more frames than the sidecar.
    """
    frames = iter(timed)
    for segment in sidecar.segments:
        header = segment.header
        opened = open_patches(opener, header, segment.patches, track_id=track_id, wrapped=sidecar.wrapped)
        for k in range(header.n_frames):
            pair = next(frames, None)
            if pair is None:
                raise SidecarError(f"the video ends before frame {header.first_frame + k} of its sidecar")
            yield pair[0], reveal_faces(pair[1], opened.get(k, []))
    if next(frames, None) is not None:
        raise SidecarError("the video goes on after its sidecar ends: restore the sidecar from a copy")


def _check_order(path: Path, sidecar: Sidecar) -> None:
    # A seal binds faces to the place that their header names; here that place is held against where they are put.
    first = 0
    for sequence, segment in enumerate(sidecar.segments):
        header, place = segment.header, (sidecar.segments[0].header.camera, sequence, first)
        if (header.camera, header.sequence, header.first_frame) != place:
            raise SidecarError(
                f"{path}: part {sequence} is not in its place; restore the sidecar from a copy"
            )
        first += header.n_frames


def _sha256(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
