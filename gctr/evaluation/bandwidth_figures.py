"""Figures of the bandwidth measurements, drawn into axes that a notebook made."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

TICKS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5)
STYLES = {"full": "-", "ROI": "--", "stills": ":"}
# By what a form's name adds to the codec's: nothing, a setting, a filter; the last one found counts.
MARKERS = {"": "o", " with": "x", ",": "^"}


def plot_rates(axes: Sequence[Axes], rates: pd.DataFrame) -> None:
    """Draw bytes a frame over quality inside objects, one of `axes` for each noise of `rates`.

    A codec has one colour; crosses mark its forms with a setting of their own (trellis, RDOQ, fixed offsets),
    triangles those whose filtering over time differs (denoised, unfiltered).

    Parameters
    ----------
    axes : sequence of Axes
        One for each noise level, in rising order.
    rates : DataFrame
        From `gctr.evaluation.bandwidth.sweep`.
    """
    bases = rates["form"].str.split(r",| with", regex=True).str[0]
    colours = dict(zip(bases.unique(), [*(f"C{k}" for k in range(7)), "grey"], strict=False))
    for ax, (noise, part) in zip(axes, rates.assign(base=bases).groupby("noise"), strict=True):
        for (kind, form, base), t in part.sort_values("psnr_object").groupby(
            ["kind", "form", "base"], sort=False
        ):
            look = {"marker": _marker(form), "markersize": 4, "color": colours[base]}
            ax.semilogy(
                t["psnr_object"], t["bytes_per_frame"], STYLES[kind], label=f"{form} ({kind})", **look
            )
        ax.set(xlabel="PSNR inside objects (dB)", title=f"noise sigma {noise:g}")
    axes[0].set_ylabel("bytes a frame")


def _marker(form: str) -> str:
    return next(marker for part, marker in reversed(MARKERS.items()) if part in form)


def label_all(figure: Figure, axes: Sequence[Axes]) -> None:
    """Put one legend below `figure` with every label of `axes` once, in the order of the alphabet."""
    found = {label: line for ax in axes for line, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    labels = sorted(found)
    lines = [found[label] for label in labels]
    figure.legend(lines, labels, loc="outside lower center", ncol=3, fontsize=6, handlelength=4)


def draw_ratios(table: pd.DataFrame) -> Figure:
    """Draw what each form needs of its rival's bytes at equal quality, a marker for each noise; 1 is a line.

    Parameters
    ----------
    table : DataFrame
        From `gctr.evaluation.bandwidth.ratios`; rows without a ratio are left out.
    """
    known = table.dropna(subset="ratio")
    names = known.apply(_versus, axis=1)
    order = known.groupby(names)["ratio"].min().sort_values(ascending=False).index
    figure, ax = plt.subplots(figsize=(6.3, 0.7 + 0.19 * len(order)))
    for (noise, part), marker in zip(known.groupby("noise"), "os^v", strict=False):
        places = order.get_indexer(names[part.index])
        ax.plot(part["ratio"], places, marker, label=f"noise sigma {noise:g}")
    ax.axvline(1, color="grey", linestyle=":")
    ax.set(xscale="log", xlabel="bytes sent / bytes of whole frames", yticks=range(len(order)))
    ax.set(xticks=TICKS, xticklabels=[f"{x:g}" for x in TICKS], yticklabels=order)
    ax.minorticks_off()
    ax.legend(loc="lower left")
    return figure


def _versus(row: pd.Series) -> str:
    form = f"{row['form']} ({row['kind']})"
    return form if row["form"] == row["against"] else f"{form} against {row['against']}"
