"""Buckets of any range: against NumPy's Philox, without the groups before, and without bias."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from scipy.stats import chisquare

from gctr.cipher import GctrParams, bucket_layout, initial_bucket_id
from gctr.cipher._bucket_ctr import CUT_WORDS, SPARE, list_counters
from gctr.cipher._intrinsics import draw_cuts
from gctr.cipher._layout import bucket_ends
from gctr.cipher.aes import LANES, available_backends
from gctr.cipher.buckets import bucket_ids, split128
from tests import reference

SEED = bytes(range(16))


@njit
def cuts_of_sixteen_groups(k0, k1, first, cuts):
    draw_cuts(k0, k1, first, cuts, 0)


shapes = st.sampled_from(
    [{}, {"buckets": 1}, {"buckets": 100}, {"group_size": 7, "buckets": 3}, {"buckets": 6}]
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    seed=st.binary(min_size=16, max_size=16),
    size=st.integers(1, 9000),
    shape=shapes,
    unit=st.sampled_from(["block", "byte"]),
)
def test_whole_layout(seed: bytes, size: int, shape: dict, unit: str) -> None:
    layout = bucket_layout(seed, size, GctrParams(unit=unit, **shape))
    expected = list(reference.layout(seed, size, 16 if unit == "block" else 1, **shape))
    ids = [int.from_bytes(row.tobytes(), "big") for row in layout.ids]
    found = zip(layout.index.tolist(), ids, layout.starts.tolist(), layout.lengths.tolist(), strict=True)
    assert list(found) == expected


@settings(max_examples=60, deadline=None, derandomize=True)
@given(size=st.integers(1, 9000), a=st.integers(0, 9000), b=st.integers(0, 9000))
def test_range_is_the_part_of_the_whole_that_it_touches(size: int, a: int, b: int) -> None:
    start, stop = sorted((min(a, size), min(b, size)))
    whole, part = bucket_layout(SEED, size), bucket_layout(SEED, size, start=start, stop=stop)
    touched = (whole.starts < stop) & (whole.starts + whole.lengths > start)
    if start == stop:
        touched[:] = False
    assert np.array_equal(part.index, whole.index[touched])
    assert np.array_equal(part.starts, whole.starts[touched])
    assert np.array_equal(part.lengths, whole.lengths[touched])


def test_range_at_the_end_of_sixteen_exabytes() -> None:
    size = 2**64 - 1
    layout = bucket_layout(SEED, size, start=size - 1)
    group = (size - 1) // 1600
    sizes = reference.group_sizes(initial_bucket_id(SEED, size), group)
    starts = [group * 1600 + 16 * sum(sizes[:j]) for j in range(5)]
    j = max(j for j, first in enumerate(starts) if first < size)
    assert layout.index.tolist() == [5 * group + j]
    assert layout.starts.tolist() == [starts[j]]
    assert int(layout.starts[0]) + int(layout.lengths[0]) == size


def test_ids_count_modulo_2_to_the_128() -> None:
    """Both carries: from the lower half into the upper, and out of the upper."""
    index = np.array([0, 1, 2, 2**64 - 1], np.uint64)
    for sid in (2**128 - 2, 2**64 - 2, 5):
        found = [int.from_bytes(row.tobytes(), "big") for row in bucket_ids(sid, index)]
        assert found == [(sid + int(number)) % 2**128 for number in index]


def test_sid_of_xor() -> None:
    assert initial_bucket_id((5).to_bytes(16, "big"), 6) == initial_bucket_id((1).to_bytes(16, "big"), 2)
    assert initial_bucket_id(SEED, 1600) == reference.initial_bucket_id(SEED, 1600)


@pytest.mark.parametrize("size", [0, -1, 2**64])
def test_size_out_of_range(size: int) -> None:
    with pytest.raises(ValueError, match="size must be 1 to"):
        bucket_layout(SEED, size)


@pytest.mark.parametrize("place", [(-1, 5), (6, 5), (0, 101)])
def test_range_outside_the_data(place: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="does not lie inside 0:100"):
        bucket_layout(SEED, 100, start=place[0], stop=place[1])


@pytest.mark.parametrize("sid", [0, 2**128 - 1, initial_bucket_id(SEED, 1)])
@pytest.mark.parametrize("first", [0, 1, 2**32 - 3, 2**64 // 1600 - 20])
def test_sixteen_groups_at_once_are_the_single_ones(sid: int, first: int) -> None:
    cuts, ends = np.zeros((4, 16), np.uint64), np.zeros((16, 5), np.uint32)
    cuts_of_sixteen_groups(*split128(sid), np.uint64(first), cuts)
    bucket_ends(*split128(sid), np.uint64(first), 100, ends)
    assert np.array_equal(cuts.T, ends[:, :4])
    assert np.diff(ends, axis=1, prepend=0).tolist()[3] == reference.group_sizes(sid, first + 3)


@pytest.mark.parametrize("lanes", [LANES[name] for name in available_backends()], ids=available_backends())
@pytest.mark.parametrize("shape", [(100, 5), (100, 4), (33, 33), (700, 300)])
def test_counters_number_the_blocks_of_every_bucket(shape: tuple[int, int], lanes: tuple[int, ...]) -> None:
    counters, cuts = np.zeros(shape[0] * 20 + SPARE, np.uint64), np.zeros(CUT_WORDS, np.uint64)
    list_counters(lanes, split128((1 << 64) + 2), shape, np.uint64(9), 20, counters, cuts)
    expected = [
        (shape[1] * group + j) << 32 | i
        for group in range(9, 29)
        for j, size in enumerate(reference.group_sizes((1 << 64) + 2, group, *shape))
        for i in range(size)
    ]
    assert counters[: len(expected)].byteswap().tolist() == expected


def test_every_cut_is_equally_likely() -> None:
    ends = np.zeros((40_000, 5), np.uint32)
    bucket_ends(np.uint64(3), np.uint64(4), np.uint64(0), 100, ends)
    counts = np.bincount(ends[:, :4].ravel(), minlength=100)[1:100]
    assert counts.sum() == 160_000 and (np.diff(ends.astype(int), axis=1) > 0).all()
    # Four distinct cuts of a group repel each other, so the statistic falls below chi-square's, never above.
    assert chisquare(counts).pvalue > 1e-4
