"""Outlines show in wrong colours, and noise shows none: the share of false alarms is that of the test's level."""

import numpy as np
import pytest
from scipy.stats import binom

from gctr.evaluation.attacks import views
from gctr.evaluation.attacks.outlines import outline_score
from tests.evaluation.attacked import HEIGHT, WIDTH, make_frame, make_plate

FRAME, PLATE = make_frame(), make_plate()


def noise(seed: int) -> np.ndarray:
    payload = np.random.default_rng(seed).integers(0, 256, 3 * FRAME.region.pixels.size, np.uint8)
    return FRAME.region.paste(payload, PLATE)


@pytest.mark.parametrize(
    "image",
    [FRAME.image, 255 - FRAME.image, FRAME.image ^ 0x80, FRAME.image // 2 + 90],
    ids=["the picture itself", "its negative", "a wrong constant", "flat and pale"],
)
def test_right_edges_show_in_whatever_colours(image):
    score, chance, p_value = outline_score(FRAME, image, PLATE, draws=199)
    assert score > 1.5 * chance
    assert p_value == 1 / 200


def test_noise_is_taken_for_outlines_no_more_often_than_the_level_says():
    p_values = [outline_score(FRAME, noise(seed), PLATE, draws=39, seed=seed)[2] for seed in range(200)]
    assert np.sum(np.array(p_values) <= 0.05) <= binom.isf(1e-3, 200, 0.05)
    assert 0.35 < np.median(p_values) < 0.65


def test_a_picture_without_structure_shows_none():
    score, chance, p_value = outline_score(FRAME, np.full_like(PLATE, 128), PLATE, draws=19)
    assert (score, chance, p_value) == (0, 0, 1)


def test_without_foreground_or_without_a_region_there_is_nothing_to_see():
    empty = views.Frame(0, PLATE, views.Region.of(np.empty((0, 4), np.int32), (HEIGHT, WIDTH)))
    for frame in (FRAME._replace(image=PLATE), empty):
        score, chance, p_value = outline_score(frame, FRAME.image, PLATE)
        assert np.isnan([score, chance]).all()
        assert p_value == 1
