"""Attack 3: the cloud's own view. Objects made visible from ciphertext and the registered plate.

The cloud composes pictures, so it knows where a partial image lies and what background it covers. Under one vector a
bucket that is known plaintext for every bucket that touches any background. `recover` runs `posterior.infer` over all
messages of one size together, since the paper's ``s XOR ds`` gives those the same vectors.

An attacker first weighs the evidence (`posterior.log_bayes_factor`): if it speaks for a fresh pad, as under every
control, the best guess is the plate, and the gain is none. ``insist=True`` makes him go on regardless.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binom
from skimage.metrics import structural_similarity

from gctr.cipher import GctrParams, bucket_layout
from gctr.cipher.buckets import BLOCK
from gctr.evaluation.attacks.boundaries import find_boundaries
from gctr.evaluation.attacks.coincidence import coincide
from gctr.evaluation.attacks.posterior import Estimate, Evidence, infer, log_bayes_factor, vote
from gctr.evaluation.attacks.views import Frame, Region, is_foreground

DOUBT = 0.7
"""Posterior below which an attacker rather believes in the plate."""
Octets = NDArray[np.uint8]


class Recovered(NamedTuple):
    """`images`: what the attacker sees, (H, W, 3) uint8 BGR each; `evidence`: log odds for repeated vectors."""

    images: list[Octets]
    evidence: float


def known_starts(seed: bytes, size: int, params: GctrParams | None = None) -> NDArray[np.int64]:
    """Return the first byte of every run that shares a vector, for an attacker who knows the seed."""
    params = params or GctrParams()
    layout = bucket_layout(seed, size, params)
    starts = layout.starts.astype(np.int64)
    return starts[layout.index % np.uint64(params.buckets) == 0] if params.vector == "group" else starts


def keystream_slots(starts: NDArray[np.int64], size: int) -> NDArray[np.int32]:
    """Return for each of `size` bytes the number of its unknown keystream byte, given where vectors begin."""
    run = np.searchsorted(starts, np.arange(size), side="right") - 1
    return (run * BLOCK + (np.arange(size) - starts[run]) % BLOCK).astype(np.int32)


def recover(
    ciphertexts: Sequence[Octets],
    regions: Sequence[Region],
    plate: Octets,
    starts: Callable[[int], NDArray[np.int64]] | None = None,
    *,
    params: GctrParams | None = None,
    sweeps: int = 40,
    insist: bool = False,
    use_plate: bool = True,
) -> Recovered:
    """Recover raw ROI frames.

    Parameters
    ----------
    ciphertexts : sequence of (3 n_k,) uint8
        Without tags.
    regions : sequence of Region
        Where each lies.
    plate : (H, W, 3) uint8
        BGR; the registered background.
    starts : callable, optional
        From a message's size to the first bytes of its buckets (`known_starts`); found from the data by default.
    params : GctrParams, optional
        The mode's public parameters.
    sweeps : int
        See `posterior.infer`.
    insist : bool
        Go on even if the evidence speaks against repeated vectors.
    use_plate : bool
        False for an attacker who has never seen the background: smoothness alone (attack 6).
    """
    sizes = np.array([c.size for c in ciphertexts])
    groups = [np.flatnonzero(sizes == size) for size in np.unique(sizes[sizes > 0])]

    def attack(members: NDArray[np.int64]) -> tuple[list[Octets], float]:
        sent, places = [ciphertexts[k] for k in members], [regions[k] for k in members]
        pool = _Pool(sent, places, plate, params, use_plate)
        return pool.attack(starts(sent[0].size) if starts else None, sweeps, insist)

    images, total = [plate] * len(regions), 0.0
    with ThreadPoolExecutor(os.cpu_count()) as workers:  # the sampler runs without the interpreter's lock
        for members, (seen, weight) in zip(groups, workers.map(attack, groups), strict=True):
            total += weight
            for k, image in zip(members, seen, strict=True):
                images[k] = image
    return Recovered(images, total)


class _Pool:
    """Messages of one size, laid end to end: they share their slots."""

    def __init__(
        self,
        ciphertexts: Sequence[Octets],
        regions: Sequence[Region],
        plate: Octets,
        params: GctrParams | None,
        use_plate: bool,
    ) -> None:
        self._sent, self._regions, self._params, self._use_plate = ciphertexts, regions, params, use_plate
        self._plate = plate
        links, offset = [], 0
        for region in regions:
            found = region.links()
            links.append(np.where(found >= 0, found + offset, -1).astype(np.int32))
            offset += region.pixels.size
        self._links = np.concatenate(links)
        self._known = np.concatenate([region.cut(plate) for region in regions])

    def attack(
        self, starts: NDArray[np.int64] | None, sweeps: int, insist: bool
    ) -> tuple[list[Octets], float]:
        """Return what is seen of each message, and the evidence; the plate where that speaks against it."""
        weight = self.weigh(self.search(self._plate) if starts is None else starts)
        if weight <= 0 and not insist:
            return [self._plate] * len(self._sent), weight
        seen = self.look_twice(sweeps) if starts is None else self.look(starts, sweeps)
        payloads = self.payloads(seen, 0.0 if insist else DOUBT)
        return [r.paste(p, self._plate) for r, p in zip(self._regions, payloads, strict=True)], weight

    def search(self, picture: Octets) -> NDArray[np.int64]:
        """Find the boundaries in the first message, given a picture of what it shows."""
        known = self._regions[0].cut(picture) if self._use_plate else None
        return find_boundaries(self._sent[0], self._params, plate=known)

    def weigh(self, starts: NDArray[np.int64]) -> float:
        """Return the log odds that vectors repeat; without the plate, attack 1 decides."""
        if self._use_plate:
            return log_bayes_factor(vote(self._evidence(starts)))
        p_value = min(coincide(payload, lag=BLOCK).p_value for payload in self._sent)
        return float(-np.log10(max(p_value, 1e-300)) - 6)

    def look(self, starts: NDArray[np.int64], sweeps: int) -> Estimate:
        evidence = self._evidence(starts)
        return infer(evidence if self._use_plate else evidence._replace(plate=None), sweeps=sweeps)

    def look_twice(self, sweeps: int) -> Estimate:
        """Search, look, and search again in the smoothed first look, where objects are no longer strangers."""
        first = self.look(self.search(self._plate), sweeps // 2)
        if not self._use_plate:
            return first
        payload = first.plaintext[: self._sent[0].size]
        picture = cv2.medianBlur(self._regions[0].paste(payload, self._plate), 5)
        return self.look(self.search(np.asarray(picture, np.uint8)), sweeps)

    def payloads(self, seen: Estimate, doubt: float) -> Octets:
        """Return a row a message; pixels in doubt show the plate."""
        sure = seen.confidence.reshape(-1, 3).min(axis=1) >= doubt
        shown = np.where(sure[:, None], seen.plaintext.reshape(-1, 3), self._known.reshape(-1, 3))
        return shown.reshape(len(self._sent), -1)

    def _evidence(self, starts: NDArray[np.int64]) -> Evidence:
        slots = np.tile(keystream_slots(starts, self._sent[0].size), len(self._sent))
        return Evidence(np.concatenate(self._sent), self._known, slots, self._links)


def score_recovery(frames: Sequence[Frame], images: Sequence[Octets], plate: Octets) -> pd.DataFrame:
    """Compare what an attacker sees with the truth, frame by frame.

    Returns
    -------
    DataFrame
        `frame`; `foreground`, pixels of the region more than 20 grey levels from the plate; `exact`, the share of
        those whose three bytes are all right, and `exact_bytes`; structural similarity at those pixels of the plate
        alone, `ssim_plate`, and of the attacker's picture, `ssim`; `gain`, their difference, and `gain_region`, the
        same over all that was sent.
    """
    return pd.DataFrame([_score(frame, image, plate) for frame, image in zip(frames, images, strict=True)])


def _score(frame: Frame, image: Octets, plate: Octets) -> dict[str, float]:
    inside = frame.region.mask()
    wanted = inside & is_foreground(frame.image, plate)
    right = image[wanted] == frame.image[wanted]
    before, after = (_similarity(frame.image, other) for other in (plate, image))
    return {
        "frame": frame.number,
        "foreground": int(wanted.sum()),
        "exact": _mean(right.all(axis=1)),
        "exact_bytes": _mean(right),
        "ssim_plate": _mean(before[wanted]),
        "ssim": _mean(after[wanted]),
        "gain": _mean(after[wanted]) - _mean(before[wanted]),
        "gain_region": _mean(after[inside]) - _mean(before[inside]),
    }


def _similarity(image: Octets, other: Octets) -> NDArray[np.float64]:
    """Return the local structural similarity, (H, W), mean of the channels (7 x 7 pixels, scikit-image)."""
    _, local = structural_similarity(image, other, channel_axis=2, full=True)
    return np.asarray(local.mean(axis=2))


def _mean(values: NDArray) -> float:
    return float(values.mean()) if values.size else float("nan")


def exact_p_value(share: float, pixels: float) -> float:
    """Return the p-value of so large a share of exact pixels, when each is guessed right with probability 2**-24.

    It is 1 without any pixel, where the share is NaN.
    """
    return 1.0 if not pixels else float(binom.sf(round(share * pixels) - 1, int(pixels), 256.0**-3))
