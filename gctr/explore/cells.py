"""How the thresholds of the region of interest act: from counts of moving pixels to what is sent.

Limits: what the background model learnt is what it learnt under its own thresholds, since cells that are ROI do not
learn; other thresholds are tried on its counts.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from ipywidgets import IntSlider, SelectionSlider
from numpy.typing import NDArray

from gctr.explore.panel import Panel, Shot
from gctr.explore.pictures import Image, fade, fit_size, outline
from gctr.explore.thumbnails import Thumbnails
from gctr.vision.roi import cells_to_mask, clean_cells, find_boxes
from gctr.vision.running import CELL, RunningBackground


class CellHistory:
    """Frames that a background model has seen, with its counts of moving pixels a cell.

    Limits: about a hundred frames are held, evenly spread, whatever the clip's length.
    """

    def __init__(self) -> None:
        self.thumbnails = Thumbnails()
        self._counts: dict[int, NDArray[np.int32]] = {}

    def record(self, frames: Iterable[Image], model: RunningBackground) -> Iterator[Image]:
        """Yield frames unchanged; when the next is asked for, `model` must have been given the one before."""
        for number, frame in enumerate(frames):
            self.thumbnails.add(number, frame)
            yield frame
            self._counts[number] = model.counts.astype(np.uint8)  # at most 64 pixels a cell

    def counts(self, number: int) -> NDArray[np.int32]:
        """Return the counts of frame `number`, one number for each cell of 8 x 8 pixels."""
        return self._counts[number].astype(np.int32)


def browse_cells(history: CellHistory, resolution_wh: tuple[int, int], *, frame: int = 0) -> Panel:
    """Browse what would be sent: sliders for the frame, the two thresholds and the smallest object.

    Parameters
    ----------
    history : CellHistory
        Filled by a pass over the clip.
    resolution_wh : tuple of int
        Width and height of the clip in pixels.
    frame : int
        Shown first, or the last one held before it.

    Raises
    ------
    ValueError
        If the history is empty.
    """
    numbers = history.thumbnails.numbers
    if not numbers:
        raise ValueError("the history holds no frame yet: iterate over history.record(clip, model) first")
    width, height = resolution_wh

    def draw(frame: int, start: int, go_on: int, smallest: int) -> Shot:
        cells = clean_cells(history.counts(frame), min(go_on, start), start, smallest, 1)
        sent = cells_to_mask(cells, CELL, (height, width))
        boxes = find_boxes(sent, block=CELL)
        image = fit_size(history.thumbnails[frame], resolution_wh)
        text = f"frame {frame}: {sent.mean():.1%} of it would be sent, in {len(boxes)} pieces"
        return Shot(outline(fade(image, sent), boxes), text)

    return Panel(
        draw,
        frame=SelectionSlider(
            options=numbers, value=history.thumbnails.last_up_to(frame), description="frame"
        ),
        start=_slider(20, 64, "start at", "moving pixels, of 64, with which a cell starts an object"),
        go_on=_slider(7, 64, "go on at", "moving pixels with which a cell continues one"),
        smallest=_slider(4, 60, "least cells", "cells below which an object is dropped"),
    )


def _slider(value: int, most: int, name: str, tooltip: str) -> IntSlider:
    return IntSlider(value, 1, most, description=name, tooltip=tooltip)
