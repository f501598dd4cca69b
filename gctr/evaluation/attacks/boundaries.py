"""Attack 2: where the buckets begin, with the seed secret.

Blocks of one bucket share their vector, blocks of two buckets do not; so every gap between two blocks shows on which
side of a boundary it lies. The attacker knows the public parameters (units a group, buckets a group) and finds the
most probable cuts of each group by dynamic programming, with one of two scores for a run of blocks:

- ciphertext alone: blocks near one another, xored, give the xor of similar pixels. How often which value appears is
  read off the ciphertext itself, since the share of pairs in one bucket is known;
- with the registered plate: the likelihood of the run under its best vector (`posterior.vote`'s model).

Limits: ``unit="block"`` only; at one block a bucket or one bucket a group there is no boundary to find.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.stats import binom

from gctr.cipher import GctrParams, bucket_layout
from gctr.cipher.buckets import BLOCK

_LAGS = 3  # blocks; 3 blocks of BGR pixels are 16 pixels, the same channels again
_CENTRE = 255
Octets = NDArray[np.uint8]


class BoundaryScore(NamedTuple):
    """`found` of `cuts` true cuts were named, `chance` the share that a guess names, `p_value` of no better."""

    found: int
    cuts: int
    chance: float
    p_value: float

    @property
    def share(self) -> float:
        """Return found / cuts."""
        return self.found / self.cuts if self.cuts else float("nan")


def find_boundaries(
    ciphertext: Octets, params: GctrParams | None = None, *, plate: Octets | None = None
) -> NDArray[np.int64]:
    """Return the first byte of every bucket as an attacker finds them.

    Parameters
    ----------
    ciphertext : (n,) uint8
    params : GctrParams, optional
        Public. The unit must be the block.
    plate : (n,) uint8, optional
        The registered background at each byte's place.

    Returns
    -------
    (n_buckets,) int64
    """
    params = params or GctrParams()
    if params.unit != "block":
        raise ValueError("boundaries are searched between blocks; unit must be 'block'")
    blocks = ciphertext[: ciphertext.size // BLOCK * BLOCK].reshape(-1, BLOCK)
    known = None if plate is None else plate[: blocks.size].reshape(-1, BLOCK)
    pairs = _pair_scores(blocks, params)
    starts = []
    for first in range(0, len(blocks), params.group_size):
        part = slice(first, first + params.group_size)
        scores = _run_scores(pairs[:, part]) if known is None else _vote_scores(blocks[part], known[part])
        starts.append(first + _best_cuts(scores, params.buckets, len(scores) - 1 == params.group_size))
    return np.concatenate(starts or [np.zeros(1, np.int64)]) * BLOCK


def score_boundaries(
    found: NDArray[np.int64], seed: bytes, size: int, params: GctrParams | None = None
) -> BoundaryScore:
    """Compare starts found with the true ones inside whole groups; the test is binomial against guessing."""
    params = params or GctrParams()
    whole = size // params.group_bytes * params.group_bytes
    true = bucket_layout(seed, size, params).starts.astype(np.int64)
    inside = true[(true < whole) & (true % params.group_bytes > 0)]
    hits = int(np.isin(inside, found).sum())
    chance = (params.buckets - 1) / max(params.group_size - 1, 1)
    return BoundaryScore(hits, inside.size, chance, float(binom.sf(hits - 1, inside.size, chance)))


def _pair_scores(blocks: Octets, params: GctrParams) -> NDArray[np.float64]:
    """Return log-likelihood ratios (lags, blocks): block i and i + lag share a vector, against do not."""
    scores = np.zeros((_LAGS, len(blocks)))
    mean = params.group_size / params.buckets
    for lag in range(1, min(_LAGS, len(blocks) - 1) + 1):
        values = blocks[lag:] ^ blocks[:-lag]
        share = max(1 - lag / mean, 0.05)
        observed = (np.bincount(values.ravel(), minlength=256) + 4.0) / (values.size + 1024)
        same = np.maximum((observed - (1 - share) / 256) / share, 0.05 / 256)
        scores[lag - 1, : len(values)] = np.log(same / same.sum() * 256)[values].sum(axis=1)
    return scores


def _run_scores(pairs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return scores (n + 1, n + 1) of every run [a, b): the sum over its pairs."""
    n = pairs.shape[1]
    scores = np.zeros((n + 1, n + 1))
    for b in range(1, n + 1):
        gain = np.zeros(n + 1)  # what block b - 1 adds to a run that begins at a
        for lag in range(1, min(_LAGS, b - 1) + 1):
            gain[: b - lag] += pairs[lag - 1, b - 1 - lag]
        scores[:b, b] = scores[:b, b - 1] + gain[:b]
    return scores


def _vote_scores(blocks: Octets, plate: Octets) -> NDArray[np.float64]:
    noise = np.exp(-np.abs(np.arange(-255, 256)) / 6.0)
    ratio = np.log(0.5 * 256 * noise / noise.sum() + 0.5).astype(np.float32)
    total = np.zeros((len(blocks) + 1, BLOCK, 256), np.float32)
    _accumulate(blocks, plate, ratio, total)
    scores = np.zeros((len(blocks) + 1, len(blocks) + 1))
    _best_vectors(total, scores)
    return scores


@njit(cache=True, nogil=True)
def _accumulate(blocks, plate, ratio, total):
    for i in range(len(blocks)):
        for p in range(BLOCK):
            at = _CENTRE - np.int64(plate[i, p])
            for v in range(256):
                total[i + 1, p, v] = total[i, p, v] + ratio[at + (v ^ np.int64(blocks[i, p]))]


@njit(cache=True, nogil=True, fastmath={"nnan", "nsz"})
def _best_vectors(total, scores):
    """Write the log-likelihood of every run under its best vector."""
    for a in range(len(total)):
        for b in range(a + 1, len(total)):
            for p in range(BLOCK):
                low, high = total[a, p], total[b, p]
                best = np.float32(-1e30)
                for v in range(256):
                    best = max(best, high[v] - low[v])
                scores[a, b] += best


def _best_cuts(scores: NDArray[np.float64], buckets: int, whole: bool) -> NDArray[np.int64]:
    """Return the starts of the best split of a group into `buckets` runs, or into at most so many if not whole."""
    n = len(scores) - 1
    upper = np.where(np.tri(n + 1, k=0, dtype=bool), -np.inf, scores)  # runs of at least one block
    best, back = [upper[0]], []
    for _ in range(min(buckets, n) - 1):
        through = best[-1][:, None] + upper
        back.append(through.argmax(axis=0))
        best.append(through.max(axis=0))
    count = len(best) - 1 if whole else int(np.argmax([row[n] for row in best]))
    cuts, end = [], n
    for k in range(count, 0, -1):
        end = int(back[k - 1][end])
        cuts.append(end)
    return np.array([0, *reversed(cuts)], np.int64)
