"""The most probable encryption vectors, given ciphertext, the registered plate and what pictures look like.

A vector is 16 unknown bytes, each xored to every 16th byte of its bucket: a *slot* is all the bytes that share one
unknown. Three things tell the 256 values of a slot apart: (1) background pixels are the plate's plus noise; (2)
neighbouring pixels are alike, in the background as far as the plate's are; (3) colour differences hardly change from
one pixel to the next, since cameras halve the resolution of colour. Nobody knows which pixels are background, so
pixels carry a hidden label.

All slots are sampled in turn given the others (Gibbs sampling, annealed), each neighbour weighed by how sure its own
slot is, so that what the plate settles spreads into objects; then the labels, then the three
distributions are fitted to the sample (stochastic EM): the attacker needs no training footage. The estimate is the
value with the largest marginal posterior.

References: Geman & Geman (1984), IEEE PAMI 6, 721-741 (Gibbs sampling and annealing of pictures); Celeux & Diebolt
(1985), Computational Statistics Quarterly 2, 73-82 (stochastic EM).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gctr.evaluation.attacks._kernels import CENTRE, label_kernel, sweep_kernel, vote_kernel

N_LINKS = 4
SETTLED = 4
"""A slot that is all but certain is visited once in so many sweeps; each must be visited while averaging."""
# Neighbours repeat one another: as independent evidence they would be counted twice.
_WEIGHT = np.float32(0.4)
_POTTS = np.float32(0.4)
Octets = NDArray[np.uint8]
Table = NDArray[np.float32]


class Evidence(NamedTuple):
    """What the attacker has of messages that share their vectors, `n` pixels in all.

    `ciphertext` (3n,) uint8; `plate` (3n,) uint8 or None without one; `slots` (3n,) int32 number the unknowns;
    `links` (n, 4) int32 neighbouring pixels or -1.
    """

    ciphertext: Octets
    plate: Octets | None
    slots: NDArray[np.int32]
    links: NDArray[np.int32]


class Estimate(NamedTuple):
    """`plaintext` (3n,) uint8; `confidence` (3n,) float32, the estimate's marginal posterior, 0 to 1."""

    plaintext: Octets
    confidence: NDArray[np.float32]


def vote(evidence: Evidence, scale: float = 6.0, background: float = 0.5) -> NDArray[np.float32]:
    """Return the log-likelihood, against random bytes, of each slot's 256 values from the plate alone.

    Parameters
    ----------
    evidence : Evidence
        With a plate.
    scale : float
        Of the Laplace noise about the plate, in grey levels.
    background : float
        Prior share of background pixels.

    Returns
    -------
    (n_slots, 256) float32
    """
    if evidence.plate is None:
        raise ValueError("a vote needs the plate")
    ratio = np.log(background * 256 * np.exp(_laplace(scale)) + 1 - background).astype(np.float32)
    scores = np.zeros((int(evidence.slots.max()) + 1, 256), np.float32)
    vote_kernel(evidence.ciphertext, evidence.plate, evidence.slots, ratio, scores)
    return scores


def log_bayes_factor(scores: NDArray[np.float32]) -> float:
    """Return the log of the odds that vectors repeat over their buckets, against a fresh pad, from `vote`."""
    top = scores.max(axis=1, keepdims=True).astype(np.float64)
    return float(np.sum(top[:, 0] + np.log(np.exp(scores - top).mean(axis=1))))


