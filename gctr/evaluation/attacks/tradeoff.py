"""Leakage against speed: GCTR from one block a bucket, which is AES-CTR's cost, to one bucket a group.

Fewer buckets save AES calls and lengthen the runs that share a vector. The curve shows the whole trade: what an
attacker with the registered plate recovers (attack 3), the rate of coincidences (attack 1), and throughput.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from gctr.cipher import GctrParams, ctr_xor, gctr_xor
from gctr.evaluation.attacks.coincidence import coincide
from gctr.evaluation.attacks.known_background import known_starts, recover, score_recovery
from gctr.evaluation.attacks.schemes import camera_secret, encrypt
from gctr.evaluation.attacks.views import Frame, Octets
from gctr.evaluation.throughput import measure, ratio
from gctr.evaluation.throughput_contenders import Maker

SETTINGS = tuple(GctrParams(buckets=buckets) for buckets in (100, 50, 25, 10, 5, 2, 1))
"""From one block a bucket to one bucket a group of 100 blocks; 5 buckets are version 1's."""


def measure_leakage(
    frames: Sequence[Frame],
    plate: Octets,
    settings: Sequence[GctrParams] = SETTINGS,
    *,
    seed: int = 0,
    sweeps: int = 24,
) -> pd.DataFrame:
    """Attack raw ROI frames at each setting, the layout known.

    Returns
    -------
    DataFrame
        `buckets`, `blocks_a_bucket` (mean), `aes_calls_a_block`, `coincidence` (lag of one block), `exact` (share of
        foreground pixels), `gain` (SSIM over the plate's) and `evidence` (log odds for repeated vectors).
    """
    rows = []
    regions = [frame.region for frame in frames]
    secret = camera_secret(seed)[1]
    payloads = [frame.region.cut(frame.image) for frame in frames]
    for params in settings:
        sent = [encrypt("gctr", payload, seed, params=params) for payload in payloads]
        layouts = partial(known_starts, secret, params=params)
        seen = recover(sent, regions, plate, layouts, sweeps=sweeps)
        scores = score_recovery(frames, seen.images, plate)
        rate = coincide(np.concatenate(sent)).rate
        blocks = params.group_size / params.buckets
        rows.append(
            (params.buckets, blocks, 1 / blocks, rate, scores.exact.mean(), scores.gain.mean(), seen.evidence)
        )
    names = ["buckets", "blocks_a_bucket", "aes_calls_a_block", "coincidence", "exact", "gain", "evidence"]
    return pd.DataFrame(rows, columns=names)


def measure_speed(
    settings: Sequence[GctrParams] = SETTINGS, *, size: int = 1 << 20, repeats: int = 15
) -> pd.DataFrame:
    """Time each setting beside AES-CTR, in place, alternating (`gctr.evaluation.throughput.measure`).

    Returns
    -------
    DataFrame
        `buckets`, `gigabytes_a_second` (median) and `speed_over_ctr`, the median of the ratios within each round.
    """
    key, seed = camera_secret(0)
    makers = {str(params.buckets): _maker(partial(gctr_xor, key, seed, params=params)) for params in settings}
    samples = measure(
        {"ctr": _maker(partial(ctr_xor, key, seed)), **makers}, size, repeats=repeats, in_place=True
    )
    rates = samples.groupby("contender")["gb_per_s"].median()
    rows = [(int(name), rates[name], ratio(samples, name, "ctr").value) for name in makers]
    return pd.DataFrame(rows, columns=["buckets", "gigabytes_a_second", "speed_over_ctr"])


def _maker(xor: Callable[..., Any]) -> Maker:
    return lambda source, target, n: partial(xor, source[:n], out=target[:n])
