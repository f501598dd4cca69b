"""Masking: exact inverses on the pixels, and nothing of a face left under a mask."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gctr.vision.masking import SOLID_BGR, Patch, grow_boxes, hide_faces, reveal_faces

WIDTH, HEIGHT = 48, 36


@st.composite
def boxes(draw):
    x0, y0 = draw(st.integers(0, WIDTH - 1)), draw(st.integers(0, HEIGHT - 1))
    return x0, y0, draw(st.integers(x0 + 1, WIDTH)), draw(st.integers(y0 + 1, HEIGHT))


def picture(seed):
    return np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


@settings(max_examples=300)
@given(st.integers(0, 1 << 20), st.lists(boxes(), max_size=6))
def test_revealing_undoes_hiding_exactly(seed, faces):
    image = picture(seed)
    masked, patches = hide_faces(image, faces)
    np.testing.assert_array_equal(reveal_faces(masked, patches), image)
    np.testing.assert_array_equal(image, picture(seed))  # left as it was


@given(st.integers(0, 1 << 20), st.lists(boxes(), max_size=6))
def test_what_is_masked_depends_on_no_pixel_under_it(seed, faces):
    inside = np.zeros((HEIGHT, WIDTH), bool)
    for x0, y0, x1, y1 in faces:
        inside[y0:y1, x0:x1] = True
    one, other = picture(seed), picture(seed + 1)
    other[~inside] = one[~inside]
    np.testing.assert_array_equal(hide_faces(one, faces)[0], hide_faces(other, faces)[0])
    assert (hide_faces(one, faces)[0][inside] == SOLID_BGR).all()


@pytest.mark.parametrize(
    "box", [(0, 0, 0, 4), (-1, 0, 4, 4), (0, 0, WIDTH + 1, 4), (4, 4, 2, 8), (0, 30, 4, 40)]
)
def test_a_box_that_leaves_the_image_is_refused(box):
    with pytest.raises(ValueError, match="empty or leaves the image of 48x36"):
        hide_faces(picture(1), [box])
    with pytest.raises(ValueError, match="empty or leaves"):
        reveal_faces(picture(1), [Patch(box, picture(2))])


def test_pixels_that_do_not_fit_their_box_are_refused():
    with pytest.raises(ValueError, match="does not fit its box"):
        reveal_faces(picture(1), [Patch((0, 0, 4, 4), picture(2))])


@given(st.lists(boxes(), max_size=5), st.floats(0, 1))
def test_grown_boxes_hold_the_boxes_and_stay_inside(faces, margin):
    grown = grow_boxes(faces, margin, (WIDTH, HEIGHT))
    assert len(grown) == len(faces)
    for before, after in zip(np.array(faces).reshape(-1, 4), grown, strict=True):
        assert (after[:2] <= before[:2]).all() and (after[2:] >= before[2:]).all()
        assert (after >= 0).all() and after[2] <= WIDTH and after[3] <= HEIGHT


def test_growing_adds_the_share_on_each_side():
    assert grow_boxes([[10, 10, 20, 30]], 0.2, (100, 100)).tolist() == [[8, 6, 22, 34]]
    assert grow_boxes([[10.4, 10, 20.2, 30]], 0.0, (100, 100)).tolist() == [[10, 10, 21, 30]]
    assert len(grow_boxes([[-9, -9, -4, -4]], 0.1, (100, 100))) == 0
