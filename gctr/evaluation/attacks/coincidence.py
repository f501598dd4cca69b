"""Attack 1: equal bytes 16 k apart. The simplest sign of a keystream that repeats.

Two bytes of a fresh pad are equal with probability 1/256, whatever they hide. Under one vector a bucket, bytes one
block apart are equal whenever the plaintext's are, and pictures repeat themselves. Pairs at one lag form chains, so
under the null they are independent and the test is an exact binomial one.

The same count at lag 0 between two messages (`coincide_between`) tells whether they share a keystream (attack 5).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binom

from gctr.cipher.buckets import BLOCK
from gctr.evaluation.statistics import holm, proportion_interval

CHANCE = 1 / 256
Octets = NDArray[np.uint8]


class Coincidence(NamedTuple):
    """`equal` of `pairs` bytes were equal; one-sided binomial `p_value` against 1/256."""

    equal: int
    pairs: int
    p_value: float

    @property
    def rate(self) -> float:
        """Return equal / pairs."""
        return self.equal / self.pairs if self.pairs else float("nan")


def coincide(ciphertext: Octets, lag: int = BLOCK) -> Coincidence:
    """Count equal bytes `lag` bytes apart in one ciphertext, (n,) uint8."""
    if lag < 1:
        raise ValueError(f"the lag must be at least 1 byte, is {lag}")
    return _test(ciphertext[lag:] == ciphertext[:-lag])


def coincide_between(first: Octets, second: Octets) -> Coincidence:
    """Count equal bytes at equal places of two ciphertexts; of the longer one the end is left out."""
    size = min(first.size, second.size)
    return _test(first[:size] == second[:size])


def coincidence_table(ciphertexts: dict[str, Octets], lags: Sequence[int] = (1, 2, 3, 6, 12)) -> pd.DataFrame:
    """Test several modes at several lags.

    Parameters
    ----------
    ciphertexts : dict of str to (n,) uint8
        By mode.
    lags : sequence of int
        In blocks.

    Returns
    -------
    DataFrame
        `mode`, `lag_bytes`, `pairs`, `rate`, `low`, `high` (99 % interval), `p_value`, `rejected` (Holm, 0.01).
    """
    rows = []
    for mode, ciphertext in ciphertexts.items():
        for lag in lags:
            found = coincide(ciphertext, lag * BLOCK)
            low, high = proportion_interval(found.equal, found.pairs)
            rows.append((mode, lag * BLOCK, found.pairs, found.rate, low, high, found.p_value))
    table = pd.DataFrame(rows, columns=["mode", "lag_bytes", "pairs", "rate", "low", "high", "p_value"])
    return table.assign(rejected=holm(table["p_value"]))


def _test(equal: NDArray[np.bool_]) -> Coincidence:
    count = int(equal.sum())
    return Coincidence(count, equal.size, float(binom.sf(count - 1, equal.size, CHANCE)))
