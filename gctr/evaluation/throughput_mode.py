"""GCTR's readings beside each other: what each repeats, what it costs; and pictures of buckets and keystreams."""

from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from gctr.cipher import GctrParams, bucket_ctr_xor, bucket_layout, ctr_xor, gctr_xor, initial_bucket_id
from gctr.evaluation.throughput import measure, ratio, summarise
from gctr.evaluation.throughput_contenders import KEY, NONCE, SEED, Maker, Octets, Run, contenders

READINGS = {
    "version 1": GctrParams(),
    "byte units": GctrParams(unit="byte"),
    "vector a group": GctrParams(vector="group"),
    "1 bucket a group": GctrParams(buckets=1),
    "2 buckets a group": GctrParams(buckets=2),
    "20 buckets a group": GctrParams(buckets=20),
    "100 buckets a group": GctrParams(buckets=100),
    "groups of 1000": GctrParams(group_size=1000),
}
"""Readings of the paper: one choice changed at a time, and the ends of the family."""
OWN_KERNEL = ("version 1", "vector a group", "1 bucket a group", "100 buckets a group")
"""Readings with kernels of their own; the others share a general one, so that their speed is a lower bound."""
BUCKETS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9")
"""Colours of a group's buckets, in order."""


def keystreams(size: int, seed: bytes = SEED) -> dict[str, Octets]:
    """Return the keystreams of gctr, ctr and bucket_ctr, (size,) uint8, by name; ctr begins at gctr's `sid`."""
    zeros, sid = np.zeros(size, np.uint8), initial_bucket_id(seed, size).to_bytes(16, "big")
    return {
        "gctr": gctr_xor(KEY, seed, zeros),
        "ctr": ctr_xor(KEY, sid, zeros),
        "bucket_ctr": bucket_ctr_xor(KEY, NONCE, seed, zeros),
    }


def vectors_table(seed: bytes, size: int, count: int) -> pd.DataFrame:
    """Return the first `count` buckets: number, id, first byte, bytes, and the beginning of the encrypted id."""
    layout = bucket_layout(seed, size)
    stream = gctr_xor(KEY, seed, np.zeros(size, np.uint8))
    rows = [
        (
            f"{bytes(i).hex()[:4]}…{bytes(i).hex()[-6:]}",
            int(start),
            int(length),
            stream[int(start) :][:8].tobytes().hex(" "),
        )
        for i, start, length in zip(layout.ids[:count], layout.starts, layout.lengths, strict=False)
    ]
    columns = ["id", "first byte", "bytes", "vector begins"]
    return pd.DataFrame(rows, columns=columns).rename_axis("bucket")


def ablation(size: int = 1 << 20, repeats: int = 9) -> pd.DataFrame:
    """Return, for each of `READINGS`, what it repeats and how fast it is.

    Returns
    -------
    DataFrame
        Columns ``reading``; ``aes_calls`` a kilobyte of 1024 bytes; ``repeated``, the share of whole blocks equal to
        the block before; ``longest``, bytes of the longest run of one vector; ``gb_per_s`` in place and ``times_ctr``,
        the ratio to `ctr` in the same run, with its 99 % interval.
    """
    makers: dict[str, Maker] = {name: partial(_in_place, params) for name, params in READINGS.items()}
    samples = measure(makers | {"ctr": contenders()["ctr"]}, size, repeats=repeats, in_place=True)
    rates = summarise(samples).set_index("contender")["median"]
    rows = []
    for name, params in READINGS.items():
        value, low, high, _ = ratio(samples, name, "ctr")
        rows.append((name, *_repetition(params, size), rates[name], value, low, high))
    return pd.DataFrame(
        rows, columns=["reading", "aes_calls", "repeated", "longest", "gb_per_s", "times_ctr", "low", "high"]
    )


def _in_place(params: GctrParams, src: Octets, dst: Octets, n: int) -> Run:
    data = src[:n]
    return lambda: gctr_xor(KEY, SEED, data, params=params, out=data)


