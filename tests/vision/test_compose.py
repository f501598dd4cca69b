"""Recomposition: exact inside, plate outside, no seam when the light differs."""

import numpy as np
import pytest

from gctr.evaluation.quality import seam_ring
from gctr.vision.background import boxes_to_mask
from gctr.vision.compose import compose, feather


@pytest.fixture
def scene():
    rng = np.random.default_rng(0)
    plate = rng.integers(60, 180, (12, 16, 3)).repeat(8, axis=0).repeat(8, axis=1).astype(np.uint8)
    frame = plate.copy()
    frame[30:70, 40:80] = rng.integers(0, 256, (40, 40, 3))
    return plate, frame, boxes_to_mask([[40, 30, 80, 70]], plate.shape[:2])


def test_hard_cut_is_exact(scene):
    plate, frame, mask = scene
    np.testing.assert_array_equal(compose(frame, plate, mask, width=0, correct=False), frame)
    np.testing.assert_array_equal(compose(frame, plate, ~mask & mask), plate)


def test_feather_falls_from_one_to_zero_outside_only(scene):
    _, _, mask = scene
    opacity = feather(mask, 3)
    assert (opacity[mask] == 1).all()
    np.testing.assert_allclose(opacity[50, 80:85], [0.75, 0.5, 0.25, 0, 0], atol=0.03)
    assert (feather(mask, 0) == mask).all()


@pytest.mark.parametrize(("gain", "offset"), [(0.8, 0), (1.0, 25), (1.15, -12)])
def test_light_is_corrected_so_that_the_seam_disappears(scene, gain, offset):
    plate, frame, mask = scene
    other = np.clip(frame * gain + offset, 0, 255).round().astype(np.uint8)
    wide = np.pad(mask, 0)
    wide[26:74, 36:84] = True  # an outline drawn too wide shows the frame's background
    ring = seam_ring(wide, 3) & ~mask
    corrected = compose(other, plate, wide)
    plain = compose(other, plate, wide, width=0, correct=False)
    seam = np.abs(corrected[ring].astype(int) - plate[ring]).mean()
    assert seam < 2
    assert seam < 0.3 * np.abs(plain[ring].astype(int) - plate[ring]).mean()


def test_sizes_must_agree(scene):
    plate, frame, mask = scene
    with pytest.raises(ValueError, match="one size"):
        compose(frame[:50], plate, mask)
