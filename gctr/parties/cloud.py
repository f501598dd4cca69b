"""The cloud: holds backgrounds and masked objects, maps one to the other, composes on request.

It shares the storage key with camera and surveillance system and has no other: faces stay sealed, here and in all
that it answers. This module imports nothing that knows the unmask key; a test proves it.

The store is an SQLite index and one file a message. A file is written beside its place, synced and renamed, and only
then indexed, in one transaction: what was acknowledged is whole and stays, and a process killed at any moment leaves
a store that opens. Messages are stored as they came, encrypted.

Paper: section 3 and figures 1 and 2.

Limits: one folder on one disk; nothing is ever deleted.
"""

import errno
import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from gctr._files import write_whole
from gctr.parties.envelope import open_message, seal
from gctr.parties.keyfile import Key
from gctr.parties.messages import Composition, Header, ObjectVideo, check_objects, decode, encode, peek_header
from gctr.vision.coding import decode_plate, decode_segment, encode_still

_FORMAT = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS backgrounds (
    camera TEXT, version INTEGER, file TEXT NOT NULL, size INTEGER NOT NULL, PRIMARY KEY (camera, version)
);
CREATE TABLE IF NOT EXISTS segments (
    camera TEXT, sequence INTEGER, first_frame INTEGER NOT NULL, n_frames INTEGER NOT NULL,
    background_version INTEGER NOT NULL, file TEXT NOT NULL, size INTEGER NOT NULL, PRIMARY KEY (camera, sequence),
    FOREIGN KEY (camera, background_version) REFERENCES backgrounds (camera, version)
);
"""


class StoreError(RuntimeError):
    """A store that cannot take or give what was asked; the text says what to do."""


class SegmentInfo(NamedTuple):
    """One stored segment; `size` in bytes, as it came."""

    camera: str
    sequence: int
    first_frame: int
    n_frames: int
    background_version: int
    size: int


class Cloud:
    """A store of backgrounds and segments in one folder.

    Parameters
    ----------
    folder : Path
        Made where it does not exist.
    store_key : Key
        The storage key, to check what comes and to compose.
    """

    def __init__(self, folder: Path, store_key: Key) -> None:
        self._folder = folder
        self._key = store_key
        with _clear_errors(folder):
            (folder / "blobs").mkdir(parents=True, exist_ok=True)
            self._index = _open_index(folder / "index.sqlite")

    def close(self) -> None:
        """Close the index. What was acknowledged is safe without it."""
        self._index.close()

    def put(self, message: bytes) -> None:
        """Take a background or a segment from a camera. When this returns, it is stored for good.

        The same message twice is stored once.

        Raises
        ------
        MessageError
            If the message is damaged, altered, or sealed under another key.
        StoreError
            If its place is taken by another message, its background is not registered, or the disk is full.
        """
        header, body = open_message(self._key, message)
        if header.kind == "background":
            decode_plate(body, header.resolution_wh)
        elif header.kind == "segment":
            check_objects(header, decode(body, ObjectVideo))
            self._check_background(header)
        else:
            raise StoreError(f"a camera sends backgrounds and segments, not a {header.kind}")
        self._keep(header, message)

    def segments(self, camera: str) -> list[SegmentInfo]:
        """Return what is stored of a camera, in order."""
        columns = ", ".join(SegmentInfo._fields)
        rows = self._index.execute(
            f"SELECT {columns} FROM segments WHERE camera = ? ORDER BY sequence", (camera,)
        )
        return [SegmentInfo(*row) for row in rows]

    def cameras(self) -> list[str]:
        """Return the names of the cameras that registered a background."""
        return [
            name for (name,) in self._index.execute("SELECT DISTINCT camera FROM backgrounds ORDER BY camera")
        ]

    def background(self, camera: str, version: int) -> bytes:
        """Return a background alone: the message that registered it."""
        return self._read("backgrounds", "version", camera, version)

    def segment(self, camera: str, sequence: int) -> bytes:
        """Return a segment as the camera sent it."""
        return self._read("segments", "sequence", camera, sequence)

    def compose(self, camera: str, sequence: int) -> bytes:
        """Return a segment in front of its background: a sealed `Composition`, faces still sealed within."""
        header, composition = self._composition(camera, sequence)
        return seal(self._key, replace(header, kind="composition"), encode(composition))

    def partial(self, camera: str, sequence: int, frame: int, track_id: int) -> bytes:
        """Return one masked object of one frame alone: a sealed picture (lossless WebP).

        `frame` counts from 0 in the segment. Raises StoreError if the object is not in that frame.
        """
        header, composition = self._composition(camera, sequence)
        box = _find(composition.objects, frame, track_id)
        frames = decode_segment(composition.key_packet, composition.objects.packets, header.resolution_wh)
        x0, y0, x1, y1 = box
        for image in islice(frames, frame, None):
            picture = encode_still(image[y0:y1, x0:x1].copy())
            return seal(self._key, replace(header, kind="picture"), picture)
        raise StoreError(f"segment {sequence} of {camera} holds no picture of frame {frame}")

    def _composition(self, camera: str, sequence: int) -> tuple[Header, Composition]:
        header, body = open_message(self._key, self.segment(camera, sequence))
        _, key_packet = open_message(self._key, self.background(camera, header.background_version))
        return header, Composition(key_packet, decode(body, ObjectVideo))

    def _check_background(self, header: Header) -> None:
        registered = peek_header(self.background(header.camera, header.background_version))
        if registered.resolution_wh != header.resolution_wh:
            raise StoreError(
                f"segment {header.sequence} of {header.camera} is of another size than its background"
            )

    def _keep(self, header: Header, message: bytes) -> None:
        file = f"{hashlib.sha256(message).hexdigest()}.msg"
        with _clear_errors(self._folder):
            if self._already(header, file):
                return
            write_whole(self._folder / "blobs" / file, message)
            self._insert(header, file, len(message))

    def _insert(self, header: Header, file: str, size: int) -> None:
        with self._index:
            if header.kind == "background":
                values: tuple = (header.camera, header.background_version, file, size)
                self._index.execute("INSERT INTO backgrounds VALUES (?, ?, ?, ?)", values)
            else:
                frames = (header.first_frame, header.n_frames, header.background_version)
                values = (header.camera, header.sequence, *frames, file, size)
                self._index.execute("INSERT INTO segments VALUES (?, ?, ?, ?, ?, ?, ?)", values)

    def _already(self, header: Header, file: str) -> bool:
        if header.kind == "background":
            stored = self._file("backgrounds", "version", header.camera, header.background_version)
        else:
            stored = self._file("segments", "sequence", header.camera, header.sequence)
        if stored not in (None, file):
            number = header.background_version if header.kind == "background" else header.sequence
            raise StoreError(
                f"{header.kind} {number} of {header.camera} is stored already and differs: use a new number"
            )
        return stored is not None

    def _file(self, table: str, number: str, camera: str, value: int) -> str | None:
        # Table and column come from this module alone, never from a message.
        query = f"SELECT file FROM {table} WHERE camera = ? AND {number} = ?"
        row = self._index.execute(query, (camera, value)).fetchone()
        return row[0] if row else None

    def _read(self, table: str, number: str, camera: str, value: int) -> bytes:
        file = self._file(table, number, camera, value)
        if file is None:
            raise StoreError(f"no {table[:-1]} with {number} {value} of camera {camera!r} is stored here")
        try:
            data = (self._folder / "blobs" / file).read_bytes()
        except OSError as error:
            raise StoreError(f"the store lost {file}: {error.strerror}; restore it from a copy") from None
        if hashlib.sha256(data).hexdigest() != file.removesuffix(".msg"):
            raise StoreError(f"{file} is damaged on disk: restore it from a copy")
        return data


def _find(objects: ObjectVideo, frame: int, track_id: int) -> tuple[int, int, int, int]:
    for sighting in objects.sightings:
        if (sighting.frame, sighting.track_id) == (frame, track_id):
            return sighting.xyxy
    raise StoreError(f"object {track_id} is not in frame {frame} of this segment")


def _open_index(path: Path) -> sqlite3.Connection:
    index = sqlite3.connect(path)
    version = index.execute("PRAGMA user_version").fetchone()[0]
    if version not in (0, _FORMAT):
        raise StoreError(f"{path} is a store of format {version}; this gctr reads format {_FORMAT}")
    index.execute("PRAGMA journal_mode = WAL")
    index.execute("PRAGMA synchronous = FULL")  # an acknowledged segment survives a power cut
    index.execute("PRAGMA foreign_keys = ON")
    index.executescript(_SCHEMA + f"PRAGMA user_version = {_FORMAT};")
    return index


@contextmanager
def _clear_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        what = "the disk is full: free some space and send it again" if full else error.strerror
        raise StoreError(f"nothing was stored in {folder}, and what it held is safe: {what}") from None
    except sqlite3.Error as error:
        raise StoreError(f"the index in {folder} refused: {error}; nothing was acknowledged") from None
