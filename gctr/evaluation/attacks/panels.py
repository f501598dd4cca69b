"""Small tables beside the attacks: controls over many keys, equal sizes, payloads, the panel, and what modes cost."""

import time
from collections.abc import Callable, Sequence
from statistics import median

import numpy as np
import pandas as pd
from scipy.stats import binom

from gctr.cipher import GctrParams, ctr_xor, gctr_xor
from gctr.cipher.buckets import VERSION_1
from gctr.evaluation.attacks.coincidence import coincide, coincide_between
from gctr.evaluation.attacks.reuse import two_time_pad
from gctr.evaluation.attacks.schemes import MODES, SCHEMES, camera_secret, encrypt
from gctr.evaluation.attacks.views import Octets
from gctr.evaluation.randomness import measure_randomness
from gctr.evaluation.statistics import ALPHA


def equal_size_table(first: Octets, second: Octets, seed: int) -> pd.DataFrame:
    """Send two payloads of one size under each mode.

    Returns
    -------
    DataFrame
        `mode`; `read`, the share of the second's bytes read by who knows the first; `equal`, the rate of equal
        ciphertext bytes at equal places, and its `p_value`.
    """
    rows = []
    for mode in MODES:
        one, two = encrypt(mode, first, seed, 0), encrypt(mode, second, seed, 1)
        same = coincide_between(one, two)
        rows.append((mode, float((two_time_pad(one, two, first) == second).mean()), same.rate, same.p_value))
    return pd.DataFrame(rows, columns=["mode", "read", "equal", "p_value"])


def payload_table(payloads: dict[str, Octets], seed: int) -> pd.DataFrame:
    """Run attack 1 on payloads under gctr and ctr: `pairs` compared, `rate`, `over_chance` (1 is chance), `p_value`."""
    rows = []
    for name, data in payloads.items():
        for mode in ("gctr", "ctr"):
            found = coincide(encrypt(mode, data, seed))
            rows.append((name, mode, found.pairs, found.rate, found.rate * 256, found.p_value))
    return pd.DataFrame(rows, columns=["payload", "mode", "pairs", "rate", "over_chance", "p_value"])


def randomness_panel(raw: Octets, coded: Octets, seed: int) -> pd.DataFrame:
    """Run the panel of `gctr.evaluation.randomness` on the broken mode and on ctr; column `mode` tells which."""
    key, secret = camera_secret(seed)
    one_block = GctrParams(buckets=GctrParams().group_size)
    cases: dict[str, Callable[[bytes], Octets]] = {
        "gctr": lambda k: gctr_xor(k, secret, raw),
        "gctr, one block a bucket": lambda k: gctr_xor(k, secret, raw, params=one_block),
        "gctr on H.264": lambda k: gctr_xor(k, secret, coded),
        "ctr": lambda k: ctr_xor(k, secret, raw),
    }
    return pd.concat([measure_randomness(run, key).assign(mode=mode) for mode, run in cases.items()])


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


def _seal(mode: str, data: Octets) -> Octets:
    return SCHEMES[mode].seal(bytes(range(32)), bytes(8), bytes(range(16)), data, VERSION_1)
