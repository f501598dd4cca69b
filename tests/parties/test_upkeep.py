"""Verify and repair: what is wrong is found, and what can be saved is."""

import pytest

from gctr.parties.blobs import blob_name
from gctr.parties.cloud import Cloud
from gctr.parties.keyfile import new_key
from gctr.parties.store import Refused, StoreFailed
from gctr.parties.upkeep import repair, reset_index, verify

from .served import damage, segment, stored, ten_days

KEY = new_key("store")


@pytest.fixture
def cloud(tmp_path):
    cloud = ten_days(tmp_path, KEY)
    yield cloud
    cloud.close()


def blob(cloud, sequence):
    return cloud.folder / "blobs" / cloud.index.segment_file("cam-1", sequence)


def test_a_whole_store_has_no_findings(cloud):
    assert verify(cloud) == []
    assert repair(cloud) == (0, 0, 0, 0, 0)


def test_each_damage_is_found_and_named(cloud):
    blob(cloud, 1).unlink()
    damage(blob(cloud, 2))
    (cloud.folder / "blobs" / ("0" * 64 + ".msg")).write_bytes(b"who is this")
    found = {(finding.what, finding.where) for finding in verify(cloud)}
    assert {("lost", "segment 1 of cam-1"), ("damaged", "segment 2 of cam-1")} <= found
    assert sorted(what for what, _ in found) == ["damaged", "lost", "unknown"]


def test_what_was_lost_can_be_sent_again(cloud):
    message = cloud.segment("cam-1", 3)
    blob(cloud, 3).write_bytes(b"rot")
    repaired = repair(cloud)
    assert (repaired.set_aside, stored(cloud)) == (1, [0, 1, 2, 4, 5, 6, 7, 8, 9])
    assert verify(cloud) == []
    assert cloud.receive(message).order == "late"
    assert cloud.segment("cam-1", 3) == message
    assert list((cloud.folder / "blobs").glob("*.damaged"))


def test_a_damaged_background_is_healed_when_it_comes_again(cloud):
    message = cloud.background("cam-1", 1)
    (cloud.folder / "blobs" / cloud.index.background_file("cam-1", 1)).write_bytes(b"rot")
    repair(cloud)
    assert [finding.what for finding in verify(cloud)] == ["damaged"]
    assert cloud.receive(message).order == "duplicate"
    assert verify(cloud) == []
    assert stored(cloud) == list(range(10))


def test_a_message_that_was_written_but_not_indexed_is_taken_up(cloud):
    message = segment(KEY, 10, version=2)
    (cloud.folder / "blobs" / blob_name(message)).write_bytes(message)
    assert repair(cloud).adopted == 1
    assert cloud.segment("cam-1", 10) == message


def test_a_message_is_not_set_aside_because_the_index_fails(cloud, monkeypatch):
    message = segment(KEY, 10, version=2)
    (cloud.folder / "blobs" / blob_name(message)).write_bytes(message)

    def fail(*values):
        raise StoreFailed("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr("gctr.parties.upkeep.add_segment", fail)
        with pytest.raises(StoreFailed):
            repair(cloud)
    assert repair(cloud).adopted == 1


def test_a_segment_whose_background_is_lost_is_set_aside(cloud):
    message = segment(KEY, 10, version=3)
    (cloud.folder / "blobs" / blob_name(message)).write_bytes(message)
    assert repair(cloud) == (0, 0, 0, 1, 0)
    assert stored(cloud) == list(range(10))


@pytest.mark.parametrize("damage", [b"", b"not a database" * 400])
def test_a_lost_index_is_built_again_from_the_files(tmp_path, cloud, damage):
    messages = [cloud.segment("cam-1", k) for k in range(10)]
    cloud.close()
    for file in tmp_path.glob("index.sqlite*"):
        file.unlink()
    (tmp_path / "index.sqlite").write_bytes(damage)
    reset_index(tmp_path)
    again = Cloud(tmp_path, KEY)
    assert repair(again).adopted == 12
    assert [again.segment("cam-1", k) for k in range(10)] == messages
    assert verify(again) == []
    assert again.standing("cam-1").next_sequence == 10
    again.close()


def test_a_whole_index_is_not_reset(cloud):
    assert reset_index(cloud.folder) is None


def test_a_foreign_message_is_never_taken_up(cloud):
    forged = segment(new_key("store"), 10, version=2)
    (cloud.folder / "blobs" / blob_name(forged)).write_bytes(forged)
    assert repair(cloud).set_aside == 1
    assert stored(cloud) == list(range(10))
    with pytest.raises((Refused, ValueError)):
        cloud.put(forged)
