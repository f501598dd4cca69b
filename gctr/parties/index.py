"""The cloud's index: what is stored, of whom, in which file. SQLite in WAL mode.

Every query is answered from a B-tree: its cost grows with what is asked, not with what is stored; a test reads the
query plans. One connection writes, another reads, so that readers do not wait for a disk to sync.

Reference: https://www.sqlite.org/wal.html; ``synchronous = FULL`` makes a commit survive a power cut.
"""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gctr.parties.store import SegmentInfo, StoreError, clear_errors, open_database

FORMAT = 2
PAGE = 1000  # rows a query returns at most
_SCHEMA = """
CREATE TABLE IF NOT EXISTS cameras (
    camera TEXT PRIMARY KEY, next_sequence INTEGER NOT NULL DEFAULT 0, segments INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0, clock_offset REAL NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS backgrounds (
    camera TEXT, version INTEGER, width INTEGER NOT NULL, height INTEGER NOT NULL, received REAL NOT NULL,
    file TEXT NOT NULL, size INTEGER NOT NULL, PRIMARY KEY (camera, version)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS segments (
    camera TEXT, sequence INTEGER, first_frame INTEGER NOT NULL, n_frames INTEGER NOT NULL,
    background_version INTEGER NOT NULL, captured REAL NOT NULL, file TEXT NOT NULL, size INTEGER NOT NULL,
    PRIMARY KEY (camera, sequence),
    FOREIGN KEY (camera, background_version) REFERENCES backgrounds (camera, version)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS segments_by_frame ON segments (camera, first_frame);
CREATE INDEX IF NOT EXISTS segments_by_time ON segments (camera, captured);
CREATE INDEX IF NOT EXISTS segments_by_background ON segments (camera, background_version);
CREATE INDEX IF NOT EXISTS segments_by_file ON segments (file);
CREATE TABLE IF NOT EXISTS gaps (
    camera TEXT, first INTEGER, last INTEGER NOT NULL, PRIMARY KEY (camera, first)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS holds (
    hold INTEGER PRIMARY KEY, camera TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    purpose TEXT NOT NULL, until REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS holds_by_camera ON holds (camera);
CREATE TABLE IF NOT EXISTS leaving (file TEXT PRIMARY KEY) WITHOUT ROWID;
"""
GAPS = "SELECT first, last FROM gaps WHERE camera = ? ORDER BY first LIMIT 100"
_LAST = 1 << 62  # beyond any sequence number
_END = 1e18  # beyond any time, in seconds
_SEGMENT = ", ".join(SegmentInfo.__struct_fields__)


