"""Figures of what masked faces tell."""

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
import pandas as pd
from matplotlib.axes import Axes


def draw_rank1(axes: Sequence[Axes], best: pd.DataFrame, masks: Sequence[str], chance: float) -> None:
    """Draw how often people are named at the first guess: one Axes for each attack, one colour for each face size.

    Parameters
    ----------
    axes : two Axes
        For the naive and the parrot attack.
    best : DataFrame
        Columns `mask`, `attack`, `height` (px), `rank1`, `low`, `high` (0..1): the best matcher of each.
    masks : sequence of str
        In the order of the x axis.
    chance : float
        0..1; drawn dashed.
    """
    for ax, attack in zip(axes, ("naive", "parrot"), strict=True):
        by_height = {f"face {h} px high": t for h, t in best[best["attack"] == attack].groupby("height")}
        _draw_rates(ax, by_height, masks, chance)
        ax.set_title(f"{attack} attack (dashed: chance)")
    _finish(axes)


def draw_scene(axes: Sequence[Axes], best: pd.DataFrame, masks: Sequence[str], chance: float) -> None:
    """Draw how often faces cut out of video are named: one Axes for each attack, before coding beside as held.

    Parameters
    ----------
    axes : two Axes
        For the naive and the parrot attack.
    best : DataFrame
        Columns `video`, `mask`, `attack`, `rank1`, `low`, `high` (0..1): the best matcher of each.
    masks : sequence of str
        In the order of the x axis.
    chance : float
        0..1; drawn dashed.
    """
    for ax, attack in zip(axes, ("naive", "parrot"), strict=True):
        chosen = best[best["attack"] == attack]
        by_video = {video: chosen[chosen["video"] == video] for video in ("before coding", "as held")}
        _draw_rates(ax, by_video, masks, chance)
        ax.set_title(f"{attack} attack (dashed: chance)")
    _finish(axes)


def draw_gains(ax: Axes, gains: pd.DataFrame) -> None:
    """Draw the gain of reconstruction over guessing the mean face; columns `mask`, `psnr_gain`, `low`, `high` (dB)."""
    error = np.stack([gains["psnr_gain"] - gains["low"], gains["high"] - gains["psnr_gain"]])
    ax.bar(gains["mask"], gains["psnr_gain"], yerr=error, capsize=2, width=0.6)
    for x, gain in enumerate(gains["psnr_gain"]):
        ax.annotate(f"{gain:.1f}", (x + 0.05, max(gain, 0)), fontsize=6, va="bottom")
    ax.set_ylabel("gain over the mean face (dB)")
    ax.grid(axis="x", visible=False)


def _draw_rates(ax: Axes, groups: Mapping[str, pd.DataFrame], masks: Sequence[str], chance: float) -> None:
    """Draw rank 1 with its interval over masks, groups side by side, each with a mark of its own."""
    sides = (np.arange(len(groups)) - (len(groups) - 1) / 2) * 0.6 / len(groups)
    for (label, rows), side, mark in zip(groups.items(), sides, cycle("os^Dv"), strict=False):
        rows = rows.set_index("mask").loc[list(masks)]
        error = 100 * np.abs(np.stack([rows["rank1"] - rows["low"], rows["high"] - rows["rank1"]]))
        x = np.arange(len(masks)) + side
        ax.errorbar(x, 100 * rows["rank1"], error, fmt=mark, label=label, capsize=1.5, lw=0.9, clip_on=False)
    ax.axhline(100 * chance, color="#888888", lw=0.8, ls="--")
    ax.set_xticks(range(len(masks)), list(masks), rotation=40, ha="right")
    ax.set(ylim=(0, 102), xlim=(-0.5, len(masks) - 0.5))
    ax.grid(axis="x", visible=False)


def _finish(axes: Sequence[Axes]) -> None:
    axes[0].set_ylabel("named at the first guess (%)")
    legend = axes[0].get_legend_handles_labels()
    axes[0].figure.legend(*legend, loc="outside upper center", ncols=len(legend[0]))
