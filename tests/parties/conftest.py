"""A tiny street: 160x96 px, two walkers with faces of random pixels, and a detector that knows their colour."""

from dataclasses import dataclass

import numpy as np
import pytest

from gctr.parties.camera import Camera, CameraSettings
from gctr.parties.cloud import Cloud
from gctr.parties.keyfile import new_key
from gctr.parties.surveillance import Surveillance

WIDTH, HEIGHT, FRAMES = 160, 96, 30
FRAME_OF_FACE = (255, 0, 255)  # one pixel wide, found by `KnownFaces`


@dataclass(frozen=True)
class Street:
    """Frames, (T, H, W, 3) uint8 BGR, and the face's true box in each frame, per walker."""

    frames: np.ndarray
    faces: dict[int, list[tuple[int, int, int, int]]]

    name = "street"
    sha256 = "0" * 64

    def __iter__(self):
        return iter(self.frames)

    def timed(self):
        return ((k / 10, frame) for k, frame in enumerate(self.frames))


class KnownFaces:
    """Finds the magenta frames that `make_street` draws around faces."""

    def detect(self, image):
        marked = np.pad((image == FRAME_OF_FACE).all(axis=2), ((1, 13), (1, 11)))
        corner = marked[1:-13, 1:-11] & ~marked[:-14, 1:-11] & ~marked[1:-13, :-12]
        corner &= marked[14:, 1:-11] & marked[1:-13, 12:]  # lower left and upper right corners of 12x14 px
        y, x = np.nonzero(corner)
        return np.stack([x, y, x + 12, y + 14, np.ones_like(x)], axis=1).astype(np.float32)


class NoFaces:
    """Finds nobody: every object is masked at the head."""

    def detect(self, image):
        return np.empty((0, 5), np.float32)


class Overhearing:
    """Passes messages on to the cloud and keeps a copy of each."""

    def __init__(self, cloud):
        self.cloud, self.heard = cloud, []

    def put(self, message):
        self.heard.append(message)
        self.cloud.put(message)


def make_street(seed: int = 1) -> Street:
    rng = np.random.default_rng(seed)
    ground = np.kron(rng.integers(60, 120, (HEIGHT // 8, WIDTH // 8, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    frames = np.repeat(ground[None], FRAMES, axis=0)
    faces: dict[int, list[tuple[int, int, int, int]]] = {0: [], 1: []}
    for k in range(5, FRAMES):
        for walker, (y, step) in enumerate([(8, 4), (52, -4)]):
            x = 8 + step * (k - 5) if step > 0 else WIDTH - 40 + step * (k - 5)
            frames[k, y : y + 40, x : x + 24] = rng.integers(150, 250, (40, 24, 3))
            x0, y0 = x + 6, y + 2
            frames[k, y0 : y0 + 14, x0 : x0 + 12] = FRAME_OF_FACE
            frames[k, y0 + 1 : y0 + 13, x0 + 1 : x0 + 11] = rng.integers(0, 256, (12, 10, 3))
            faces[walker].append((x0, y0, x0 + 12, y0 + 14))
    return Street(frames, faces)


@pytest.fixture(scope="session")
def street():
    return make_street()


@pytest.fixture
def store_key():
    return new_key("store")


@pytest.fixture
def unmask_key():
    return new_key("unmask")


@pytest.fixture
def cloud(tmp_path, store_key):
    cloud = Cloud(tmp_path / "cloud", store_key)
    yield cloud
    cloud.close()


@pytest.fixture
def camera(store_key, unmask_key):
    settings = CameraSettings(segment_frames=10, face_margin=0.0)
    return Camera(store_key, unmask_key, settings, KnownFaces())


@pytest.fixture
def filled(street, camera, cloud, store_key, unmask_key):
    """A cloud that holds the street, and a surveillance system that can unmask it."""
    cloud.put(camera.register(street))
    list(camera.run(street.timed(), cloud))
    return Surveillance(cloud, store_key, unmask_key)
