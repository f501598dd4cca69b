"""What arrives at the cloud, in which order: duplicates, replays, gaps, late comers, and clocks that disagree.

A camera numbers its segments from 0 and counts frames through; both stand in the header, which the seal of the
authenticated mode binds to the body. The index remembers the next number expected and every range left out, so an
arrival is judged in O(log n), over restarts too:

===========  ==========================================================================================
next, gap    at or beyond the number expected; what lies between is awaited
late         fills a gap
duplicate    stored already, the same bytes: acknowledged again and stored once
refused      the place holds other bytes; it was stored and its time is over (a replay); or its frames
             overlap a neighbour's (a renumbered replay, possible where the mode has no tags)
===========  ==========================================================================================

Clocks. A camera tells when it captured and when it sends, by its own clock; the cloud takes the difference between
its own clock and the camera's at arrival as the offset and stores ``captured + offset``. Retention goes by that. A
camera whose clock is wrong, or lies, can move its segments to times before their arrival, never after it.

Limits: the offset contains the network's delay; a clock that jumps between capture and sending moves what waited.
"""

import sqlite3
from typing import NamedTuple

from gctr.parties.index import GAPS
from gctr.parties.messages import Header
from gctr.parties.store import Order, Receipt, Refused


class Stamp(NamedTuple):
    """Seconds since 1970 by the camera's clock: when the segment was captured, when it was sent."""

    captured: float
    sent: float


def captured_at(stamp: Stamp | None, received: float) -> tuple[float, float]:
    """Return (capture time, clock offset), both by the cloud's clock, in seconds."""
    if stamp is None:
        return received, 0.0
    offset = received - stamp.sent
    return min(received, max(0.0, stamp.captured + offset)), offset


def add_background(
    index: sqlite3.Connection, header: Header, file: str, size: int, received: float
) -> Receipt:
    """Index a background's message inside a transaction."""
    stored = _stored(index, "backgrounds WHERE camera = ? AND version = ?", header, header.background_version)
    if _is_same(stored, file, header, header.background_version):
        return Receipt("duplicate")
    values = (header.camera, header.background_version, *header.resolution_wh, received, file, size)
    index.execute("INSERT INTO backgrounds VALUES (?, ?, ?, ?, ?, ?, ?)", values)
    index.execute("INSERT INTO cameras (camera) VALUES (?) ON CONFLICT DO NOTHING", (header.camera,))
    return Receipt("next")


def add_segment(
    index: sqlite3.Connection, header: Header, file: str, size: int, captured: float, offset: float = 0.0
) -> Receipt:
    """Index a segment's message inside a transaction.

    Raises
    ------
    Refused
        If it is a replay, or its place or its frames are taken.
    """
    stored = _stored(index, "segments WHERE camera = ? AND sequence = ?", header, header.sequence)
    if _is_same(stored, file, header, header.sequence):
        return Receipt("duplicate", _gaps(index, header.camera))
    order = _admit(index, header)
    _check_neighbours(index, header)
    frames = (header.first_frame, header.n_frames, header.background_version)
    values = (header.camera, header.sequence, *frames, captured, file, size)
    index.execute("INSERT INTO segments VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
    update = "segments = segments + 1, bytes = bytes + ?, clock_offset = ?"
    index.execute(f"UPDATE cameras SET {update} WHERE camera = ?", (size, offset, header.camera))
    return Receipt(order, _gaps(index, header.camera))


def await_again(index: sqlite3.Connection, camera: str, sequence: int) -> None:
    """Make a segment that the store lost a gap of its own, so that the camera may send it again."""
    index.execute("INSERT OR IGNORE INTO gaps VALUES (?, ?, ?)", (camera, sequence, sequence))


def uncount(index: sqlite3.Connection, camera: str, segments: int, size: int) -> None:
    """Take segments that left the index off their camera's counts; `size` in bytes, of all of them."""
    update = "UPDATE cameras SET segments = segments - ?, bytes = bytes - ? WHERE camera = ?"
    index.execute(update, (segments, size, camera))


def _admit(index: sqlite3.Connection, header: Header) -> Order:
    camera, sequence = header.camera, header.sequence
    query = "SELECT next_sequence FROM cameras WHERE camera = ?"
    (expected,) = index.execute(query, (camera,)).fetchone() or (0,)
    if sequence < expected:
        _fill_gap(index, camera, sequence)
        return "late"
    index.execute("UPDATE cameras SET next_sequence = ? WHERE camera = ?", (sequence + 1, camera))
    if sequence == expected:
        return "next"
    index.execute("INSERT INTO gaps VALUES (?, ?, ?)", (camera, expected, sequence - 1))
    return "gap"


def _fill_gap(index: sqlite3.Connection, camera: str, sequence: int) -> None:
    query = "SELECT first, last FROM gaps WHERE camera = ? AND first <= ? ORDER BY first DESC LIMIT 1"
    first, last = index.execute(query, (camera, sequence)).fetchone() or (0, -1)
    if sequence > last:
        raise Refused(f"segment {sequence} of {camera} came before and its time is over: it is a replay")
    index.execute("DELETE FROM gaps WHERE camera = ? AND first = ?", (camera, first))
    for left, right in ((first, sequence - 1), (sequence + 1, last)):
        if left <= right:
            index.execute("INSERT INTO gaps VALUES (?, ?, ?)", (camera, left, right))


def _check_neighbours(index: sqlite3.Connection, header: Header) -> None:
    end = header.first_frame + header.n_frames
    columns = "SELECT sequence, first_frame, first_frame + n_frames FROM segments WHERE camera = ?"
    place = (header.camera, header.sequence)
    before = index.execute(f"{columns} AND sequence < ? ORDER BY sequence DESC LIMIT 1", place).fetchone()
    after = index.execute(f"{columns} AND sequence > ? ORDER BY sequence LIMIT 1", place).fetchone()
    if (before and before[2] > header.first_frame) or (after and after[1] < end):
        other = before[0] if before and before[2] > header.first_frame else after[0]
        raise Refused(
            f"the frames of segment {header.sequence} of {header.camera} overlap those of segment {other}: "
            "it is renumbered, or the camera lost count"
        )


def _stored(index: sqlite3.Connection, source: str, header: Header, number: int) -> str | None:
    row = index.execute(f"SELECT file FROM {source}", (header.camera, number)).fetchone()
    return row[0] if row else None


def _is_same(stored: str | None, file: str, header: Header, number: int) -> bool:
    if stored not in (None, file):
        raise Refused(
            f"{header.kind} {number} of {header.camera} is stored already and differs: use a new number"
        )
    return stored is not None


def _gaps(index: sqlite3.Connection, camera: str) -> list[tuple[int, int]]:
    return index.execute(GAPS, (camera,)).fetchall()
