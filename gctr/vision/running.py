"""A selective running average that finds foreground and keeps the plate in one pass over the luma.

Every pixel has a mean and a mean absolute deviation in 8.7 fixed point (int16). A pixel is foreground when it
lies further from its mean than `floor` grey levels and `spread` deviations; foreground is counted in cells of
8 x 8 pixels, and cells, not pixels, are judged: hysteresis on the counts, connected components, one cell of
margin. Cells that are ROI learn nothing (selective update; Koller et al., ICPR 1994, the update; Canny's
hysteresis, 1986). A robust line fit of luma against mean removes what auto-exposure did to the whole frame
before pixels are compared.

Oracle: `tests/vision/reference_background.py`, the same arithmetic pixel by pixel.

Limits: one gain and one offset for the whole frame, so a local change of light is foreground until it is
learnt or the plate is registered anew. Without a registered plate the first frame is the plate, with whoever
stands in it.
"""

import cv2
import numba as nb
import numpy as np
from numpy.typing import NDArray

from gctr.vision.background import boxes_to_mask
from gctr.vision.exposure import Exposure, find_shadow, fit_exposure, light_kernel
from gctr.vision.roi import clean_cells

CELL = 8
STRIPES = 64  # the colour plate is refreshed a 64th part a frame
ONE = 128  # a grey level in 8.7 fixed point
WIDEST = np.int16(16 * ONE)  # a deviation beyond it would overflow once shifted, and marks no background
RATE = 5  # the average moves by 2**-5 of the difference
HALF = np.int16(1 << (RATE - 1))  # rounds the shift: a floor would pull the mean down
PATIENCE = 16  # cells that are ROI yet belong to no track learn in one frame of 16
COLOUR = 2  # the colour plate moves a quarter of the way each time that its stripe comes
SAMPLES = 1000  # pixels that the exposure fit looks at, about
IDENTITY = np.arange(256, dtype=np.uint8)
CLOSING = np.ones((7, 7), dtype=np.uint8)


