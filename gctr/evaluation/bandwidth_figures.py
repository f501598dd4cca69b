"""Figures of the bandwidth measurements, drawn into axes that a notebook made."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes

STYLES = {"full": "-", "ROI": "--", "stills": ":"}


def plot_rates(axes: Sequence[Axes], rates: pd.DataFrame) -> None:
    """Draw bytes a frame over quality inside objects, one of `axes` for each noise of `rates`.

    A codec has one colour; crosses mark its forms with a name of their own (preset, trellis, denoised).

    Parameters
    ----------
    axes : sequence of Axes
        One for each noise level, in rising order.
    rates : DataFrame
        From `gctr.evaluation.bandwidth.sweep`.
    """
    bases = rates["form"].str.split(r",| with", regex=True).str[0]
    colours = {base: f"C{k}" for k, base in enumerate(bases.unique())}
    for ax, (noise, part) in zip(axes, rates.assign(base=bases).groupby("noise"), strict=True):
        for (kind, form, base), t in part.sort_values("psnr_object").groupby(
            ["kind", "form", "base"], sort=False
        ):
            look = {"marker": "o" if base == form else "x", "color": colours[base]}
            ax.semilogy(
                t["psnr_object"], t["bytes_per_frame"], STYLES[kind], label=f"{form} ({kind})", **look
            )
        ax.set(xlabel="PSNR inside objects (dB)", title=f"noise sigma {noise:g}")
    axes[0].set_ylabel("bytes a frame")
