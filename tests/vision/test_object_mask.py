"""The mask of what is sent: group by group, it is what the whole picture at once gives."""

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gctr.vision.roi import cells_to_mask
from gctr.vision.roivideo import CLOSING, fill_plate, object_mask


def whole_picture_mask(picture, plate, cells, tolerance, grow):
    """Do what `object_mask` does, on the whole picture."""
    height, width = picture.shape[0] * 2 // 3, picture.shape[1]
    far = np.abs(picture[:height].astype(int) - plate[:height]) > tolerance
    far &= cells_to_mask(cells, 8, (height, width))
    closed = cv2.morphologyEx(far.astype(np.uint8), cv2.MORPH_CLOSE, CLOSING)
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * grow + 1, 2 * grow + 1))
    return cv2.dilate(closed, disk).astype(bool)


@settings(max_examples=80, deadline=None)
@given(
    st.tuples(st.integers(2, 60), st.integers(2, 80)),
    st.floats(0, 0.6),
    st.floats(5, 250),
    st.integers(0, 5),
    st.integers(0, 2**32 - 1),
)
def test_group_by_group_equals_the_whole_picture(quarter, share, tolerance, grow, seed):
    rng = np.random.default_rng(seed)
    height, width = 2 * quarter[0], 2 * quarter[1]
    picture, plate = rng.integers(0, 256, (2, height * 3 // 2, width), dtype=np.uint8)
    cells = rng.random((-(-height // 8), -(-width // 8))) < share
    got = object_mask(picture, plate, cells, tolerance=tolerance, grow=grow)
    np.testing.assert_array_equal(got, whole_picture_mask(picture, plate, cells, tolerance, grow))
    filled = fill_plate(picture, plate, got)
    np.testing.assert_array_equal(filled[:height], np.where(got, picture[:height], plate[:height]))
    touched = got.reshape(height // 2, 2, width // 2, 2).any(axis=(1, 3))
    for chroma in (slice(height, height * 5 // 4), slice(height * 5 // 4, None)):
        shape = (-1, width // 2)
        if height % 4 == 0:
            expected = np.where(touched, picture[chroma].reshape(shape), plate[chroma].reshape(shape))
            np.testing.assert_array_equal(filled[chroma].reshape(shape), expected)
