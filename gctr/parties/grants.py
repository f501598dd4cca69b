"""A grant: the key of one object, so that one person can be unmasked without the others.

Whoever holds the unmask key issues a grant from what the cloud delivers; whoever gets the file unmasks that object, of
that camera, in the epochs named, until the grant expires. A grant can be made out to a person's public key (HPKE, RFC
9180); without one it is a secret file, mode 0600.

The terms (camera, object, expiry, reason) are bound to the keys: a grant whose terms were altered is refused.

Limits: expiry is kept by this software and by honest holders; a holder with other software keeps the key of that one
object, because no cryptography takes back what was given. A key covers whoever the track covered
(`gctr.vision.tracks`).
"""

import os
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from msgspec import Meta, Struct

from gctr.parties.keyfile import Key, read_secret, write_secret
from gctr.parties.keys import _SUITE, Opener, UnmaskError
from gctr.parties.messages import CameraId, Counter, Header, ObjectVideo

_MAX_SIZE = 1 << 20
TrackKey = Annotated[bytes, Meta(min_length=32, max_length=32)]


class GrantError(ValueError):
    """A grant that cannot be issued, is damaged, altered, expired, or made out to somebody else."""


class Terms(Struct, frozen=True, forbid_unknown_fields=True):
    """What a grant allows: `issued` and `expires` are seconds since 1970 (UTC), `serial` names it in the audit log."""

    camera: CameraId
    track_id: Counter
    issued: float
    expires: float
    reason: Annotated[str, Meta(max_length=1000)]
    serial: Annotated[str, Meta(pattern=r"\A[0-9a-f]{16}\Z")]


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    gctr: Literal["grant, format 1"]
    terms: Terms
    sealed: bool
    keys: bytes
    tag: bytes = b""


class Grant:
    """The key of one object, usable where unmask keys are (`gctr.parties.keys.Opener`).

    Parameters
    ----------
    terms : Terms
    keys : dict of int to bytes
        The track's key in each epoch.
    clock : callable
        Seconds since 1970, for tests.
    """

    def __init__(self, terms: Terms, keys: dict[int, bytes], clock: Callable[[], float] = time.time) -> None:
        self.terms = terms
        self._keys, self._clock = keys, clock

    @property
    def track_id(self) -> int | None:
        """The object that it is for."""
        return self.terms.track_id

    def __repr__(self) -> str:
        return f"Grant({self.terms!r})"

    def track_key(self, header: Header, track_id: int, wrapped: bytes) -> bytes:
        """Return the object's key; UnmaskError if the grant has expired or is for something else."""
        terms = self.terms
        if self._clock() >= terms.expires:
            raise UnmaskError(f"grant {terms.serial} expired on {_date(terms.expires)}: ask for a new one")
        if (header.camera, track_id) != (terms.camera, terms.track_id) or header.epoch not in self._keys:
            raise UnmaskError(
                f"grant {terms.serial} is for object {terms.track_id} of {terms.camera} in epochs "
                f"{sorted(self._keys)}, not for object {track_id} of {header.camera} in epoch {header.epoch}"
            )
        return self._keys[header.epoch]


def issue_grant(
    opener: Opener,
    segments: Iterable[tuple[Header, ObjectVideo]],
    camera: str,
    track_id: int,
    *,
    lifetime: float,
    reason: str,
    clock: Callable[[], float] = time.time,
) -> Grant:
    """Issue a grant for one object.

    Parameters
    ----------
    opener : Opener
        The unmask keys.
    segments : iterable of (Header, ObjectVideo)
        The camera's segments, as `gctr.parties.surveillance.Surveillance.segments` gives them.
    camera, track_id
        Whom it is for.
    lifetime : float
        Seconds until it expires; above 0.
    reason : str
        Kept in the grant and in the audit log.

    Raises
    ------
    GrantError
        If the object has no sealed face there, or the lifetime is not positive.
    UnmaskError
        If the unmask key is not the camera's.
    """
    if not lifetime > 0:
        raise GrantError("a grant needs a lifetime above 0")
    keys = {
        header.epoch: opener.track_key(header, track_id, objects.wrapped)
        for header, objects in segments
        if any(patch.track_id == track_id for patch in objects.patches)
    }
    if not keys:
        raise GrantError(f"nothing of object {track_id} of {camera} is sealed there: see 'gctr compose'")
    now = clock()
    terms = Terms(camera, track_id, now, now + lifetime, reason, os.urandom(8).hex())
    return Grant(terms, keys, clock)


