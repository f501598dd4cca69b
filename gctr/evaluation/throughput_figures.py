"""Figures of speed: rates with the machine's limits, ratios with their intervals, backends, access to a part."""

from collections.abc import Iterable
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gctr.cipher import ctr_xor
from gctr.evaluation.throughput import measure
from gctr.evaluation.throughput_contenders import LONG_KEY, SEED, Maker, Octets, Run, contenders

LINES = {
    "memcpy": ("#000000", ":"),
    "xor constant": ("#000000", "--"),
    "gctr": ("#D55E00", "-o"),
    "ctr": ("#0072B2", "-s"),
    "bucket_ctr": ("#009E73", "-^"),
    "bucket_gcm": ("#CC79A7", "-D"),
    "bucket_gcm, large": ("#CC79A7", "--D"),
    "OpenSSL CTR": ("#56B4E9", "-"),
    "OpenSSL GCM": ("#56B4E9", "--"),
    "ChaCha20-Poly1305": ("#E69F00", "-."),
    "PyCryptodome CTR": ("#999999", "-"),
    "PyCryptodome GCM": ("#999999", "--"),
}
"""Colour, stroke and mark of every contender, the same in all figures."""
HATCHES = ("", "////", "....")
_UNITS = ((30, "GiB"), (20, "MiB"), (10, "KiB"), (0, "B"))


def cache_sizes() -> dict[str, int]:
    """Return the bytes of each data cache that one core reaches, by level; nothing where Linux does not tell."""
    found = {}
    for folder in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        kind, level, size = ((folder / name).read_text().strip() for name in ("type", "level", "size"))
        if kind != "Instruction":
            found[f"L{level}"] = int(size.rstrip("KMG")) << {"K": 10, "M": 20, "G": 30}[size[-1]]
    return found


def aes_limit(repeats: int = 61, size: int = 1 << 18) -> float:
    """Return the rate, in GB/s, that the AES units allow counter mode with 128-bit keys.

    A 256-bit key costs four rounds more on the same bytes, so the difference in time prices a round apart from
    memory, calls and the rest; AES-128 has ten.
    """

    def long_key(src: Octets, dst: Octets, n: int) -> Run:
        data = src[:n]
        return lambda: ctr_xor(LONG_KEY, SEED, data, out=data)

    makers: dict[str, Maker] = {"128": contenders()["ctr"], "256": long_key}
    times = measure(makers, size, repeats=repeats, in_place=True).groupby("contender")["seconds"].median()
    return size / ((times["256"] - times["128"]) * 10 / 4) / 1e9


def size_label(size: float) -> str:
    """Return bytes as a person writes them: 64 B, 16 KiB, 1 GiB."""
    shift, unit = next((shift, unit) for shift, unit in _UNITS if size >= 1 << shift)
    return f"{size / (1 << shift):g} {unit}"


