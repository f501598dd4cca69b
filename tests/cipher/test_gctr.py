"""GCTR and bucket_ctr against their twins: every reading, any piece, any split, every backend."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gctr.cipher import GctrParams, bucket_ctr_xor, bucket_layout, ctr_xor, gctr_xor, initial_bucket_id
from gctr.cipher._groups import gctr_into
from gctr.cipher._readings import runs_into
from gctr.cipher.aes import LANES, available_backends, forced
from gctr.cipher.buckets import split128
from tests import reference
from tests.cipher.backends import every_backend

KEY, SEED, NONCE = bytes(range(16)), bytes(range(32, 48)), bytes(range(8))
READINGS = [
    GctrParams(),
    GctrParams(unit="byte"),
    GctrParams(vector="group"),
    GctrParams(buckets=1),
    GctrParams(buckets=100),
    GctrParams(group_size=3, buckets=2),
    GctrParams(group_size=700, buckets=300),
    GctrParams(group_size=1000),
    GctrParams(buckets=20),
    GctrParams(unit="byte", vector="group", group_size=77, buckets=9),
]


def twin(key: bytes, seed: bytes, size: int, p: GctrParams) -> bytes:
    return reference.gctr_keystream(key, seed, size, p.unit_bytes, p.vector, p.group_size, p.buckets)


@every_backend
@pytest.mark.parametrize("params", READINGS, ids=str)
def test_reading(backend: str, params: GctrParams) -> None:
    size = 27_001
    with forced(backend):
        assert gctr_xor(KEY, SEED, bytes(size), params=params) == twin(KEY, SEED, size, params)


@every_backend
@pytest.mark.parametrize("params", [READINGS[i] for i in (0, 1, 2, 8)], ids=str)
@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    size=st.integers(1, 6000),
    a=st.integers(0, 6000),
    b=st.integers(0, 6000),
    seed=st.binary(min_size=16, max_size=16),
    key_size=st.sampled_from([16, 24, 32]),
)
def test_any_piece(
    backend: str, params: GctrParams, size: int, a: int, b: int, seed: bytes, key_size: int
) -> None:
    start, stop = sorted((min(a, size), min(b, size)))
    key = bytes(range(key_size))
    with forced(backend):
        piece = gctr_xor(key, seed, bytes(stop - start), size=size, offset=start, params=params)
    assert piece == twin(key, seed, size, params)[start:stop]


@every_backend
@pytest.mark.parametrize(
    "shape", [{}, {"buckets": 1}, {"buckets": 100}, {"group_size": 2500, "buckets": 40}], ids=str
)
@settings(max_examples=20, deadline=None, derandomize=True)
@given(size=st.integers(1, 50_000), a=st.integers(0, 50_000), length=st.integers(0, 4000))
def test_any_piece_of_bucket_ctr(backend: str, shape: dict, size: int, a: int, length: int) -> None:
    start = min(a, size)
    stop = min(start + length, size)
    expected = reference.bucket_ctr_keystream(KEY, NONCE, SEED, size, **shape)[start:stop]
    with forced(backend):
        place = {"size": size, "offset": start, "params": GctrParams(**shape)}
        assert bucket_ctr_xor(KEY, NONCE, SEED, bytes(stop - start), **place) == expected


@every_backend
def test_pieces_cut_at_and_beside_every_bucket(backend: str) -> None:
    size = 3300
    data = np.arange(size, dtype=np.uint8)
    starts = bucket_layout(SEED, size).starts.tolist()
    with forced(backend):
        whole = gctr_xor(KEY, SEED, data)
        for cut in {c + d for c in (*starts, 1600, 3200) for d in (-1, 0, 1)} - {-1}:
            pieces = [
                gctr_xor(KEY, SEED, data[:cut], size=size),
                gctr_xor(KEY, SEED, data[cut:], size=size, offset=cut),
            ]
            assert np.array_equal(np.concatenate(pieces), whole)


@every_backend
def test_threads_change_nothing(backend: str) -> None:
    data = np.arange(50_000, dtype=np.uint8)
    place = {"size": 90_000, "offset": 777}
    with forced(backend):
        assert np.array_equal(
            gctr_xor(KEY, SEED, data, threads=3, **place), gctr_xor(KEY, SEED, data, **place)
        )
        assert np.array_equal(
            bucket_ctr_xor(KEY, NONCE, SEED, data, threads=3, **place),
            bucket_ctr_xor(KEY, NONCE, SEED, data, **place),
        )


@every_backend
def test_last_group_of_sixteen_exabytes(backend: str) -> None:
    size = 2**64 - 1
    layout = bucket_layout(SEED, size, start=size - 3000)
    skip = size - 3000 - int(layout.starts[0])
    vectors = reference.AES.new(KEY, reference.AES.MODE_ECB).encrypt(layout.ids.tobytes())
    stream = b"".join(
        (vectors[16 * i : 16 * i + 16] * 100)[: int(length)] for i, length in enumerate(layout.lengths)
    )
    with forced(backend):
        assert gctr_xor(KEY, SEED, bytes(3000), size=size, offset=size - 3000) == stream[skip:]


def test_buckets_of_one_block_are_ctr_from_sid() -> None:
    sid = initial_bucket_id(SEED, 5000).to_bytes(16, "big")
    assert gctr_xor(KEY, SEED, bytes(5000), params=GctrParams(buckets=100)) == ctr_xor(KEY, sid, bytes(5000))


@pytest.mark.skipif(
    len(available_backends()) == 1, reason="needs AES instructions; CI's x86 machines have them"
)
@pytest.mark.parametrize("shape", [(100, 5), (100, 4)])
def test_ids_count_modulo_2_to_the_128(shape: tuple[int, int]) -> None:
    sid, size, lanes = 2**128 - 7, 5000, LANES[available_backends()[0]]
    stream, key = np.zeros(size, np.uint8), np.frombuffer(bytearray(KEY), np.uint8)
    place = split128(sid), np.uint64(0), 0, stream, stream
    if shape == (100, 5):
        gctr_into(lanes, key, *place, False)
    else:
        runs_into(lanes, key, place[0], (*shape, 16, shape[1]), *place[1:])
    aes = reference.AES.new(KEY, reference.AES.MODE_ECB)
    expected = b"".join(
        aes.encrypt(((sid + shape[1] * group + j) % 2**128).to_bytes(16, "big")) * units
        for group in range(4)
        for j, units in enumerate(reference.group_sizes(sid, group, *shape))
    )
    assert stream.tobytes() == expected[:size]


def test_one_vector_a_bucket_and_no_other() -> None:
    """The insecurity that the suite measures: inside a bucket, xor of ciphertexts is xor of plaintexts."""
    layout = bucket_layout(SEED, 16_000)
    blocks = np.frombuffer(gctr_xor(KEY, SEED, bytes(16_000)), np.uint8).reshape(-1, 16)
    assert len(np.unique(blocks, axis=0)) == len(layout) == 50
    repaired = np.frombuffer(bucket_ctr_xor(KEY, NONCE, SEED, bytes(16_000)), np.uint8).reshape(-1, 16)
    assert len(np.unique(repaired, axis=0)) == 1000


@every_backend
def test_output_past_the_cache(backend: str) -> None:
    size = (1 << 25) + 4097
    data, out = np.zeros(size, np.uint8), np.empty(size, np.uint8)
    tail = slice(size - 20_000, size)
    with forced(backend):
        gctr_xor(KEY, SEED, data, out=out)
        assert np.array_equal(out[tail], gctr_xor(KEY, SEED, data[tail], size=size, offset=tail.start))
        bucket_ctr_xor(KEY, NONCE, SEED, data, out=out)
        assert np.array_equal(
            out[tail], bucket_ctr_xor(KEY, NONCE, SEED, data[tail], size=size, offset=tail.start)
        )
