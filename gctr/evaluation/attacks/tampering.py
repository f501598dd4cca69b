"""Attack 7: bit flips, splices, truncation and replay, on the messages that travel.

Every trial seals two bodies with `gctr.parties.envelope`, alters one message without any key and hands it to the
receiver. Two things are counted: whether the receiver accepts it, and whether the plaintext is what the attacker
wanted. Modes without tags accept; xor lets the attacker choose the change bit by bit.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from msgspec.structs import replace

from gctr.parties.envelope import open_message, seal
from gctr.parties.keyfile import Key, new_key
from gctr.parties.messages import Header, Message, MessageError, Mode, decode, encode

MODES: tuple[Mode, ...] = ("gctr", "ctr", "bucket_ctr", "bucket_gcm")


def tamper(trials: int = 25, size: int = 8000, seed: int = 0) -> pd.DataFrame:
    """Run every alteration against every mode.

    Parameters
    ----------
    trials : int
        Messages a cell.
    size : int
        Bytes of each body.
    seed : int
        Of the bodies and of what is altered.

    Returns
    -------
    DataFrame
        `alteration`, `mode`, `trials`, `accepted` and `controlled`: how many were taken, and how many of those
        opened to exactly the plaintext that the attacker meant.
    """
    rows = []
    for name, alter in _ALTERATIONS.items():
        for mode in MODES:
            rng = np.random.default_rng([seed, MODES.index(mode)])
            results = [_trial(mode, alter, size, rng) for _ in range(trials)]
            rows.append((name, mode, trials, sum(a for a, _ in results), sum(c for _, c in results)))
    return pd.DataFrame(rows, columns=["alteration", "mode", "trials", "accepted", "controlled"])


Alteration = Callable[[Message, Message, bytes, bytes, np.random.Generator], tuple[Message, bytes]]


def _trial(mode: Mode, alter: Alteration, size: int, rng: np.random.Generator) -> tuple[bool, bool]:
    key = new_key("store")
    first, second = rng.bytes(size), rng.bytes(size)
    one, other = _send(key, mode, 0, first), _send(key, mode, 1, second)
    message, wanted = alter(one, other, first, second, rng)
    try:
        _, opened = open_message(key, encode(message))
    except MessageError:
        return False, False
    return True, opened == wanted


def _send(key: Key, mode: Mode, sequence: int, body: bytes) -> Message:
    header = Header(
        kind="segment", camera="cam-1", epoch=0, sequence=sequence, first_frame=50 * sequence, n_frames=50,
        background_version=1, resolution_wh=(768, 576), mode=mode, salt=bytes(16), size=1,
    )  # fmt: skip
    return decode(seal(key, header, body), Message)


def _flip(a: Message, b: Message, x: bytes, y: bytes, rng: np.random.Generator) -> tuple[Message, bytes]:
    at, bit = int(rng.integers(200)), 1 << int(rng.integers(8))
    return replace(a, body=_xor_at(a.body, at, bit)), _xor_at(x, at, bit)


def _xor_at(data: bytes, at: int, bit: int) -> bytes:
    return data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]


def _splice(a: Message, b: Message, x: bytes, y: bytes, rng: np.random.Generator) -> tuple[Message, bytes]:
    """Put the second message's end behind the first one's beginning."""
    at = int(rng.integers(1000, len(x) - 1000))
    return replace(a, body=a.body[:at] + b.body[at:]), x[:at] + y[at:]


def _truncate(a: Message, b: Message, x: bytes, y: bytes, rng: np.random.Generator) -> tuple[Message, bytes]:
    """Cut the end off, and say so in the header."""
    cut = int(rng.integers(16, 1000))
    header = replace(decode(a.header, Header), size=len(x) - cut)
    return Message(encode(header), a.body[:-cut]), x[:-cut]


def _replay(a: Message, b: Message, x: bytes, y: bytes, rng: np.random.Generator) -> tuple[Message, bytes]:
    """Send the first message again as a later segment."""
    later = 2 + int(rng.integers(1000))
    header = replace(decode(a.header, Header), sequence=later, first_frame=50 * later)
    return Message(encode(header), a.body), x


_ALTERATIONS: dict[str, Alteration] = {
    "bit flip": _flip,
    "splice": _splice,
    "truncation": _truncate,
    "replay elsewhere": _replay,
}
