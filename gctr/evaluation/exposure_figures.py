"""The figures of notebook 03: masks on one face, and how much of each face can be seen."""

from collections.abc import Callable, Mapping, Sequence
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gctr.evaluation.exposure import EXPOSED, Image
from gctr.parties.observer import Observation

STYLES = ("-", "--", "-.", ":")
_TICKS = [m * 10.0**k for k in range(-2, 2) for m in (1, 2, 5)] + [100.0]
Box = tuple[int, int, int, int]


def largest_face(faces: pd.DataFrame, frames: Sequence[Image]) -> tuple[Image, Box]:
    """Return the frame with the largest face and its box, xyxy; a place in mid-picture where no face is known.

    Parameters
    ----------
    faces : DataFrame
        Columns frame, x0, y0, x1, y1.
    frames : sequence of (H, W, 3) uint8 BGR
    """
    if faces.empty:
        height, width = frames[0].shape[:2]
        return frames[0], (3 * width // 8, 3 * height // 8, 5 * width // 8, 5 * height // 8)
    area = (faces["x1"] - faces["x0"]) * (faces["y1"] - faces["y0"])
    row = faces.loc[area.idxmax()]
    x0, y0, x1, y1 = (int(row[name]) for name in ("x0", "y0", "x1", "y1"))
    return frames[int(row["frame"])], (x0, y0, x1, y1)


def around(image: Image, xyxy: Box) -> Image:
    """Return the part of `image` around a box, with three quarters of the box's width on each side."""
    x0, y0, x1, y1 = xyxy
    pad = 3 * (x1 - x0) // 4
    return image[max(0, y0 - pad) : y1 + pad, max(0, x0 - pad) : x1 + pad]


def draw_exposed(shares: Mapping[str, pd.Series], width: float = 3.5) -> Figure:
    """Draw which share of each face can be seen, worst first, by tool; the legend counts the exposed ones.

    Parameters
    ----------
    shares : mapping of str to Series
        By tool: the share of each face's box that is seen, 0..1, of the same faces.
    width : float
        Inches.
    """
    figure, ax = plt.subplots(figsize=(width, 2.6))
    n = max(map(len, shares.values()))
    for (tool, share), style in zip(shares.items(), cycle(STYLES), strict=False):
        label = f"{tool}: {np.sum(share > EXPOSED)} of {n} exposed"
        worst = 100 * np.sort(share)[::-1]
        rank = 100 * np.array([0.5, *range(1, len(worst) + 1)]) / max(n, 1)
        ax.step(rank, [*worst[:1], *worst] or [np.nan], style, label=label, clip_on=False)
    ax.axhline(100 * EXPOSED, color="#888888", lw=0.6, ls=(0, (1, 2)))
    ax.set(xscale="log", xlabel=f"faces, worst first (% of {n})", ylabel="of the face's box seen (%)")
    ax.set(xlim=(50 / max(n, 1), 100), ylim=(0, 100))
    ax.set_xticks(ticks := [k for k in _TICKS if k >= 50 / max(n, 1)], [f"{k:g}" for k in ticks])
    ax.minorticks_off()
    figure.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=1)
    return figure


def most_exposed(faces: pd.DataFrame, share: pd.Series, count: int = 8) -> pd.DataFrame:
    """Return the exposed faces, worst first, `count` of them at most, with the column ``share``."""
    worst = share[share > EXPOSED].nlargest(count)
    return faces.loc[worst.index].assign(share=worst)


def draw_bare(
    bare: pd.DataFrame,
    seen: Sequence[Observation],
    photo: Callable[[Axes, Image, str], None],
    width: float = 7.16,
) -> Figure:
    """Show what the judge takes for an exposed face: above as the camera sees it, below as it leaves the camera.

    Parameters
    ----------
    bare : DataFrame
        From `most_exposed`, at least one.
    seen : sequence of Observation
        Of all frames.
    photo : callable
        Draws (H, W, 3) uint8 BGR into Axes under a title.
    width : float
        Inches.
    """
    figure, axes = plt.subplots(
        2, len(bare), figsize=(width, 2.6 * width / max(4, len(bare)) + 0.3), squeeze=False
    )
    for (above, below), face in zip(axes.T, bare.itertuples(), strict=True):
        box = int(face.x0), int(face.y0), int(face.x1), int(face.y1)
        frame = seen[int(face.frame)]
        photo(above, around(frame.captured, box), f"frame {face.frame:.0f}")
        photo(below, around(frame.objects, box), f"{100 * face.share:.0f} % seen")
    return figure