def infer(evidence: Evidence, *, sweeps: int = 40, seed: int = 0) -> Estimate:
    """Estimate the plaintext of raw pixels whose keystream repeats.

    Parameters
    ----------
    evidence : Evidence
    sweeps : int
        Passes over all slots; the last quarter, at least `SETTLED`, is averaged.
    seed : int
        Of the sampler.
    """
    sampler = _Sampler(evidence, np.random.default_rng(seed))
    for step in range(sweeps):
        sampler.sweep(
            min(1.0, 1.2 * ((step + 1) / sweeps) ** 1.5), keep=step >= sweeps - max(sweeps // 4, SETTLED)
        )
    return sampler.estimate()


class _Sampler:
    def __init__(self, evidence: Evidence, rng: np.random.Generator) -> None:
        self._c, self._slots, self._links = evidence.ciphertext, evidence.slots, evidence.links
        self._known = evidence.plate is not None
        self._plate = evidence.plate if evidence.plate is not None else np.zeros_like(evidence.ciphertext)
        self._rng = rng
        n_slots = int(self._slots.max()) + 1
        self._order = np.argsort(self._slots, kind="stable").astype(np.int32)
        self._first = np.searchsorted(self._slots[self._order], np.arange(n_slots + 1)).astype(np.int32)
        self._marginals = np.zeros((n_slots, 256), np.float32)
        self._step = 0
        vectors, self._sure = _begin(evidence, n_slots, rng)
        self._x = self._c ^ vectors.astype(np.uint8)[self._slots]
        self._z = np.zeros(self._c.size // 3, np.bool_)
        self._noise = _laplace(6.0)
        self._still, self._moving = (np.stack([_laplace(s)] * N_LINKS) for s in (4.0, 15.0))
        self._colour = np.stack([_laplace(6.0)] * N_LINKS)

    def sweep(self, temperature: float, keep: bool) -> None:
        if self._known:
            draws = self._rng.random(self._z.size, np.float32)
            label_kernel(self._x, self._plate, self._links, self._z, self._noise, _POTTS, draws)
        pairs = _WEIGHT * self._still, _WEIGHT * self._moving, _WEIGHT * self._colour
        draws = self._rng.random(self._first.size - 1, np.float32)
        state = (self._order, self._first, self._links, self._x, self._z)
        tables = (self._noise, *pairs, np.float32(temperature))
        result = (draws, self._marginals, self._sure, keep)
        sweep_kernel(self._c, self._plate, self._slots, *state, *tables, self._step, *result)
        self._step += 1
        self._fit()

    def estimate(self) -> Estimate:
        vectors = self._marginals.argmax(axis=1).astype(np.uint8)
        sure = self._marginals.max(axis=1) / np.maximum(self._marginals.sum(axis=1), 1e-9)
        return Estimate(self._c ^ vectors[self._slots], sure[self._slots])

    def _fit(self) -> None:
        """Fit the distributions to the present sample."""
        x, plate = (a.reshape(-1, 3).astype(np.int16) for a in (self._x, self._plate))
        colour = x - x[:, [1, 2, 0]]
        if self._z.any():
            self._noise = _table((x - plate)[self._z], spread=20)
        for k in range(N_LINKS):
            i = np.flatnonzero(self._links[:, k] >= 0)
            j = self._links[i, k]
            both = self._z[i] & self._z[j]
            residual = x[i] - x[j]
            self._colour[k] = _table(colour[i] - colour[j])
            if both.sum() > 200:
                self._still[k] = _table((residual - plate[i] + plate[j])[both])
            if (~both).sum() > 200:
                self._moving[k] = _table(residual[~both])


def _begin(
    evidence: Evidence, n_slots: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return each slot's first value and how sure it is: the plate's vote, or chance without a plate."""
    if evidence.plate is None:
        return rng.integers(0, 256, n_slots), np.full(n_slots, 1 / 256, np.float32)
    scores = vote(evidence)
    top = scores.max(axis=1, keepdims=True)
    sure = 1 / np.exp(scores - top).sum(axis=1)
    return scores.argmax(axis=1), np.minimum(sure, 0.99).astype(np.float32)  # to be looked at at least once


def _laplace(scale: float) -> Table:
    weights = np.exp(-np.abs(np.arange(-CENTRE, CENTRE + 1)) / scale)
    return np.log(0.95 * weights / weights.sum() + 0.05 / CENTRE).astype(np.float32)


def _table(differences: NDArray[np.int16], spread: int = 0) -> Table:
    """Return the log of a smoothed histogram of differences; the smoothing keeps half of a spike at one value."""
    counts = np.bincount(differences.ravel().astype(np.int64) + CENTRE, minlength=2 * CENTRE + 1).astype(
        float
    )
    counts[CENTRE - spread : CENTRE + spread + 1] += 0.01 if spread else 0.0
    share = counts / max(counts.sum(), 1.0)
    smooth = np.convolve(share, np.array([1, 2, 3, 4, 5, 4, 3, 2, 1]) / 25, "same")
    return np.log(0.99 * (share + smooth) / 2 + 0.01 / CENTRE).astype(np.float32)
