"""The attacks side by side: controls over many keys, clips pooled, all tests under one Holm correction, and costs."""

import time
from collections.abc import Sequence
from functools import partial
from statistics import median

import numpy as np
import pandas as pd
from scipy.stats import binom

from gctr.cipher import bucket_ctr_xor, bucket_gcm_seal, ctr_xor, gctr_xor
from gctr.evaluation.attacks.coincidence import coincide
from gctr.evaluation.attacks.known_background import Recovered, known_starts, recover, score_recovery
from gctr.evaluation.attacks.reuse import most_common_size
from gctr.evaluation.attacks.views import MODES, Frame, Octets, Region, encrypt, layout_seed
from gctr.evaluation.statistics import ALPHA, Interval, bootstrap, holm, time_blocks


class Findings:
    """Collects one line a test; `table` corrects them together."""

    def __init__(self) -> None:
        self._rows: list[tuple[str, str, str, float, float, float]] = []

    def add(self, attack: str, mode: str, measure: str, score: float, null: float, p_value: float) -> None:
        """Note a score, what it would be by chance, and the p-value of its test."""
        self._rows.append((attack, mode, measure, score, null, p_value))

    def table(self) -> pd.DataFrame:
        """Return all findings; `rejected` says where chance is rejected by Holm's procedure at 0.01."""
        table = pd.DataFrame(self._rows, columns=["attack", "mode", "measure", "score", "null", "p_value"])
        return table.assign(rejected=holm(table["p_value"]))


def count_rejections(payload: Octets, seeds: int = 200, alpha: float = ALPHA) -> pd.DataFrame:
    """Run attack 1 on one payload under many keys: how often is chance rejected?

    Returns
    -------
    DataFrame
        `mode`, `seeds`, `rejected` at level `alpha`, `expected` of them by chance, the `p_value` of as many under
        chance, and the `largest_p` of all seeds. ``weak`` is a planted generator that must be caught.
    """
    rows = []
    for mode in (*MODES, "weak"):
        p_values = [coincide(encrypt(mode, payload, seed)).p_value for seed in range(seeds)]
        rejected = sum(p < alpha for p in p_values)
        chance = float(binom.sf(rejected - 1, seeds, alpha))
        rows.append((mode, seeds, rejected, seeds * alpha, chance, max(p_values)))
    return pd.DataFrame(rows, columns=["mode", "seeds", "rejected", "expected", "p_value", "largest_p"])


def attack_frames(
    frames: Sequence[Frame],
    plate: Octets,
    mode: str,
    *,
    seed: int = 0,
    sweeps: int = 40,
    known: bool = True,
    insist: bool = False,
) -> tuple[Recovered, pd.DataFrame]:
    """Run attack 3 on raw ROI frames under a mode; `known` tells whether the attacker knows the layout.

    An attacker who knows it reads the controls' layout as well, as if their vectors repeated.
    """  # fmt: skip
    sent = [encrypt(mode, frame.region.cut(frame.image), seed, k) for k, frame in enumerate(frames)]
    secret = layout_seed(mode, seed)
    seen = recover(
        sent,
        [frame.region for frame in frames],
        plate,
        partial(known_starts, secret) if known else None,
        sweeps=sweeps,
        insist=insist,
    )
    return seen, score_recovery(frames, seen.images, plate).assign(mode=mode, evidence=seen.evidence)


def summarise(values: pd.Series, clips: pd.Series) -> Interval:
    """Return a mean with its 99 % interval: by clip where there are several, else by stretches of time."""
    several = clips.nunique() > 1
    return bootstrap(values, clips if several else time_blocks(len(values), len(values)))


def object_crops(frames: Sequence[Frame]) -> list[tuple[Frame, Region]]:
    """Return every object of every frame as a partial image of its own."""
    return [
        (frame, Region.of(box[None], frame.region.shape)) for frame in frames for box in frame.region.boxes
    ]


def same_size_crops(crops: Sequence[tuple[Frame, Region]], count: int = 12) -> list[tuple[Frame, Region]]:
    """Return up to `count` crops of the most frequent size: they share one keystream."""
    members = most_common_size([region.pixels.size for _, region in crops])
    at = np.linspace(0, len(members) - 1, min(count, len(members))).round().astype(int)
    return [crops[k] for k in members[at]]


def price_modes(sizes: Sequence[int] = (10_000, 1_000_000), repeats: int = 15) -> pd.DataFrame:
    """Return what each mode costs in bytes and in time, timed in turn on the same data.

    Returns
    -------
    DataFrame
        `bytes` of plaintext, `mode`, `added_bytes`, `added` (share), `microseconds` (median) and `time_over_ctr`, the
        median of the ratios within each round.
    """
    rows = []
    for size in sizes:
        data = np.random.default_rng(0).integers(0, 256, size, np.uint8)
        rounds = [[_microseconds(mode, data) for mode in MODES] for _ in range(repeats + 1)][1:]
        base = MODES.index("ctr")
        for k, mode in enumerate(MODES):
            added = len(_seal(mode, data)) - size
            spent, ratio = median(r[k] for r in rounds), median(r[k] / r[base] for r in rounds)
            rows.append((size, mode, added, added / size, spent, ratio))
    names = ["bytes", "mode", "added_bytes", "added", "microseconds", "time_over_ctr"]
    return pd.DataFrame(rows, columns=names)


def _microseconds(mode: str, data: Octets) -> float:
    began = time.perf_counter()
    _seal(mode, data)
    return (time.perf_counter() - began) * 1e6


def _seal(mode: str, data: Octets) -> Octets | bytes:
    key, nonce, seed = bytes(range(32)), bytes(8), bytes(range(16))
    if mode == "gctr":
        return gctr_xor(key, seed, data)
    if mode == "ctr":
        return ctr_xor(key, seed, data)
    return (bucket_ctr_xor if mode == "bucket_ctr" else bucket_gcm_seal)(key, nonce, seed, data)