def write_grant(path: Path, grant: Grant, recipient: Key | None = None) -> None:
    """Write a grant to a new file: sealed to a public key, or, without one, a secret file of mode 0600.

    Raises
    ------
    KeyFileError
        If the file exists.
    """
    plain, terms = msgspec.msgpack.encode(grant._keys), msgspec.json.encode(grant.terms)
    if recipient is None:
        keys, tag = plain, _tag(plain, terms)
    else:
        public = X25519PublicKey.from_public_bytes(recipient.secret)
        keys, tag = _SUITE.encrypt(plain, public, info=_context(terms)), b""
    file = _File("grant, format 1", grant.terms, recipient is not None, keys, tag)
    write_secret(path, msgspec.json.format(msgspec.json.encode(file)) + b"\n")


def read_grant(path: Path, private: Key | None = None, clock: Callable[[], float] = time.time) -> Grant:
    """Read a grant.

    Parameters
    ----------
    path : Path
    private : Key, optional
        The private key (``unmask-private``) to which it is made out, if it is to one.

    Raises
    ------
    GrantError
        If it is damaged, altered, expired, or made out to another key.
    KeyFileError
        If it is missing or readable by others.
    """
    content = read_secret(path, "grant")
    try:
        file = msgspec.json.decode(content, type=_File) if len(content) < _MAX_SIZE else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        file = None
    if file is None:
        raise GrantError(f"{path} is not a grant, or damaged: ask for it again")
    keys = _opened(path, file, private)
    if clock() >= file.terms.expires:
        raise GrantError(f"{path} expired on {_date(file.terms.expires)}: ask for a new one")
    return Grant(file.terms, keys, clock)


def is_grant(path: Path) -> bool:
    """Tell whether a file looks like a grant, by its first bytes."""
    try:
        with path.open("rb") as file:
            return file.read(64).lstrip().startswith(b"{")
    except OSError:
        return False


def _opened(path: Path, file: _File, private: Key | None) -> dict[int, bytes]:
    terms = msgspec.json.encode(file.terms)
    try:
        if file.sealed:
            plain = _unsealed(path, file.keys, terms, private)
        else:
            _check_tag(file.keys, terms, file.tag)
            plain = file.keys
        return msgspec.msgpack.decode(plain, type=dict[Counter, TrackKey])
    except (InvalidSignature, InvalidTag, msgspec.DecodeError):
        raise GrantError(f"{path} was altered, or is made out to another key: ask for it again") from None


def _unsealed(path: Path, keys: bytes, terms: bytes, private: Key | None) -> bytes:
    if private is None or private.purpose != "unmask-private":
        raise GrantError(f"{path} is made out to somebody's public key: give the private one (--key)")
    return _SUITE.decrypt(keys, X25519PrivateKey.from_private_bytes(private.secret), info=_context(terms))


def _context(terms: bytes) -> bytes:
    return b"gctr grant 1 " + terms


def _mac(plain: bytes, terms: bytes) -> HMAC:
    mac = HMAC(plain, SHA256())  # the keys themselves key it: only who has them can alter the terms
    mac.update(_context(terms))
    return mac


def _tag(plain: bytes, terms: bytes) -> bytes:
    return _mac(plain, terms).finalize()


def _check_tag(plain: bytes, terms: bytes, tag: bytes) -> None:
    _mac(plain, terms).verify(tag)


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="minutes")
