"""What the tests of footage share: small made-up sets, a loopback server, and the public sets where they are."""

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest

from gctr.datasets.registry import load_registry


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test a cache of its own, so that none meets, or leaves, a download."""
    cache = tmp_path / "cache"
    monkeypatch.setenv("GCTR_CACHE", str(cache))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return cache


@pytest.fixture
def no_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GCTR_DATA", raising=False)


@pytest.fixture
def public_data() -> None:
    """Ask for the public sets; `.ci/run` names their mirror in GCTR_DATA where there is one."""
    if not os.environ.get("GCTR_DATA"):
        pytest.skip("GCTR_DATA is not set: the public footage is not here")


def picture(k: int, width: int = 32, height: int = 24) -> np.ndarray:
    """Frame k of the made-up sets, BGR."""
    return np.random.default_rng(k).integers(0, 256, (height, width, 3), dtype=np.uint8)


def save(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)


def labels(k: int, width: int = 32, height: int = 24) -> np.ndarray:
    """CDnet labels of frame k: column k is foreground, the column after it unknown."""
    mask = np.zeros((height, width), np.uint8)
    mask[:, k], mask[:, k + 1] = 255, 170
    return mask


@pytest.fixture
def cdnet_set(tmp_path: Path) -> Path:
    """Six frames that count from 1; frames 3 to 5 (their numbers) are evaluated, the left half is the ROI."""
    root = tmp_path / "highway"
    for k in range(6):
        save(root / f"input/in{k + 1:06d}.png", picture(k))
        save(root / f"groundtruth/gt{k + 1:06d}.png", labels(k))
    roi = np.zeros((24, 32), np.uint8)
    roi[:, :16] = 255
    save(root / "ROI.bmp", roi)
    (root / "temporalROI.txt").write_text("3 5\n")
    return root


class _Server(BaseHTTPRequestHandler):
    """Serves `files` whole; `/half/…` breaks off half-way, `/cut/…` ends early but says so in its length."""

    files: dict[str, bytes]
    seen: list[str]

    def do_GET(self) -> None:
        self.seen.append(self.path)
        kind, _, name = self.path[1:].rpartition("/")
        data = self.files.get(name)
        if data is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(data) // 2 if kind == "cut" else len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if kind in ("half", "cut") else data)
        # "half" promised more: the connection just ends here, as if the server had died.
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


class Loopback:
    """A server of `files`; `seen` are the paths that were asked for."""

    def __init__(self, port: int, files: dict[str, bytes], seen: list[str]) -> None:
        self.url, self.files, self.seen = f"http://127.0.0.1:{port}", files, seen


@pytest.fixture
def server() -> Iterator[Loopback]:
    files: dict[str, bytes] = {}
    seen: list[str] = []
    handler = type("Handler", (_Server,), {"files": files, "seen": seen})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True).start()
        yield Loopback(httpd.server_port, files, seen)
        httpd.shutdown()


def model_registry(url: str, path: str, data: bytes) -> str:
    """A registry of one model, `net`, whose file `path` holds `data` and is had from `url`."""
    return f"""
[datasets]
[models.net]
title = "t"
layout = "model"
licence = "l"
[[models.net.files]]
path = "{path}"
size = {len(data)}
sha256 = "{hashlib.sha256(data).hexdigest()}"
url = "{url}"
"""


@pytest.fixture
def use_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Return a function that puts a made-up registry in the place of gctr's own."""
    folder = tmp_path / "registry"

    def use(text: str) -> None:
        folder.mkdir(exist_ok=True)
        (folder / "registry.toml").write_text(text)
        monkeypatch.setattr("gctr.datasets.registry.share", lambda name: folder)
        load_registry.cache_clear()

    yield use
    load_registry.cache_clear()
