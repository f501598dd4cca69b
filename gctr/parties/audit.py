"""The audit log: every unmask, with reason and time, in a chain of hashes (Schneier & Kelsey 1999, without the keys).

One line of JSON an entry, each with the SHA-256 of the line before it. An entry that is altered, removed, inserted or
moved breaks the chain after it, and `verify` says where. The entry is on the disk before the first pixel is shown: no
entry, no unmask.

Limits: whoever can write the file can also cut its end off or rewrite the whole chain. Note the count and the last hash
elsewhere (`gctr audit verify` prints them) and verify against them (`--count`, `--hash`).
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from gctr._files import locked

START = "0" * 64
MAX_LINE = 1 << 16


class AuditError(RuntimeError):
    """A log that cannot be written, or whose chain is broken; the text says where."""


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One unmask or grant: `time` in seconds since 1970 (UTC), `previous` the hash of the line before."""

    number: int
    time: float
    action: str
    camera: str
    track_id: int | None
    segments: tuple[int, int] | None
    reason: str
    who: str
    previous: str


class Verified(NamedTuple):
    """Number of entries of a log whose chain is whole, and the hash of its last line."""

    entries: int
    last: str


class AuditLog:
    """A log in one file, which several processes may append to.

    Parameters
    ----------
    path : Path
        Made, with mode 0600, at the first entry.
    clock : callable
        Seconds since 1970, for tests.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._clock = clock

    def append(
        self,
        action: str,
        camera: str,
        *,
        track_id: int | None = None,
        segments: tuple[int, int] | None = None,
        reason: str = "",
        who: str = "",
    ) -> Entry:
        """Write an entry; when this returns, it is on the disk.

        Raises
        ------
        AuditError
            If it cannot be written, or the log's last line is damaged. Nothing may be unmasked then.
        """
        with _clear_errors(self.path), locked(self.path) as descriptor:
            last = _last_line(descriptor, self.path)
            number = _number(last, self.path) + 1 if last else 0
            previous = hashlib.sha256(last).hexdigest() if last else START
            entry = Entry(number, self._clock(), action, camera, track_id, segments, reason, who, previous)
            _write_line(descriptor, msgspec.json.encode(entry) + b"\n")
            return entry

    def verify(self, *, count: int | None = None, last: str | None = None) -> Verified:
        """Check the whole chain.

        Parameters
        ----------
        count, last : optional
            What was noted elsewhere: the log must have held, as entry `count`, the line with this hash.

        Raises
        ------
        AuditError
            If the chain is broken, or is not the one that was noted; the text says at which entry.
        """
        entries, previous, noted = 0, START, START
        for line in _lines(self.path):
            entry = _entry(line, self.path, entries)
            if entry.number != entries or entry.previous != previous:
                raise AuditError(
                    f"{self.path}: the chain breaks at entry {entries}: it, or one before, was altered"
                )
            entries, previous = entries + 1, hashlib.sha256(line).hexdigest()
            noted = previous if entries == count else noted
        if count is not None and entries < count:
            raise AuditError(
                f"{self.path} holds {entries} entries where {count} were noted: its end was cut off"
            )
        if last is not None and last != (previous if count is None else noted):
            raise AuditError(f"{self.path} is not the log whose hash was noted: it was rewritten")
        return Verified(entries, previous)

    def entries(self) -> Iterator[Entry]:
        """Yield the entries, unverified; call `verify` first."""
        for number, line in enumerate(_lines(self.path)):
            yield _entry(line, self.path, number)


def _last_line(descriptor: int, path: Path) -> bytes:
    """Return the last whole line; drop what a crash left half written, which was never acknowledged."""
    size = os.fstat(descriptor).st_size
    tail = os.pread(descriptor, 2 * MAX_LINE, max(0, size - 2 * MAX_LINE))
    if tail and not tail.endswith(b"\n"):
        kept = tail.rfind(b"\n") + 1
        if len(tail) - kept > MAX_LINE:  # no crash leaves that much: whatever it is, nothing of it is dropped
            raise AuditError(f"{path} does not end like an audit log: move it away and keep it")
        os.ftruncate(descriptor, size - len(tail) + kept)
        tail = tail[:kept]
    return tail.rstrip(b"\n").rpartition(b"\n")[2]


def _write_line(descriptor: int, line: bytes) -> None:
    if len(line) > MAX_LINE:
        raise AuditError(f"an entry of {len(line)} bytes: give a shorter reason")
    size = os.fstat(descriptor).st_size
    try:
        written = os.write(descriptor, line)
        if written < len(line):
            raise OSError("the disk is full")
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, size)
        raise


def _number(line: bytes, path: Path) -> int:
    try:
        return msgspec.json.decode(line, type=Entry).number
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise AuditError(f"{path}: the last entry is damaged; move the log away and keep it") from None


def _lines(path: Path) -> Iterator[bytes]:
    with _clear_errors(path), path.open("rb") as file:
        for line in file:
            yield line.rstrip(b"\n")


def _entry(line: bytes, path: Path, number: int) -> Entry:
    try:
        return msgspec.json.decode(line, type=Entry)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise AuditError(f"{path}: entry {number} is damaged or was altered") from None


@contextmanager
def _clear_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise AuditError(
            f"the audit log {path} cannot be used, nothing is unmasked: {error.strerror or error}"
        ) from None
