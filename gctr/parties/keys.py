"""The unmask key: what lets the surveillance system, and nobody else, put faces back.

The camera and the surveillance system share one unmask key. From it come, by HKDF-SHA256 (RFC 5869), a key for each
track and from that a key for each segment of the track, so that one object can be unmasked without the others. All
face pixels of one object in one segment are sealed in one AES-256-GCM message (SP 800-38D) whose associated data
names camera, epoch, segment, frame range, background and track: a patch that was altered, swapped or replayed into
another place is refused, and no pixel of it is released.

The cloud never imports this module; a test proves it. Paper: section 3 d) and figure 2.

Limits: a camera that holds the shared key can unmask what it sent; nonces are random, so a key should seal fewer than
2^32 patches (SP 800-38D, 8.3), which the key for each segment keeps far away.
"""

import os
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gctr.parties.keyfile import Key, KeyFileError
from gctr.parties.messages import MAX_FRAMES, Box, Header, SealedPatch
from gctr.vision.coding import CodingError, decode_still, encode_still
from gctr.vision.masking import Patch


class UnmaskError(ValueError):
    """Faces that cannot be put back: wrong key, or a patch that was altered or is not of this place."""


class _Tile(msgspec.Struct, frozen=True, array_like=True):
    frame: int
    xyxy: Box
    still: bytes


def seal_patches(
    key: Key, header: Header, patches: Mapping[int, Sequence[tuple[int, Patch]]]
) -> list[SealedPatch]:
    """Seal the face pixels of one segment, one sealed patch for each track.

    Parameters
    ----------
    key : Key
        The unmask key.
    header : Header
        Of the segment; kind, salt and size are not bound, since they change on the way.
    patches : mapping of int to sequence of (int, Patch)
        For each track: frame of the segment, and the pixels under the mask.
    """
    return [_seal_track(key, header, track_id, tiles) for track_id, tiles in patches.items()]


def open_patches(
    key: Key, header: Header, sealed: Iterable[SealedPatch], *, track_id: int | None = None
) -> dict[int, list[Patch]]:
    """Open sealed patches, all or those of one track.

    Returns
    -------
    dict of int to list of Patch
        The original pixels for each frame of the segment that has any.

    Raises
    ------
    UnmaskError
        If any wanted patch does not open: the key is wrong, or it was altered, swapped or replayed.
    """
    by_frame: dict[int, list[Patch]] = {}
    for patch in sealed:
        if track_id in (None, patch.track_id):
            for frame, pixels in _open_track(key, header, patch):
                by_frame.setdefault(frame, []).append(pixels)
    return by_frame


def _seal_track(key: Key, header: Header, track_id: int, tiles: Sequence[tuple[int, Patch]]) -> SealedPatch:
    plain = msgspec.msgpack.encode(
        [_Tile(frame, patch.xyxy, encode_still(patch.pixels)) for frame, patch in tiles]
    )
    nonce = os.urandom(12)
    cipher = AESGCM(_segment_key(key, header, track_id))
    return SealedPatch(track_id, nonce, cipher.encrypt(nonce, plain, _context(header, track_id)))


def _open_track(key: Key, header: Header, patch: SealedPatch) -> list[tuple[int, Patch]]:
    where = f"object {patch.track_id} in segment {header.sequence} of {header.camera}"
    cipher = AESGCM(_segment_key(key, header, patch.track_id))
    try:
        plain = cipher.decrypt(patch.nonce, patch.ciphertext, _context(header, patch.track_id))
        tiles = msgspec.msgpack.decode(plain, type=list[_Tile])
        return [
            (tile.frame, Patch(tile.xyxy, decode_still(tile.still)))
            for tile in tiles
            if tile.frame < MAX_FRAMES
        ]
    except InvalidTag:
        raise UnmaskError(
            f"{where} stays masked: the key is not the camera's, or the patch was altered"
        ) from None
    except (msgspec.DecodeError, CodingError):
        raise UnmaskError(f"{where} stays masked: its patch is not of this version") from None


def _context(header: Header, track_id: int) -> bytes:
    fields = (header.camera, header.epoch, header.sequence, header.first_frame, header.n_frames)
    return msgspec.msgpack.encode(
        ["gctr patch 1", *fields, header.background_version, header.resolution_wh, track_id]
    )


def _segment_key(key: Key, header: Header, track_id: int) -> bytes:
    if key.purpose != "unmask":
        raise KeyFileError(f"faces are sealed under the unmask key, not the {key.purpose} key")
    track_key = _derive(key.secret, "gctr track key 1", header.camera, header.epoch, track_id)
    return _derive(track_key, "gctr segment key 1", header.sequence)


def _derive(secret: bytes, *info: str | int) -> bytes:
    return HKDF(SHA256(), length=32, salt=None, info=msgspec.msgpack.encode(info)).derive(secret)
