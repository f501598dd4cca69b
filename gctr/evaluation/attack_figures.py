"""Figures of the cryptanalysis: what an attacker sees, in pictures and curves. Each function returns its figure.

Colours are those of the style in force, by their number in its cycle. Photographs are drawn by a function that the
caller hands in, such as `gctr.experiments.show_photo`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator
from numpy.typing import NDArray

from gctr.evaluation.attacks.views import Frame, Octets

_MODE_COLOURS = {"gctr": "C1", "ctr": "C0", "bucket_ctr": "C2", "bucket_gcm": "C3", "weak": "black"}
_MODE_MARKS = {"gctr": "o", "ctr": "s", "bucket_ctr": "^", "bucket_gcm": "D", "weak": "X"}
_COLUMN, _PAGE = 3.5, 7.16  # widths of a two-column paper, inches
DrawPhoto = Callable[[Axes, Octets, str], None]


def show_views(
    views: Mapping[str, Octets], frame: Frame, photo: DrawPhoto, *, columns: int = 3, crop: bool = True
) -> Figure:
    """Show what different parties see of one frame, side by side, cut to where the objects are.

    Parameters
    ----------
    views : mapping of str to (H, W, 3) uint8 BGR
        By title.
    frame : Frame
        Whose region the cut follows.
    photo : callable
        Draws (H, W, 3) uint8 BGR into Axes under a title.
    columns : int
    crop : bool
        False shows the whole picture.
    """
    x0, y0, x1, y1 = _window(frame) if crop else (0, 0, *frame.image.shape[1::-1])
    rows = -(-len(views) // columns)
    height = _PAGE / columns * (y1 - y0) / (x1 - x0) * rows + 0.22 * rows
    figure, axes = plt.subplots(rows, columns, figsize=(_PAGE, height))
    for ax in np.ravel(axes)[len(views) :]:
        ax.set_axis_off()
    for ax, (title, image) in zip(np.ravel(axes), views.items(), strict=False):
        photo(ax, np.ascontiguousarray(image[y0:y1, x0:x1]), title)
    return figure


def plot_coincidences(table: pd.DataFrame) -> Figure:
    """Plot `coincidence_table`: how often bytes k blocks apart are equal, with 99 % intervals and chance."""
    figure, ax = plt.subplots()
    for k, (mode, part) in enumerate(table.groupby("mode", sort=False)):
        error = [part["rate"] - part["low"], part["high"] - part["rate"]]
        x = part["lag_bytes"] / 16 * 1.03**k
        look: dict[str, Any] = {
            "fmt": f"{_MODE_MARKS[str(mode)]}-",
            "color": _MODE_COLOURS[str(mode)],
            "lw": 0.8,
        }
        ax.errorbar(x, 100 * part["rate"], 100 * np.array(error), label=mode, **look)
    ax.axhline(100 / 256, color="grey", ls="--", lw=0.8)
    ax.set(xscale="log", yscale="log", xlabel="lag (blocks of 16 bytes)", ylabel="equal bytes (%)")
    ax.set_xticks(
        sorted(table["lag_bytes"].unique() / 16),
        [f"{lag // 16}" for lag in sorted(table["lag_bytes"].unique())],
    )
    ax.minorticks_off()
    ax.set_yticks([100 / 256, 1, 2, 5], ["1/256", "1", "2", "5"])
    figure.legend(ncols=3, loc="outside upper center")
    return figure


def plot_tradeoff(table: pd.DataFrame) -> Figure:
    """Plot leakage and speed against the mean bucket size; columns of `measure_leakage` and `measure_speed`."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(_PAGE, 2.5))
    x = table["blocks_a_bucket"]
    left.plot(
        x,
        100 * table["exact"],
        "o-",
        color="C1",
        label="foreground pixels exactly recovered",
    )
    left.plot(x, 100 * table["coincidence"], "s--", color="C0", label="equal bytes one block apart")
    left.set(xscale="log", xlabel="blocks that share a vector (mean)", ylabel="leak (%)", ylim=(-3, 103))
    left.legend(loc="lower left", bbox_to_anchor=(0, 1))
    _ticks(left, x)
    right.scatter(table["speed_over_ctr"], 100 * table["exact"], color="C1", zorder=3)
    for _, row in table.iterrows():
        at = (row["speed_over_ctr"], 100 * row["exact"])
        name = f"{row['blocks_a_bucket']:g}"
        right.annotate(name, at, (0, 4), textcoords="offset points", fontsize=7, ha="center")
    right.axvline(1, color="grey", ls="--", lw=0.8)
    right.set(
        xlabel="speed over AES-CTR (ratio; labels: blocks a bucket)",
        ylabel="foreground recovered (%)",
        ylim=(-3, 110),
    )
    right.set_yticks(range(0, 101, 20))
    right.margins(x=0.08)
    return figure


