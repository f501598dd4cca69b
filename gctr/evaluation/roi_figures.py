"""The figures of notebook 02."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from gctr.evaluation.roi_speed import STAGES, LiveRate
from gctr.vision.objects import Detection

STYLES = ("-", "--", "-.", ":")
TARGET = 35  # frames a second that a live camera should reach


def draw_coverage(coverage: pd.DataFrame) -> Figure:
    """Draw, for each model, which share of all true boxes is sent to less than which share of its area."""
    figure, ax = plt.subplots(figsize=(3.5, 2.8))
    for (name, part), style in zip(coverage.groupby("model", sort=False), cycle(STYLES), strict=False):
        covered = np.sort(part["covered"]) * 100
        ax.step(covered, 100 * np.arange(len(covered)) / len(covered), ls=style, label=name)
    ax.set(xlabel="share of a true box that is sent (%)", ylabel="boxes of which less is sent (%)")
    ax.set(xlim=(0, 100), ylim=(0, 100))
    figure.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return figure


def draw_shares(shares: pd.DataFrame, marks: Mapping[int, str] | None = None) -> Figure:
    """Draw the share of each frame that is sent, a line a model; `marks` say by frame what happened."""
    figure, ax = plt.subplots()
    for name, style in zip(shares, cycle(STYLES), strict=False):
        ax.plot(shares.index, shares[name] * 100, style, label=name)
    for number, (k, text) in enumerate((marks or {}).items()):
        ax.axvline(k, color="0.6", lw=0.8)
        place: dict[str, Any] = {
            "xycoords": ("data", "axes fraction"),
            "va": "bottom",
            "ha": "left" if number else "right",
        }
        ax.annotate(f" {text} ".replace(" -", " \N{MINUS SIGN}"), (k, 1), color="0.35", size=6, **place)
    ax.set(xlabel="frame", ylabel="share of the frame sent (%)", ylim=(0, None))
    figure.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return figure


def draw_live(live: LiveRate) -> Figure:
    """Draw what a frame costs a live camera, stage by stage, beside coding it whole."""
    figure, ax = plt.subplots(figsize=(7.0, 1.9))
    start = 0.0
    for stage in STAGES[:3]:
        ax.barh("ROI", live.stages["p50_ms"][stage], left=start, label=stage, edgecolor="white")
        start += live.stages["p50_ms"][stage]
    ax.barh("whole frame", live.stages["p50_ms"][STAGES[3]], color="0.6", label=STAGES[3])
    ax.axvline(1000 / TARGET, color="k", ls=":", label=f"{TARGET} frames a second")
    ax.set(xlabel="median time of a frame (ms)", xlim=(0, None))
    ax.margins(y=0.2)
    ax.grid(axis="y", visible=False)
    ax.invert_yaxis()
    figure.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=5)
    return figure


def label_objects(ax: Axes, objects: Sequence[Detection]) -> None:
    """Outline objects on the picture that `ax` shows, with name and score."""
    show: dict[str, Any] = {
        "color": "white",
        "fontsize": 6,
        "va": "bottom",
        "bbox": {"fc": "#D55E00", "ec": "none", "pad": 0.6},
    }
    for named in objects:
        x0, y0, x1, y1 = named.xyxy
        ax.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, ec="#D55E00", lw=1))
        ax.text(x0, y0, f"{named.label.replace('_', ' ')} {named.score:.2f}", **show)


def mean_shares(shares: pd.DataFrame, marks: Mapping[int, str]) -> pd.DataFrame:
    """Return the mean share sent before the first of `marks` and after each, by model; and the largest share."""
    edges, names = [0, *marks, len(shares)], ["before", *marks.values()]
    parts = {name: shares.iloc[a:b].mean() for name, a, b in zip(names, edges[:-1], edges[1:], strict=True)}
    return pd.DataFrame(parts).assign(largest=np.max(shares.to_numpy(), axis=0)).rename_axis("model")
