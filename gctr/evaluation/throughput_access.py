"""Many small messages, and small parts of a large one: what an object costs to encrypt, and to get back alone."""

import time
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.ciphers import modes as library_modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gctr.cipher import (
    bucket_ctr_xor,
    bucket_ctr_xor_batch,
    bucket_gcm_open_range,
    bucket_gcm_seal,
    bucket_layout,
    ctr_xor,
    ctr_xor_batch,
    gctr_xor,
    gctr_xor_batch,
)
from gctr.evaluation.throughput_contenders import KEY, NONCE, SEED, SLACK, Maker, Octets, Run


def batch_contenders(message: int) -> dict[str, Maker]:
    """Return contenders for `measure` that take the data as messages of `message` bytes, each under its own key.

    Keys, nonces and seeds are made beforehand; a key schedule or a context a message is part of the time.
    """
    return {
        "OpenSSL CTR, a context a message": lambda src, dst, n: _openssl_each(src, dst, n, message),
        "OpenSSL GCM, a context a message": lambda src, dst, n: _gcm_each(src, n, message),
        "ctr_xor, a call a message": lambda src, dst, n: _calls(ctr_xor, src, dst, n, message),
        "gctr_xor, a call a message": lambda src, dst, n: _calls(gctr_xor, src, dst, n, message),
        "ctr_xor_batch": lambda src, dst, n: _batch(ctr_xor_batch, src, dst, n, message),
        "gctr_xor_batch": lambda src, dst, n: _batch(gctr_xor_batch, src, dst, n, message),
        "bucket_ctr_xor_batch": lambda src, dst, n: _batch(bucket_ctr_xor_batch, src, dst, n, message),
    }


def _secrets(count: int) -> tuple[Octets, Octets, Octets]:
    rng = np.random.default_rng(0)
    keys, seeds = (rng.integers(0, 256, (count, 16), dtype=np.uint8) for _ in range(2))
    return keys, seeds, rng.integers(0, 256, (count, 8), dtype=np.uint8)


def _openssl_each(src: Octets, dst: Octets, n: int, message: int) -> Run:
    keys, counters, _ = _secrets(n // message)
    jobs = [
        (key.tobytes(), counter.tobytes(), src[a : a + message].data, dst[a : a + message + SLACK].data)
        for key, counter, a in zip(keys, counters, range(0, n, message), strict=True)
    ]

    def run() -> None:
        for key, counter, piece, out in jobs:
            Cipher(algorithms.AES(key), library_modes.CTR(counter)).encryptor().update_into(piece, out)

    return run


def _gcm_each(src: Octets, n: int, message: int) -> Run:
    keys, _, nonces = _secrets(n // message)
    jobs = [
        (key.tobytes(), nonce.tobytes() + bytes(4), src[a : a + message].data)
        for key, nonce, a in zip(keys, nonces, range(0, n, message), strict=True)
    ]

    def run() -> None:
        for key, nonce, piece in jobs:
            AESGCM(key).encrypt(nonce, piece, None)

    return run


def _calls(xor: Callable, src: Octets, dst: Octets, n: int, message: int) -> Run:
    keys, seeds, _ = _secrets(n // message)
    jobs = [
        (key.tobytes(), seed.tobytes(), src[a : a + message], dst[a : a + message])
        for key, seed, a in zip(keys, seeds, range(0, n, message), strict=True)
    ]

    def run() -> None:
        for key, seed, piece, out in jobs:
            xor(key, seed, piece, out=out)

    return run


def _batch(xor: Callable, src: Octets, dst: Octets, n: int, message: int) -> Run:
    starts = np.arange(0, n, message)
    keys, seeds, nonces = _secrets(starts.size)
    rows = (keys, nonces, seeds) if xor is bucket_ctr_xor_batch else (keys, seeds)
    lengths, source, target = np.full(starts.size, message), src[:n], dst[:n]
    return lambda: xor(*rows, source, starts, lengths, out=target)


def measure_access(size: int, lengths: dict[str, int], *, repeats: int = 41) -> pd.DataFrame:
    """Time the decryption of a part out of the middle of sealed data, by mode, alternating.

    Parameters
    ----------
    size : int
        Bytes of the whole data.
    lengths : dict
        Name and bytes of each part.
    repeats : int
        Repetitions, each at another place, the same for all modes.

    Returns
    -------
    DataFrame
        Columns ``contender``, ``part``, ``repeat``, ``seconds``, ``fetched`` (bytes that must be read from the store)
        and ``aes_blocks`` (calls of AES that the part needs).
    """
    data, rng = np.zeros(size, np.uint8), np.random.default_rng(0)
    sealed = np.frombuffer(bucket_gcm_seal(KEY, NONCE, SEED, data), np.uint8)
    rows = []
    for part, length in lengths.items():
        for repeat, start in enumerate(rng.integers(0, size - length, repeats).tolist()):
            for name, (run, fetched, blocks) in _accesses(data, sealed, start, length).items():
                run()
                began = time.thread_time()
                run()
                rows.append((name, part, repeat, time.thread_time() - began, fetched, blocks))
    return pd.DataFrame(rows, columns=["contender", "part", "repeat", "seconds", "fetched", "aes_blocks"])


def _accesses(data: Octets, sealed: Octets, start: int, length: int) -> dict[str, tuple[Run, int, int]]:
    """Return, by mode, what decrypts the part, the bytes that it fetches, and its AES blocks."""
    size, stop, out = data.size, start + length, np.zeros(length, np.uint8)
    piece, layout = data[start:stop], bucket_layout(SEED, size, start=start, stop=stop)
    first, last = layout.sealed_range
    part, blocks = sealed[first:last], -(-stop // 16) - start // 16
    whole_buckets = int(((layout.lengths + np.uint64(15)) // np.uint64(16)).sum())
    ctr = partial(ctr_xor, KEY, SEED, piece, offset=start, out=out)
    gctr = partial(gctr_xor, KEY, SEED, piece, size=size, offset=start, out=out)
    bucket_ctr = partial(bucket_ctr_xor, KEY, NONCE, SEED, piece, size=size, offset=start, out=out)
    bucket_gcm = partial(bucket_gcm_open_range, KEY, NONCE, SEED, part, size=size, start=start, stop=stop)
    return {
        "ctr": (ctr, length, blocks),
        "gctr": (gctr, length, len(layout)),
        "bucket_ctr": (bucket_ctr, length, blocks),
        "bucket_gcm": (bucket_gcm, last - first, whole_buckets),
    }
