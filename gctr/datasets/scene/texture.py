"""Textures of the synthetic scene: fractal noise and the photographed surfaces that ship with scikit-image.

`grass.png` and `gravel.png` are CC0 photographs found by path inside the scikit-image wheel, which is not
imported.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[Any]  # float32: pictures (H, W, 3) BGR 0–255, maps (H, W); OpenCV's stubs lose the dtype


def wheel_file(package: str, *parts: str) -> Path:
    """Return a data file inside an installed package, without importing the package.

    Raises
    ------
    FileNotFoundError
        If the package is not installed, or lacks the file.
    """
    spec = find_spec(package)
    roots = (spec.submodule_search_locations or []) if spec else []
    for root in roots:
        if (path := Path(root, *parts)).exists():
            return path
    raise FileNotFoundError(f"{'/'.join((package, *parts))} not found: install {package!r}")


def fractal_noise(rng: np.random.Generator, size: int, slope: float, stretch: float = 1.0) -> Image:
    """Return (size, size) float32 noise of zero mean and unit variance that tiles without seams.

    The amplitude falls as 1 / frequency**slope; `stretch` > 1 draws the grain out along y.
    """
    fy = np.fft.fftfreq(size)[:, None] * stretch
    fx = np.fft.rfftfreq(size)[None, :]
    frequency = np.hypot(fy, fx)
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.standard_normal((size, size))) / frequency**slope
    noise = np.fft.irfft2(spectrum, s=(size, size))
    return ((noise - noise.mean()) / noise.std()).astype(np.float32)


@cache
def photo_texture(name: str) -> Image:
    """Return a (512, 512) float32 texture of zero mean and unit variance: "grass" or "gravel"."""
    path = wheel_file("skimage", "data", f"{name}.png")
    photo: Image = np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.float32)
    flat = photo - cv2.GaussianBlur(photo, (0, 0), 60)
    return (flat - flat.mean()) / flat.std()


def sample(texture: Image, x: Image, y: Image, per_metre: float) -> Image:
    """Look up a tiling texture at positions (x, y) in metres."""
    height, width = texture.shape[:2]
    u = np.mod(x * per_metre, width).astype(np.float32)
    v = np.mod(y * per_metre, height).astype(np.float32)
    return cv2.remap(texture, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)


def smoothstep(low: float, high: float, x: Image) -> Image:
    """Rise from 0 at `low` to 1 at `high` without a corner."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)
