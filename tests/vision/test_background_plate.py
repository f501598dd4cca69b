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
    watch = PlateWatch(patience=5)
    assert not any(watch.due(0.9, SAME) for _ in range(4))
    assert not watch.due(0.1, SAME)  # the crowd left
    assert [watch.due(0.9, SAME) for _ in range(5)] == [False] * 4 + [True]
    watch.reset()
    assert [watch.due(0.0, Exposure(1.0, 40.0)) for _ in range(5)] == [False] * 4 + [True]
    watch.reset()
    assert not any(watch.due(0.05, Exposure(1.05, -2.0)) for _ in range(50))
