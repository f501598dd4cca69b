"""The registered plate's life: which version holds, its digest, and when and from what it is registered anew.

A plate is kept for as long as it explains the picture. It is in doubt when cells have been ROI without a break
over too much of the frame (the view moved, or light changed in part), or when the whole frame's exposure stays
far from the plate's. A crowd looks like neither: its cells come and go. Nudging PETS2009 S2.L1 by two pixels
leaves 31 % of the frame stuck in 40 frames, its people 1.5 %.

Limits: an object that covers a fifth of the frame and stands for `patience` frames looks like a moved view and
enters the next plate. Who stands still while a new plate is registered is kept out of it only if the finder
sees people; until then registration waits, at most `TRIES` times, and then hides whom it sees.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gctr.vision.background import check_empty, register_plate
from gctr.vision.exposure import Exposure
from gctr.vision.masking import hide_faces

Image = NDArray[np.uint8]
Finder = Callable[[Image], NDArray[np.int32]]
SAMPLES = 24  # frames kept while a plate is in doubt: 150 MB at 1080p
TRIES = 4  # registrations put off while somebody is seen in the new plate


@dataclass(frozen=True)
class Plate:
    """A registered background: `image` is (H, W, 3) uint8 BGR; versions count from 1."""

    image: Image
    version: int = 1

    @property
    def digest(self) -> str:
        """SHA-256 of size and pixels, in hexadecimal: what two sides compare before they trust a version."""
        size = np.array(self.image.shape, dtype=">u4").tobytes()
        return hashlib.sha256(size + np.ascontiguousarray(self.image).tobytes()).hexdigest()

    def renew(self, image: Image) -> "Plate":
        """Return the next version; the same one where not a pixel changed."""
        return self if np.array_equal(image, self.image) else Plate(image, self.version + 1)


class PlateWatch:
    """Says when a plate no longer explains the picture.

    Parameters
    ----------
    limit : float
        Share of the frame's cells that may be ROI without a break before the view is in doubt.
    shift : float
        Grey levels, at mid-grey, by which the exposure may stay away.
    patience : int
        Frames in a row that this must last.
    """

    def __init__(self, *, limit: float = 0.2, shift: float = 24.0, patience: int = 250) -> None:
        self._limit, self._shift, self.patience = limit, shift, patience
        self.reset()

    def reset(self) -> None:
        """Forget all doubts, after a new plate was registered."""
        self._ages, self._away = np.zeros((1, 1), np.int32), 0

    def postpone(self) -> None:
        """Ask for half the patience once more."""
        half = self.patience // 2
        self._ages, self._away = np.minimum(self._ages, half), min(self._away, half)

    def due(self, cells: NDArray[np.bool_], exposure: Exposure) -> bool:
        """Take one frame's ROI in cells and its exposure; return whether a new plate should be registered."""
        self._ages = np.where(cells, self._ages + 1, 0)
        moved = abs(exposure.gain * 128 + exposure.offset - 128) > self._shift
        self._away = self._away + 1 if moved else 0
        return self._lasts(self.patience)

    @property
    def doubtful(self) -> bool:
        """Whether half of the patience is used up: from here on frames are worth keeping."""
        return self._lasts(max(1, self.patience // 2))

    def _lasts(self, frames: int) -> bool:
        return self._away >= frames or float((self._ages >= frames).mean()) > self._limit


class PlateKeeper:
    """Keeps frames while the plate is in doubt, and makes the next plate of them.

    Parameters
    ----------
    watch : PlateWatch
    find_people : callable
        (H, W, 3) uint8 BGR image to (N, 4) int32 xyxy boxes of whoever must not be in a plate.
    """

    def __init__(self, watch: PlateWatch, find_people: Finder) -> None:
        self._watch, self._find = watch, find_people
        self._frames: list[Image] = []
        self._seen, self._tries, self._due = 0, TRIES, False

    def see(self, frame: Image, cells: NDArray[np.bool_], exposure: Exposure) -> None:
        """Take one frame, what of it is ROI, and its exposure."""
        self._due = self._watch.due(cells, exposure)
        if not self._watch.doubtful:
            self._forget()
        elif self._seen % max(1, self._watch.patience // (2 * SAMPLES)) == 0:
            self._frames = [*self._frames, frame][-SAMPLES:]
        self._seen += 1

    def next_plate(self) -> Image | None:
        """Return the next plate, (H, W, 3) uint8 BGR, once it is due and nobody is seen in it; else None."""
        if not self._due:
            return None
        plate = register_plate(self._frames)
        people = check_empty(plate, self._find)
        if len(people) and self._tries > 1:
            self._tries -= 1
            self._watch.postpone()
            self._due, self._frames = False, []
            return None
        self._watch.reset()
        self._forget()
        return hide_faces(plate, people)[0]

    def _forget(self) -> None:
        self._frames = []
        self._seen, self._tries, self._due = 0, TRIES, False