def _repetition(params: GctrParams, size: int) -> tuple[float, float, int]:
    layout = bucket_layout(SEED, size, params)
    blocks = gctr_xor(KEY, SEED, np.zeros(size, np.uint8), params=params).reshape(-1, 16)
    equal = float((blocks[1:] == blocks[:-1]).all(axis=1).mean())
    whole = params.vector == "group"
    vectors = -(-size // params.group_bytes) if whole else len(layout)
    longest = params.group_bytes if whole else int(layout.lengths.max())
    return vectors / size * 1024, equal, longest


def buckets_figure(seed: bytes, groups: int = 16, params: GctrParams = READINGS["version 1"]) -> Figure:
    """Draw bucket groups as rows of blocks, every bucket a coloured run; the ids' last digits stand in the first."""
    size = groups * params.group_bytes
    layout = bucket_layout(seed, size, params)
    figure, ax = plt.subplots(figsize=(7.16, 0.17 * groups + 0.7))
    for index, start, length in zip(layout.index, layout.starts, layout.lengths, strict=True):
        group, at = divmod(int(start) // params.unit_bytes, params.group_size)
        j, units = int(index) % params.buckets, int(length) // params.unit_bytes
        ax.add_patch(Rectangle((at, group - 0.42), units, 0.84, facecolor=BUCKETS[j % 5], linewidth=0))
        if units > 5:
            digits = f"{(layout.sid + int(index)) % 2**16:04x}"
            ax.text(at + units / 2, group, digits, ha="center", va="center", fontsize=5, color="white")
    ax.set(xlim=(0, params.group_size), ylim=(groups - 0.4, -0.6), ylabel="group")
    ax.set(
        xlabel=f"{'block of 16 bytes' if params.unit == 'block' else 'byte'} in the group",
        yticks=range(0, groups, 5),
    )
    ax.grid(False)
    return figure


def keystream_figure(streams: dict[str, Octets]) -> Figure:
    """Draw the first 40 groups of keystreams as pictures, a byte a pixel, the first 160 bytes of each group."""
    figure, axes = plt.subplots(1, len(streams), figsize=(7.16, 1.9))
    for ax, (name, stream) in zip(axes, streams.items(), strict=True):
        picture = _groups(stream)[:, :160]
        ax.imshow(picture, cmap="gray", aspect="auto", interpolation="nearest")
        ax.set(title=name, xlabel="byte in the group", yticks=[])
        ax.grid(False)
    axes[0].set(ylabel="group")
    return figure


def repeats_figure(streams: dict[str, Octets]) -> Figure:
    """Draw, block by block of the first 40 groups, where a keystream's block equals the one before it."""
    figure, axes = plt.subplots(1, len(streams), figsize=(7.16, 1.7), sharey=True)
    for ax, (name, stream) in zip(axes, streams.items(), strict=True):
        blocks = _groups(stream).reshape(-1, 16)
        equal = np.zeros(len(blocks), bool)
        equal[1:] = (blocks[1:] == blocks[:-1]).all(axis=1)
        colours = ListedColormap(["#0072B2", "#f0f0f0"])
        grid = equal.reshape(40, -1)
        ax.imshow(grid, cmap=colours, aspect="auto", interpolation="nearest", vmin=0, vmax=1)
        ax.set(title=f"{name}: {equal.mean():.1%} repeat", xlabel="block in the group")
        ax.grid(False)
    axes[0].set(ylabel="group")
    return figure


def _groups(stream: Octets) -> Octets:
    return stream[: 40 * GctrParams().group_bytes].reshape(40, -1)


def block_differences(image: Octets) -> Octets:
    """Return the image, any shape, with every byte xored with the one 16 before it: a repeated vector cancels."""
    octets = image.reshape(-1)
    before = np.concatenate([np.zeros(16, np.uint8), octets[:-16]])
    return (octets ^ before).reshape(image.shape)


def ablation_figure(table: pd.DataFrame) -> Figure:
    """Draw what each reading repeats, calls and reaches, a row a reading; speeds that are lower bounds are pale."""
    figure, axes = plt.subplots(1, 3, figsize=(7.16, 2.3), sharey=True)
    panels = {
        "repeated": "share of blocks that repeat",
        "aes_calls": "AES calls a KiB",
        "times_ctr": "times as fast as ctr\n(pale: at least)",
    }
    colours = ["#D55E00" if name == "version 1" else "#0072B2" for name in table["reading"]]
    for ax, (column, label) in zip(axes, panels.items(), strict=True):
        ax.barh(table["reading"], table[column], color=colours, height=0.7)
        ax.set(xlabel=label)
        ax.grid(axis="y", visible=False)
    for bar, name in zip(axes[2].patches, table["reading"], strict=True):
        bar.set_alpha(1.0 if name in OWN_KERNEL else 0.4)
    spread = [table["times_ctr"] - table["low"], table["high"] - table["times_ctr"]]
    axes[2].errorbar(
        table["times_ctr"], table["reading"], xerr=spread, fmt="none", ecolor="black", elinewidth=0.7
    )
    axes[2].axvline(1, color="black", linewidth=0.8)
    axes[1].axvline(64, color="black", linewidth=0.8)
    axes[0].invert_yaxis()
    return figure
