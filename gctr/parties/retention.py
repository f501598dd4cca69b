"""How long a store keeps what: retention by age, and holds for a purpose.

*Retain* deletes what is older than allowed, except what is held; a background goes with the last segment on it. A
deletion is first noted in the index, then done, then forgotten, so a crash between leaves nothing undeleted.

Limits: deleting unlinks files, it does not overwrite the medium.
"""

import time
from typing import NamedTuple

from gctr.parties.arrivals import uncount
from gctr.parties.cloud import Cloud
from gctr.parties.store import NotStored, StoreError

_PAGE = 500


class Retained(NamedTuple):
    """What retention deleted."""

    segments: int
    backgrounds: int
    bytes: int


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
        uncount(index, camera, len(old), sum(size for *_, size in old))
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
