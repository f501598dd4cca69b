"""Where the time of gctr goes: its kernels with stages left out, beside AES-CTR's, for a group of 1600 bytes.

Each kernel does what the one before does and one thing more, so that the differences are the stages. What overlaps in
the CPU is counted where it is first not hidden. All alternate, as in `gctr.evaluation.throughput.measure`.
"""

from collections.abc import Callable
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numba import njit

from gctr.cipher import aes
from gctr.cipher._groups import CUTS_AT, GROUP_BYTES, VECTOR_BYTES, WORK_WORDS, gctr_scheduled
from gctr.cipher._intrinsics import draw_cuts, xor_group, xor_run
from gctr.cipher._ir_layout import GROUPS
from gctr.evaluation.throughput import measure
from gctr.evaluation.throughput_contenders import KEY, Maker, Octets, Run, contenders

ROOF, CALL = "xor with one vector (roof)", "call: checks, hash, key schedule"
STAGES = {
    "gctr": {
        ROOF: ("one vector", "nothing"),
        "finding each block's vector": ("given vectors", "one vector"),
        "drawing the cuts": ("given ids", "given vectors"),
        "AES of the ids": ("gctr kernel", "given ids"),
        CALL: ("gctr", "gctr kernel"),
    },
    "ctr": {
        ROOF: ("one vector", "nothing"),
        "AES of every block": ("ctr kernel", "one vector"),
        CALL: ("ctr", "ctr kernel"),
    },
}
"""For each mode its stages: the kernel that has the stage, and the one that lacks it."""
COLOURS = {
    ROOF: "#999999",
    "finding each block's vector": "#E69F00",
    "drawing the cuts": "#CC79A7",
    "AES of the ids": "#56B4E9",
    "AES of every block": "#0072B2",
    CALL: "#D55E00",
}


def stages(size: int = 1 << 20, *, repeats: int = 41) -> pd.DataFrame:
    """Time the stages of gctr and ctr on messages of about `size` bytes, in place and into another buffer.

    Returns
    -------
    DataFrame
        Columns ``place``, ``mode``, ``stage``, ``ns_a_group`` (the median over repetitions of the difference) and its
        quartiles ``q25`` and ``q75``; a row ``total`` for each mode.

    Raises
    ------
    RuntimeError
        Where the backend is the library, which has no such kernels.
    """
    if aes.backend() == "library":
        raise RuntimeError("the stages are those of the kernels on AES instructions, which this CPU lacks")
    size -= size % GROUP_BYTES
    makers = kernels() | {name: contenders()[name] for name in STAGES}
    rows = []
    for in_place in (True, False):
        samples = measure(makers, size, repeats=repeats, in_place=in_place)
        times = (
            samples.pivot(index="repeat", columns="contender", values="seconds") * GROUP_BYTES / size * 1e9
        )
        for mode, parts in STAGES.items():
            found = {stage: times[more] - times[less] for stage, (more, less) in parts.items()}
            found[CALL] += times["nothing"]  # which is a call of numba, and was taken off the roof
            for stage, values in (found | {"total": times[mode]}).items():
                spread = values.quantile([0.5, 0.25, 0.75])
                rows.append(("in place" if in_place else "copy", mode, stage, *spread))
    return pd.DataFrame(rows, columns=["place", "mode", "stage", "ns_a_group", "q25", "q75"])


def stages_figure(table: pd.DataFrame, *, width: float = 7.16) -> Figure:
    """Draw the stages as stacked bars, gctr above ctr, in place and into another buffer."""
    figure, axes = plt.subplots(2, 1, figsize=(width, 3.0), sharex=True)
    for ax, (place, group) in zip(axes, table.groupby("place", sort=False), strict=True):
        for mode, rows in group[group["stage"] != "total"].groupby("mode", sort=False):
            left = 0.0
            for stage, value in zip(rows["stage"], rows["ns_a_group"].clip(lower=0), strict=True):
                ax.barh(
                    str(mode),
                    value,
                    left=left,
                    height=0.65,
                    color=COLOURS[stage],
                    label=stage,
                    edgecolor="white",
                )
                left += value
        ax.invert_yaxis()
        ax.set(title="in place" if place == "in place" else "into another buffer")
        ax.grid(axis="y", visible=False)
    axes[-1].set(xlabel="time for a group of 1600 bytes (ns)")
    handles = {
        label: handle for ax in axes for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=3)
    return figure


def kernels() -> dict[str, Maker]:
    """Return the kernels with stages left out, by name; "nothing" is the call alone."""
    lanes, schedule = aes.LANES[aes.backend()], np.empty(aes.SCHEDULE_WORDS, np.uint32)
    rounds = aes.key_schedule(lanes, np.frombuffer(bytearray(KEY), np.uint8), schedule)
    work = np.zeros(WORK_WORDS, np.uint64)
    _draw(work)  # real cuts, for the kernel that is given them
    named: dict[str, Callable] = {
        "nothing": _nothing,
        "one vector": _one_vector,
        "given vectors": _given_vectors,
        "given ids": _given_ids,
        "gctr kernel": _gctr,
        "ctr kernel": _ctr,
    }
    given = lanes, schedule, rounds, work
    return {name: partial(_run, kernel, given) for name, kernel in named.items()}


def _run(kernel: Callable, given: tuple, src: Octets, dst: Octets, n: int) -> Run:
    return partial(kernel, *given, src[:n], src[:n] if src is dst else dst[:n])


@njit(cache=True, nogil=True)
def _draw(work):
    draw_cuts(np.uint64(1), np.uint64(2), np.uint64(0), work, CUTS_AT)


@njit(cache=True, nogil=True)
def _nothing(lanes, schedule, rounds, work, src, dst):
    pass


@njit(cache=True, nogil=True)
def _one_vector(lanes, schedule, rounds, work, src, dst):
    xor_run(lanes, work.view(np.uint8), 0, src, 0, dst, 0, src.size)


@njit(cache=True, nogil=True)
def _given_vectors(lanes, schedule, rounds, work, src, dst):
    for i in range(src.size // GROUP_BYTES):
        column, at = i % GROUPS, i * GROUP_BYTES
        xor_group(lanes, work, column * VECTOR_BYTES, work, CUTS_AT + 8 * column, src, at, dst, at, False)


@njit(cache=True, nogil=True)
def _given_ids(lanes, schedule, rounds, work, src, dst):
    for i in range(src.size // GROUP_BYTES):
        column, at = i % GROUPS, i * GROUP_BYTES
        if column == 0:
            draw_cuts(np.uint64(1), np.uint64(2), np.uint64(i), work, CUTS_AT)
        xor_group(lanes, work, column * VECTOR_BYTES, work, CUTS_AT + 8 * column, src, at, dst, at, False)


@njit(cache=True, nogil=True)
def _gctr(lanes, schedule, rounds, work, src, dst):
    sid = np.uint64(1), np.uint64(2)
    gctr_scheduled(lanes, schedule, rounds, sid, np.uint64(0), 0, src, dst, False, work)


@njit(cache=True, nogil=True)
def _ctr(lanes, schedule, rounds, work, src, dst):
    aes.ctr_scheduled(lanes, schedule, rounds, np.uint64(1), np.uint64(2), 0, src, dst, False)
