"""Picture quality where it matters: pooled PSNR inside objects, SSIM on every frame, the seam around what was
pasted.

PSNR is pooled: squared errors are summed over all frames before the logarithm, so that no easy frame outvotes
a hard one (a mean of per-frame PSNRs does). SSIM is Wang et al. 2004: Gaussian window of sigma 1.5, 11 x 11.
Oracle: `skimage.metrics`.

All pictures are luma planes or I420 pictures, whose first H rows are luma; limited range counts as it is
coded.
"""

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def pooled_psnr(
    decoded: Iterable[NDArray[np.uint8]],
    source: Iterable[NDArray[np.uint8]],
    masks: Iterable[Mask | None],
) -> float:
    """Return the PSNR of luma in dB, errors pooled over all pixels in `masks` of all frames.

    Parameters
    ----------
    decoded, source : iterable of (H or 3 H / 2, W) uint8
        Luma planes or I420 pictures.
    masks : iterable of (H, W) bool or None
        Pixels that count; None counts all.

    Returns
    -------
    float
        Infinite for equal pictures, nan where no pixel counts.
    """
    error, n = 0.0, 0
    for a, b, mask in zip(decoded, source, masks, strict=True):
        if mask is None:
            error, n = error + cv2.norm(a, b, cv2.NORM_L2SQR), n + a.size
        elif mask.any():  # OpenCV takes an empty mask for none
            height = len(mask)
            error += cv2.norm(a[:height], b[:height], cv2.NORM_L2SQR, mask.view(np.uint8))
            n += int(mask.sum())
    if not n:
        return float("nan")
    return float(10 * np.log10(255**2 * n / error)) if error else float("inf")


def ssim_map(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the structural similarity of two (H, W) uint8 planes at every pixel, (H, W) float32."""
    x, y = a.astype(np.float32), b.astype(np.float32)
    mx, my = _blur(x), _blur(y)
    vxy = _blur(x * y)
    squares = _blur(x * x + y * y)  # only the sum of the variances counts
    means, products = mx * my, mx * mx + my * my
    above = (2 * means + C1) * (2 * (vxy - means) + C2)
    return np.asarray(above / ((products + C1) * (squares - products + C2)), dtype=np.float32)


def _blur(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(plane, (11, 11), 1.5, borderType=cv2.BORDER_REFLECT))


def seam_ring(mask: Mask, width: int = 3) -> Mask:
    """Return the pixels within `width` of the border of `mask`, (H, W) bool, on either side."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * width + 1, 2 * width + 1))
    grown, shrunk = cv2.dilate(mask.view(np.uint8), kernel), cv2.erode(mask.view(np.uint8), kernel)
    return np.asarray(grown > shrunk)


def truth_objects(
    luma: NDArray[np.uint8], plate: NDArray[np.uint8], boxes: NDArray, tolerance: int = 20
) -> Mask:
    """Return the pixels of a frame that are objects: inside a truth box, and unlike the empty scene.

    Parameters
    ----------
    luma, plate : (H, W) uint8
        Clean luma of frame and of the empty scene.
    boxes : (N, 4)
        xyxy truth boxes; fractions are rounded outwards.
    tolerance : int
        Grey levels.
    """
    inside = np.zeros(luma.shape, dtype=bool)
    for x0, y0, x1, y1 in np.asarray(boxes, dtype=float).reshape(-1, 4).clip(min=0):
        inside[int(y0) : int(np.ceil(y1)), int(x0) : int(np.ceil(x1))] = True
    return inside & (cv2.absdiff(luma, plate) > tolerance)


def frame_quality(
    decoded: Sequence[NDArray[np.uint8]], source: Sequence[NDArray[np.uint8]], objects: Sequence[Mask]
) -> dict[str, float]:
    """Return PSNR (dB) and SSIM of whole frames, of objects, and PSNR of the rest; every frame counts."""
    height = objects[0].shape[0]
    maps = [ssim_map(a[:height], b[:height]) for a, b in zip(decoded, source, strict=True)]
    inside = [values[mask].mean() for values, mask in zip(maps, objects, strict=True) if mask.any()]
    return {
        "psnr_object": pooled_psnr(decoded, source, objects),
        "psnr_frame": pooled_psnr(
            [d[:height] for d in decoded], [s[:height] for s in source], [None] * len(source)
        ),
        "psnr_outside": pooled_psnr(decoded, source, [~mask for mask in objects]),
        "ssim_frame": float(np.mean([values.mean() for values in maps])),
        "ssim_object": float(np.mean(inside)) if inside else float("nan"),
    }
