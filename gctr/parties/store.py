"""What every part of the cloud's store shares: its errors, what it tells about a segment, what it answers a camera."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

Order = Literal["next", "late", "gap", "duplicate"]


class StoreError(RuntimeError):
    """A store that cannot take or give what was asked; the text says what to do."""


class NotStored(StoreError):
    """What was asked for is not here."""


class Refused(StoreError):
    """A message whose place is taken, past, or inconsistent with what is stored. Sending it again does not help."""


class StoreFailed(StoreError):
    """A disk that is full or broken. Nothing was acknowledged; sending it again later helps."""


class SegmentInfo(Struct, frozen=True):
    """One stored segment.

    `size` in bytes, as it came; `captured` in seconds since 1970 by the cloud's clock (see `gctr.parties.arrivals`).
    """

    camera: str
    sequence: int
    first_frame: int
    n_frames: int
    background_version: int
    size: int
    captured: float = 0.0


class Receipt(Struct, frozen=True):
    """What the cloud answers when a message is stored for good.

    `order`: "next" is the one expected; "gap" leaves others out, "late" fills such a gap, "duplicate" was stored
    before, byte for byte. `missing` are the first ranges of sequence numbers (both ends included) still awaited.
    """

    order: Order
    missing: list[tuple[int, int]] = []


class Standing(Struct, frozen=True):
    """Where a camera stands with the cloud.

    `next_sequence` is the number after the highest stored; `missing` the first ranges awaited, both ends included;
    `backgrounds` the versions registered.
    """

    camera: str
    next_sequence: int = 0
    missing: list[tuple[int, int]] = []
    backgrounds: list[int] = []


def open_database(path: Path, setup: str, **options: Any) -> sqlite3.Connection:
    """Open an SQLite file without implicit transactions and run a script in it; what fails is closed again."""
    database = sqlite3.connect(path, isolation_level=None, **options)
    try:
        database.executescript(setup)
    except BaseException:
        database.close()
        raise
    return database


@contextmanager
def clear_errors(where: object) -> Iterator[None]:
    """Turn errors of disk, index and bucket into one sentence that says what to do."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        what = "the disk is full: free some space and send it again" if full else error.strerror or str(error)
        raise StoreFailed(f"nothing was stored in {where}, and what it held is safe: {what}") from None
    except sqlite3.Error as error:
        raise StoreFailed(f"the index in {where} refused: {error}; nothing was acknowledged") from None
