"""Attack 5: messages of one size share their keystream.

The paper's only fresh input is ``s XOR ds``. With one seed a camera, two messages of equal size have the same bucket
ids and the same vectors: a two-time pad. ``first XOR second`` is then free of the key, and whoever knows one message
reads the other. A seed that counts messages does not help: ``(s + i) XOR ds_i`` collides for other pairs of sizes.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Octets = NDArray[np.uint8]


class Collisions(NamedTuple):
    """`messages` were sent; `repeated` of them found an earlier one with their keystream; `pairs` pairs share one."""

    messages: int
    repeated: int
    pairs: int

    @property
    def rate(self) -> float:
        """Return the probability that two messages drawn at random share a keystream."""
        total = self.messages * (self.messages - 1) / 2
        return self.pairs / total if total else 0.0

    @property
    def repeated_share(self) -> float:
        """Return the share of messages whose keystream had been used before."""
        return self.repeated / self.messages if self.messages else 0.0


def count_collisions(sizes: Sequence[int], *, counted: bool = False, seed: int = 0) -> Collisions:
    """Count messages that share ``s XOR ds``.

    Parameters
    ----------
    sizes : sequence of int
        Bytes of each message, in the order sent.
    counted : bool
        Whether the seed is counted up by one a message; else one seed serves all.
    seed : int
        First value of the counted seed; with any, colliding pairs need seeds that differ by less than the sizes.
    """
    starts = [seed + (k if counted else 0) for k in range(len(sizes))]
    values = [start ^ int(size) for start, size in zip(starts, sizes, strict=True)]
    _, counts = np.unique(np.array(values, object).astype(str), return_counts=True)
    pairs = int((counts * (counts - 1) // 2).sum())
    return Collisions(len(sizes), len(sizes) - len(counts), pairs)


def collision_table(sizes: dict[str, Sequence[int]]) -> pd.DataFrame:
    """Count collisions for each kind of message, with one seed and with a counted one."""
    rows = []
    for kind, values in sizes.items():
        for reading, counted in (("one seed a camera", False), ("seed + message number", True)):
            found = count_collisions(values, counted=counted)
            median = float(np.median(values)) if len(values) else float("nan")
            rows.append(
                (kind, reading, len(values), median, found.repeated, found.repeated_share, found.rate)
            )
    names = ["messages_are", "seed", "messages", "median_bytes", "repeated", "repeated_share", "pair_rate"]
    return pd.DataFrame(rows, columns=names)


def two_time_pad(first: Octets, second: Octets, known: Octets) -> Octets:
    """Return the plaintext of `second`, given that of `first`, an equal-sized message."""
    if not first.size == second.size == known.size:
        raise ValueError("a two-time pad needs messages of one size")
    return np.asarray(first ^ second ^ known)


def most_common_size(sizes: Sequence[int]) -> NDArray[np.int64]:
    """Return the numbers of the messages that have the most frequent size."""
    values, counts = np.unique(np.asarray(sizes), return_counts=True)
    return np.flatnonzero(np.asarray(sizes) == values[counts.argmax()])
