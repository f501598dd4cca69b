"""Retention: what must go goes, what is held stays."""

import pytest

from gctr.parties.keyfile import new_key
from gctr.parties.retention import hold, holds, release, retain
from gctr.parties.store import StoreError
from gctr.parties.upkeep import repair, verify

from .served import DAY, stored, ten_days


@pytest.fixture
def cloud(tmp_path):
    cloud = ten_days(tmp_path, new_key("store"))
    yield cloud
    cloud.close()


def test_retention_goes_by_capture_time_and_keeps_what_is_held(cloud):
    number = hold(cloud, "cam-1", 1, 2, "incident 7", until=20 * DAY)
    gone = retain(cloud, 3 * DAY, now=10 * DAY)
    assert stored(cloud) == [1, 2, 7, 8, 9]
    assert (gone.segments, gone.backgrounds) == (5, 0), "version 1 is under held segments"
    assert verify(cloud) == []
    release(cloud, number)
    gone = retain(cloud, 3 * DAY, now=10 * DAY)
    assert stored(cloud) == [7, 8, 9]
    assert (gone.segments, gone.backgrounds) == (2, 1)
    assert cloud.index.backgrounds("cam-1") == [2]
    assert len(list(cloud.blobs.names())) == 4
    assert cloud.index.totals()[0][1] == 3


def test_a_hold_ends_with_its_time(cloud):
    hold(cloud, "cam-1", 0, 0, "incident 8", until=11 * DAY)
    assert retain(cloud, DAY, now=10 * DAY).segments == 8
    assert retain(cloud, DAY, now=12 * DAY).segments == 2
    assert len(holds(cloud)) == 1


def test_a_hold_needs_a_purpose_and_a_range(cloud):
    for purpose, first, last in ((" ", 0, 1), ("incident", 2, 1)):
        with pytest.raises(StoreError, match="needs a purpose and a range"):
            hold(cloud, "cam-1", first, last, purpose, 1.0)
    with pytest.raises(StoreError, match="no hold 9"):
        release(cloud, 9)


def test_the_newest_background_stays_without_segments(cloud):
    assert retain(cloud, 0.0, now=11 * DAY).segments == 10
    assert cloud.index.backgrounds("cam-1") == [2]


def test_a_deletion_that_was_interrupted_is_finished(cloud, monkeypatch):
    monkeypatch.setattr(cloud.blobs, "delete", lambda name: (_ for _ in ()).throw(StoreError("killed")))
    with pytest.raises(StoreError, match="killed"):
        retain(cloud, 3 * DAY, now=10 * DAY)
    assert len(list(cloud.blobs.names())) == 12
    monkeypatch.undo()
    assert repair(cloud).deleted == 8, "seven segments and the background under them"
    assert stored(cloud) == [7, 8, 9]
    assert verify(cloud) == []
