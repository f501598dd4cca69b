"""Attack 4: cribs. A little known plaintext opens every block of the buckets that it lies in.

Known by position are: the header of a JPEG (the same tables in every file of one encoder), the first bytes of a
segment's message (MessagePack, start code, slice header; the attacker encodes a segment of his own), and silent
pixels, which equal the plate. Under CTR a known byte tells nothing about any other.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from gctr.evaluation.attacks.coincidence import CHANCE
from gctr.evaluation.attacks.known_background import keystream_slots

Octets = NDArray[np.uint8]


class Gain(NamedTuple):
    """What a crib opened.

    `known` bytes were given; `opened` more were named, `right` of them truly; binomial `p_value` against 1/256.
    """

    known: int
    opened: int
    right: int
    p_value: float

    @property
    def per_known_byte(self) -> float:
        """Return the bytes gained for each byte known."""
        return self.right / self.known if self.known else 0.0


def use_crib(
    ciphertext: Octets, known: NDArray[np.bool_], crib: Octets, starts: NDArray[np.int64]
) -> tuple[Octets, NDArray[np.bool_]]:
    """Decrypt every byte whose slot holds a known one.

    Parameters
    ----------
    ciphertext : (n,) uint8
    known : (n,) bool
        Where the crib speaks.
    crib : (n,) uint8
        Assumed plaintext there.
    starts : (n_buckets,) int64
        First byte of each bucket.

    Returns
    -------
    plaintext : (n,) uint8
        Zero where nothing is known. If cribs of one slot contradict each other, the most frequent vector counts.
    opened : (n,) bool
        Where it was named without having been given.
    """
    slots = keystream_slots(starts, ciphertext.size)
    votes = np.zeros((int(slots.max()) + 1, 256), np.int32)
    np.add.at(votes, (slots[known], ciphertext[known] ^ crib[known]), 1)
    named = votes.any(axis=1)[slots]
    plaintext = np.where(named, ciphertext ^ votes.argmax(axis=1).astype(np.uint8)[slots], 0).astype(np.uint8)
    return plaintext, named & ~known


def measure_crib(
    plaintext: Octets, ciphertext: Octets, known: NDArray[np.bool_], crib: Octets, starts: NDArray[np.int64]
) -> Gain:
    """Return what a crib gains against the truth."""
    guess, opened = use_crib(ciphertext, known, crib, starts)
    right, total = int((guess == plaintext)[opened].sum()), int(opened.sum())
    return Gain(int(known.sum()), total, right, float(binom.sf(right - 1, total, CHANCE)) if total else 1.0)


def common_prefix(first: Octets, second: Octets) -> NDArray[np.bool_]:
    """Return where `first` agrees with `second` from the beginning on, (len(first),) bool."""
    size = min(first.size, second.size)
    same = np.zeros(first.size, bool)
    same[:size] = np.logical_and.accumulate(first[:size] == second[:size])
    return same


def encode_jpeg(image: Octets, quality: int = 90) -> Octets:
    """Return an (H, W, 3) uint8 BGR image as JPEG bytes."""
    ok, coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not ok:
        raise ValueError(f"cannot code a picture of {image.shape}")
    return np.asarray(coded, np.uint8).ravel()
