"""The registered plate's life: which version holds, its digest, and when it must be registered anew.

A plate is kept for as long as it explains the picture. It is due again when the ROI has covered too much of
the frame for too long (the view moved, or light changed in part) or when the whole frame's exposure has
stayed far from the plate's. A crowd looks like neither: it comes and goes, and `patience` outlasts it.

Limits: who stands still through a new registration is in the new plate; `gctr.vision.background.check_empty`
looks for people.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gctr.vision.exposure import Exposure


@dataclass(frozen=True)
class Plate:
    """A registered background: `image` is (H, W, 3) uint8 BGR; versions count from 1."""

    image: NDArray[np.uint8]
    version: int = 1

    @property
    def digest(self) -> str:
        """SHA-256 of size and pixels, in hexadecimal: what two sides compare before they trust a version."""
        size = np.array(self.image.shape, dtype=">u4").tobytes()
        return hashlib.sha256(size + np.ascontiguousarray(self.image).tobytes()).hexdigest()

    def renew(self, image: NDArray[np.uint8]) -> "Plate":
        """Return the next version; the same one where not a pixel changed."""
        return self if np.array_equal(image, self.image) else Plate(image, self.version + 1)


class PlateWatch:
    """Says when a plate no longer explains the picture.

    Parameters
    ----------
    limit : float
        Share of the frame in ROI beyond which the view is in doubt.
    shift : float
        Grey levels, at mid-grey, by which the exposure may stay away.
    patience : int
        Frames in a row that this must last.
    """

    def __init__(self, *, limit: float = 0.5, shift: float = 24.0, patience: int = 250) -> None:
        self._limit, self._shift, self._patience = limit, shift, patience
        self._doubts = 0

    def due(self, share: float, exposure: Exposure) -> bool:
        """Take one frame's ROI share and exposure; return whether the plate should be registered anew."""
        moved = abs(exposure.gain * 128 + exposure.offset - 128) > self._shift
        self._doubts = self._doubts + 1 if share > self._limit or moved else 0
        return self._doubts >= self._patience

    def reset(self) -> None:
        """Forget all doubts, after a new plate was registered."""
        self._doubts = 0
