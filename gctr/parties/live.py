"""A source that goes away and comes back: a network camera that restarts, a webcam that is unplugged."""

import time
from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gctr.vision.video import VideoError

Frame = NDArray[np.uint8]
_PAUSES = (0.5, 30.0)  # seconds between tries: first, longest


class Timed(Protocol):
    """Footage that gives (seconds since its start, (H, W, 3) uint8 BGR frame)."""

    def timed(self) -> Iterator[tuple[float, Frame]]: ...


def keep_open(
    open_source: Callable[[], Timed],
    *,
    patience: float | None = None,
    on_loss: Callable[[str], None] = lambda reason: None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[tuple[float, Frame]]:
    """Yield (seconds, frame) of a live source for ever: when it ends or fails, it is opened again.

    Parameters
    ----------
    open_source : callable
        Opens the source anew.
    patience : float, optional
        Seconds without a frame after which it is given up; never by default.
    on_loss : callable
        Told why frames stopped.
    clock, sleep : callable
        For tests.

    Yields
    ------
    (float, (H, W, 3) uint8 BGR array)
        Seconds since the first opening, never backwards; the time that was lost shows as a gap.

    Raises
    ------
    VideoError
        When patience ends; the last reason.
    """
    begun = heard = clock()
    latest, pause = 0.0, _PAUSES[0]
    while True:
        reason = "it ended"
        try:
            offset = clock() - begun
            for seconds, frame in open_source().timed():
                latest, heard, pause = max(latest, offset + seconds), clock(), _PAUSES[0]
                yield latest, frame
        except VideoError as error:
            reason = str(error)
        on_loss(reason)
        if patience is not None and clock() - heard >= patience:
            raise VideoError(f"no frame for {patience:g} s: {reason}")
        sleep(pause)
        pause = min(2 * pause, _PAUSES[1])
