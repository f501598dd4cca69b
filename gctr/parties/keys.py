"""The unmask key: what lets the surveillance system, and nobody else, put faces back.

From the secret of an *epoch* come, by HKDF-SHA256 (RFC 5869), a key for each track and from that a key for each segment
of the track, so that one object can be unmasked without the others (`gctr.parties.grants`). All face pixels of one
object in one segment are sealed in one AES-256-GCM message (SP 800-38D) whose associated data names camera, epoch,
segment, frame range, background and track: a patch that was altered, swapped or replayed into another place is refused,
and no pixel of it is released.

The epoch's secret is either a key that camera and surveillance system share, one for each epoch; or it is drawn by the
camera, held in its memory alone, and travels wrapped to the surveillance system's public key (HPKE, RFC 9180:
DHKEM(X25519), HKDF-SHA256, AES-256-GCM, base mode). Then a camera that is stolen and without power unmasks nothing.

The cloud never imports this module; a test proves it. Paper: section 3 d) and figure 2.

Limits: a camera that holds the shared key can unmask what it sent, and one in operation can unmask its present epoch;
base mode does not say who wrapped a secret (the storage key does, in the envelope). Nonces are random: a ledger
(`gctr.parties.ledger`) refuses one that comes twice.
"""

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gctr.parties.keyfile import Key, KeyFileError
from gctr.parties.ledger import NonceLedger
from gctr.parties.messages import Header, SealedPatch
from gctr.vision.coding import DEFAULT_QP, CodingError
from gctr.vision.masking import Patch
from gctr.vision.tiles import Tile, decode_tiles, encode_tiles

_SUITE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


class UnmaskError(ValueError):
    """Faces that cannot be put back: wrong key, or a patch that was altered or is not of this place."""


class Opener(Protocol):
    """Whatever can give the key of a track: the unmask keys (`KeyRing`), or a grant for one track, its `track_id`."""

    @property
    def track_id(self) -> int | None: ...

    def track_key(self, header: Header, track_id: int, wrapped: bytes) -> bytes:
        """Return the track's 32-byte key in the header's epoch, or raise UnmaskError.

        `wrapped` is the epoch's secret as it travels, empty where the key is shared.
        """
        ...


class KeyRing:
    """The surveillance system's unmask keys.

    Parameters
    ----------
    keys : Key or mapping of int to Key
        One key for every epoch, or the key of each epoch: shared (``unmask``) or private (``unmask-private``) ones.
    """

    track_id = None

    def __init__(self, keys: Key | Mapping[int, Key]) -> None:
        self._keys = keys

    def track_key(self, header: Header, track_id: int, wrapped: bytes) -> bytes:
        """See `Opener`."""
        key = self._keys if isinstance(self._keys, Key) else self._keys.get(header.epoch)
        if key is None:
            raise UnmaskError(
                f"no unmask key of epoch {header.epoch} is here: {_segment(header)} stays masked"
            )
        return _track_key(_epoch_secret(key, header, wrapped), header, track_id)


class PatchSealer:
    """The camera's side: seals face pixels under keys that it derives from the epoch's secret.

    Parameters
    ----------
    key : Key
        Shared (``unmask``), or the surveillance system's public one (``unmask-public``).
    epoch : int
        Number of the epoch. With a public key, a secret is drawn for this object alone: give each an epoch of its own.
    ledger : NonceLedger, optional
        Remembers what was sealed; without one, nothing refuses a nonce that comes twice.
    """

    def __init__(self, key: Key, epoch: int = 0, ledger: NonceLedger | None = None) -> None:
        if key.purpose not in ("unmask", "unmask-public"):
            raise KeyFileError(f"faces are sealed under the unmask key, not the {key.purpose} key")
        self.epoch = epoch
        self._key, self._ledger = key, ledger
        self._secret = key.secret if key.purpose == "unmask" else os.urandom(32)

    def wrapped(self, camera: str) -> bytes:
        """Return the epoch's secret as it travels: for the public key's owner alone, or nothing if it is shared."""
        if self._key.purpose == "unmask":
            return b""
        public = X25519PublicKey.from_public_bytes(self._key.secret)
        return _SUITE.encrypt(self._secret, public, info=_wrapping_context(camera, self.epoch))

    def seal(
        self, header: Header, patches: Mapping[int, Sequence[Tile]], *, qp: int = DEFAULT_QP
    ) -> list[SealedPatch]:
        """Seal the face pixels of one segment, one sealed patch for each track.

        Parameters
        ----------
        header : Header
            Of the segment; kind, salt and size are not bound, since they change on the way.
        patches : mapping of int to sequence of (int, Patch)
            For each track: frame of the segment, and the pixels under the mask.
        qp : int
            Quantisation parameter of patches that are not exact.

        Raises
        ------
        NonceReuseError
            If the ledger knows one of the nonces drawn: nothing is sealed then.
        """
        if header.epoch != self.epoch:
            raise ValueError(f"a segment of epoch {header.epoch} cannot be sealed in epoch {self.epoch}")
        keys = {i: _segment_key(_track_key(self._secret, header, i), header) for i in patches}
        nonces = {i: os.urandom(12) for i in patches}
        if self._ledger is not None:
            # Before anything is encrypted: after a crash in between a nonce is lost, never used twice.
            self._ledger.claim([(keys[i], nonces[i]) for i in patches])
        plain = {i: patch_plaintext(tiles, qp=qp) for i, tiles in patches.items()}
        return [
            SealedPatch(i, nonces[i], AESGCM(keys[i]).encrypt(nonces[i], plain[i], _context(header, i)))
            for i in patches
        ]


