"""Who may do what at the cloud: one bearer token a party, its SHA-256 at rest.

A token is 256 random bits, so a plain hash keeps it: there is nothing to guess. A ``camera`` writes its own messages
and reads what it needs to go on; the ``surveillance`` system reads; an ``enrol`` token registers one camera and is
used up by it. Tokens travel inside TLS only (RFC 6750); a token that is shown once cannot be shown again.
"""

import hashlib
import re
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from gctr._files import locked, write_whole
from gctr.parties.messages import CameraId
from gctr.parties.store import Refused, StoreError

Role = Literal["camera", "surveillance", "enrol"]
_TOKEN = re.compile(r"gctr-(?:camera|surveillance|enrol)-[A-Za-z0-9_-]{43}")


class Party(Struct, frozen=True, forbid_unknown_fields=True):
    """A name, what it may do, and the SHA-256 of its token in hexadecimal digits."""

    name: CameraId
    role: Role
    digest: Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]


class Parties:
    """The parties of one cloud, in one file, which may be edited while the cloud runs: deleting a line revokes.

    Raises
    ------
    StoreError
        If the file is damaged: nobody is let in then.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.Lock()
        self._seen: tuple[int, int] | None = None
        self._by_digest: dict[str, Party] = {}

    def issue(self, name: str, role: Role) -> str:
        """Return a new token for a new party; Refused if the name is taken."""
        with self._writing():
            return self._issue(name, role)

    def enrol(self, party: Party, name: str) -> str:
        """Use an enrolment token up; return the token of the camera `name`."""
        with self._writing():
            if party.digest not in self._load():
                raise Refused("this enrolment token is used up: ask for another with 'gctr cloud invite'")
            token = self._issue(name, "camera")
            self._save([known for known in self._load().values() if known.digest != party.digest])
            return token

    def recognise(self, token: str) -> Party | None:
        """Return whose token it is, or None."""
        if not _TOKEN.fullmatch(token):
            return None
        with self._lock:
            return self._load().get(_digest(token))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        # `gctr cloud invite` may run beside the cloud: what one of them adds the other must not overwrite.
        with self._lock, locked(self._path.with_name(f"{self._path.name}.lock")):
            yield

    def _issue(self, name: str, role: Role) -> str:
        known = list(self._load().values())
        if any((party.name, party.role) == (name, role) for party in known):
            raise Refused(
                f"there is a {role} {name!r} already: choose another name, or revoke its token first"
            )
        token = f"gctr-{role}-{secrets.token_urlsafe(32)}"
        self._save([*known, msgspec.convert({"name": name, "role": role, "digest": _digest(token)}, Party)])
        return token

    def _load(self) -> dict[str, Party]:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return {}
        if self._seen != (status.st_mtime_ns, status.st_ino):
            try:
                parties = msgspec.json.decode(self._path.read_bytes(), type=list[Party])
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise StoreError(f"{self._path} is damaged ({error}): restore it from a copy") from None
            self._by_digest = {party.digest: party for party in parties}
            self._seen = (status.st_mtime_ns, status.st_ino)
        return self._by_digest

    def _save(self, parties: list[Party]) -> None:
        write_whole(self._path, msgspec.json.format(msgspec.json.encode(parties)) + b"\n")


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
