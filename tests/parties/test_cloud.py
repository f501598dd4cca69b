"""The store: what was acknowledged stays, what does not fit is refused, what breaks says so."""

import errno
import os
import sqlite3

import pytest
from msgspec.structs import replace

from gctr import _files
from gctr.parties.cloud import Cloud, StoreError
from gctr.parties.envelope import open_message, seal
from gctr.parties.index import Index
from gctr.parties.keyfile import new_key
from gctr.parties.ledger import LedgerError, NonceLedger
from gctr.parties.messages import MessageError

from .served import damage


class Collected(list):
    put = list.append


@pytest.fixture
def messages(street, camera):
    """A background's message and three segments'."""
    collected = Collected([camera.register(street)])
    list(camera.run(street.timed(), collected))
    return collected


def test_the_same_message_twice_is_stored_once(cloud, messages):
    for message in [*messages, *messages]:
        cloud.put(message)
    assert [s.sequence for s in cloud.segments("cam-1")] == [0, 1, 2]
    assert cloud.segment("cam-1", 1) == messages[2]
    assert cloud.cameras() == ["cam-1"]


def test_another_message_in_a_taken_place_is_refused(cloud, messages, store_key):
    cloud.put(messages[0])
    cloud.put(messages[1])
    header, body = open_message(store_key, messages[1])
    with pytest.raises(StoreError, match="segment 0 of cam-1 is stored already and differs"):
        cloud.put(seal(store_key, header, body))
    assert cloud.segment("cam-1", 0) == messages[1]


def test_a_segment_needs_its_background(cloud, messages):
    with pytest.raises(StoreError, match="no background with version 1"):
        cloud.put(messages[1])


def test_a_segment_of_another_size_than_its_background_is_refused(cloud, messages, store_key):
    cloud.put(messages[0])
    header, body = open_message(store_key, messages[1])
    with pytest.raises(StoreError, match="another size"):
        cloud.put(seal(store_key, replace(header, resolution_wh=(320, 192)), body))


def test_only_cameras_kinds_are_taken(cloud, messages, store_key):
    cloud.put(messages[0])
    header, body = open_message(store_key, messages[1])
    with pytest.raises(StoreError, match="not a composition"):
        cloud.put(seal(store_key, replace(header, kind="composition"), body))


def test_a_damaged_or_foreign_message_changes_nothing(cloud, messages):
    for message in (messages[0][:-1], b"", b"\x00" * 100):
        with pytest.raises(MessageError):
            cloud.put(message)
    assert cloud.cameras() == []


def test_the_store_opens_again_with_all_it_acknowledged(tmp_path, cloud, messages, store_key):
    for message in messages:
        cloud.put(message)
    cloud.close()
    again = Cloud(tmp_path / "cloud", store_key)
    assert [again.segment("cam-1", k) for k in range(3)] == messages[1:]
    again.close()


def test_a_full_disk_loses_nothing(tmp_path, cloud, messages, monkeypatch):
    cloud.put(messages[0])
    cloud.put(messages[1])

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(_files.os, "fsync", full)
        with pytest.raises(StoreError, match="the disk is full: free some space and send it again"):
            cloud.put(messages[2])
    assert [s.sequence for s in cloud.segments("cam-1")] == [0]
    assert not list((tmp_path / "cloud" / "blobs").glob("*.part"))
    cloud.put(messages[2])
    assert cloud.segment("cam-1", 1) == messages[2]


def test_a_file_damaged_on_disk_is_not_delivered(tmp_path, cloud, messages):
    cloud.put(messages[0])
    (file,) = (tmp_path / "cloud" / "blobs").iterdir()
    damage(file)
    with pytest.raises(StoreError, match="damaged on disk"):
        cloud.background("cam-1", 1)
    file.unlink()
    with pytest.raises(StoreError, match="the store lost"):
        cloud.background("cam-1", 1)


def test_a_store_of_another_format_is_not_touched(tmp_path, store_key):
    Cloud(tmp_path, store_key).close()
    index = sqlite3.connect(tmp_path / "index.sqlite")
    index.execute("PRAGMA user_version = 9")
    index.close()
    with pytest.raises(StoreError, match="format 9"):
        Cloud(tmp_path, store_key)


@pytest.mark.parametrize("made", [Index, NonceLedger])
def test_a_damaged_database_is_let_go_of(tmp_path, monkeypatch, made):
    path, opened, connect = tmp_path / "damaged.sqlite", [], sqlite3.connect
    path.write_bytes(b"not a database" * 100)
    monkeypatch.setattr(
        sqlite3, "connect", lambda *a, **more: opened.append(connect(*a, **more)) or opened[-1]
    )
    with pytest.raises((StoreError, LedgerError)):
        made(path)
    (connection,) = opened
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


def test_an_index_that_is_no_database_is_named(tmp_path, store_key):
    (tmp_path / "index.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(StoreError, match="index"):
        Cloud(tmp_path, store_key)


def test_a_cloud_with_another_key_composes_nothing(tmp_path, cloud, messages):
    for message in messages:
        cloud.put(message)
    other = Cloud(tmp_path / "cloud", new_key("store"))
    with pytest.raises(MessageError, match="another storage key"):
        other.compose("cam-1", 0)
    other.close()


@pytest.mark.parametrize("track,frame", [(99, 0), (1, 99)])
def test_an_object_that_is_not_there_is_named(cloud, messages, track, frame):
    for message in messages:
        cloud.put(message)
    with pytest.raises(StoreError, match=f"object {track} is not in frame {frame}"):
        cloud.partial("cam-1", 1, frame, track)
