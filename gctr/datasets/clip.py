"""One type for all footage: frames as a lazy, restartable iterator, and the truth where it exists.

Frames are (H, W, 3) uint8 in **BGR** order (OpenCV's). Frame numbers are 0-based positions in the iteration,
in the frames and in every truth table alike; adapters shift what their format counts from 1. Boxes are `xyxy`
in pixels: x0, y0 is the first pixel inside, x1, y1 the first one outside, possibly fractional.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Frame = NDArray[np.uint8]

BOX_COLUMNS = ("frame", "track_id", "x0", "y0", "x1", "y1", "label", "identity")
FACE_COLUMNS = ("frame", "track_id", "x0", "y0", "x1", "y1", "identity")


class DatasetError(ValueError):
    """Footage is missing, damaged or not what it should be; the message says what to do."""


_INTEGER = {"frame", "track_id"}
_TEXT = {"label", "identity"}


def box_table(rows: Sequence[Sequence[object]], columns: Sequence[str] = BOX_COLUMNS) -> pd.DataFrame:
    """Make a truth table out of rows in the order of `columns` (`BOX_COLUMNS` or `FACE_COLUMNS`).

    `frame` and `track_id` become int64, the corners float64 (pixels), `label` and `identity` strings or None.
    The result is sorted by frame, then track.
    """
    table = pd.DataFrame(list(rows), columns=list(columns))
    kinds = {c: "int64" if c in _INTEGER else "object" if c in _TEXT else "float64" for c in columns}
    return table.astype(kinds).sort_values(["frame", "track_id"], kind="stable", ignore_index=True)


def _first_rows(table: pd.DataFrame | None, n: int) -> pd.DataFrame | None:
    return None if table is None else table[table["frame"] < n].reset_index(drop=True)


@dataclass(frozen=True, eq=False)
class Truth:
    """What is known to be true about a clip; a field is None where the footage comes without it.

    Parameters
    ----------
    boxes : pd.DataFrame, optional
        Columns `BOX_COLUMNS`: one row a labelled object and frame.
    faces : pd.DataFrame, optional
        Columns `FACE_COLUMNS`: one row a visible face and frame.
    mask : callable, optional
        `mask(k)` returns (H, W) uint8, frame k's CDnet labels: 0 static, 50 shadow, 85 outside the evaluated
        area, 170 unknown motion, 255 foreground. IndexError for a frame that does not exist.
    roi : NDArray[bool], shape (H, W), optional
        The area in which the truth is complete; None means the whole picture.
    evaluated : range, optional
        The frames for which the truth is complete; None means all of them.
    background : NDArray[uint8], shape (H, W, 3), optional
        The true empty scene, BGR.
    """

    boxes: pd.DataFrame | None = None
    faces: pd.DataFrame | None = None
    mask: Callable[[int], NDArray[np.uint8]] | None = field(default=None, repr=False)
    roi: NDArray[np.bool_] | None = field(default=None, repr=False)
    evaluated: range | None = None
    background: Frame | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for name, table, columns in (("boxes", self.boxes, BOX_COLUMNS), ("faces", self.faces, FACE_COLUMNS)):
            if table is not None and (missing := set(columns) - set(table.columns)):
                raise ValueError(f"truth table {name!r} lacks the columns {sorted(missing)}")

    def head(self, n: int) -> Truth:
        """Return the truth of the first `n` frames."""
        evaluated = (
            None if self.evaluated is None else range(self.evaluated.start, min(self.evaluated.stop, n))
        )
        return replace(
            self, boxes=_first_rows(self.boxes, n), faces=_first_rows(self.faces, n), evaluated=evaluated
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class Clip:
    """Footage of one camera.

    Parameters
    ----------
    name : str
        Registry name, or the file's name.
    fps : float
        Nominal frames a second.
    resolution_wh : tuple of int
        (width, height) in pixels.
    n_frames : int or None
        None where only reading to the end can tell (streams, cameras, some containers).
    open_timed : callable
        Opens the source anew and returns an iterator of (seconds since the start, (H, W, 3) uint8 BGR frame).
    truth : Truth
    sha256 : str or None
        Checksum of the data as the registry defines it, or of what a synthetic scene is drawn from, for provenance;
        None for live sources.
    """

    name: str
    fps: float
    resolution_wh: tuple[int, int]
    n_frames: int | None
    open_timed: Callable[[], Iterator[tuple[float, Frame]]] = field(repr=False)
    truth: Truth = field(default_factory=Truth, repr=False)
    sha256: str | None = None

    @classmethod
    def from_array(cls, name: str, frames: Frame, fps: float, truth: Truth | None = None) -> Clip:
        """Make a clip of frames held in memory, (T, H, W, 3) uint8 BGR."""
        if frames.ndim != 4 or frames.shape[3] != 3 or frames.dtype != np.uint8:
            raise ValueError(f"frames must be (T, H, W, 3) uint8, not {frames.shape} {frames.dtype}")
        n_frames, height, width, _ = frames.shape
        return cls(
            name=name,
            fps=fps,
            resolution_wh=(width, height),
            n_frames=n_frames,
            open_timed=partial(_array_frames, frames, fps),
            truth=truth or Truth(),
        )

    def __iter__(self) -> Iterator[Frame]:
        """Yield (H, W, 3) uint8 BGR frames; each call opens the source anew."""
        return (frame for _, frame in self.open_timed())

    def timed(self) -> Iterator[tuple[float, Frame]]:
        """Yield (seconds since the start, frame); the times of a variable-rate source are its own."""
        return self.open_timed()

    def head(self, n: int) -> Clip:
        """Return the clip of the first `n` frames, n >= 1; a shorter clip stays as long as it is."""
        if n < 1:
            raise ValueError(f"a clip needs at least one frame, not {n}")
        return replace(
            self,
            n_frames=None if self.n_frames is None else min(n, self.n_frames),
            open_timed=partial(_first_frames, self.open_timed, n),
            truth=self.truth.head(n),
        )

    def read(self, max_bytes: int = 2**31) -> Frame:
        """Return all frames as one (T, H, W, 3) uint8 array.

        Raises
        ------
        ValueError
            If the frames need more than `max_bytes` (2 GiB unless told): iterate, or take `head(n)`.
        """
        width, height = self.resolution_wh
        limit = max_bytes // (width * height * 3)
        shape = np.dtype((np.uint8, (height, width, 3)))
        frames: Frame = np.fromiter(islice(self, limit + 1), dtype=shape)
        if len(frames) > limit:
            raise ValueError(
                f"{self.name!r} needs more than {max_bytes} bytes; iterate over it, or take head({limit})"
            )
        return frames


# Functions and not closures, so that a clip can be sent to another process.


def _array_frames(frames: Frame, fps: float) -> Iterator[tuple[float, Frame]]:
    return ((k / fps, frame) for k, frame in enumerate(frames))


def _first_frames(
    open_timed: Callable[[], Iterator[tuple[float, Frame]]], n: int
) -> Iterator[tuple[float, Frame]]:
    return islice(open_timed(), n)