def plot_boundaries(
    true: NDArray[np.int64], found: Mapping[str, NDArray[np.int64]], groups: int = 4
) -> Figure:
    """Mark where buckets begin in the first groups of 100 blocks: the truth, and what each attacker found."""
    rows = {"truth": true, **found}
    figure, ax = plt.subplots(figsize=(_PAGE, 0.6 + 0.28 * len(rows)))
    end = groups * 100
    for y, starts in enumerate(rows.values()):
        blocks = np.unique(starts // 16)
        blocks = blocks[(blocks < end) & (blocks % 100 > 0)]
        right = np.isin(blocks, true // 16)
        ax.vlines(blocks[right], y - 0.38, y + 0.38, color="black", lw=1.3)
        ax.vlines(blocks[~right], y - 0.15, y + 0.15, color="C1", lw=1.3)
    ax.vlines(np.arange(0, end + 1, 100), -0.5, len(rows) - 0.5, color="#bbbbbb", lw=0.6)
    ax.set(yticks=range(len(rows)), yticklabels=list(rows), xlim=(0, end), ylim=(len(rows) - 0.5, -0.5))
    ax.set_xlabel(
        "block of 16 bytes (long, black: a true boundary; short, orange: a wrong one; groups of 100 blocks)"
    )
    ax.grid(False)
    return figure


def plot_traffic(times: NDArray[np.float64], sizes: Sequence[NDArray[np.int64]], labels: Sequence[str],
                 people: NDArray[np.float64]) -> Figure:  # fmt: skip
    """Plot bytes a message over time above the number of people (or cars) in view."""
    figure, (top, below) = plt.subplots(2, 1, figsize=(_PAGE, 2.8), sharex=True, height_ratios=(2, 1))
    for values, label, look in zip(sizes, labels, ("C0-", "C1--", "C2:", "C3-."), strict=False):
        top.step(times, values / 1000, look, where="mid", label=label, lw=0.9)
    top.set(ylabel="message (kB)", yscale="log")
    top.yaxis.set_major_locator(FixedLocator([m * 10.0**k for k in range(-2, 5) for m in (1, 2, 3, 5)]))
    top.yaxis.set_major_formatter("{x:g}")
    top.minorticks_off()
    top.legend(ncols=len(labels), loc="lower right", bbox_to_anchor=(1, 0.98))
    below.step(times, people, where="mid", color="black", lw=0.9)
    below.set(xlabel="time (s)", ylabel="objects\nin view", ylim=(0, None))
    below.yaxis.get_major_locator().set_params(integer=True)
    return figure


def plot_ghosts(
    plate: Octets, ghosts: NDArray[np.bool_], empty: Octets, titles: Sequence[str], photo: DrawPhoto
) -> Figure:
    """Show the scene without people, a background registered with people in it (`titles`), and its ghosts marked."""
    figure, axes = plt.subplots(1, 3, figsize=(_PAGE, _PAGE / 3 * plate.shape[0] / plate.shape[1] + 0.18))
    marked = (0.35 * plate).astype(np.uint8)
    marked[ghosts] = plate[ghosts]
    for ax, image, name in zip(axes, (empty, plate, marked), (*titles, "its ghosts"), strict=True):
        photo(ax, image, name)
    return figure


def plot_collisions(table: pd.DataFrame) -> Figure:
    """Plot the share of messages whose keystream was used before, by kind of message; of `collision_table`."""
    part = table[table["seed"] == "one seed a camera"]
    figure, ax = plt.subplots(figsize=(_COLUMN, 1.7))
    ax.barh(part["messages_are"], 100 * part["repeated_share"], color="C1")
    for y, (share, n) in enumerate(zip(part["repeated_share"], part["messages"], strict=True)):
        ax.text(100 * share + 1, y, f"{100 * share:.1f} % of {n}", va="center", fontsize=7)
    ax.set(xlabel="messages under a used keystream (%)", xlim=(0, 140))
    ax.set_xticks([0, 25, 50, 75, 100])
    ax.grid(axis="y", visible=False)
    ax.invert_yaxis()
    return figure


def _window(frame: Frame, margin: int = 24, wide: float = 1.5) -> tuple[int, int, int, int]:
    """Return the xyxy cut around the largest box, at least a third of the picture wide."""
    height, width = frame.image.shape[:2]
    boxes = frame.region.boxes
    x0, y0, x1, y1 = boxes[((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).argmax()].tolist()
    h = min(height, max(y1 - y0 + 2 * margin, (x1 - x0 + 2 * margin) / wide, width / 3 / wide))
    w = min(width, h * wide)
    left = int(np.clip((x0 + x1) / 2 - w / 2, 0, width - w))
    top = int(np.clip((y0 + y1) / 2 - h / 2, 0, height - h))
    return left, top, left + int(w), top + int(h)


def _ticks(ax, values: Sequence[float]) -> None:
    ax.set_xticks(list(values), [f"{value:g}" for value in values])
    ax.minorticks_off()
