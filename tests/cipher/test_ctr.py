"""AES-CTR on every backend against OpenSSL, at every alignment, across every carry of the counter."""

import os
import subprocess
import sys

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st

from gctr.cipher import ctr_xor
from gctr.cipher.aes import forced
from tests.cipher.backends import every_backend

LENGTHS = [0, 1, 15, 16, 17, 63, 64, 65, 127, 128, 129, 511, 512, 513, 1024, 5000]
EDGES = {
    "2**32": (1 << 32) - 3,
    "2**64": (1 << 64) - 3,
    "2**96": (1 << 96) - 3,
    "2**128": (1 << 128) - 3,
    "at 2**64": 1 << 64,
    "before 2**64": (1 << 64) - 1,
}
keys = st.sampled_from([16, 24, 32]).flatmap(lambda size: st.binary(min_size=size, max_size=size))


def openssl(key: bytes, counter_block: bytes, data: bytes) -> bytes:
    return Cipher(algorithms.AES(key), modes.CTR(counter_block)).encryptor().update(data)


@every_backend
@pytest.mark.parametrize("size", LENGTHS)
def test_length(backend: str, size: int) -> None:
    key, counter, data = bytes(range(16)), bytes(range(16, 32)), bytes(i % 256 for i in range(size))
    with forced(backend):
        assert ctr_xor(key, counter, data) == openssl(key, counter, data)


@every_backend
@pytest.mark.parametrize("first", EDGES.values(), ids=EDGES.keys())
@pytest.mark.parametrize("skip", [0, 5, 16, 47, 48])
def test_counter_carries(backend: str, first: int, skip: int) -> None:
    key, counter, data = bytes(32), first.to_bytes(16, "big"), bytes(700)
    with forced(backend):
        assert ctr_xor(key, counter, data[skip:], offset=skip) == openssl(key, counter, data)[skip:]


@every_backend
@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    key=keys,
    counter=st.binary(min_size=16, max_size=16),
    data=st.binary(max_size=1500),
    cut=st.integers(0, 1500),
    before=st.integers(0, 7),
)
def test_any_split_joins(
    backend: str, key: bytes, counter: bytes, data: bytes, cut: int, before: int
) -> None:
    memory = np.zeros(len(data) + 8, np.uint8)
    unaligned = memory[before : before + len(data)]
    unaligned[:] = np.frombuffer(data, np.uint8)
    cut = min(cut, len(data))
    with forced(backend):
        ctr_xor(key, counter, unaligned[:cut], out=unaligned[:cut])
        ctr_xor(key, counter, unaligned[cut:], offset=cut, out=unaligned[cut:])
    assert unaligned.tobytes() == openssl(key, counter, data)
    assert not memory[:before].any() and not memory[before + len(data) :].any()


@every_backend
@pytest.mark.parametrize("offset", [16 * 2**32 - 7, 2**70 + 3, 16 * 2**128 - 40])
def test_far_offset(backend: str, offset: int) -> None:
    first, data = 7, bytes(40)
    start = ((first + offset // 16) % 2**128).to_bytes(16, "big")
    expected = openssl(bytes(16), start, bytes(offset % 16) + data)[offset % 16 :]
    with forced(backend):
        assert ctr_xor(bytes(16), first.to_bytes(16, "big"), data, offset=offset) == expected


@every_backend
@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_nothing(backend: str, threads: int) -> None:
    data = np.arange(100_001, dtype=np.uint8)
    with forced(backend):
        one = ctr_xor(bytes(16), bytes(16), data, offset=11)
        assert np.array_equal(ctr_xor(bytes(16), bytes(16), data, offset=11, threads=threads), one)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork; CI's does")
def test_threads_work_in_a_forked_process() -> None:
    """The child inherits the pool of threads, but no thread of it."""
    code = (
        "import os, signal\n"
        "from gctr.cipher import ctr_xor\n"
        "xor = lambda: ctr_xor(bytes(16), bytes(16), bytes(1 << 16), threads=2)\n"
        "expected, child = xor(), os.fork()\n"
        "if not child:\n"
        "    signal.alarm(60)\n"
        "    os._exit(xor() != expected)\n"
        "assert os.waitpid(child, 0)[1] == 0"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


@every_backend
def test_output_past_the_cache(backend: str) -> None:
    size = (1 << 25) + 4097
    data, out = np.zeros(size, np.uint8), np.empty(size, np.uint8)
    with forced(backend):
        ctr_xor(bytes(16), bytes(16), data, out=out)
    assert out.tobytes() == openssl(bytes(16), bytes(16), bytes(size))
