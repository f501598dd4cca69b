"""Boxes on coding blocks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gctr.vision.background import boxes_to_mask
from gctr.vision.roi import cells_to_mask, count_cells, find_boxes, join_boxes

MASKS = hnp.arrays(np.bool_, st.tuples(st.integers(1, 70), st.integers(1, 70)))


@settings(max_examples=60, deadline=None)
@given(MASKS, st.sampled_from([4, 8, 16]))
def test_boxes_lie_on_blocks_inside_the_frame_and_cover_all(mask, block):
    height, width = mask.shape
    boxes = find_boxes(mask, block=block, min_area=1, min_pixels=0)
    assert boxes.dtype == np.int32
    assert boxes_to_mask(boxes, mask.shape)[mask].all()
    for x0, y0, x1, y1 in boxes.tolist():
        assert 0 <= x0 < x1 <= width
        assert 0 <= y0 < y1 <= height
        assert x0 % block == y0 % block == 0
        assert x1 % block == 0 or x1 == width
        assert y1 % block == 0 or y1 == height


@settings(max_examples=40, deadline=None)
@given(MASKS, st.sampled_from([1, 3, 8, 16]))
def test_counts_are_those_of_slices(mask, block):
    counts = count_cells(mask, block)
    for cy, cx in np.ndindex(counts.shape):
        assert counts[cy, cx] == mask[cy * block : (cy + 1) * block, cx * block : (cx + 1) * block].sum()
    assert cells_to_mask(counts > 0, block, mask.shape)[mask].all()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 40)] * 2, *[st.integers(1, 15)] * 2), max_size=12))
def test_joined_boxes_are_disjoint_and_cover_the_same(sides):
    boxes = np.array([(x, y, x + w, y + h) for x, y, w, h in sides], dtype=np.int32).reshape(-1, 4)
    joined = join_boxes(boxes)
    canvas = sum((boxes_to_mask([box], (60, 60)).astype(int) for box in joined), np.zeros((60, 60), int))
    assert canvas.max(initial=0) <= 1
    assert canvas[boxes_to_mask(boxes, (60, 60))].all()


def test_specks_are_dropped_and_objects_kept():
    mask = np.zeros((64, 96), dtype=bool)
    mask[3:6, 3:6] = True  # 9 pixels
    mask[20:45, 50:60] = True
    np.testing.assert_array_equal(find_boxes(mask), [[48, 16, 64, 48]])
    np.testing.assert_array_equal(find_boxes(mask, block=8), [[48, 16, 64, 48]])
    assert find_boxes(np.zeros((64, 96), dtype=bool)).shape == (0, 4)


def test_bad_arguments():
    with pytest.raises(ValueError, match="mask"):
        find_boxes(np.zeros((4, 4, 3), dtype=bool))
    with pytest.raises(ValueError, match="block"):
        find_boxes(np.zeros((4, 4), dtype=bool), block=0)
