"""AES (FIPS 197) in counter mode on the CPU's AES instructions, for numba, and the choice of backend.

No table is ever read at an address that depends on a key: the key schedule uses the same instructions. On a CPU
without them the library's AES (`cryptography`, OpenSSL) makes the keystream. Oracle: OpenSSL through `cryptography`.

Compiled code is cached beside the package, by CPU; where neither that nor your home directory can be written, set
NUMBA_CACHE_DIR. The key schedule is not wiped from memory after use.

The functions here may be called from your own ``@njit`` code::

    lanes = aes.LANES[aes.backend()]                      # a global of your module: known when numba compiles

    @njit
    def encrypt(key, nonce, frame, out):                  # key (16,), frame and out (n,) uint8; nonce uint64
        aes.ctr_into(lanes, key, nonce, np.uint64(0), 0, frame, out, False)
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.ciphers import modes as library_modes
from numba import njit

from gctr.cipher._buffers import BLOCK, Octets
from gctr.cipher._intrinsics import aes_counter, can_run, settle, sub_word, target_of

SCHEDULE_WORDS = 60  # of the longest key schedule, 15 round keys
ENVIRONMENT = "GCTR_AES"

# The length of the tuple is the number of blocks a register, and a part of its type.
LANES = {"vaes512": (0, 0, 0, 0), "vaes256": (0, 0), "aesni": (0,), "armv8": (0,), "library": (0,)}


@cache
def available_backends() -> tuple[str, ...]:
    """Return the backends this CPU can run, fastest first; `library` always is one."""
    arch = {"armv8": "arm"}
    hardware = [name for name in LANES if name != "library"]
    usable = [
        name
        for name in hardware
        if can_run(target_of(len(LANES[name]))) and target_of(1).arch == arch.get(name, "x86")
    ]
    return (*usable, "library")


@cache
def backend() -> str:
    """Return the backend in use: the fastest, or what the environment variable GCTR_AES names.

    The variable is read once; `forced` changes the backend later.

    Raises
    ------
    RuntimeError
        If GCTR_AES names a backend that does not exist or that this CPU cannot run.
    """
    name, usable = os.environ.get(ENVIRONMENT), available_backends()
    if not name:
        return usable[0]
    if name not in usable:
        advice = f"use one of {', '.join(usable)}, or unset it"
        raise RuntimeError(f"{ENVIRONMENT}={name} cannot run on this CPU; {advice}")
    return name


@contextmanager
def forced(name: str) -> Iterator[None]:
    """Use the named backend inside a ``with`` block, in all threads of the process and in those it starts."""
    before = os.environ.get(ENVIRONMENT)
    os.environ[ENVIRONMENT] = name
    backend.cache_clear()
    try:
        yield
    finally:
        if before is None:
            del os.environ[ENVIRONMENT]
        else:
            os.environ[ENVIRONMENT] = before
        backend.cache_clear()


@njit(cache=True, nogil=True)
def key_schedule(lanes, key, schedule):
    """Expand a key (FIPS 197, 5.2) into `schedule`, (60,) uint32 in memory order; return the number of rounds.

    `key` is (16,), (24,) or (32,) uint8; the size is not checked here.
    """
    words = key.size // 4
    for i in range(words):
        schedule[i] = key[4 * i] | key[4 * i + 1] << 8 | key[4 * i + 2] << 16 | key[4 * i + 3] << 24
    rounds, constant, place = words + 6, 1, 0
    for i in range(words, 4 * (rounds + 1)):
        word = np.uint32(schedule[i - 1])
        if place == 0:
            word = np.uint32(sub_word(lanes, np.uint32(word >> 8 | word << 24)) ^ constant)
            constant = constant << 1 ^ (0x11B if constant & 0x80 else 0)
        elif words > 6 and place == 4:
            word = sub_word(lanes, word)
        schedule[i] = schedule[i - words] ^ word
        place = place + 1 if place + 1 < words else 0
    return rounds


@njit(cache=True, nogil=True)
def ctr_scheduled(lanes, schedule, rounds, upper, lower, skip, src, dst, streaming):
    """Xor `src` with a counter-mode keystream into `dst`, under an expanded key.

    The first counter block is ``upper || lower``, two uint64, and counts modulo 2**128; the first `skip` (0 to 15)
    bytes of its keystream are dropped. `src` and `dst`, (n,) uint8, are the same memory or do not overlap.
    `streaming` writes past the cache; then ``dst - skip`` must be a multiple of 16.
    """
    upper, lower, done = np.uint64(upper), np.uint64(lower), np.uint64(0)
    if skip:
        done = _head(lanes, schedule, rounds, upper, lower, skip, src, dst)
        lower += np.uint64(1)
        upper += np.uint64(lower == 0)
    count_into(lanes, schedule, rounds, upper, lower, src, done, dst, np.uint64(src.size), streaming)
    if streaming:
        settle()


@njit(cache=True, nogil=True)
def count_into(lanes, schedule, rounds, upper, lower, src, done, dst, size, streaming):
    """Xor bytes `done` to `size`, all uint64, with the keystream from counter ``upper || lower``, modulo 2**128."""
    while done < size:
        part, room = size - done, np.uint64(0) - lower  # blocks until `lower` wraps; 0 stands for 2**64
        if room and room < (part + np.uint64(15)) >> np.uint64(4):
            part = room << np.uint64(4)
        aes_counter(lanes, schedule, 0, rounds, upper, lower, src, done, dst, done, part, streaming)
        done, lower, upper = done + part, np.uint64(0), upper + np.uint64(1)


@njit(cache=True, nogil=True)
def _head(lanes, schedule, rounds, upper, lower, skip, src, dst):
    """Xor up to the end of the first block, of which `skip` bytes are dropped; return how many bytes that was."""
    stream = np.zeros(16, np.uint8)
    aes_counter(lanes, schedule, 0, rounds, upper, lower, stream, 0, stream, 0, 16, False)
    size = min(16 - skip, src.size)
    for i in range(size):
        dst[i] = src[i] ^ stream[skip + i]
    return np.uint64(size)


@njit(cache=True, nogil=True)
def ctr_into(lanes, key, upper, lower, skip, src, dst, streaming):
    """`ctr_scheduled` under a key of 16, 24 or 32 bytes, (k,) uint8."""
    schedule = np.empty(SCHEDULE_WORDS, np.uint32)
    rounds = key_schedule(lanes, key, schedule)
    ctr_scheduled(lanes, schedule, rounds, upper, lower, skip, src, dst, streaming)


def library_blocks(key: bytes, blocks: Octets) -> Octets:
    """Encrypt (n, 16) uint8 blocks, each on its own, with the library's AES."""
    encryptor = Cipher(algorithms.AES(key), library_modes.ECB()).encryptor()  # bare AES, not a mode
    return np.frombuffer(encryptor.update(np.ascontiguousarray(blocks).data), np.uint8).reshape(-1, BLOCK)


def library_ctr(key: bytes, counter: bytes, skip: int, src: Octets, dst: Octets) -> None:
    """`ctr_into` with the library's CTR; `counter` is the 16-byte counter block."""
    context = Cipher(algorithms.AES(key), library_modes.CTR(counter)).encryptor()
    context.update(bytes(skip))
    dst[:] = np.frombuffer(context.update(src.data), np.uint8)
