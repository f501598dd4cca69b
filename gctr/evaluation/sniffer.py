"""Somebody on the wire: a whole session recorded between the parties, and searched for what must not be there.

A *tap* is a TCP relay on loopback between a party and the cloud: it passes every byte on and keeps it with its time.
A recording is searched for *needles*: rows of face pixels in every order a program might write them, the coded forms of
faces and background, keys, and tokens. The same search goes over the cloud's disk and over the memory of its process.

What cannot be hidden is measured too: sizes and times of messages against what happened before the camera.

Limits: a search finds needles as they are, not what is hidden by coding unknown to it; memory is read on Linux only;
the tap sees TCP's payload, not its packets.
"""

import base64
import re
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import spearmanr

from gctr.parties.camera import Camera, CameraSettings
from gctr.parties.home import init, read_token
from gctr.parties.keyfile import Key, new_key, read_key
from gctr.parties.messages import Mode
from gctr.parties.processes import cloud_process
from gctr.parties.remote import RemoteCloud
from gctr.parties.surveillance import Surveillance
from gctr.parties.tokens import Parties
from gctr.vision.coding import encode_still
from gctr.vision.faces import FaceDetector

Frame = NDArray[np.uint8]
Box = tuple[int, int, int, int]
_STRIDE = 1 << 22  # bytes searched at once
_PAGE = 4096
_SHORTEST = 16  # bytes; shorter needles turn up by chance


class Chunk(NamedTuple):
    """Bytes that passed together: seconds since the tap opened, from the party (True) or to it, connection, bytes."""

    time: float
    outward: bool
    connection: int
    data: bytes


