"""Keeping a store well: verify, repair, retain.

*Verify* reads every file and compares hash, header and index. *Repair* removes what interrupted writers left, finishes
interrupted deletions, takes up whole messages that the index does not know (all of them, when the index itself is lost)
and sets what is damaged aside: the segment's place becomes a gap, so that the camera may send it again. *Retain*
deletes what is older than allowed, except what is held for a purpose; a background goes with the last segment on it.

A deletion is first noted in the index, then done, then forgotten, so a crash between leaves nothing undeleted.

Limits: deleting unlinks files, it does not overwrite the medium. Verify reads the whole store.
"""

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from gctr.parties.arrivals import add_background, add_segment, await_again
from gctr.parties.blobs import blob_name
from gctr.parties.cloud import Cloud
from gctr.parties.messages import Header, MessageError, peek_header
from gctr.parties.store import NotStored, Refused, StoreError, StoreFailed

_PAGE = 500


class Finding(NamedTuple):
    """One thing that is wrong: `what` is "lost", "damaged", "misplaced", "unknown" or "index"."""

    what: str
    file: str
    where: str


class Repaired(NamedTuple):
    """What a repair did: counts of files swept, deletions finished, messages taken up, set aside, removed."""

    swept: int
    deleted: int
    adopted: int
    set_aside: int
    removed: int


class Retained(NamedTuple):
    """What retention deleted."""

    segments: int
    backgrounds: int
    bytes: int


class _Row(NamedTuple):
    kind: str
    camera: str
    number: int
    file: str


def verify(cloud: Cloud) -> list[Finding]:
    """Read every file; return all that is wrong, nothing if the store is whole."""
    checks = cloud.index.rows("PRAGMA integrity_check") + cloud.index.rows("PRAGMA foreign_key_check")
    findings = [Finding("index", "index.sqlite", str(row[0])) for row in checks if row[0] != "ok"]
    known = set()
    for row in _rows(cloud):
        known.add(row.file)
        findings += _check(cloud, row)
    strangers = sorted(set(cloud.blobs.names()) - known)
    return findings + [Finding("unknown", name, "whole or not, never acknowledged") for name in strangers]


def repair(cloud: Cloud) -> Repaired:
    """Make the store whole again, as far as its files allow; acknowledged messages are never removed."""
    swept, deleted = cloud.blobs.sweep(), finish_deletions(cloud)
    rows = list(_rows(cloud))
    broken = [row for row in rows if _check(cloud, row)]
    for row in broken:
        _drop(cloud, row)
    known = {row.file for row in rows} - {row.file for row in broken}
    outcome = [_adopt(cloud, header, name) for header, name in _headers(cloud, known)]
    strangers = set(cloud.blobs.names()) - {row.file for row in _rows(cloud)}
    for name in strangers:
        _set_aside(cloud, name)
    return Repaired(swept, deleted, outcome.count(True), len(strangers), outcome.count(False))


def reset_index(folder: Path) -> Path | None:
    """Move an index that does not open out of the way, for `repair` to build a new one; return where it went."""
    path = folder / "index.sqlite"
    try:
        with contextlib.closing(sqlite3.connect(path)) as index:
            if index.execute("PRAGMA integrity_check").fetchone()[0] == "ok":
                return None
    except sqlite3.DatabaseError:
        pass
    aside = folder / f"index.sqlite.damaged-{int(time.time())}"
    for suffix in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            Path(f"{path}{suffix}").rename(f"{aside}{suffix}")
    return path.rename(aside)


def hold(cloud: Cloud, camera: str, first: int, last: int, purpose: str, until: float) -> int:
    """Keep segments `first` to `last`, both included, whatever their age, until a time; return the hold's number.

    Raises
    ------
    StoreError
        If no purpose is named, or the range is empty.
    """
    if not purpose.strip() or first > last:
        raise StoreError("a hold needs a purpose and a range of segments, FIRST-LAST")
    with cloud.index.writing() as index:
        values = (camera, first, last, purpose.strip(), until)
        query = "INSERT INTO holds (camera, first, last, purpose, until) VALUES (?, ?, ?, ?, ?)"
        return int(index.execute(query, values).lastrowid or 0)


def release(cloud: Cloud, number: int) -> None:
    """End a hold; retention applies again."""
    with cloud.index.writing() as index:
        if not index.execute("DELETE FROM holds WHERE hold = ?", (number,)).rowcount:
            raise NotStored(f"there is no hold {number}")


def holds(cloud: Cloud) -> list[tuple[int, str, int, int, str, float]]:
    """Return number, camera, first and last segment, purpose and end of every hold."""
    return cloud.index.rows("SELECT hold, camera, first, last, purpose, until FROM holds ORDER BY hold")


def retain(cloud: Cloud, max_age: float, *, now: float | None = None) -> Retained:
    """Delete segments captured more than `max_age` seconds ago that no hold keeps, and backgrounds without any."""
    now = time.time() if now is None else now
    finish_deletions(cloud)
    segments = size = backgrounds = 0
    for camera in cloud.cameras():
        while True:
            gone = _retire(cloud, camera, now - max_age, now)
            segments, size = segments + len(gone), size + sum(gone)
            if len(gone) < _PAGE:
                break
        backgrounds += _retire_backgrounds(cloud, camera)
        finish_deletions(cloud)
    return Retained(segments, backgrounds, size)