def seal_patches(key: Key, header: Header, patches: Mapping[int, Sequence[Tile]]) -> list[SealedPatch]:
    """Seal the face pixels of one segment under a shared key; see `PatchSealer.seal`."""
    return PatchSealer(key, header.epoch).seal(header, patches)


def open_patches(
    key: Key | Opener,
    header: Header,
    sealed: Iterable[SealedPatch],
    *,
    track_id: int | None = None,
    wrapped: bytes = b"",
) -> dict[int, list[Patch]]:
    """Open sealed patches, all or those of one track.

    Parameters
    ----------
    key : Key or Opener
        The unmask key, a ring of keys, or a grant.
    header : Header
        Of the segment.
    sealed : iterable of SealedPatch
    track_id : int, optional
        Open this track's alone.
    wrapped : bytes
        The epoch's secret as it travelled beside the patches; empty where the key is shared.

    Returns
    -------
    dict of int to list of Patch
        The original pixels for each frame of the segment that has any.

    Raises
    ------
    UnmaskError
        If any wanted patch does not open: the key is wrong, or it was altered, swapped or replayed.
    """
    opener = KeyRing(key) if isinstance(key, Key) else key
    by_frame: dict[int, list[Patch]] = {}
    for patch in sealed:
        if track_id in (None, patch.track_id):
            track_key = opener.track_key(header, patch.track_id, wrapped)
            for frame, pixels in _open_track(track_key, header, patch):
                by_frame.setdefault(frame, []).append(pixels)
    return by_frame


def patch_plaintext(tiles: Sequence[Tile], *, qp: int = DEFAULT_QP) -> bytes:
    """Return what is sealed of one object in one segment: the coded tiles, padded.

    The length of coded pixels tells people apart (notebook 08_privacy_leakage measures it), so lengths are padded to
    powers of the square root of 2, at a mean cost of a fifth.
    """
    coded = encode_tiles(tiles, qp=qp)
    return len(coded).to_bytes(8, "big") + coded.ljust(padded_length(len(coded)), b"\0")


def padded_length(length: int) -> int:
    """Return the least power of the square root of 2, from 256 on, that is at least `length`."""
    steps = math.ceil(2 * math.log2(max(length, 256)))
    return max(length, math.floor(2 ** (steps / 2)))


def _open_track(track_key: bytes, header: Header, patch: SealedPatch) -> list[Tile]:
    where = f"object {patch.track_id} in {_segment(header)}"
    cipher = AESGCM(_segment_key(track_key, header))
    try:
        plain = cipher.decrypt(patch.nonce, patch.ciphertext, _context(header, patch.track_id))
        length = int.from_bytes(plain[:8], "big")
        return decode_tiles(plain[8 : 8 + length])
    except InvalidTag:
        raise UnmaskError(
            f"{where} stays masked: the key is not the camera's, or the patch was altered"
        ) from None
    except CodingError:
        raise UnmaskError(f"{where} stays masked: its patch is not of this version") from None


def _context(header: Header, track_id: int) -> bytes:
    fields = (header.camera, header.epoch, header.sequence, header.first_frame, header.n_frames)
    return msgspec.msgpack.encode(
        ["gctr patch 1", *fields, header.background_version, header.resolution_wh, track_id]
    )


def _wrapping_context(camera: str, epoch: int) -> bytes:
    return msgspec.msgpack.encode(["gctr epoch secret 1", camera, epoch])


def _epoch_secret(key: Key, header: Header, wrapped: bytes) -> bytes:
    if key.purpose == "unmask" and not wrapped:
        return key.secret
    if key.purpose != "unmask-private" or not wrapped:
        needed = "the surveillance system's private key" if wrapped else "the shared unmask key"
        raise UnmaskError(
            f"{_segment(header)} stays masked: it needs {needed}, this is the {key.purpose} key"
        )
    try:
        private = X25519PrivateKey.from_private_bytes(key.secret)
        return _SUITE.decrypt(wrapped, private, info=_wrapping_context(header.camera, header.epoch))
    except (InvalidTag, ValueError):
        raise UnmaskError(
            f"{_segment(header)} stays masked: it is sealed to another public key, or its key was altered"
        ) from None


def _track_key(secret: bytes, header: Header, track_id: int) -> bytes:
    return _derive(secret, "gctr track key 1", header.camera, header.epoch, track_id)


def _segment_key(track_key: bytes, header: Header) -> bytes:
    return _derive(track_key, "gctr segment key 1", header.sequence)


def _derive(secret: bytes, *info: str | int) -> bytes:
    return HKDF(SHA256(), length=32, salt=None, info=msgspec.msgpack.encode(info)).derive(secret)


def _segment(header: Header) -> str:
    return f"segment {header.sequence} of {header.camera}"
