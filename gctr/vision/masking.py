"""Masks over faces, and the exact inverse.

`hide_faces` and `reveal_faces` are inverses on the pixels, whatever the kind of mask: what `hide_faces` takes out is
what `reveal_faces` puts back, byte for byte. The mask is painted before any lossy coding, so that no pixel of a face
is coded outside the patch that is sealed.

Kinds: ``solid``; ``pixelate`` and ``blur``, which most tools use and which notebook 08_privacy_leakage shows to leak;
``scramble``, the sign flips of transform coefficients of Dufaux & Ebrahimi (IEEE Trans. Circuits Syst. Video Technol.
18(8), 2008); ``silhouette``, which leaves the shape of what moves and nothing else.

Limits: a mask covers the boxes it is given (`gctr.vision.covers` finds them); an ellipse leaves a box's corners
visible. Scrambling is a visible mask only: the pixels come back from the patch, not by descrambling, because 8-bit
pixels clip.
"""

import hashlib
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

Kind = Literal["solid", "pixelate", "blur", "scramble", "silhouette"]
Box = tuple[int, int, int, int]

SOLID_BGR = (96, 96, 96)  # one colour for every face: a mean colour would tell skin and hair
KINDS: tuple[Kind, ...] = get_args(Kind)
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


SOLID = MaskStyle()


class Patch(NamedTuple):
    """The original pixels of one masked box: `xyxy` in pixels, `pixels` (h, w, 3) uint8 BGR."""

    xyxy: Box
    pixels: NDArray[np.uint8]


def grow_boxes(boxes: ArrayLike, margin: float, resolution_wh: tuple[int, int]) -> NDArray[np.int32]:
    """Widen boxes on every side and round them outwards to whole pixels inside the image.

    Parameters
    ----------
    boxes : (N, 4) float array-like
        x0, y0, x1, y1 in pixels.
    margin : float
        Share of a box's width and height that is added on each side.
    resolution_wh : tuple of int
        Width and height of the image in pixels.

    Returns
    -------
    (M, 4) int32 array
        The widened boxes; those that lie outside the image are left out.
    """
    xyxy = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
    extra = np.tile((xyxy[:, 2:] - xyxy[:, :2]) * margin, 2) * [-1, -1, 1, 1]
    grown = xyxy + extra
    limits = np.array(resolution_wh * 2)
    whole = (
        np.concatenate([np.floor(grown[:, :2]), np.ceil(grown[:, 2:])], axis=1)
        .clip(0, limits)
        .astype(np.int32)
    )
    return whole[(whole[:, 2] > whole[:, 0]) & (whole[:, 3] > whole[:, 1])]


def hide_faces(
    image: NDArray[np.uint8],
    boxes: ArrayLike,
    style: MaskStyle = SOLID,
    background: NDArray[np.uint8] | None = None,
) -> tuple[NDArray[np.uint8], list[Patch]]:
    """Paint boxes over, and keep what was under them.

    Parameters
    ----------
    image : (H, W, 3) uint8 array
        BGR; left as it is.
    boxes : (N, 4) int array-like
        x0, y0, x1, y1 inside the image; they may overlap.
    style : MaskStyle
        Solid boxes of `SOLID_BGR` by default.
    background : (H, W, 3) uint8 array, optional
        The empty scene, BGR; needed for silhouettes.

    Returns
    -------
    masked : (H, W, 3) uint8 array
        BGR.
    patches : list of Patch
        What was under each box, in the order of `boxes`.

    Raises
    ------
    ValueError
        If a box is empty or leaves the image, or a silhouette has no background of the image's size.
    """
    boxes = np.asarray(boxes, dtype=int).reshape(-1, 4)
    return paint(image, boxes, style, background), cut(image, boxes)


def paint(
    image: NDArray[np.uint8],
    boxes: ArrayLike,
    style: MaskStyle = SOLID,
    background: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8]:
    """Return the image with boxes masked; parameters and errors as of `hide_faces`.

    Every box is masked from the original pixels, so that the order of boxes does not matter but where two overlap:
    there the later one is on top.
    """
    masked = image.copy()
    for box in np.asarray(boxes, dtype=int).reshape(-1, 4).tolist():
        x0, y0, x1, y1 = _checked(box, image.shape)
        behind = _background_of(background, image, style)[y0:y1, x0:x1]
        cover = _cover(image[y0:y1, x0:x1], style, behind, (x0, y0))
        if style.ellipse:
            inside = ellipse_mask(x1 - x0, y1 - y0)
            masked[y0:y1, x0:x1][inside] = cover[inside]
        else:
            masked[y0:y1, x0:x1] = cover
    return masked