class Index:
    """The index of one store.

    Raises
    ------
    StoreError
        If the file is no index, or of another format.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with clear_errors(path.parent):
            self._writer = _connect(path)
            try:
                _prepare(self._writer, path)
                self._reader = _connect(path)
            except BaseException:
                self._writer.close()
                raise
        self._write_lock, self._read_lock = threading.Lock(), threading.Lock()

    def close(self) -> None:
        """Close both connections. What was committed is safe without it."""
        self._reader.close()
        self._writer.close()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it survives, or none. Waits for other writers, of other processes too."""
        with self._write_lock, clear_errors(self.path.parent):
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise

    def rows(self, query: str, values: Sequence[object] = ()) -> list[tuple]:
        """Return all rows of a query; the text of the query comes from this package alone."""
        with self._read_lock, clear_errors(self.path.parent):
            return self._reader.execute(query, values).fetchall()

    def cameras(self) -> list[str]:
        """Return the names of cameras that registered a background."""
        return [name for (name,) in self.rows("SELECT camera FROM cameras ORDER BY camera")]

    def totals(self) -> list[tuple[str, int, int, float, int]]:
        """Return camera, segments, bytes, clock offset in seconds and sequence numbers awaited of every camera."""
        missing = "SELECT coalesce(sum(last - first + 1), 0) FROM gaps g WHERE g.camera = c.camera"
        return self.rows(
            f"SELECT camera, segments, bytes, clock_offset, ({missing}) FROM cameras c ORDER BY camera"
        )

    def segments(
        self,
        camera: str,
        *,
        first: int = 0,
        last: int | None = None,
        since: float | None = None,
        until: float | None = None,
        limit: int = PAGE,
    ) -> list[SegmentInfo]:
        """Return at most `limit` segments, by sequence or, where `since` or `until` is given, by capture time.

        By sequence: `first` to `last`, both included. By time: from `since` (of those captured at that very moment,
        only from sequence `first` on, which is how a caller turns the page) to before `until`.
        """
        values: list[float]
        where, values = "sequence BETWEEN ? AND ? ORDER BY sequence", [first, _LAST if last is None else last]
        if since is not None or until is not None:
            where = "(captured, sequence) >= (?, ?) AND captured < ? ORDER BY captured, sequence"
            values = [since or 0.0, first, _END if until is None else until]
        query = f"SELECT {_SEGMENT} FROM segments WHERE camera = ? AND {where} LIMIT ?"
        return [SegmentInfo(*row) for row in self.rows(query, [camera, *values, min(limit, PAGE)])]

    def at_frame(self, camera: str, number: int) -> SegmentInfo | None:
        """Return the segment that holds a frame, counted since the camera's start."""
        where = "camera = ? AND first_frame <= ? ORDER BY first_frame DESC LIMIT 1"
        for row in self.rows(f"SELECT {_SEGMENT} FROM segments WHERE {where}", (camera, number)):
            found = SegmentInfo(*row)
            return found if number < found.first_frame + found.n_frames else None
        return None

    def segment_file(self, camera: str, sequence: int) -> str | None:
        """Return the file of a segment."""
        return self._file("segments WHERE camera = ? AND sequence = ?", camera, sequence)

    def background_file(self, camera: str, version: int) -> str | None:
        """Return the file of a background."""
        return self._file("backgrounds WHERE camera = ? AND version = ?", camera, version)

    def background_size(self, camera: str, version: int) -> tuple[int, int] | None:
        """Return (width, height) in pixels of a background."""
        query = "SELECT width, height FROM backgrounds WHERE camera = ? AND version = ?"
        found = self.rows(query, (camera, version))
        return found[0] if found else None

    def backgrounds(self, camera: str) -> list[int]:
        """Return the versions of a camera's background."""
        query = "SELECT version FROM backgrounds WHERE camera = ? ORDER BY version"
        return [version for (version,) in self.rows(query, (camera,))]

    def gaps(self, camera: str) -> list[tuple[int, int]]:
        """Return the first 100 ranges of sequence numbers, both ends included, that are awaited."""
        return self.rows(GAPS, (camera,))

    def next_sequence(self, camera: str) -> int:
        """Return the sequence number after the highest that was ever stored."""
        found = self.rows("SELECT next_sequence FROM cameras WHERE camera = ?", (camera,))
        return found[0][0] if found else 0

    def _file(self, source: str, camera: str, number: int) -> str | None:
        found = self.rows(f"SELECT file FROM {source}", (camera, number))
        return found[0][0] if found else None


def _connect(path: Path) -> sqlite3.Connection:
    # FULL: an acknowledged segment survives a power cut. Each connection is used under a lock of its own, by whichever
    # thread has work.
    setup = "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
    return open_database(path, setup, timeout=30, check_same_thread=False)


def _prepare(index: sqlite3.Connection, path: Path) -> None:
    version = index.execute("PRAGMA user_version").fetchone()[0]
    if version not in (0, FORMAT):
        raise StoreError(f"{path} is a store of format {version}; this gctr reads format {FORMAT}")
    if version == 0:
        index.execute("PRAGMA journal_mode = WAL")
        index.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {FORMAT}; COMMIT;")
