"""The CDnet protocol, box coverage, storage arithmetic: against counting by hand."""

import numpy as np
import pandas as pd
import pytest

from gctr.datasets import Clip, DatasetError, Truth
from gctr.datasets.clip import box_table
from gctr.evaluation import roi_check
from gctr.evaluation.roi_check import judged
from gctr.evaluation.roi_quality import (
    Cleaned,
    compare_models,
    f_measure,
    pixel_counts,
    roi_shares,
    step_exposure,
)
from gctr.evaluation.roi_speed import live_rate, noisy_large, speed_ratios
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
        raise AssertionError("nobody asks for the plate")


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
    nothing = np.zeros((4, 64, 96), bool)
    measured = compare_models(clip, {"half": Fixed(masks), "blind": Fixed(nothing)}).pixels
    assert dict(measured.loc["half"]) == pytest.approx(
        {"precision": 1, "recall": 0.5, "f1": 2 / 3, "share": 512 / 6144}
    )
    assert measured.loc["blind", "recall"] == 0


def test_box_area_recall_counts_cells_and_the_missed(clip):
    masks = np.zeros((4, 64, 96), bool)
    masks[:, 24:40, 24:40] = True  # cells 16..48 after one cell of margin
    found = compare_models(clip, {"one": Fixed(masks)})
    measured = found.boxes.loc["one"]
    assert len(found.coverage) == measured["boxes"] == 5
    assert measured["missed"] == 1
    assert measured["recall"] == pytest.approx(4 * 1024 / (4 * 1024 + 256))
    assert measured["share"] == pytest.approx(1024 / 6144)
    np.testing.assert_allclose(found.shares["one"], 1024 / 6144)


def test_without_truth_only_shares_are_told(clip):
    bare = Clip.from_array("bare", clip.read(), 10.0)
    found = compare_models(bare, {"all": Fixed(np.ones((4, 64, 96), bool))})
    assert (len(found.pixels), len(found.boxes), len(found.coverage)) == (0, 0, 0)
    assert found.shares["all"].tolist() == [1, 1, 1, 1]


def test_cleaning_removes_specks_and_closes_holes():
    mask = np.zeros((1, 40, 60), bool)
    mask[0, 10:30, 10:40] = True
    clean = mask.copy()
    mask[0, 18:21, 20:23] = False
    mask[0, 2, 50] = True
    found = Cleaned(Fixed(mask)).apply(None)
    np.testing.assert_array_equal(found[12:28, 12:38], clean[0, 12:28, 12:38])
    assert not found[:8].any()


def test_the_running_average_survives_exposure_steps():
    rng = np.random.default_rng(2)
    scene = rng.integers(60, 180, (8, 12, 3)).repeat(8, axis=0).repeat(8, axis=1).astype(np.uint8)
    models = {fit: RunningBackground(scene, exposure=fit) for fit in (True, False)}
    stepped = list(step_exposure([scene] * 9, {3: -45, 6: 45}))
    assert [int(frame.max()) - int(scene.max()) for frame in stepped[::3]] == [0, -45, 45]
    shares = roi_shares(stepped, models)
    assert shares[True].max() == 0
    assert shares[False][3:].min() == 1


def test_speed_is_a_ratio_to_the_peer():
    def slow(frame):
        for _ in range(20):
            np.sort(frame, axis=None)

    frames = [np.random.default_rng(k).integers(0, 256, (60, 80, 3), dtype=np.uint8) for k in range(4)]
    table = speed_ratios(frames, {"MOG2": slow, "other": lambda f: np.sort(f, axis=None)}, rounds=3)
    assert table.loc[0, "share_of_peer"] == 1
    assert table.loc[1, "times_faster"] > 5


def test_a_live_camera_codes_less_than_whole_frames():
    rng = np.random.default_rng(5)
    plate = rng.integers(60, 180, (18, 32, 3)).repeat(8, axis=0).repeat(8, axis=1).astype(np.uint8)
    frames = noisy_large([plate] * 4, (256, 144), sigma=3.0)
    assert np.std(frames[0].astype(float) - plate) == pytest.approx(3, rel=0.05)
    for k, frame in enumerate(frames):
        frame[40:100, 20 * k : 20 * k + 40] = 240
    stages, rates = live_rate(frames, plate, quality=16)
    assert (rates["fps"] > 0).all()
    assert rates.loc["ROI", "bytes_a_frame"] < 0.5 * rates.loc["whole frame", "bytes_a_frame"]
    assert (stages["p50_ms"] <= stages["p99_ms"]).all()
    assert rates.loc["ROI", "cpu_ms"] == pytest.approx(stages["cpu_ms"].iloc[:3].sum())


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


@pytest.mark.parametrize(
    ("measured", "relation", "bound", "verdict"),
    [
        (0.975, ">=", 0.975, "holds"),
        (0.97, ">=", 0.975, "fails"),
        (1, "<=", 0, "fails"),
        (0, "<=", 0, "holds"),
    ]
    + [
        (1.0, ">", 1.0, "fails"),
        (1.01, ">", 1.0, "holds"),
        (float("nan"), ">=", 1.0, "fails"),
        (3, "", None, ""),
    ],
)
def test_a_promise_is_judged_by_its_bound(measured, relation, bound, verdict):
    assert judged(("what", "where", measured, relation, bound))[-1] == verdict


def test_without_footage_nothing_is_judged(monkeypatch):
    def away(name):
        raise DatasetError("it is not here")

    monkeypatch.setattr(roi_check, "load", away)
    rows = list(roi_check.check())
    assert [row[0] for row in rows] == ["not measured: it is not here"] * 4
    assert {judged(row)[-1] for row in rows} == {""}
