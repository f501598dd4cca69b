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
