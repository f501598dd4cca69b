"""Keeping a store whole: verify, repair.

*Verify* reads every file and compares hash, header and index. *Repair* removes what interrupted writers left, finishes
interrupted deletions, takes up whole messages that the index does not know (all of them, when the index itself is lost)
and sets what is damaged aside: the segment's place becomes a gap, so that the camera may send it again.

Limits: verify reads the whole store.
"""

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from gctr.parties.arrivals import add_background, add_segment, await_again, uncount
from gctr.parties.blobs import blob_name
from gctr.parties.cloud import Cloud
from gctr.parties.messages import Header, MessageError, peek_header
from gctr.parties.retention import finish_deletions
from gctr.parties.store import Refused, StoreError, StoreFailed

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
        uncount(index, row.camera, 1, size)


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
