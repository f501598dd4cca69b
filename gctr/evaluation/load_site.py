"""A cloud under measurement: coded footage to send to it, and the site that serves it with its clients.

The cloud is a process of its own on loopback, with TLS; it ends with the block that opened it.
Camera work (detecting, coding, sealing) is done before any clock starts.

Limits: footage is synthetic and small in variety; the cloud does not look inside it, so its cost depends on the bytes.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gctr.parties.envelope import seal
from gctr.parties.home import init, read_token
from gctr.parties.keyfile import Key, read_key
from gctr.parties.messages import Header, ObjectVideo, SealedPatch, Sighting, encode, pack_sightings
from gctr.parties.processes import ServedCloud, cloud_process
from gctr.parties.remote import RemoteCloud
from gctr.parties.tokens import Parties
from gctr.vision.coding import encode_plate, encode_segment

FULL_HD = (1920, 1080)
FPS = 25.0
_BODIES, _WALKERS = 2, 4


class Footage(NamedTuple):
    """Coded segments of one view: the plate's key packet, and bodies to be sealed for any camera and number."""

    resolution_wh: tuple[int, int]
    n_frames: int
    key_packet: bytes
    bodies: list[ObjectVideo]


class Site(NamedTuple):
    """A cloud that is served, and a client for each camera and for the surveillance system."""

    served: ServedCloud
    key: Key
    cameras: dict[str, RemoteCloud]
    reader: RemoteCloud


def make_footage(resolution_wh: tuple[int, int] = FULL_HD, *, n_frames: int = 50) -> Footage:
    """Code segments in which people-sized textures walk over a street of blocks; about 3 % of the picture moves."""
    rng = np.random.default_rng(5)
    width, height = resolution_wh
    tiles = rng.integers(60, 120, (height // 8 + 1, width // 8 + 1, 3))
    plate = np.kron(tiles, np.ones((8, 8, 1))).astype(np.uint8)[:height, :width]
    key_packet = encode_plate(plate)
    bodies = [_walk(plate, key_packet, n_frames, rng) for _ in range(_BODIES)]
    return Footage(resolution_wh, n_frames, key_packet, bodies)


@contextmanager
def open_site(cameras: Sequence[str]) -> Iterator[Site]:
    """Serve a new cloud for cameras of these names and one surveillance system."""
    with TemporaryDirectory() as folder:
        home = Path(folder) / "site"
        init(home)
        parties = Parties(home / "cloud" / "parties.json")
        tokens = {name: parties.issue(name, "camera") for name in cameras}
        certificate = home / "surveillance" / "cert.pem"
        reading = read_token(home / "surveillance" / "surveillance.token")
        with cloud_process(home / "cloud") as served:
            clients = {name: RemoteCloud(served.url, token, certificate) for name, token in tokens.items()}
            reader = RemoteCloud(served.url, reading, certificate)
            key = read_key(home / "cloud" / "store.key", "store")
            try:
                yield Site(served, key, clients, reader)
            finally:
                for client in (*clients.values(), reader):
                    client.close()


def background_message(key: Key, footage: Footage, camera: str) -> bytes:
    """Seal the footage's background for a camera."""
    return seal(key, _header(footage, camera, "background", 0), footage.key_packet)


def segment_message(key: Key, footage: Footage, camera: str, sequence: int) -> bytes:
    """Seal a segment of the footage as number `sequence` of a camera."""
    body = footage.bodies[sequence % len(footage.bodies)]
    return seal(key, _header(footage, camera, "segment", sequence), encode(body))


def _header(footage: Footage, camera: str, kind: str, sequence: int) -> Header:
    n_frames = footage.n_frames if kind == "segment" else 0
    numbers = (0, sequence, sequence * n_frames, n_frames, 1)
    return Header(kind, camera, *numbers, footage.resolution_wh, "bucket_gcm", bytes(16), 1)  # type: ignore[arg-type]


def _walk(
    plate: NDArray[np.uint8], key_packet: bytes, n_frames: int, rng: np.random.Generator
) -> ObjectVideo:
    height, width = plate.shape[:2]
    tall, wide = height // 4 // 16 * 16, height // 10 // 16 * 16 + 16
    looks = (
        rng.integers(0, 256, (_WALKERS, tall // 4, wide // 4, 3)).astype(np.uint8).repeat(4, 1).repeat(4, 2)
    )
    places = [
        (int(rng.integers(0, width - wide - n_frames * 4)), height * k // _WALKERS // 2)
        for k in range(_WALKERS)
    ]
    sightings = [
        Sighting(t, k, (x + 4 * t, y, x + 4 * t + wide, y + tall))
        for t in range(n_frames)
        for k, (x, y) in enumerate(places)
    ]

    def frames() -> Iterator[NDArray[np.uint8]]:
        for t in range(n_frames):
            frame = plate.copy()
            for look, (x, y) in zip(looks, places, strict=True):
                frame[y : y + tall, x + 4 * t : x + 4 * t + wide] = look
            yield frame

    packets = encode_segment(plate, frames(), key_packet=key_packet).packets
    faces = [SealedPatch(k, bytes(12), rng.bytes(180 * n_frames)) for k in range(_WALKERS)]
    return ObjectVideo(packets, [t / FPS for t in range(n_frames)], pack_sightings(sightings), faces)
