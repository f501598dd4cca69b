"""Attack 3: the cloud's own view. Objects made visible from ciphertext and the registered plate.

The cloud composes pictures, so it knows where a partial image lies and what background it covers. Under one vector a
bucket that is known plaintext for every bucket that touches any background. `recover` runs `posterior.infer` over all
messages of one size together, since the paper's ``s XOR ds`` gives those the same vectors.

An attacker first weighs the evidence (`posterior.log_bayes_factor`): if it speaks for a fresh pad, as under every
control, the best guess is the plate, and the gain is none. ``insist=True`` makes him go on regardless.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from gctr.cipher import GctrParams, bucket_layout
from gctr.cipher.buckets import BLOCK
from gctr.evaluation.attacks.boundaries import find_boundaries
from gctr.evaluation.attacks.coincidence import coincide
from gctr.evaluation.attacks.posterior import Evidence, infer, log_bayes_factor, vote
from gctr.evaluation.attacks.views import Frame, Region, is_foreground

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
    images, total = [plate] * len(regions), 0.0
    sizes = np.array([c.size for c in ciphertexts])
    for size in np.unique(sizes[sizes > 0]):
        members = np.flatnonzero(sizes == size)
        payloads = [ciphertexts[k] for k in members]
        places = [regions[k] for k in members]
        begins = (
            starts(int(size)) if starts else _search(payloads, places, plate if use_plate else None, params)
        )
        evidence = _gather(payloads, places, plate, begins)
        weight = log_bayes_factor(vote(evidence)) if use_plate else _repeats(payloads)
        total += weight
        if weight > 0 or insist:
            evidence = evidence if use_plate else evidence._replace(plate=None)
            plain = infer(evidence, sweeps=sweeps).plaintext.reshape(len(members), -1)
            for k, payload in zip(members, plain, strict=True):
                images[k] = regions[k].paste(payload, plate)
    return Recovered(images, total)


def score_recovery(frames: Sequence[Frame], images: Sequence[Octets], plate: Octets) -> pd.DataFrame:
    """Compare what an attacker sees with the truth, frame by frame.

    Returns
    -------
    DataFrame
        `frame`; `foreground`, pixels of the region more than 20 grey levels from the plate; `exact`, the share of
        those whose three bytes are all right, and `exact_bytes`; `ssim_plate` and `ssim`, structural similarity
        inside the region of the plate alone and of the attacker's picture; `gain`, their difference.
    """
    return pd.DataFrame([_score(frame, image, plate) for frame, image in zip(frames, images, strict=True)])


def _score(frame: Frame, image: Octets, plate: Octets) -> dict[str, float]:
    inside = frame.region.mask()
    wanted = inside & is_foreground(frame.image, plate)
    right = image[wanted] == frame.image[wanted]
    before, after = (_similarity(frame.image, other, inside) for other in (plate, image))
    return {
        "frame": frame.index,
        "foreground": int(wanted.sum()),
        "exact": float(right.all(axis=1).mean()) if len(right) else float("nan"),
        "exact_bytes": float(right.mean()) if len(right) else float("nan"),
        "ssim_plate": before,
        "ssim": after,
        "gain": after - before,
    }


def _similarity(image: Octets, other: Octets, inside: NDArray[np.bool_]) -> float:
    _, local = structural_similarity(image, other, channel_axis=2, full=True)
    return float(local[inside].mean())


def _repeats(payloads: Sequence[Octets]) -> float:
    """Return the evidence for repeated vectors without a plate: positive where attack 1 is sure of them."""
    p_value = min(coincide(payload, lag=BLOCK).p_value for payload in payloads)
    return float(-np.log10(max(p_value, 1e-300)) - 6)


def _search(
    payloads: Sequence[Octets], places: Sequence[Region], plate: Octets | None, params: GctrParams | None
) -> NDArray[np.int64]:
    return find_boundaries(payloads[0], params, plate=None if plate is None else places[0].cut(plate))


def _gather(
    payloads: Sequence[Octets], places: Sequence[Region], plate: Octets, starts: NDArray[np.int64]
) -> Evidence:
    """Lay messages of one size end to end; they share slots."""
    links, offset = [], 0
    for place in places:
        found = place.links()
        links.append(np.where(found >= 0, found + offset, -1).astype(np.int32))
        offset += place.pixels.size
    slots = np.tile(keystream_slots(starts, payloads[0].size), len(payloads))
    known = np.concatenate([place.cut(plate) for place in places])
    return Evidence(np.concatenate(payloads), known, slots, np.concatenate(links))
