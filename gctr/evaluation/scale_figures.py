"""The figures of notebook 09: sweeps on many workers, one cloud under many cameras."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

HATCHES = ("", "////", "....", "xxxx", "\\\\\\\\")


def draw_sweep(speedup: pd.DataFrame, memory: pd.Series, frame_mb: float, *, width: float = 7.16) -> Figure:
    """Draw the speed-up against the workers, and the most memory of a worker against the clip's length.

    Parameters
    ----------
    speedup : DataFrame
        Columns `workers`, `speedup`: runs in which no worker died.
    memory : Series
        Peak memory (MB) by the number of frames.
    frame_mb : float
        Megabytes of one frame; dashed is what holding the whole clip would add.
    width : float
        Inches.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(width, 2.2))
    left.plot(speedup["workers"], speedup["workers"], "--", color="grey", label="ideal")
    left.plot(speedup["workers"], speedup["speedup"], "o-", label="measured")
    left.set(xlabel="workers", ylabel="speed-up (ratio)", xticks=speedup["workers"], ylim=(0, None))
    whole = memory.iloc[0] + frame_mb * (memory.index - memory.index[0])
    right.plot(memory.index, whole, "--", color="grey", label="whole clip held")
    right.plot(memory.index, memory, "o-", label="measured")
    right.set(xlabel="frames of the clip", ylabel="peak memory (MB)", xticks=memory.index, ylim=(0, None))
    for ax in (left, right):
        ax.legend(loc="lower right")
    return figure


def draw_ingest(loads: pd.DataFrame, shares: pd.DataFrame, *, width: float = 7.16) -> Figure:
    """Draw what one cloud takes, what it costs for each camera, and where its time goes, against the cameras.

    Parameters
    ----------
    loads : DataFrame
        Of `gctr.evaluation.load.ingest`.
    shares : DataFrame
        Of `gctr.evaluation.load.stage_shares`: a row for each number of cameras, a column for each stage.
    width : float
        Inches.
    """
    figure, (taken, cost, stages) = plt.subplots(1, 3, figsize=(width, 2.3))
    middle = loads.groupby("cameras").median(numeric_only=True)
    taken.plot(middle.index, middle["times_real_time"] * middle.index, "o-", label="taken")
    taken.plot(middle.index, middle.index, "s--", color="grey", label="filmed")
    taken.set(ylabel="seconds of film a second", yscale="log")
    taken.yaxis.set_major_formatter("{x:g}")
    taken.legend(loc="center right")
    cost.plot(middle.index, middle["cores_per_camera"] * 1e3, "o-", color="C1")
    cost.set(ylabel="cores a camera (thousandths)", ylim=(0, None))
    for ax in (taken, cost):
        _camera_axis(ax, list(middle.index))
    bars = (100 * shares).plot.bar(
        stacked=True, ax=stages, rot=0, width=0.7, edgecolor="white", linewidth=0.5
    )
    for container, hatch in zip(bars.containers, HATCHES, strict=False):
        for bar in container:
            bar.set_hatch(hatch)
    stages.set(xlabel="cameras", ylabel="share of stages' time (%)")
    stages.grid(axis="x", visible=False)
    stages.legend(loc="center left", bbox_to_anchor=(1, 0.5), reverse=True)
    return figure


def _camera_axis(ax: Axes, cameras: list[int]) -> None:
    ax.set(xscale="log", xlabel="cameras")
    ax.set_xticks(cameras, [str(n) for n in cameras])
    ax.xaxis.minorticks_off()
