"""Where messages are kept: the same behaviour in a folder and behind fsspec, and errors that tell lost from away."""

import os
import time
from pathlib import Path

import pytest

from gctr.parties.blobs import FolderBlobs, RemoteBlobs, blob_name, open_blobs
from gctr.parties.store import StoreError, StoreFailed

DATA = b"a sealed message"
NAME = blob_name(DATA)


@pytest.fixture(params=["folder", "memory"])
def blobs(request, tmp_path):
    return open_blobs(tmp_path if request.param == "folder" else f"memory://{tmp_path.name}")


def test_what_is_put_is_read_whole_or_in_part_until_it_is_deleted(blobs):
    before = time.time()
    for _ in range(2):
        blobs.put(NAME, DATA)
    blobs.put(f"{NAME}.damaged", b"set aside")
    assert blobs.read(NAME) == DATA
    assert [blobs.read(NAME, 2, 8), blobs.read(NAME, 9), blobs.read(NAME, 0, 99)] == [
        DATA[2:8],
        DATA[9:],
        DATA,
    ]
    assert list(blobs.names()) == [NAME]
    assert abs(blobs.written(NAME) - before) < 60
    for _ in range(2):
        blobs.delete(NAME)
    assert list(blobs.names()) == []
    with pytest.raises(StoreError, match=f"the store lost {NAME}") as caught:
        blobs.read(NAME)
    assert not isinstance(caught.value, StoreFailed)


def test_a_file_that_cannot_be_read_now_is_not_called_lost(tmp_path):
    (tmp_path / NAME).mkdir()
    with pytest.raises(StoreFailed, match="cannot be read: Is a directory; ask again"):
        FolderBlobs(tmp_path).read(NAME)


def test_old_leftovers_are_swept_and_a_writer_that_lives_is_not(tmp_path, monkeypatch):
    blobs, old, new = FolderBlobs(tmp_path), tmp_path / "old.part", tmp_path / "new.part"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    gone = tmp_path / "renamed.part"  # listed, and in its place before it is looked at
    listed = [old, gone, new]
    monkeypatch.setattr(Path, "glob", lambda folder, pattern: iter(listed))
    assert blobs.sweep() == 1
    assert sorted(os.listdir(tmp_path)) == ["new.part"]


class Away:
    """A file system whose every call fails, with an error of its own in several lines."""

    def __getattr__(self, name):
        def fail(*args, **more):
            raise RuntimeError("no route\n  at some library's inside")

        return fail


def test_a_bucket_that_does_not_answer_is_told_in_one_sentence():
    blobs = RemoteBlobs("memory://bucket", {})
    blobs._files = Away()
    calls = [
        lambda: blobs.put(NAME, DATA),
        lambda: blobs.read(NAME),
        lambda: blobs.delete(NAME),
        lambda: list(blobs.names()),
    ]
    for call in calls:
        with pytest.raises(StoreFailed, match=r"memory://bucket .*: no route; (send it|ask|try) again"):
            call()
