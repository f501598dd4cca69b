"""Figures of what masked faces tell."""

from collections.abc import Sequence

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
        for height, rows in best[best["attack"] == attack].groupby("height"):
            rows = rows.set_index("mask").loc[list(masks)]
            error = 100 * np.abs(np.stack([rows["rank1"] - rows["low"], rows["high"] - rows["rank1"]]))
            ax.errorbar(
                range(len(masks)), 100 * rows["rank1"], error, fmt="o", label=f"{height} px", capsize=2
            )
        ax.axhline(100 * chance, color="#888888", lw=0.8, ls="--")
        ax.set_xticks(range(len(masks)), list(masks), rotation=40, ha="right")
        ax.set(title=f"{attack} attack (dashed: chance)", ylim=(0, 102))
    axes[0].set_ylabel("named at the first guess (%)")
    axes[1].legend(loc="lower left")


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
        for side, video in ((-0.12, "before coding"), (0.12, "as held")):
            chosen = best[(best["attack"] == attack) & (best["video"] == video)].set_index("mask")
            rows, x = chosen.loc[list(masks)], np.arange(len(masks)) + side
            error = 100 * np.abs(np.stack([rows["rank1"] - rows["low"], rows["high"] - rows["rank1"]]))
            ax.errorbar(x, 100 * rows["rank1"], error, fmt="o", label=video, capsize=2)
        ax.axhline(100 * chance, color="#888888", lw=0.8, ls="--")
        ax.set_xticks(range(len(masks)), list(masks), rotation=40, ha="right")
        ax.set(title=f"{attack} attack (dashed: chance)", ylim=(0, 102))
    axes[0].set_ylabel("named at the first guess (%)")
    axes[1].legend()
