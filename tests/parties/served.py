"""Messages made without a camera, a cloud that is never there, and one in a process which can be killed."""

import os

import numpy as np

from gctr.parties.arrivals import Stamp
from gctr.parties.cloud import Cloud
from gctr.parties.envelope import seal
from gctr.parties.keyfile import Key
from gctr.parties.messages import Header, ObjectVideo, SealedPatch, encode
from gctr.parties.remote import CloudAway
from gctr.parties.serving import _load_kernels, serve
from gctr.vision.coding import encode_plate

SIZE = (64, 48)
DAY = 86400.0
FRAMES = 2


def header(kind="segment", camera="cam-1", sequence=0, *, version=1, mode="bucket_gcm", size=SIZE) -> Header:
    n_frames = FRAMES if kind == "segment" else 0
    first = FRAMES * sequence if kind == "segment" else 0
    return Header(kind, camera, 0, sequence, first, n_frames, version, size, mode, bytes(16), 1)


def plate(size=SIZE):
    return np.full((size[1], size[0], 3), 90, np.uint8)


def background(key: Key, camera="cam-1", version=1, size=SIZE) -> bytes:
    return seal(key, header("background", camera, version=version, size=size), encode_plate(plate(size)))


def segment(key: Key, sequence: int, camera="cam-1", *, payload=300, version=1, mode="bucket_gcm") -> bytes:
    patch = SealedPatch(7, bytes(12), os.urandom(payload))
    body = encode(ObjectVideo([], [0.0, 0.1], b"", [patch]))
    return seal(key, header("segment", camera, sequence, version=version, mode=mode), body)


def ten_days(folder, key: Key) -> Cloud:
    """Ten segments on two backgrounds: 0 to 4, a day old each step, on version 1; 5 to 9 on version 2."""
    cloud = Cloud(folder, key, clock=lambda: 10 * DAY)
    cloud.put(background(key, version=1))
    cloud.put(background(key, version=2))
    for k in range(10):
        cloud.receive(segment(key, k, version=1 + k // 5), Stamp(k * DAY, 10 * DAY))
    return cloud


def stored(cloud) -> list[int]:
    return [found.sequence for found in cloud.segments("cam-1")]


class Away:
    """A cloud that is never there: what is put stays in the queue."""

    def send(self, message, captured=None):
        raise CloudAway("away")


def serve_for(folder, port, pipe):
    """Serve without TLS until killed; tell the URL through a pipe."""
    serve(folder, port=port, tls=False, on_ready=pipe.send)


_load_kernels()  # a fork server imports this module once, and every server forked from it starts warm


def damage(file):
    """Change one bit of a file, whatever it holds."""
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
