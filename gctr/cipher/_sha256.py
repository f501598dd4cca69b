"""SHA-256 (FIPS 180-4) of 16-byte messages in numba, for batches: a call of the library costs more than the hash.

One block, no secret-dependent branch or address. Oracle: `hashlib`.
"""

import math

import numpy as np
from numba import njit


def _primes(count: int) -> list[int]:
    found: list[int] = []
    candidate = 2
    while len(found) < count:
        if all(candidate % prime for prime in found):
            found.append(candidate)
        candidate += 1
    return found


def _cube_root(value: int) -> int:
    """Integer part of the cube root, by Newton's method."""
    root = 1 << -(-value.bit_length() // 3)
    while (smaller := (2 * root + value // root**2) // 3) < root:
        root = smaller
    return root


# FIPS 180-4, 4.2.2 and 5.3.3: fractions of the cube roots of 64 primes, of the square roots of 8.
ROUND_CONSTANTS = np.array([_cube_root(prime << 96) % (1 << 32) for prime in _primes(64)], np.uint32)
INITIAL_HASH = np.array([math.isqrt(prime << 64) % (1 << 32) for prime in _primes(8)], np.uint32)


@njit(cache=True, nogil=True)
def _rotate(x, n):
    return np.uint32(x >> np.uint32(n) | x << np.uint32(32 - n))


@njit(cache=True, nogil=True)
def first_128_bits(upper, lower, w):
    """First 128 bits of SHA-256 over the 16 bytes ``upper || lower``, big-endian numbers, as two uint64.

    `w` is scratch, (64,) uint32.
    """
    w[:16] = 0
    w[0], w[1] = np.uint32(upper >> np.uint64(32)), np.uint32(upper)
    w[2], w[3] = np.uint32(lower >> np.uint64(32)), np.uint32(lower)
    w[4], w[15] = np.uint32(1 << 31), np.uint32(128)  # padding: one bit, and the length in bits
    for t in range(16, 64):
        a, b = w[t - 15], w[t - 2]
        small0 = _rotate(a, 7) ^ _rotate(a, 18) ^ np.uint32(a >> np.uint32(3))
        small1 = _rotate(b, 17) ^ _rotate(b, 19) ^ np.uint32(b >> np.uint32(10))
        w[t] = np.uint32(small1 + w[t - 7] + small0 + w[t - 16])
    s = INITIAL_HASH
    a, b, c, d, e, f, g, h = s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]
    for t in range(64):
        big1, choose = _rotate(e, 6) ^ _rotate(e, 11) ^ _rotate(e, 25), np.uint32(e & f ^ ~e & g)
        big0, majority = _rotate(a, 2) ^ _rotate(a, 13) ^ _rotate(a, 22), np.uint32(a & b ^ a & c ^ b & c)
        t1 = np.uint32(h + big1 + choose + ROUND_CONSTANTS[t] + w[t])
        h, g, f, e, d, c, b, a = g, f, e, np.uint32(d + t1), c, b, a, np.uint32(t1 + big0 + majority)
    return _join(a + s[0], b + s[1]), _join(c + s[2], d + s[3])


@njit(cache=True, nogil=True)
def _join(upper, lower):
    return np.uint64(np.uint32(upper)) << np.uint64(32) | np.uint64(np.uint32(lower))


@njit(cache=True, nogil=True)
def hash_rows(rows):
    """Replace each row of (n, 2) uint64 by the first 128 bits of its hash."""
    schedule = np.empty(64, np.uint32)
    for i in range(rows.shape[0]):
        rows[i, 0], rows[i, 1] = first_128_bits(rows[i, 0], rows[i, 1], schedule)
