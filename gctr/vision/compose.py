"""Recomposition: object pictures back onto the plate, without a visible seam.

Two corrections. The object's surroundings tell how its light differs from the plate's (gain and offset, from
the pixels of the ring around it that are background in both); and a feathered border blends what remains.
`gctr.vision.roivideo` needs neither, its composition is in the bitstream; this serves stills, and objects
shown on another plate.

Limits: a ring that is all object leaves the light as it is; feathering softens true edges by its width.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from gctr.vision.exposure import Exposure, fit_exposure

RING = 8  # pixels around an object from which light is compared


def feather(mask: NDArray[np.bool_], width: int = 3) -> NDArray[np.float32]:
    """Return opacity, (H, W) float32: 1 in `mask`, down to 0 over `width` pixels outside, so that nothing is
    cut.
    """
    if width < 1:
        return mask.astype(np.float32)
    distance = cv2.distanceTransform((~mask).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray((1 - distance / (width + 1)).clip(0, 1), dtype=np.float32)


def ring_exposure(
    frame: NDArray[np.uint8], plate: NDArray[np.uint8], mask: NDArray[np.bool_], ring: int = RING
) -> Exposure:
    """Fit the light of `frame` to the plate's over the `ring` pixels around `mask`; the identity where that
    fails.

    Parameters
    ----------
    frame, plate : (H, W, 3) uint8
        BGR.
    mask : (H, W) bool
        The object.
    """
    kernel = np.ones((2 * ring + 1, 2 * ring + 1), np.uint8)
    around = cv2.dilate(mask.view(np.uint8), kernel).view(bool) & ~mask
    luma, known = (np.asarray(cv2.cvtColor(x, cv2.COLOR_BGR2GRAY), np.uint8)[around] for x in (frame, plate))
    return fit_exposure(luma, known.astype(np.float32))


def compose(
    frame: NDArray[np.uint8],
    plate: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    *,
    width: int = 3,
    correct: bool = True,
) -> NDArray[np.uint8]:
    """Return the plate with the object of `frame` on it.

    Parameters
    ----------
    frame : (H, W, 3) uint8
        BGR; valid in `mask` and, for feather and correction, in a ring around it.
    plate : (H, W, 3) uint8
        BGR.
    mask : (H, W) bool
        The object.
    width : int
        Pixels over which the border is feathered, outside the mask; 0 cuts hard.
    correct : bool
        Bring the object into the plate's light.

    Raises
    ------
    ValueError
        When sizes differ.
    """
    if frame.shape != plate.shape or mask.shape != plate.shape[:2]:
        raise ValueError(f"frame {frame.shape}, plate {plate.shape} and mask {mask.shape} must have one size")
    if not mask.any():
        return plate.copy()
    gain, offset = ring_exposure(frame, plate, mask) if correct else (1.0, 0.0)
    opacity = feather(mask, width)[..., None]
    mixed = opacity * (frame * np.float32(gain) + np.float32(offset)) + (1 - opacity) * plate
    return np.rint(mixed).clip(0, 255).astype(np.uint8)
