"""Versions and digests of a plate, and when it is due."""

import numpy as np

from gctr.vision.exposure import Exposure
from gctr.vision.plate import Plate, PlateWatch

SAME = Exposure(1.0, 0.0)


def test_versions_count_changes_and_digests_tell_sizes_apart():
    image = np.zeros((4, 6, 3), np.uint8)
    plate = Plate(image)
    assert plate.renew(image.copy()) is plate
    other = image.copy()
    other[3, 5, 2] = 1
    assert plate.renew(other).version == 2
    assert plate.renew(other).digest != plate.digest
    assert Plate(np.zeros((6, 4, 3), np.uint8)).digest != plate.digest
    assert Plate(image[:, ::-1]).digest == plate.digest


def test_a_plate_is_due_only_when_doubt_lasts():
    watch, most, few = PlateWatch(patience=5), cells(0.9), cells(0.1)
    assert not any(watch.due(most, SAME) for _ in range(4))
    assert not watch.due(few, SAME)  # the crowd left
    assert [watch.due(most, SAME) for _ in range(5)] == [False] * 4 + [True]
    watch.reset()
    assert [watch.due(cells(0.0), Exposure(1.0, 40.0)) for _ in range(5)] == [False] * 4 + [True]
    watch.reset()
    assert not any(watch.due(few, Exposure(1.05, -2.0)) for _ in range(50))


def test_a_crowd_that_moves_is_no_moved_view():
    watch = PlateWatch(patience=5)
    assert not any(watch.due(np.roll(cells(0.6), 3 * k, axis=1), SAME) for k in range(50))


def test_after_waiting_it_asks_for_half_the_patience_again():
    watch = PlateWatch(patience=6)
    assert [watch.due(cells(0.9), SAME) for _ in range(6)][-1]
    watch.postpone()
    assert [watch.due(cells(0.9), SAME) for _ in range(3)] == [False, False, True]


def cells(share):
    """A (10, 10) grid of which `share` is set."""
    return (np.arange(100) < share * 100).reshape(10, 10).T