class Tap:
    """A relay in front of a cloud that records what passes."""

    def __init__(self, url: str) -> None:
        scheme, _, place = url.partition("://")
        host, _, port = place.rpartition(":")
        self._target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"
        self.chunks: list[Chunk] = []
        self._begun = time.monotonic()
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        """Stop listening and hang up."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in self._open:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(timeout=5)
        for end in self._open:
            end.close()

    def streams(self) -> list[bytes]:
        """Return the bytes of each connection and direction, joined: needles may lie across chunks."""
        places = sorted({(chunk.connection, chunk.outward) for chunk in self.chunks})
        return [
            b"".join(c.data for c in self.chunks if (c.connection, c.outward) == place) for place in places
        ]

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._target)
            except OSError:
                return
            number = len(self._open) // 2
            self._open += [near, far]
            for source, target, outward in ((near, far, True), (far, near, False)):
                thread = threading.Thread(
                    target=self._relay, args=(source, target, outward, number), daemon=True
                )
                self._threads.append(thread)
                thread.start()

    def _relay(self, source: socket.socket, target: socket.socket, outward: bool, number: int) -> None:
        try:
            while data := source.recv(1 << 16):
                self.chunks.append(Chunk(time.monotonic() - self._begun, outward, number, data))
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            return


class Session(NamedTuple):
    """A recorded session: what passed at the camera and at the surveillance system, the cloud's disk and memory.

    `sent` has one row a segment: `size` bytes, `objects` seen in it; `needles` are what to search for.
    """

    wire: list[bytes]
    chunks: list[Chunk]
    disk: list[bytes]
    memory: list[bytes]
    sent: pd.DataFrame
    needles: dict[str, list[bytes]]


def record_session(
    timed: Iterable[tuple[float, Frame]],
    faces: Mapping[int, Sequence[Box]],
    folder: Path,
    *,
    mode: Mode = "bucket_gcm",
    tls: bool = True,
    segment_frames: int = 10,
    detector: FaceDetector | None = None,
) -> Session:
    """Run a camera, a cloud (its own process) and a surveillance system that unmasks, and record all of it.

    Parameters
    ----------
    timed : iterable of (float, (H, W, 3) uint8 BGR array)
        What the camera sees; the first frames should show the empty scene.
    faces : mapping of int to sequence of (x0, y0, x1, y1)
        Boxes of the faces by frame, for the needles.
    folder : Path
        Empty; the parties' folders are made there.
    mode, tls, segment_frames, detector
        Of the session.
    """
    frames = list(timed)
    init(folder / "site")
    token = Parties(folder / "site" / "cloud" / "parties.json").issue("cam-1", "camera")
    key, unmask = read_key(folder / "site" / "cloud" / "store.key", "store"), new_key("unmask")
    reading = read_token(folder / "site" / "surveillance" / "surveillance.token")
    certificate = folder / "site" / "surveillance" / "cert.pem" if tls else None
    camera = Camera(key, unmask, CameraSettings(mode=mode, segment_frames=segment_frames), detector)
    with cloud_process(folder / "site" / "cloud", tls=tls) as served, _tapped(served.url) as tap:
        sending, asking = (RemoteCloud(tap.url, who, certificate) for who in (token, reading))
        sending.put(camera.register([image for _, image in frames]))
        sent = [(s.size, s.tracks) for s in camera.run(frames, sending)]
        list(Surveillance(asking, key, unmask).watch("cam-1", unmask=True))
        sending.close()
        asking.close()
        memory = read_memory(served.process.pid)
    disk = [path.read_bytes() for path in (folder / "site" / "cloud").rglob("*") if path.is_file()]
    needles = _needles([image for _, image in frames], faces, camera)
    needles |= {"storage key": _written(key), "unmask key": _written(unmask)}
    needles["tokens"] = [token[-43:].encode(), reading[-43:].encode()]
    table = pd.DataFrame(sent, columns=["size", "objects"])
    return Session(tap.streams(), tap.chunks, disk, memory, table, needles)


def search(session: Session) -> pd.DataFrame:
    """Count the needles of each kind that are found on the wire, on the cloud's disk and in its memory.

    Returns
    -------
    DataFrame
        `what`, `where`, `needles` searched, `found`, `searched_mb`.
    """
    places = {"wire": session.wire, "cloud's disk": session.disk, "cloud's memory": session.memory}
    every = [needle for needles in session.needles.values() for needle in needles]
    rows = []
    for where, data in places.items():
        found, size = find(every, data), sum(map(len, data)) / 1e6
        for what, needles in session.needles.items():
            rows.append((what, where, len(needles), sum(needle in found for needle in needles), size))
    return pd.DataFrame(rows, columns=["what", "where", "needles", "found", "searched_mb"])


def find(needles: Sequence[bytes], data: Sequence[bytes]) -> set[bytes]:
    """Return which of the needles, of 3 bytes or more each, stand anywhere in the data, as they are.

    One pass for all needles: a table of their first three bytes says where to look closer.
    """
    wanted: dict[int, set[bytes]] = {}
    for needle in needles:
        wanted.setdefault(int.from_bytes(needle[:3], "little"), set()).add(needle)
    table = np.zeros(1 << 24, np.bool_)
    table[list(wanted)] = True
    found: set[bytes] = set()
    for part in data:
        for place in _candidates(part, table):
            known = wanted[int.from_bytes(part[place : place + 3], "little")]
            found |= {needle for needle in known if part.startswith(needle, place)}
    return found


def _candidates(part: bytes, table: NDArray[np.bool_]) -> Iterator[int]:
    octets = np.frombuffer(part, np.uint8)
    for start in range(0, max(0, len(part) - 2), _STRIDE):
        piece = octets[start : start + _STRIDE + 2].astype(np.uint32)
        trigrams = piece[:-2] | piece[1:-1] << 8 | piece[2:] << 16
        yield from (start + np.flatnonzero(table[trigrams])).tolist()


def what_sizes_tell(session: Session) -> dict[str, float]:
    """Return what the sizes of messages alone say about the scene.

    Returns
    -------
    dict
        ``count_correlation``: Spearman's rank correlation of size and objects, NaN where either does not vary;
        ``presence_auc``: probability that a segment with objects is larger than one without, NaN where there are
        none of either; ``segments``.
    """
    size, objects = session.sent["size"].to_numpy(float), session.sent["objects"].to_numpy(int)
    varied = len(set(size)) > 1 and len(set(objects)) > 1
    correlation = float(spearmanr(size, objects).statistic) if varied else float("nan")
    busy, empty = size[objects > 0], size[objects == 0]
    auc = float("nan")
    if len(busy) and len(empty):
        auc = float(np.mean((busy[:, None] > empty) + 0.5 * (busy[:, None] == empty)))
    return {"count_correlation": correlation, "presence_auc": auc, "segments": float(len(size))}


def bursts(chunks: Sequence[Chunk], *, pause: float = 0.02) -> pd.DataFrame:
    """Join what a party sends without a longer pause into bursts: all that TLS leaves of a message.

    Returns
    -------
    DataFrame
        `time` in seconds, `size` in bytes, of each burst towards the cloud.
    """
    rows: list[list[float]] = []
    last = -np.inf
    for chunk in (chunk for chunk in chunks if chunk.outward):
        if chunk.time - last > pause:
            rows.append([chunk.time, 0.0])
        rows[-1][1] += len(chunk.data)
        last = chunk.time
    return pd.DataFrame(rows, columns=["time", "size"])


def read_memory(pid: int) -> list[bytes]:
    """Return the writable memory of a process that this one started, region by region, without pages of zeros.

    Empty where /proc is not.

    Raises
    ------
    PermissionError
        If the system does not let a parent read its child.
    """
    maps = Path(f"/proc/{pid}/maps")
    if not maps.exists():
        return []
    regions = []
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for start, end in re.findall(r"^([0-9a-f]+)-([0-9a-f]+) rw", maps.read_text(), re.MULTILINE):
            try:
                memory.seek(int(start, 16))
                regions.append(_without_zeros(memory.read(int(end, 16) - int(start, 16))))
            except (OSError, OverflowError, ValueError):
                continue  # of a device, or gone meanwhile
    return regions


def _without_zeros(region: bytes) -> bytes:
    pages = np.frombuffer(region[: len(region) // _PAGE * _PAGE], np.uint8).reshape(-1, _PAGE)
    return pages[pages.any(axis=1)].tobytes()


@contextmanager
def _tapped(url: str) -> Iterator[Tap]:
    tap = Tap(url)
    try:
        yield tap
    finally:
        tap.close()


def _needles(
    frames: Sequence[Frame], faces: Mapping[int, Sequence[Box]], camera: Camera
) -> dict[str, list[bytes]]:
    crops = [frames[k][y0:y1, x0:x1] for k, boxes in faces.items() for x0, y0, x1, y1 in boxes]
    rows = [row for crop in crops for row in _pixel_rows(crop)]
    stills = [encode_still(np.ascontiguousarray(crop))[40:72] for crop in crops]
    packet = camera.key_packet
    return {
        "face pixels": [row for row in rows if len(row) >= _SHORTEST and len(set(row)) > 8],
        "coded faces": [still for still in stills if len(still) >= _SHORTEST],
        "coded background": [packet[k : k + 32] for k in range(len(packet) // 4, len(packet) - 32, 997)],
    }


def _pixel_rows(crop: Frame) -> list[bytes]:
    """Return the middle row of a face as BGR, RGB and each plane alone."""
    row = crop[crop.shape[0] // 2]
    return [
        row.tobytes(),
        row[:, ::-1].tobytes(),
        *(np.ascontiguousarray(row[:, k]).tobytes() for k in range(3)),
    ]


def _written(key: Key) -> list[bytes]:
    """Return a key as it could be written: raw, in hexadecimal digits, in base64."""
    return [key.secret, key.secret.hex().encode(), base64.b64encode(key.secret)[:40]]