def finish_deletions(cloud: Cloud) -> int:
    """Delete the files whose deletion the index has noted; return how many."""
    leaving = [file for (file,) in cloud.index.rows("SELECT file FROM leaving")]
    for file in leaving:
        cloud.blobs.delete(file)
    with cloud.index.writing() as index:
        index.executemany("DELETE FROM leaving WHERE file = ?", [(file,) for file in leaving])
    return len(leaving)


def _retire(cloud: Cloud, camera: str, before: float, now: float) -> list[int]:
    held = "SELECT 1 FROM holds h WHERE h.camera = s.camera AND s.sequence BETWEEN h.first AND h.last"
    query = (
        f"SELECT sequence, file, size FROM segments s WHERE camera = ? AND captured < ? "
        f"AND NOT EXISTS ({held} AND h.until > ?) ORDER BY captured LIMIT {_PAGE}"
    )
    with cloud.index.writing() as index:
        old = index.execute(query, (camera, before, now)).fetchall()
        index.executemany("INSERT OR IGNORE INTO leaving VALUES (?)", [(file,) for _, file, _ in old])
        places = [(camera, sequence) for sequence, _, _ in old]
        index.executemany("DELETE FROM segments WHERE camera = ? AND sequence = ?", places)
        _uncount(index, camera, len(old), sum(size for *_, size in old))
    return [size for *_, size in old]


def _retire_backgrounds(cloud: Cloud, camera: str) -> int:
    used = "SELECT 1 FROM segments s WHERE s.camera = b.camera AND s.background_version = b.version"
    newest = "SELECT max(version) FROM backgrounds WHERE camera = b.camera"
    query = f"SELECT version, file FROM backgrounds b WHERE camera = ? AND version < ({newest}) AND NOT EXISTS ({used})"
    with cloud.index.writing() as index:
        old = index.execute(query, (camera,)).fetchall()
        index.executemany("INSERT OR IGNORE INTO leaving VALUES (?)", [(file,) for _, file in old])
        places = [(camera, version) for version, _ in old]
        index.executemany("DELETE FROM backgrounds WHERE camera = ? AND version = ?", places)
    return len(old)


def _rows(cloud: Cloud) -> Iterator[_Row]:
    for camera in cloud.cameras():
        for version in cloud.index.backgrounds(camera):
            file = cloud.index.background_file(camera, version)
            yield _Row("background", camera, version, file or "")
        query = "SELECT 'segment', camera, sequence, file FROM segments WHERE camera = ? AND sequence > ?"
        after = -1
        while page := cloud.index.rows(f"{query} ORDER BY sequence LIMIT {_PAGE}", (camera, after)):
            yield from (_Row(*row) for row in page)
            after = page[-1][2]


def _check(cloud: Cloud, row: _Row) -> list[Finding]:
    where = f"{row.kind} {row.number} of {row.camera}"
    try:
        data = cloud.blobs.read(row.file)
    except StoreFailed:
        raise  # the bucket does not answer: that says nothing about the file
    except StoreError:
        return [Finding("lost", row.file, where)]
    if blob_name(data) != row.file:
        return [Finding("damaged", row.file, where)]
    header = peek_header(data)
    own = header.background_version if header.kind == "background" else header.sequence
    return [] if (header.kind, header.camera, own) == row[:3] else [Finding("misplaced", row.file, where)]


def _drop(cloud: Cloud, row: _Row) -> None:
    """Take a broken segment out of the index. A broken background stays: its segments need its place."""
    if row.kind == "background":
        return
    with cloud.index.writing() as index:
        query = "DELETE FROM segments WHERE camera = ? AND sequence = ? RETURNING size"
        ((size,),) = index.execute(query, (row.camera, row.number)).fetchall()
        await_again(index, row.camera, row.number)
        _uncount(index, row.camera, 1, size)


def _headers(cloud: Cloud, known: set[str]) -> list[tuple[Header, str]]:
    """Return headers and names of whole messages that the index does not know, in the order to take them up."""
    found = []
    for name in set(cloud.blobs.names()) - known:
        data = cloud.blobs.read(name)
        with contextlib.suppress(MessageError):
            if blob_name(data) == name:
                cloud.check(data)
                found.append((peek_header(data), name))
    return sorted(found, key=lambda item: (item[0].kind, item[0].camera, item[0].sequence))


def _adopt(cloud: Cloud, header: Header, name: str) -> bool | None:
    """Index a whole message; False if its place is taken: it was never acknowledged and goes. None: set it aside."""
    if header.kind == "segment" and not cloud.index.background_size(header.camera, header.background_version):
        return None  # its background is lost
    written, size = cloud.blobs.written(name), len(cloud.blobs.read(name))
    try:
        with cloud.index.writing() as index:
            if header.kind == "background":
                add_background(index, header, name, size, written)
            else:
                add_segment(index, header, name, size, written)
    except Refused:
        cloud.blobs.delete(name)
        return False
    return True


def _set_aside(cloud: Cloud, name: str) -> None:
    cloud.blobs.put(f"{name}.damaged", cloud.blobs.read(name))
    cloud.blobs.delete(name)


def _uncount(index: sqlite3.Connection, camera: str, segments: int, size: int) -> None:
    update = "UPDATE cameras SET segments = segments - ?, bytes = bytes - ? WHERE camera = ?"
    index.execute(update, (segments, size, camera))
