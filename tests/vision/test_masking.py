"""Masking: exact inverses on the pixels, and nothing of a face left under a mask."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gctr.vision.masking import (
    KINDS,
    SOLID_BGR,
    MaskStyle,
    Patch,
    grow_boxes,
    hide_faces,
    reveal_faces,
    split_boxes,
)
from gctr.vision.painters import pixelate, scramble

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


STYLES = [MaskStyle(kind, ellipse, key=bytes(16)) for kind in KINDS for ellipse in (False, True)]


@pytest.mark.parametrize("style", STYLES, ids=lambda style: f"{style.kind}{' ellipse' * style.ellipse}")
@given(st.integers(0, 1 << 20), st.lists(boxes(), min_size=1, max_size=4))
def test_every_kind_is_undone_exactly_and_stays_in_its_boxes(style, seed, faces):
    image = picture(seed)
    masked, patches = hide_faces(image, faces, style, picture(seed + 1))
    np.testing.assert_array_equal(reveal_faces(masked, patches), image)
    inside = np.zeros((HEIGHT, WIDTH), bool)
    for x0, y0, x1, y1 in faces:
        inside[y0:y1, x0:x1] = True
    np.testing.assert_array_equal(masked[~inside], image[~inside])


@given(st.lists(boxes(), max_size=6))
def test_split_boxes_cover_the_same_and_never_twice(faces):
    count = np.zeros((HEIGHT, WIDTH), int)
    union = np.zeros((HEIGHT, WIDTH), bool)
    for (x0, y0, x1, y1), parts in zip(faces, split_boxes(faces), strict=True):
        mine = np.zeros((HEIGHT, WIDTH), int)
        for a, b, c, d in parts:
            mine[b:d, a:c] += 1
        box = np.zeros((HEIGHT, WIDTH), bool)
        box[y0:y1, x0:x1] = True
        np.testing.assert_array_equal(mine > 0, box & ~union)  # the earlier box keeps what they share
        union |= box
        count += mine
    assert count.max(initial=0) <= 1


def test_a_mosaic_of_one_cell_is_the_mean():
    face = picture(3)[:32, :32]
    assert (pixelate(face, 1) == np.rint(face.mean(axis=(0, 1)))).all()


def test_a_blur_mixes_in_nothing_from_outside_its_box():
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[:, 24:] = 255
    masked, _ = hide_faces(image, [(4, 4, 24, 30)], MaskStyle("blur", sigma=1.0))
    assert (masked[4:30, 4:24] == 0).all()


def test_scrambling_keeps_block_means_and_depends_on_the_key():
    face = np.full((16, 16, 3), 120, np.uint8) + picture(4)[:16, :16] // 8
    one, other = scramble(face, bytes(16)), scramble(face, bytes(15) + b"1")
    assert (one != other).any() and (one != face).any()
    means = [f.reshape(2, 8, 2, 8, 3).mean(axis=(1, 3)) for f in (face, one)]
    np.testing.assert_allclose(means[0], means[1], atol=0.6)
    # The same signs a second time undo it, but for rounding: who has the key sees the face.
    assert np.abs(scramble(one, bytes(16)).astype(int) - face).max() <= 4


def test_a_silhouette_shows_no_pixel_of_the_image():
    image, plate = picture(5), picture(6)
    masked, _ = hide_faces(image, [(0, 0, WIDTH, HEIGHT)], MaskStyle("silhouette"), plate)
    grey = (masked == SOLID_BGR).all(axis=2)
    assert ((masked == plate).all(axis=2) | grey).all()
    with pytest.raises(ValueError, match="needs the empty scene"):
        hide_faces(image, [(0, 0, 4, 4)], MaskStyle("silhouette"))


def test_an_ellipse_leaves_the_corners():
    image = picture(7)
    masked, _ = hide_faces(image, [(4, 4, 24, 30)], MaskStyle(ellipse=True))
    assert (masked[17, 14] == SOLID_BGR).all()
    np.testing.assert_array_equal(masked[4, 4], image[4, 4])


@pytest.mark.parametrize(
    "options",
    [{"kind": "none"}, {"cells": 0}, {"sigma": 0.0}, {"kind": "scramble", "key": b"short"}],
    ids=str,
)
def test_a_mask_outside_its_limits_is_refused(options):
    with pytest.raises(ValueError):
        MaskStyle(**options)