def rates_figure(rates: pd.DataFrame, limit: float, *, width: float = 7.16) -> Figure:
    """Draw rates over message size, copied and in place, under the machine's roof.

    Parameters
    ----------
    rates : DataFrame
        Of `summarise`, one thread.
    limit : float
        Of `aes_limit`, GB/s.
    width : float
        Inches.
    """
    figure, axes = plt.subplots(1, 2, figsize=(width, 3.4), sharey=True)
    for ax, (place, group) in zip(axes, rates.groupby("place", sort=False), strict=True):
        for name, line in group.groupby("contender", sort=False):
            colour, stroke = LINES[str(name)]
            ax.plot(line["size"], line["median"], stroke, color=colour, label=name, markersize=2.5)
            ax.fill_between(line["size"], line["q25"], line["q75"], color=colour, alpha=0.2, linewidth=0)
        ax.axhline(limit, color="#0072B2", linewidth=0.6, linestyle=(0, (1, 3)))
        ax.annotate("AES units", (rates["size"].min(), limit), fontsize=6, color="#0072B2", va="bottom")
        ax.set(title="into another buffer" if place == "copy" else "in place")
        _size_axis(ax, rates["size"])
    axes[0].set(ylabel="rate (GB/s)", yscale="log")
    axes[0].yaxis.set_major_formatter("{x:g}")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def ratio_figure(ratios: dict[str, pd.DataFrame], *, width: float = 7.16) -> Figure:
    """Draw ratios over message size with their 99 % intervals; name -> table of `ratios_by_setting`."""
    figure, axes = plt.subplots(1, 2, figsize=(width, 2.9), sharey=True)
    styles = [("#D55E00", "o-"), ("#000000", "--"), ("#009E73", "s-")]
    for ax, place in zip(axes, ("copy", "in place"), strict=True):
        for (name, table), (colour, stroke) in zip(ratios.items(), styles, strict=False):
            rows = table[table["place"] == place]
            ax.plot(rows["size"], rows["ratio"], stroke, color=colour, label=name)
            ax.fill_between(rows["size"], rows["low"], rows["high"], color=colour, alpha=0.2, linewidth=0)
        ax.axhline(1, color="black", linewidth=0.8)
        ax.set(title="into another buffer" if place == "copy" else "in place")
        _size_axis(ax, next(iter(ratios.values()))["size"])
    axes[0].set(ylabel="times as fast as ctr", yscale="log")
    axes[0].set_yticks([0.5, 1, 2, 4], ["0.5", "1", "2", "4"])
    axes[0].minorticks_off()
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def bars_figure(rates: pd.DataFrame, index: str, *, width: float = 3.5) -> Figure:
    """Draw rates as bars, grouped by the column `index`, a bar a contender, quartiles as whiskers."""
    medians = rates.pivot_table(index=index, columns="contender", values="median", sort=False)
    low, high = (
        rates.pivot_table(index=index, columns="contender", values=q, sort=False) for q in ("q25", "q75")
    )
    figure, ax = plt.subplots(figsize=(width, 2.6))
    step = 0.8 / len(medians.columns)
    for i, name in enumerate(medians.columns):
        at = np.arange(len(medians)) + (i - (len(medians.columns) - 1) / 2) * step
        spread = [medians[name] - low[name], high[name] - medians[name]]
        ax.bar(
            at,
            medians[name],
            step * 0.92,
            color=LINES[name][0],
            label=name,
            yerr=spread,
            error_kw={"lw": 0.7},
            hatch=HATCHES[i % len(HATCHES)],
            edgecolor="white",
            linewidth=0,
        )
    ax.set(xticks=range(len(medians)), xticklabels=medians.index, xlabel=f"AES {index}", ylabel="rate (GB/s)")
    ax.grid(axis="x", visible=False)
    ax.legend()
    return figure


def access_figure(access: pd.DataFrame, *, width: float = 7.16) -> Figure:
    """Draw what a part costs by mode: time, bytes fetched, AES blocks; medians, on logarithmic axes.

    Points and no bars: a bar's length means nothing where the axis has no zero.
    """
    parts = access.groupby(["part", "contender"], sort=False)[["seconds", "fetched", "aes_blocks"]].median()
    figure, axes = plt.subplots(1, 3, figsize=(width, 2.5))
    labels = {"seconds": "time (µs)", "fetched": "bytes fetched", "aes_blocks": "AES blocks"}
    for ax, (column, label) in zip(axes, labels.items(), strict=True):
        table = parts[column].unstack("contender", sort=False) * (1e6 if column == "seconds" else 1)
        for i, name in enumerate(table.columns):
            at = np.arange(len(table)) + 0.15 * (i - 1.5)
            ax.plot(at, table[name], LINES[name][1][-1], color=LINES[name][0], label=name, markersize=5)
        ax.set(yscale="log", ylabel=label)
        ax.yaxis.set_major_formatter("{x:,.0f}")
        ax.set_xticks(range(len(table)), [name.replace(", ", "\n") for name in table.index])
        ax.set_xlim(-0.5, len(table) - 0.5)
        ax.grid(axis="x", visible=False)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def _size_axis(ax: Axes, sizes: Iterable[float]) -> None:
    """Message sizes on a logarithmic axis, with the caches as vertical lines."""
    values = sorted(set(sizes))
    ax.set(xscale="log", xlabel="message size", xlim=(values[0] / 1.3, values[-1] * 1.3))
    ticks = values[:: max(1, len(values) // 5)]
    ax.set_xticks(ticks, [size_label(size) for size in ticks])
    ax.minorticks_off()
    for name, size in cache_sizes().items():
        if values[0] < size < values[-1]:
            ax.axvline(size, color="#bbbbbb", linewidth=0.8)
            ax.annotate(name, (size, 1), xycoords=("data", "axes fraction"), fontsize=6, ha="right", va="top")
