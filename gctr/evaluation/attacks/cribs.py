"""Attack 4: cribs. A little known plaintext opens every block of the buckets that it lies in.

Known by position are: the header of a JPEG (the same tables in every file of one encoder), the first bytes of a
segment's message (MessagePack, start code, slice header; the attacker encodes a segment of his own), and silent
pixels, which equal the plate. Under CTR a known byte tells nothing about any other.
"""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binom

from gctr.evaluation.attacks.coincidence import CHANCE
from gctr.evaluation.attacks.known_background import keystream_slots, known_starts
from gctr.evaluation.attacks.schemes import MODES, encrypt, layout_seed
from gctr.evaluation.attacks.views import Frame

Octets = NDArray[np.uint8]


class Gain(NamedTuple):
    """What a crib opened.

    `known` bytes were given; `opened` more were named, `right` of them truly; binomial `p_value` against 1/256.
    """

    known: int
    opened: int
    right: int
    p_value: float


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
    named = np.asarray(votes.any(axis=1))[slots]
    plaintext = np.where(named, ciphertext ^ votes.argmax(axis=1).astype(np.uint8)[slots], 0).astype(np.uint8)
    return plaintext, named & ~known


def measure_crib(
    plaintext: Octets, ciphertext: Octets, known: NDArray[np.bool_], crib: Octets, starts: NDArray[np.int64]
) -> Gain:
    """Return what a crib gains against the truth."""
    guess, opened = use_crib(ciphertext, known, crib, starts)
    right, total = int((guess == plaintext)[opened].sum()), int(opened.sum())
    return Gain(int(known.sum()), total, right, float(binom.sf(right - 1, total, CHANCE)) if total else 1.0)


def encode_jpeg(image: Octets, quality: int = 90) -> Octets:
    """Return an (H, W, 3) uint8 BGR image as JPEG bytes."""
    ok, coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not ok:
        raise ValueError(f"cannot code a picture of {image.shape}")
    return np.asarray(coded, np.uint8).ravel()


def crib_table(
    frames: Sequence[Frame], plate: Octets, bodies: Sequence[Octets], seed: int = 0
) -> pd.DataFrame:
    """Try three cribs against every mode.

    Raw frames: the top row of every box is assumed to be plate. JPEG crops: the header of the attacker's own JPEG of
    the plate there. H.264 messages: those of the first 64 bytes that two earlier messages have in common.

    Parameters
    ----------
    frames : sequence of Frame
    plate : (H, W, 3) uint8
    bodies : sequence of (n,) uint8
        Plaintext of the camera's messages; at least three.

    Returns
    -------
    DataFrame
        `payload`, `mode`, `known` and `opened` bytes, `right_share` of those opened, `per_known_byte`, `p_value`.
    """
    cases = {
        "raw ROI frame": [_silent_row(frame, plate) for frame in frames],
        "JPEG object crop": [case for frame in frames for case in _jpeg_headers(frame, plate)],
        "H.264 message": [_constants(bodies[0], bodies[1], body) for body in bodies[2:22]],
    }
    rows = []
    for payload, tried in cases.items():
        for mode in MODES:
            rows.append(
                (payload, mode, *_sum_up([_try(mode, case, k, seed) for k, case in enumerate(tried)]))
            )
    names = ["payload", "mode", "known", "opened", "right_share", "per_known_byte", "p_value"]
    return pd.DataFrame(rows, columns=names)


class _Case(NamedTuple):
    plaintext: Octets
    known: NDArray[np.bool_]
    crib: Octets


def _try(mode: str, case: _Case, number: int, seed: int) -> Gain:
    starts = known_starts(layout_seed(mode, seed, number), case.plaintext.size)
    return measure_crib(
        case.plaintext, encrypt(mode, case.plaintext, seed, number), case.known, case.crib, starts
    )


def _sum_up(gains: Sequence[Gain]) -> tuple[int, int, float, float, float]:
    known, opened, right = (sum(gain[k] for gain in gains) for k in range(3))
    p_value = float(binom.sf(right - 1, opened, CHANCE)) if opened else 1.0
    return int(known), int(opened), right / max(opened, 1), right / max(known, 1), p_value


def _silent_row(frame: Frame, plate: Octets) -> _Case:
    top = np.zeros(frame.region.shape, bool)
    for x0, y0, x1, _ in frame.region.boxes:
        top[y0, x0:x1] = True
    known = np.repeat(top.ravel()[frame.region.pixels], 3)
    return _Case(frame.region.cut(frame.image), known, frame.region.cut(plate))


def _jpeg_headers(frame: Frame, plate: Octets) -> list[_Case]:
    cases = []
    for x0, y0, x1, y1 in frame.region.boxes:
        own, sent = (encode_jpeg(np.ascontiguousarray(image[y0:y1, x0:x1])) for image in (plate, frame.image))
        header = own.tobytes().index(b"\xff\xda") + 14  # to the end of the start-of-scan segment
        known = np.arange(sent.size) < header
        cases.append(_Case(sent, known, np.resize(own, sent.size)))
    return cases


def _constants(first: Octets, second: Octets, sent: Octets) -> _Case:
    known = np.zeros(sent.size, bool)
    length = min(64, first.size, second.size, sent.size)
    known[:length] = np.equal(first[:length], second[:length])
    return _Case(sent, known, np.resize(first, sent.size))
