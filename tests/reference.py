"""Slow, obvious twins of `gctr.cipher`, written from the specification alone.

They share no code with it: AES is PyCryptodome's, one block a call; the generator is NumPy's Philox. Each function
says which step of GCTR version 1 it is.
"""

import hashlib
import struct
from itertools import pairwise

import numpy as np
from Crypto.Cipher import AES


def initial_bucket_id(seed: bytes, size: int) -> int:
    """Step 2: SHA-256 of the big-endian 128-bit number ``seed XOR size``, first 16 bytes."""
    mixed = int.from_bytes(seed, "big") ^ size
    return int.from_bytes(hashlib.sha256(mixed.to_bytes(16, "big")).digest()[:16], "big")


def philox_words(sid: int, group: int, count: int) -> list[int]:
    """Step 3: words of counter blocks (group, 0), (group, 1), ... NumPy steps its counter before it draws."""
    key = np.array([sid >> 64, sid % 2**64], np.uint64)
    words: list[int] = []
    for block in range(-(-count // 4)):
        before = (group + (block << 64) - 1) % 2**256
        counter = np.array([before >> 64 * i & 0xFFFFFFFFFFFFFFFF for i in range(4)], np.uint64)
        words += [int(word) for word in np.random.Philox(key=key, counter=counter).random_raw(4)]
    return words[:count]


def group_sizes(sid: int, group: int, group_size: int = 100, buckets: int = 5) -> list[int]:
    """Step 4: distinct cuts by Floyd's sampling; sizes in units."""
    cuts: set[int] = set()
    for k, word in enumerate(philox_words(sid, group, buckets - 1)):
        limit = group_size - (buckets - 1) + k
        draw = (word * limit >> 64) + 1
        cuts.add(limit if draw in cuts else draw)
    edges = [0, *sorted(cuts), group_size]
    return [b - a for a, b in pairwise(edges)]


def layout(seed: bytes, size: int, unit: int = 16, group_size: int = 100, buckets: int = 5):
    """Step 5: yield (bucket number, id, first byte, bytes) of every bucket."""
    sid, start, number = initial_bucket_id(seed, size), 0, 0
    while start < size:
        for units in group_sizes(sid, number // buckets, group_size, buckets):
            if start < size:
                yield number, (sid + number) % 2**128, start, min(units * unit, size - start)
            start += units * unit
            number += 1


def gctr_keystream(
    key: bytes,
    seed: bytes,
    size: int,
    unit: int = 16,
    vector: str = "bucket",
    group_size: int = 100,
    buckets: int = 5,
) -> bytes:
    """Step 6: the vector of each bucket, repeated; with ``vector="group"`` that of a group, over the group."""
    aes, stream = AES.new(key, AES.MODE_ECB), bytearray()
    group_bytes = unit * group_size
    for number, bucket_id, start, length in layout(seed, size, unit, group_size, buckets):
        phase = 0
        if vector == "group":
            bucket_id = (initial_bucket_id(seed, size) + number // buckets) % 2**128
            phase = start % group_bytes
        block = aes.encrypt(bucket_id.to_bytes(16, "big"))
        stream += bytes(block[(phase + i) % 16] for i in range(length))
    return bytes(stream)


def bucket_ctr_keystream(
    key: bytes, nonce: bytes, seed: bytes, size: int, group_size: int = 100, buckets: int = 5
) -> bytes:
    """Return the keystream whose block i of bucket b is ``AES_K(nonce || BE32(b) || BE32(i))``."""
    aes, stream = AES.new(key, AES.MODE_ECB), bytearray()
    for number, _, _, length in layout(seed, size, 16, group_size, buckets):
        blocks = [aes.encrypt(nonce + struct.pack(">II", number, i)) for i in range(-(-length // 16))]
        stream += b"".join(blocks)[:length]
    return bytes(stream)


def bucket_gcm_seal(
    key: bytes,
    nonce: bytes,
    seed: bytes,
    data: bytes,
    associated_data: bytes = b"",
    group_size=100,
    buckets=5,
) -> bytes:
    """Seal every bucket with PyCryptodome's AES-GCM; the associated data as `gctr.cipher` gives it."""
    sealed = b""
    for number, _, start, length in layout(seed, len(data), 16, group_size, buckets):
        aead = AES.new(key, AES.MODE_GCM, nonce=nonce + struct.pack(">I", number))
        aead.update(
            b"gctr bucket_gcm 1" + seed + struct.pack(">IIQI", group_size, buckets, len(data), number)
        )
        aead.update(associated_data)
        text, tag = aead.encrypt_and_digest(data[start : start + length])
        sealed += text + tag
    return sealed


def xor(data: bytes, keystream: bytes) -> bytes:
    """Xor byte by byte."""
    return bytes(a ^ b for a, b in zip(data, keystream, strict=True))
