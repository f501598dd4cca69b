"""The CDnet protocol, box coverage, storage arithmetic: against counting by hand."""

import numpy as np
import pandas as pd
import pytest

from gctr.datasets import Clip, Truth
from gctr.datasets.clip import box_table
from gctr.evaluation.roi_quality import (
    evaluate_boxes,
    evaluate_pixels,
    exposure_step,
    f_measure,
    pixel_counts,
    speed_ratios,
)
from gctr.evaluation.storage import break_even, daily, occupancy_rates
from gctr.vision.running import RunningBackground


def test_labels_85_and_170_do_not_count_and_shadow_is_background():
    labels = np.array([[0, 50, 85, 170, 255, 255, 0, 255]], np.uint8)
    found = np.array([[1, 1, 1, 1, 1, 0, 0, 1]], bool)
    area = np.array([[1, 1, 1, 1, 1, 1, 1, 0]], bool)
    np.testing.assert_array_equal(pixel_counts(found, labels), [2, 2, 1])
    np.testing.assert_array_equal(pixel_counts(found, labels, area), [1, 2, 1])
    measured = f_measure(np.array([6, 2, 4]))
    assert measured == pytest.approx({"precision": 0.75, "recall": 0.6, "f1": 2 / 3})


class Fixed:
    """A model that says what it is told."""

    def __init__(self, masks):
        self.masks = iter(masks)

    def apply(self, frame, held=None):
        return next(self.masks)

    def plate(self):
        raise NotImplementedError


@pytest.fixture
def clip():
    frames = np.full((4, 64, 96, 3), 90, np.uint8)
    rows = [(k, 1, 16, 16, 48, 48, "person", None) for k in range(4)] + [
        (3, 2, 80, 0, 100, 16, "person", None)
    ]
    labels = np.zeros((4, 64, 96), np.uint8)
    labels[:, 16:48, 16:48] = 255
    truth = Truth(boxes=box_table(rows), mask=labels.__getitem__, evaluated=range(2, 4))
    return Clip.from_array("fixed", frames, 10.0, truth)


def test_only_evaluated_frames_count(clip):
    masks = np.zeros((4, 64, 96), bool)
    masks[:2] = True  # wrong, but outside the evaluated frames
    masks[2:, 16:48, 16:32] = True
    measured = evaluate_pixels(clip, Fixed(masks))
    assert measured == pytest.approx({"precision": 1, "recall": 0.5, "f1": 2 / 3, "share": 512 / 6144})
    with pytest.raises(ValueError, match="no pixel truth"):
        evaluate_pixels(Clip.from_array("bare", clip.read(), 10.0), Fixed(masks))


def test_box_area_recall_counts_cells_and_the_missed(clip):
    masks = np.zeros((4, 64, 96), bool)
    masks[:, 24:40, 24:40] = True  # cells 16..48 after one cell of margin
    measured, table = evaluate_boxes(clip, Fixed(masks))
    assert len(table) == measured["boxes"] == 5
    assert measured["missed"] == 1
    assert measured["recall"] == pytest.approx(4 * 1024 / (4 * 1024 + 256))
    assert measured["share"] == pytest.approx(1024 / 6144)


def test_the_running_average_survives_an_exposure_step():
    rng = np.random.default_rng(2)
    scene = rng.integers(60, 180, (8, 12, 3)).repeat(8, axis=0).repeat(8, axis=1).astype(np.uint8)
    still = Clip.from_array("still", np.stack([scene] * 6), 10.0)
    shares = [
        exposure_step(still, RunningBackground(scene, exposure=fit), lambda f: f - np.uint8(45), at=3)
        for fit in (True, False)
    ]
    assert shares[0].max() == 0
    assert shares[1][3:].min() == 1


def test_speed_is_a_ratio_to_the_peer():
    def slow(frame):
        for _ in range(20):
            np.sort(frame, axis=None)

    frames = [np.random.default_rng(k).integers(0, 256, (60, 80, 3), dtype=np.uint8) for k in range(4)]
    table = speed_ratios(frames, {"MOG2": slow, "other": lambda f: np.sort(f, axis=None)}, rounds=3)
    assert table.loc[0, "share_of_peer"] == 1
    assert table.loc[1, "times_faster"] > 5


def test_storage_of_a_day():
    assert daily(0.5, 3000, 100, 10, plate=1e6, plates=24) == pytest.approx(1.33920 + 0.024)
    np.testing.assert_allclose(daily([0, 1], 2000, 0, 25), [0, 4.32])
    with pytest.raises(ValueError, match="0 to 1"):
        daily(1.2, 1, 1, 1)


def test_break_even_and_occupancy():
    assert break_even([0.1, 0.3, 0.2], [0.4, 1.2, 0.8]) == pytest.approx(0.25)
    assert np.isnan(break_even([0.1, 0.2], [0.4, 0.8]))
    table = pd.DataFrame({"occupancy": [0.01, 0.03, 0.2], "roi": [10, 30, 90], "full": [40, 40, 60]})
    grouped = occupancy_rates(table, [0, 0.05, 0.1, 0.5])
    assert grouped["frames"].tolist() == [2, 1]
    assert grouped["ratio"].tolist() == pytest.approx([0.5, 1.5])
