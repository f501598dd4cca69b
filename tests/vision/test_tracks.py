"""Boxes over time to objects."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gctr.vision.tracks import Track, Tracker, fill_gaps, iou_matrix


def moving(k, x=10, y=20, vx=4, vy=0):
    return [x + vx * k, y + vy * k, x + vx * k + 20, y + vy * k + 40]


def ids(tracks):
    return [t.track_id for t in tracks]


def test_iou_against_counting_pixels():
    rng = np.random.default_rng(0)
    corner = rng.integers(0, 20, (12, 2))
    boxes = np.concatenate([corner, corner + rng.integers(1, 15, (12, 2))], axis=1)
    canvas = np.zeros((12, 40, 40), dtype=bool)
    for k, (x0, y0, x1, y1) in enumerate(boxes):
        canvas[k, y0:y1, x0:x1] = True
    shared = (canvas[:, None] & canvas[None]).sum(axis=(2, 3))
    union = (canvas[:, None] | canvas[None]).sum(axis=(2, 3))
    np.testing.assert_allclose(iou_matrix(boxes, boxes), shared / union)


def test_two_who_walk_apart_keep_their_ids_through_a_gap():
    tracker = Tracker(max_gap=5)
    for k in range(30):
        a, b = moving(k), moving(k, x=200, y=100, vx=-4)
        boxes = [a, b] if k not in (10, 11, 12) else [b]
        tracks = tracker.update(np.array(boxes))
        assert ids(tracks) == [1, 2]
        assert tracks[1].xyxy == tuple(b)
        predicted = np.array(tracks[0].xyxy)
        assert iou_matrix(predicted, np.array(a))[0, 0] > 0.45
    assert tracks[0].missed == 0


def test_assignment_is_optimal_not_greedy():
    tracker = Tracker(min_iou=0.05)
    tracker.update(np.array([[6, 0, 26, 20], [20, 0, 40, 20]]))
    tracks = tracker.update(np.array([[14, 0, 34, 20], [28, 0, 48, 20]]))
    assert {t.track_id: t.xyxy[0] for t in tracks} == {1: 14, 2: 28}


def test_a_track_ends_after_the_gap_and_its_id_is_not_used_again():
    tracker = Tracker(max_gap=2)
    tracker.update(np.array([[0, 0, 16, 16]]))
    assert [len(tracker.update(np.zeros((0, 4)))) for _ in range(4)] == [1, 1, 0, 0]
    assert ids(tracker.update(np.array([[0, 0, 16, 16]]))) == [2]


def test_who_leaves_the_frame_is_not_coasted():
    tracker = Tracker(resolution_wh=(100, 100), max_gap=50)
    for k in range(9):
        tracker.update(np.array([[20 + 10 * k, 40, min(40 + 10 * k, 100), 60]]))
    for _ in range(6):
        tracks = tracker.update(np.zeros((0, 4)))
    assert all(t.xyxy[0] < t.xyxy[2] <= 100 for t in tracks)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(*[st.integers(0, 80)] * 2, *[st.integers(1, 20)] * 2), max_size=6), max_size=12
    )
)
def test_every_seen_box_is_reported_once_and_ids_never_repeat_in_a_frame(frames):
    tracker = Tracker(resolution_wh=(120, 120))
    for sides in frames:
        boxes = [(x, y, x + w, y + h) for x, y, w, h in sides]
        tracks = tracker.update(np.array(boxes).reshape(-1, 4))
        assert len(set(ids(tracks))) == len(tracks)
        assert sorted(t.xyxy for t in tracks if not t.missed) == sorted(boxes)


def test_gaps_are_filled_along_a_line_and_before_the_first_sight():
    segment = [[] for _ in range(12)]
    for k in (4, 5, 9):
        segment[k] = [Track(7, (10 * k, 0, 10 * k + 16, 16))]
    segment[6] = [Track(7, (99, 0, 115, 16), missed=1)]
    filled = fill_gaps(segment, lead=2)
    assert [len(row) for row in filled] == [0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0]
    assert [row[0].xyxy[0] for row in filled[2:10]] == [40, 40, 40, 50, 60, 70, 80, 90]
    assert filled[6][0].missed == 1
    assert filled[2][0].missed == 2


@pytest.mark.parametrize("lead", [0, 3])
def test_filling_changes_nothing_that_was_seen(lead):
    segment = [[Track(1, (k, 0, k + 9, 9)), Track(2, (0, k, 5, k + 5))] for k in range(6)]
    assert fill_gaps(segment, lead=lead) == segment


def test_a_new_view_ends_all_tracks_and_gives_no_id_twice():
    tracker = Tracker(resolution_wh=(100, 100))
    assert [t.track_id for t in tracker.update([[0, 0, 20, 20], [50, 50, 80, 90]])] == [1, 2]
    tracker.clear((60, 60))
    assert tracker.update([]) == []
    (track,) = tracker.update([[10, 10, 90, 90]])
    assert (track.track_id, track.xyxy) == (3, (10, 10, 60, 60))
