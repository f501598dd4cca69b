"""The median over time against numpy's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gctr.vision.medians import masked_median


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 20), st.integers(1, 5), st.integers(1, 9), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_median_equals_numpy_s(n, height, width, share, seed):
    rng = np.random.default_rng(seed)
    stack = rng.choice([0, 1, 127, 128, 254, 255, *rng.integers(0, 256, 6)], (n, height, width, 3))
    out = rng.random((n, height, width)) < share
    median, known = masked_median(stack.astype(np.uint8), out)
    np.testing.assert_array_equal(known, ~out.all(axis=0))
    left = np.where(out[..., None], np.nan, stack)[:, known]
    np.testing.assert_array_equal(median[known], np.nanmedian(left, axis=0))


@pytest.mark.parametrize("n", [1, 2, 255, 256, 700])
def test_many_pictures_do_not_overflow(n):
    stack = np.random.default_rng(n).integers(0, 256, (n, 2, 3, 1), dtype=np.uint8)
    np.testing.assert_array_equal(masked_median(stack)[0], np.median(stack, axis=0))