@nb.njit(cache=True, nogil=True)
def _update_kernel(luma, mean, deviation, learn, black, white, floor, spread, counts):  # pragma: no cover
    """Count foreground per cell and learn; int16 and no branch per pixel, so that it becomes SIMD code.

    `black` and `white` are the frame's own ends in the plate's light: a clipped pixel is not far from beyond.
    Luma lies between them, so that no mean leaves 16 bits.
    """
    height, width = luma.shape
    hits = np.empty(width, np.int16)
    learns = np.empty(width, np.int16)
    for cy in range(counts.shape[0]):
        for x in range(width):
            hits[x] = 0
            learns[x] = -1 if learn[cy, x // CELL] else 0
        for y in range(cy * CELL, min(cy * CELL + CELL, height)):
            for x in range(width):
                m, s = mean[y, x], deviation[y, x]
                known = np.int16(min(max(m, black), white))
                step = np.int16(np.int16(np.uint16(luma[y, x]) << 7) - known)
                far = np.int16(abs(step))
                hits[x] += np.int16(far > np.int16(max(floor, np.int16(s << spread))))
                mean[y, x] = np.int16(m + np.int16(np.int16(np.int16(step + HALF) >> RATE) & learns[x]))
                wide = np.int16(min(far, WIDEST) - s)
                deviation[y, x] = np.int16(s + np.int16(np.int16(np.int16(wide + HALF) >> RATE) & learns[x]))
        for cx in range(counts.shape[1]):
            total = 0
            for x in range(cx * CELL, min(cx * CELL + CELL, width)):
                total += hits[x]
            counts[cy, cx] = total


@nb.njit(cache=True, nogil=True)
def _far_kernel(luma, mean, cells, black, white, tight, foreground):  # pragma: no cover
    """Mark pixels further than `tight` (8.7 fixed point) from their mean, in ROI cells only."""
    height, width = luma.shape
    for cy in range(cells.shape[0]):
        for cx in range(cells.shape[1]):
            if not cells[cy, cx]:
                continue
            for y in range(cy * CELL, min(cy * CELL + CELL, height)):
                for x in range(cx * CELL, min(cx * CELL + CELL, width)):
                    known = min(max(mean[y, x], black), white)
                    foreground[y, x] = abs(np.int16(luma[y, x]) * ONE - known) > tight


@nb.njit(cache=True, nogil=True)
def _colour_kernel(frame, table, learn, plate, top, bottom):  # pragma: no cover
    """Move rows top..bottom of the colour plate (8.7 fixed point) toward the frame where cells learn."""
    for y in range(top, bottom):
        for x in range(frame.shape[1]):
            if learn[y // CELL, x // CELL]:
                for c in range(3):
                    plate[y, x, c] += (table[frame[y, x, c]] * ONE - plate[y, x, c] + 2) >> COLOUR


class RunningBackground:
    """The selective running average; a `BackgroundModel`.

    Parameters
    ----------
    plate : (H, W, 3) uint8, optional
        BGR, the registered plate; without it the first frame is taken.
    floor : float
        Grey levels below which a difference is noise, where cells are judged.
    tight : float
        Grey levels from the mean beyond which a pixel inside the ROI is foreground.
    spread : int
        A difference below 2**spread mean absolute deviations is noise; 0 to 3.
    weak, strong : int
        Differing pixels in a cell of 64 that keep, and that start, an object.
    min_cells : int
        Cells below which an object is dropped.
    margin : int
        Cells added around an object.
    exposure : bool
        Fit gain and offset of every frame.
    shadows : bool
        Leave shadows out of the pixels; cells keep them, since a shadow that is not sent looks wrong.

    Attributes
    ----------
    cells : (ceil(H / 8), ceil(W / 8)) bool
        The ROI of the last frame, in cells: what to send.
    exposure : Exposure
        Of the last frame.
    """

    def __init__(
        self,
        plate: NDArray[np.uint8] | None = None,
        *,
        floor: float = 14.0,
        tight: float = 20.0,
        spread: int = 3,
        weak: int = 7,
        strong: int = 20,
        min_cells: int = 4,
        margin: int = 1,
        exposure: bool = True,
        shadows: bool = True,
    ) -> None:
        if not 0 <= spread <= 3:
            raise ValueError(f"spread is a power of two from 0 to 3, not {spread}: more overflows 16 bits")
        self._floor, self._spread, self._tight = np.int16(floor * ONE), spread, np.int16(tight * ONE)
        self._judge = (weak, strong, min_cells, margin)
        self._fits, self._shadows = exposure, shadows
        self._n = 0
        self._colour = np.zeros((0, 0, 3), dtype=np.int16)
        self.exposure = Exposure(1.0, 0.0)
        self.cells = np.zeros((0, 0), dtype=bool)
        if plate is not None:
            self._start(plate)

    def _start(self, plate: NDArray[np.uint8]) -> None:
        height, width = plate.shape[:2]
        self._colour = plate.astype(np.int16) * ONE
        self._mean = cv2.cvtColor(plate, cv2.COLOR_BGR2GRAY).astype(np.int16) * ONE
        self._deviation = np.full((height, width), 2 * ONE, dtype=np.int16)
        self.cells = np.zeros((-(-height // CELL), -(-width // CELL)), dtype=bool)
        self._counts = np.zeros(self.cells.shape, dtype=np.int32)
        self._lit = np.empty((height, width), dtype=np.uint8)

    def apply(self, frame: NDArray[np.uint8], held: NDArray[np.int32] | None = None) -> NDArray[np.bool_]:
        """See `BackgroundModel.apply`. Raises ValueError when the size differs from the plate's."""
        luma, black, white = self._update(frame, held)
        return self._pixels(frame, luma, black, white)

    def find_cells(
        self, frame: NDArray[np.uint8], held: NDArray[np.int32] | None = None
    ) -> NDArray[np.bool_]:
        """Do what `apply` does, but return the ROI in cells, (ceil(H / 8), ceil(W / 8)) bool, without its
        pixels.
        """
        self._update(frame, held)
        return self.cells

    def _update(
        self, frame: NDArray[np.uint8], held: NDArray[np.int32] | None
    ) -> tuple[NDArray[np.uint8], np.int16, np.int16]:
        """Judge the cells and learn; return the luma in the plate's light, and its ends, for `_pixels`."""
        if not self._colour.size:
            self._start(frame)
        if frame.shape != self._colour.shape:
            raise ValueError(f"a frame of {frame.shape} does not fit the plate's {self._colour.shape}")
        luma, table = self._expose(np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), dtype=np.uint8))
        black, white = np.int16(int(table[0]) * ONE), np.int16(int(table[255]) * ONE)
        learn = self._learns(held)
        self._learn(luma, learn, black, white)
        self.cells = clean_cells(self._counts, *self._judge)
        self._refresh(frame, table, learn & ~self.cells)
        self._n += 1
        return luma, black, white

    def learn(self, luma: NDArray[np.uint8]) -> NDArray[np.int32]:
        """Do the model's one pass alone, on (H, W) uint8 luma in the plate's light; return the counts per
        cell.
        """
        self._learn(luma, self._learns(None), np.int16(0), np.int16(255 * ONE))
        return self._counts

    def _learn(
        self, luma: NDArray[np.uint8], learn: NDArray[np.bool_], black: np.int16, white: np.int16
    ) -> None:
        _update_kernel(
            luma, self._mean, self._deviation, learn, black, white, self._floor, self._spread, self._counts
        )

    def plate(self) -> NDArray[np.uint8]:
        """See `BackgroundModel.plate`. Raises RuntimeError before the first frame."""
        if not self._colour.size:
            raise RuntimeError("the background model has seen no frame yet; call apply(frame) first")
        return ((self._colour + ONE // 2) // ONE).astype(np.uint8)

    @property
    def counts(self) -> NDArray[np.int32]:
        """Differing pixels in each cell of the last frame, before any judgement: (ceil(H / 8), ceil(W / 8)) int32."""
        return self._counts

    def noise(self) -> float:
        """Return the median over the frame of the mean absolute deviation, in grey levels: 0.8 of a
        Gaussian's sigma.
        """
        return float(np.median(self._deviation[::CELL, ::CELL])) / ONE

    def _expose(self, luma: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Bring the luma into the plate's light; return it with the table that did."""
        if self._fits:
            step = max(1, round((self.cells.size / SAMPLES) ** 0.5))
            grid = np.s_[CELL // 2 :: step * CELL, CELL // 2 :: step * CELL]
            samples, mean = luma[grid], self._mean[grid]
            quiet = ~self.cells[::step, ::step][: samples.shape[0], : samples.shape[1]]
            self.exposure = fit_exposure(samples[quiet], mean[quiet] / np.float32(ONE))
        gain, offset = self.exposure
        table = np.rint(IDENTITY * np.float32(gain) + np.float32(offset)).clip(0, 255).astype(np.uint8)
        if cv2.absdiff(table, IDENTITY)[16:240].max() <= 1:  # below what noise does to the fit
            return luma, IDENTITY
        light_kernel(luma, np.float32(gain), np.float32(offset), self._lit)
        return self._lit, table

    def _learns(self, held: NDArray[np.int32] | None) -> NDArray[np.bool_]:
        """Cells that learn: not ROI; where tracks are known, ROI that none of them holds learns too, but
        slowly.
        """
        if held is None:
            return ~self.cells
        grid = np.asarray(held, dtype=np.int32).reshape(-1, 4)
        grid = np.concatenate([grid[:, :2] // CELL, -(-grid[:, 2:] // CELL)], axis=1).astype(np.int32)
        settled = np.ones_like(self.cells) if self._n % PATIENCE == 0 else ~self.cells
        return settled & ~boxes_to_mask(grid, self.cells.shape)

    def _refresh(self, frame: NDArray[np.uint8], table: NDArray[np.uint8], learn: NDArray[np.bool_]) -> None:
        """Learn the colours of one stripe; in STRIPES frames the whole plate has had its turn."""
        stripe, height = self._n % STRIPES, frame.shape[0]
        top, bottom = stripe * height // STRIPES, (stripe + 1) * height // STRIPES
        _colour_kernel(frame, table, learn, self._colour, top, bottom)

    def _pixels(
        self, frame: NDArray[np.uint8], luma: NDArray[np.uint8], black: np.int16, white: np.int16
    ) -> NDArray[np.bool_]:
        """The tight mask inside the ROI: far from the mean, no shadow, specks removed, small holes closed."""
        foreground = np.zeros(luma.shape, dtype=np.uint8)
        _far_kernel(luma, self._mean, self.cells, black, white, self._tight, foreground)
        _, _, stats, _ = cv2.connectedComponentsWithStats(self.cells.view(np.uint8), ltype=cv2.CV_16U)
        for x, y, w, h in (stats[1:, :4] * CELL).tolist():
            at = np.s_[y : y + h, x : x + w]
            tight = foreground[at].copy()
            if self._shadows:
                found = find_shadow(
                    frame[at], self._colour[at], tight.view(bool), self.exposure, scale=1 / ONE
                )
                tight[found] = 0
            foreground[at] = cv2.morphologyEx(cv2.medianBlur(tight, 5), cv2.MORPH_CLOSE, CLOSING)
        return foreground.view(bool)
