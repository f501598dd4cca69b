"""Files that are whole or not there, with the mode that was asked for, and one writer at a time."""

import errno
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from gctr._files import locked, write_whole


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_a_file_replaces_the_old_one_with_its_mode(tmp_path, mode):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    write_whole(path, b"new", mode=mode)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"new", mode)
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_synced_leaves_the_old_one_alone(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "file"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_locked_file_has_one_holder(tmp_path):
    path = tmp_path / "deep" / "count"

    def add(_):  # reads, then writes: without the lock counts would be lost
        with locked(path) as descriptor:
            value = int(os.pread(descriptor, 9, 0) or b"0")
            os.ftruncate(descriptor, 0)
            os.write(descriptor, b"%d" % (value + 1))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(100)))
    assert path.read_bytes() == b"100"
    assert path.stat().st_mode & 0o777 == 0o600
