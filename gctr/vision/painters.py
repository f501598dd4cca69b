"""What a mask looks like: the kinds of mask, each a function from a face to what is painted over it.

``solid``; ``pixelate`` and ``blur``, which most tools use and which notebook 08_privacy_leakage shows to leak;
``scramble``, the sign flips of transform coefficients of Dufaux & Ebrahimi (IEEE Trans. Circuits Syst. Video Technol.
18(8), 2008); ``silhouette``, which leaves the shape of what moves and nothing else. `PAINTERS`, at the end, is the one
place that names them.

Limits: scrambling is a visible mask only. The pixels come back from the sealed patch, not by descrambling, because
8-bit pixels clip.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Kind = str  # a name in `PAINTERS`

SOLID_BGR = (96, 96, 96)  # one colour for every face: a mean colour would tell skin and hair
_MOVED = 24  # grey levels from the background beyond which a pixel is part of a silhouette


@dataclass(frozen=True)
class MaskStyle:
    """How a mask looks.

    Parameters
    ----------
    kind : str
        One of `KINDS`. Only ``solid`` depends on no pixel under it; ``silhouette`` on their outline alone.
    ellipse : bool
        Mask the ellipse in each box, not the whole box.
    cells : int
        ``pixelate``: mosaic cells along a box's shorter side. More cells leak more.
    sigma : float
        ``blur``: standard deviation of the Gaussian, as a share of a box's shorter side.
    key : bytes
        ``scramble``: whoever has it can undo most of the scrambling; draw 32 random bytes and keep them secret.
    """

    kind: Kind = "solid"
    ellipse: bool = False
    cells: int = 8
    sigma: float = 0.2
    key: bytes = b""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no mask {self.kind!r}: there are {', '.join(KINDS)}")
        if self.cells < 1 or not 0 < self.sigma <= 10:
            raise ValueError("a mosaic has at least 1 cell, a blur a sigma above 0 and at most 10")
        if self.kind == "scramble" and len(self.key) < 16:
            raise ValueError("scrambling needs a secret key of at least 16 random bytes")


class MaskInput(NamedTuple):
    """What a painter is given: the original `pixels` of a box, and the empty scene in their place where it is known.

    Both are (h, w, 3) uint8 BGR; `origin` is the box's upper left corner in the image, (x, y) in pixels.
    """

    pixels: NDArray[np.uint8]
    background: NDArray[np.uint8] | None
    origin: tuple[int, int]


Painter = Callable[[MaskInput, MaskStyle], NDArray[np.uint8]]
"""Returns what hides a box, (h, w, 3) uint8 BGR, and leaves alone what it was given."""


def pixelate(face: NDArray[np.uint8], cells: int) -> NDArray[np.uint8]:
    """Return a mosaic of `cells` along the shorter side, each the mean of its pixels; (h, w, 3) uint8 BGR."""
    height, width = face.shape[:2]
    side = max(1.0, min(height, width) / cells)
    small = (max(1, round(width / side)), max(1, round(height / side)))
    mosaic = cv2.resize(face, small, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(mosaic, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)


def blur(face: NDArray[np.uint8], sigma: float) -> NDArray[np.uint8]:
    """Return a Gaussian blur of `sigma` times the shorter side; nothing outside the box is mixed in."""
    pixels = sigma * min(face.shape[:2])
    return np.asarray(cv2.GaussianBlur(face, (0, 0), pixels, borderType=cv2.BORDER_REFLECT_101), np.uint8)


def scramble(face: NDArray[np.uint8], key: bytes) -> NDArray[np.uint8]:
    """Return the face with pseudo-random signs on the AC coefficients of its 8x8 DCT blocks, in each channel.

    As Dufaux & Ebrahimi (2008), on the pixels' transform instead of a codec's. The signs are SHAKE-256 of `key`.
    Block means and magnitudes stay, which is what an attacker works with.
    """
    height, width = face.shape[:2]
    padded = np.pad(face, ((0, -height % 8), (0, -width % 8), (0, 0)), mode="edge").astype(np.float64)
    rows, columns = padded.shape[0] // 8, padded.shape[1] // 8
    blocks = padded.reshape(rows, 8, columns, 8, 3).transpose(0, 2, 4, 1, 3)
    coefficients = _DCT @ blocks @ _DCT.T
    bits = np.frombuffer(hashlib.shake_256(key).digest(coefficients.size // 8), np.uint8)
    signs = 1.0 - 2.0 * np.unpackbits(bits).reshape(coefficients.shape)
    signs[..., 0, 0] = 1.0
    pixels = (_DCT.T @ (coefficients * signs) @ _DCT).transpose(0, 3, 1, 4, 2).reshape(padded.shape)
    return np.rint(pixels).clip(0, 255).astype(np.uint8)[:height, :width]


def _dct_matrix() -> NDArray[np.float64]:
    k, n = np.ogrid[:8, :8]
    matrix = np.cos(np.pi * (2 * n + 1) * k / 16) / 2
    matrix[0] /= np.sqrt(2)
    return matrix


_DCT = _dct_matrix()


def silhouette(face: NDArray[np.uint8], background: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    """Return the empty scene with one colour wherever the face differs from it; (h, w, 3) uint8 BGR.

    Raises
    ------
    ValueError
        If the empty scene is not known.
    """
    if background is None:
        raise ValueError("a silhouette needs the empty scene's picture, of the image's size")
    moved = cv2.absdiff(face, background).max(axis=2, keepdims=True) > _MOVED
    return np.where(moved, np.array(SOLID_BGR, np.uint8), background)


PAINTERS: dict[str, Painter] = {
    "solid": lambda box, style: np.full_like(box.pixels, SOLID_BGR),
    "pixelate": lambda box, style: pixelate(box.pixels, style.cells),
    "blur": lambda box, style: blur(box.pixels, style.sigma),
    "scramble": lambda box, style: scramble(box.pixels, style.key + repr(box.origin).encode()),
    "silhouette": lambda box, style: silhouette(box.pixels, box.background),
}
"""Every kind of mask by name. A line here is a kind for the camera, the notebooks and `gctr mask` alike."""

KINDS = PAINTERS.keys()
SOLID = MaskStyle()