def cut(image: NDArray[np.uint8], boxes: ArrayLike) -> list[Patch]:
    """Return copies of the pixels of boxes; parameters and errors as of `hide_faces`."""
    checked = [_checked(box, image.shape) for box in np.asarray(boxes, dtype=int).reshape(-1, 4).tolist()]
    return [Patch((x0, y0, x1, y1), image[y0:y1, x0:x1].copy()) for x0, y0, x1, y1 in checked]


def reveal_faces(masked: NDArray[np.uint8], patches: list[Patch]) -> NDArray[np.uint8]:
    """Put the original pixels back: the inverse of `hide_faces`.

    Parameters
    ----------
    masked : (H, W, 3) uint8 array
        BGR; left as it is.
    patches : list of Patch
        As `hide_faces` returned them.

    Returns
    -------
    (H, W, 3) uint8 array
        BGR; equal to the image that was masked in every pixel of every patch.

    Raises
    ------
    ValueError
        If a patch leaves the image or its pixels do not fit its box.
    """
    image = masked.copy()
    for box, pixels in patches:
        x0, y0, x1, y1 = _checked(box, image.shape)
        if pixels.shape != (y1 - y0, x1 - x0, 3):
            raise ValueError(f"patch of {pixels.shape} pixels does not fit its box {(x0, y0, x1, y1)}")
        image[y0:y1, x0:x1] = pixels
    return image


def split_boxes(boxes: ArrayLike) -> list[list[Box]]:
    """Split boxes into rectangles that do not overlap; of two that share pixels, the earlier one keeps them.

    One person's patch must not show another's face: each pixel belongs to one mask.

    Returns
    -------
    list of list of (x0, y0, x1, y1)
        The rectangles of each box, in the order of `boxes`; an empty list for a box that earlier ones cover.
    """
    taken: list[Box] = []
    parts = []
    for box in np.asarray(boxes, dtype=int).reshape(-1, 4).tolist():
        left: list[Box] = [tuple(box)]
        for other in taken:
            left = [piece for rest in left for piece in _subtract(rest, other)]
        taken += left
        parts.append(left)
    return parts


def ellipse_mask(width: int, height: int) -> NDArray[np.bool_]:
    """Return the (height, width) bool mask of the ellipse that fills a box."""
    y, x = np.ogrid[:height, :width]
    return ((2 * x + 1 - width) / width) ** 2 + ((2 * y + 1 - height) / height) ** 2 <= 1


def _subtract(box: Box, other: Box) -> list[Box]:
    x0, y0, x1, y1 = box
    u0, v0, u1, v1 = max(x0, other[0]), max(y0, other[1]), min(x1, other[2]), min(y1, other[3])
    if u0 >= u1 or v0 >= v1:
        return [box]
    around = [(x0, y0, x1, v0), (x0, v1, x1, y1), (x0, v0, u0, v1), (u1, v0, x1, v1)]
    return [(a, b, c, d) for a, b, c, d in around if a < c and b < d]


def _cover(
    face: NDArray[np.uint8], style: MaskStyle, behind: NDArray[np.uint8], place: tuple[int, int]
) -> NDArray[np.uint8]:
    if style.kind == "pixelate":
        return pixelate(face, style.cells)
    if style.kind == "blur":
        return blur(face, style.sigma)
    if style.kind == "scramble":
        return scramble(face, style.key + repr(place).encode())
    if style.kind == "silhouette":
        moved = cv2.absdiff(face, behind).max(axis=2, keepdims=True) > _MOVED
        return np.where(moved, np.array(SOLID_BGR, np.uint8), behind)
    return np.full_like(face, SOLID_BGR)


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


def _background_of(
    background: NDArray[np.uint8] | None, image: NDArray[np.uint8], style: MaskStyle
) -> NDArray[np.uint8]:
    if style.kind != "silhouette":
        return image
    if background is None or background.shape != image.shape:
        raise ValueError("a silhouette needs the empty scene's picture, of the image's size")
    return background


def _checked(box: ArrayLike, shape: tuple[int, ...]) -> Box:
    x0, y0, x1, y1 = np.asarray(box).tolist()
    if not (0 <= x0 < x1 <= shape[1] and 0 <= y0 < y1 <= shape[0]):
        raise ValueError(
            f"box {(x0, y0, x1, y1)} is empty or leaves the image of {shape[1]}x{shape[0]} pixels"
        )
    return x0, y0, x1, y1
