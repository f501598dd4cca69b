"""bucket_gcm: an independent twin, round trips, and everything an adversary can do to sealed buckets."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gctr.cipher import (
    AuthenticationError,
    GctrParams,
    bucket_gcm_open,
    bucket_gcm_open_range,
    bucket_gcm_seal,
    bucket_layout,
)
from tests import reference

KEY, NONCE, SEED = bytes(range(32)), bytes(range(8)), bytes(range(100, 116))
SECRETS = KEY, NONCE, SEED
ABOUT = b"camera 3 | segment 9 | object 2 | frames 100:150 | background 4"
DATA = bytes(i * 7 % 256 for i in range(5000))
LAYOUT = bucket_layout(SEED, len(DATA))


@pytest.fixture(scope="module")
def sealed() -> bytes:
    return bucket_gcm_seal(*SECRETS, DATA, associated_data=ABOUT)


def pieces(sealed: bytes) -> list[bytes]:
    """The sealed buckets one by one."""
    ends = np.cumsum(LAYOUT.lengths.astype(int) + 16).tolist()
    return [sealed[a:b] for a, b in zip([0, *ends], ends, strict=False)]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    data=st.binary(min_size=1, max_size=4000),
    about=st.binary(max_size=40),
    shape=st.sampled_from(
        [{}, {"buckets": 1}, {"group_size": 5, "buckets": 5}, {"group_size": 40, "buckets": 3}]
    ),
    key_size=st.sampled_from([16, 24, 32]),
)
def test_twin_and_round_trip(data: bytes, about: bytes, shape: dict, key_size: int) -> None:
    secrets, params = (KEY[:key_size], NONCE, SEED), GctrParams(**shape)
    found = bucket_gcm_seal(*secrets, data, associated_data=about, params=params)
    assert found == reference.bucket_gcm_seal(*secrets, data, about, **shape)
    assert len(found) == len(data) + 16 * len(bucket_layout(SEED, len(data), params))
    assert bucket_gcm_open(*secrets, found, associated_data=about, params=params) == data


def test_every_size_around_three_groups() -> None:
    """The size is not sent: it follows from the sealed size, where the last group may fit more than one."""
    for size in [*range(1, 40), *range(1580, 1700), *range(3180, 3240)]:
        assert bucket_gcm_open(*SECRETS, bucket_gcm_seal(*SECRETS, DATA[:size])) == DATA[:size]


def test_arrays_and_memoryviews(sealed: bytes) -> None:
    frame = np.frombuffer(DATA, np.uint8).reshape(50, 100)
    assert bucket_gcm_seal(*SECRETS, frame, associated_data=ABOUT) == sealed
    assert (
        bucket_gcm_open(*SECRETS, np.frombuffer(sealed, np.uint8), associated_data=memoryview(ABOUT)) == DATA
    )


@pytest.mark.parametrize(
    "change",
    [
        {"key": bytes(32)},
        {"nonce": bytes(8)},
        {"seed": bytes(16)},
        {"associated_data": ABOUT[:-1] + b"5"},
        {"associated_data": b""},
        {"params": GctrParams(buckets=4)},
        {"params": GctrParams(group_size=101)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_circumstance(sealed: bytes, change: dict) -> None:
    same = {"key": KEY, "nonce": NONCE, "seed": SEED, "associated_data": ABOUT}
    with pytest.raises(AuthenticationError, match="does not authenticate"):
        bucket_gcm_open(sealed=sealed, **(same | change))


def test_flip_of_any_byte(sealed: bytes) -> None:
    for i in range(0, len(sealed), 37):
        forged = sealed[:i] + bytes([sealed[i] ^ 1 << i % 8]) + sealed[i + 1 :]
        with pytest.raises(AuthenticationError):
            bucket_gcm_open(*SECRETS, forged, associated_data=ABOUT)


def test_cut_or_extended_anywhere(sealed: bytes) -> None:
    buckets = pieces(sealed)
    cuts = [sum(map(len, buckets[:n])) for n in range(len(buckets))] + list(range(1, len(sealed), 101))
    for cut in cuts:
        with pytest.raises(AuthenticationError):
            bucket_gcm_open(*SECRETS, sealed[:cut], associated_data=ABOUT)
    for tail in (b"\0", buckets[-1], bytes(16), sealed):
        with pytest.raises(AuthenticationError):
            bucket_gcm_open(*SECRETS, sealed + tail, associated_data=ABOUT)


def test_reorder_drop_repeat(sealed: bytes) -> None:
    buckets = pieces(sealed)
    for i in range(len(buckets) - 1):
        swapped = [*buckets[:i], buckets[i + 1], buckets[i], *buckets[i + 2 :]]
        for forged in (swapped, buckets[:i] + buckets[i + 1 :], [*buckets[: i + 1], *buckets[i:]]):
            with pytest.raises(AuthenticationError):
                bucket_gcm_open(*SECRETS, b"".join(forged), associated_data=ABOUT)


def test_splice_of_two_messages_under_one_key(sealed: bytes) -> None:
    other = bucket_gcm_seal(KEY, bytes(8), SEED, DATA[::-1], associated_data=ABOUT)
    forged = b"".join([*pieces(sealed)[:3], *pieces(other)[3:]])
    for nonce in (NONCE, bytes(8)):
        with pytest.raises(AuthenticationError):
            bucket_gcm_open(KEY, nonce, SEED, forged, associated_data=ABOUT)


def test_bucket_of_another_size_with_the_same_layout_seed() -> None:
    """One bucket a message and one nonce, misused: the size in the associated data still tells them apart."""
    params = GctrParams(buckets=1)
    long = bucket_gcm_seal(*SECRETS, DATA[:1600], params=params)
    short = bucket_gcm_seal(*SECRETS, DATA[:3200], params=params)[: 1600 + 16]
    assert bucket_gcm_open(*SECRETS, long, params=params) == DATA[:1600]
    with pytest.raises(AuthenticationError):
        bucket_gcm_open(*SECRETS, short, params=params)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(a=st.integers(0, len(DATA)), b=st.integers(0, len(DATA)))
def test_any_range_opens_alone(sealed: bytes, a: int, b: int) -> None:
    place = {"size": len(DATA), "start": min(a, b), "stop": max(a, b), "associated_data": ABOUT}
    layout = bucket_layout(SEED, len(DATA), start=min(a, b), stop=max(a, b))
    part = sealed[slice(*layout.sealed_range)]
    assert bucket_gcm_open_range(*SECRETS, part, **place) == DATA[min(a, b) : max(a, b)]
    for forged in {part[:-1], part + b"\0"} - {part}:
        with pytest.raises(AuthenticationError):
            bucket_gcm_open_range(*SECRETS, forged, **place)


def test_range_from_the_wrong_place(sealed: bytes) -> None:
    """Buckets of the right length from elsewhere in the message."""
    lengths = LAYOUT.lengths.tolist()
    i, j = next((i, j) for i, x in enumerate(lengths) for j, y in enumerate(lengths) if i < j and x == y)
    start, stop = int(LAYOUT.starts[i]), int(LAYOUT.starts[i] + LAYOUT.lengths[i])
    place = {"size": len(DATA), "start": start, "stop": stop, "associated_data": ABOUT}
    assert bucket_gcm_open_range(*SECRETS, pieces(sealed)[i], **place) == DATA[start:stop]
    with pytest.raises(AuthenticationError):
        bucket_gcm_open_range(*SECRETS, pieces(sealed)[j], **place)


def test_nothing_to_seal_and_nothing_sealed() -> None:
    with pytest.raises(ValueError, match="data is empty"):
        bucket_gcm_seal(*SECRETS, b"")
    with pytest.raises(AuthenticationError):
        bucket_gcm_open(*SECRETS, b"")


def test_sizes() -> None:
    for secrets, name in (
        ((bytes(31), NONCE, SEED), "key"),
        ((KEY, bytes(12), SEED), "nonce"),
        ((KEY, NONCE, b""), "seed"),
    ):
        with pytest.raises(ValueError, match=f"{name} must be"):
            bucket_gcm_seal(*secrets, DATA)
        with pytest.raises(ValueError, match=f"{name} must be"):
            bucket_gcm_open(*secrets, DATA)
    for reading in ({"unit": "byte"}, {"vector": "group"}):
        with pytest.raises(ValueError, match="unit='block' and vector='bucket'"):
            bucket_gcm_seal(*SECRETS, DATA, params=GctrParams(**reading))
    with pytest.raises(TypeError, match="bytes-like"):
        bucket_gcm_seal(*SECRETS, "frame")


def test_too_many_buckets() -> None:
    place = {"start": 0, "stop": 1, "size": 2**32 // 5 * 1600 + 1600}
    with pytest.raises(ValueError, match="wrap into reuse"):
        bucket_gcm_open_range(*SECRETS, bytes(100), **place)


def test_a_claimed_range_larger_than_its_part_costs_nothing() -> None:
    """Its layout would have gigabytes: a forged header must not make the reader compute it."""
    largest = 2**32 // 5 * 1600
    with pytest.raises(AuthenticationError, match="100 sealed bytes cannot hold"):
        bucket_gcm_open_range(*SECRETS, bytes(100), size=largest, start=0, stop=largest)


def test_error_names_no_secret(sealed: bytes) -> None:
    with pytest.raises(AuthenticationError) as caught:
        bucket_gcm_open(KEY, NONCE, bytes(16), sealed)
    text = repr(caught.value) + repr(caught.value.__cause__) + repr(caught.value.__context__)
    assert KEY.hex() not in text and SEED.hex() not in text and "camera" not in text
