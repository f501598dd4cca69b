"""Batches against one call a message, on every backend; what cannot be a batch."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gctr.cipher import (
    GctrParams,
    bucket_ctr_xor,
    bucket_ctr_xor_batch,
    ctr_xor,
    ctr_xor_batch,
    gctr_xor,
    gctr_xor_batch,
)
from gctr.cipher._layout import initial_ids
from gctr.cipher.aes import forced
from tests.cipher.backends import every_backend


class Messages:
    """Messages of the given lengths, each with secrets of its own, a gap of three bytes between them."""

    def __init__(self, lengths: list[int], key_size: int = 16, seed: int = 1) -> None:
        rng, n = np.random.default_rng(seed), len(lengths)
        self.lengths = np.array(lengths, np.int64)
        self.starts = np.cumsum(self.lengths + 3) - self.lengths
        self.data = rng.integers(0, 256, int(self.lengths.sum()) + 3 * n + 5, dtype=np.uint8)
        self.keys, self.seeds, self.counters = (
            rng.integers(0, 256, (n, k), dtype=np.uint8) for k in (key_size, 16, 16)
        )
        self.nonces = rng.integers(0, 256, (n, 8), dtype=np.uint8)
        self.offsets = rng.integers(0, 10_000, n)
        self.sizes = self.offsets + self.lengths + rng.integers(1, 100, n)

    def expected(self, single) -> np.ndarray:
        out = np.zeros_like(self.data)
        for i, (a, n) in enumerate(zip(self.starts.tolist(), self.lengths.tolist(), strict=True)):
            out[a : a + n] = single(i, self.data[a : a + n])
        return out


lengths = st.lists(st.integers(0, 4000), min_size=1, max_size=12)
fixed = settings(max_examples=15, deadline=None, derandomize=True)


@every_backend
@fixed
@given(lengths=lengths, key_size=st.sampled_from([16, 24, 32]), threads=st.integers(1, 3))
def test_ctr(backend: str, lengths: list[int], key_size: int, threads: int) -> None:
    m = Messages(lengths, key_size)
    offsets = m.offsets.tolist()
    with forced(backend):
        found = ctr_xor_batch(
            m.keys, m.counters, m.data, m.starts, m.lengths, offsets=m.offsets, threads=threads
        )
        expected = m.expected(lambda i, piece: ctr_xor(m.keys[i], m.counters[i], piece, offset=offsets[i]))
    assert np.array_equal(found, expected)


@every_backend
@pytest.mark.parametrize("params", [GctrParams(), GctrParams(unit="byte")], ids=str)
@fixed
@given(lengths=lengths, threads=st.integers(1, 3))
def test_gctr(backend: str, params: GctrParams, lengths: list[int], threads: int) -> None:
    m = Messages([n or 1 for n in lengths])
    sizes, offsets = m.sizes.tolist(), m.offsets.tolist()
    place = {"sizes": m.sizes, "offsets": m.offsets, "params": params, "threads": threads}
    with forced(backend):
        found = gctr_xor_batch(m.keys, m.seeds, m.data, m.starts, m.lengths, **place)
        expected = m.expected(
            lambda i, piece: gctr_xor(
                m.keys[i], m.seeds[i], piece, size=sizes[i], offset=offsets[i], params=params
            )
        )
    assert np.array_equal(found, expected)


@every_backend
@fixed
@given(lengths=lengths, threads=st.integers(1, 3))
def test_bucket_ctr(backend: str, lengths: list[int], threads: int) -> None:
    m = Messages(lengths)
    sizes, offsets = m.sizes.tolist(), m.offsets.tolist()
    with forced(backend):
        found = bucket_ctr_xor_batch(
            m.keys,
            m.nonces,
            m.seeds,
            m.data,
            m.starts,
            m.lengths,
            sizes=m.sizes,
            offsets=m.offsets,
            threads=threads,
        )
        expected = m.expected(
            lambda i, piece: bucket_ctr_xor(
                m.keys[i], m.nonces[i], m.seeds[i], piece, size=sizes[i], offset=offsets[i]
            )
        )
    assert np.array_equal(found, expected)


def test_one_key_for_all_and_rows_of_bytes() -> None:
    m = Messages([100, 0, 2000])
    key, counters = m.keys[0].tobytes(), [row.tobytes() for row in m.counters]
    expected = m.expected(lambda i, piece: ctr_xor(key, counters[i], piece))
    assert np.array_equal(ctr_xor_batch(key, counters, m.data, m.starts, m.lengths), expected)
    assert ctr_xor_batch(key, counters, m.data.tobytes(), m.starts, m.lengths) == expected.tobytes()


def test_in_place_leaves_the_gaps() -> None:
    m = Messages([50, 60])
    before, expected = m.data.copy(), m.expected(lambda i, piece: gctr_xor(m.keys[i], m.seeds[i], piece))
    assert gctr_xor_batch(m.keys, m.seeds, m.data, m.starts, m.lengths, out=m.data) is m.data
    gaps = np.ones(m.data.size, bool)
    for a, n in zip(m.starts, m.lengths, strict=True):
        gaps[a : a + n] = False
    assert np.array_equal(m.data[gaps], before[gaps]) and np.array_equal(m.data[~gaps], expected[~gaps])


def test_no_message_at_all() -> None:
    assert ctr_xor_batch([], [], b"", [], []) == b""
    assert ctr_xor_batch(bytes(16), np.empty((0, 16), np.uint8), bytes(4), [], []) == bytes(4)


@given(messages=st.lists(st.binary(min_size=16, max_size=16), max_size=40))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_hash_is_the_library_s(messages: list[bytes]) -> None:
    rows = np.frombuffer(b"".join(messages), ">u8").astype(np.uint64).reshape(-1, 2)
    initial_ids(rows)
    found = rows.astype(">u8").tobytes()
    assert found == b"".join(hashlib.sha256(message).digest()[:16] for message in messages)


WRONG = {
    "overlap": ({"starts": [0, 9], "lengths": [10, 10]}, ValueError, "overlap"),
    "past the end": ({"starts": [0, 95]}, ValueError, "reaches past the 100 bytes"),
    "negative start": ({"starts": [-1, 20]}, ValueError, "starts must be 0 to"),
    "negative offset": ({"offsets": [0, -1]}, ValueError, "offsets must be 0 to"),
    "fractions": ({"starts": [0.0, 20.0]}, TypeError, "starts must be integers"),
    "numbers": ({"lengths": [10]}, ValueError, "lengths must be one row of 2 integers"),
    "key size": (
        {"keys": np.zeros((2, 15), np.uint8)},
        ValueError,
        "keys must be rows of 16 or 24 or 32",
    ),
    "keys of two sizes": ({"keys": [bytes(16), bytes(24)]}, ValueError, "keys must all be of one size"),
    "too few keys": ({"keys": np.zeros((3, 16), np.uint8)}, ValueError, "keys has 3 rows for 2 messages"),
    "shared counter": ({"counter_blocks": bytes(16)}, ValueError, "counter_blocks has 1 rows for 2 messages"),
    "no thread": ({"threads": 0}, ValueError, "threads must be at least 1"),
    "output": ({"out": bytearray(99)}, ValueError, "99 bytes, data has 100"),
}


@pytest.mark.parametrize(("change", "error", "message"), WRONG.values(), ids=WRONG.keys())
def test_refused(change: dict, error: type[Exception], message: str) -> None:
    arguments = {
        "keys": np.zeros((2, 16), np.uint8),
        "counter_blocks": np.eye(2, 16, dtype=np.uint8),
        "data": bytes(100),
        "starts": [0, 50],
        "lengths": [10, 10],
    }
    with pytest.raises(error, match=message):
        ctr_xor_batch(**(arguments | change))


def test_place_in_the_whole() -> None:
    common = np.zeros((1, 16), np.uint8), np.zeros((1, 16), np.uint8), bytes(50), [0], [50]
    with pytest.raises(ValueError, match="offsets need sizes"):
        gctr_xor_batch(*common, offsets=[5])
    with pytest.raises(ValueError, match="past its size"):
        gctr_xor_batch(*common, offsets=[5], sizes=[54])
