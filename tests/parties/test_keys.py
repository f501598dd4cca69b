"""The unmask key: exact for those who have it, nothing for those who have not."""

import os
import stat

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gctr.parties.keyfile import Key, KeyFileError, new_key, read_key, read_or_make_key, write_key
from gctr.parties.keys import UnmaskError, open_patches, seal_patches
from gctr.parties.messages import Header
from gctr.vision.masking import Patch

KEY = Key("unmask", bytes(range(32)))
HEADER = Header("segment", "cam-1", 0, 4, 200, 50, 1, (640, 360), "bucket_gcm", bytes(16), 1)


def patch(seed: int, width: int = 9, height: int = 7) -> Patch:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Patch((5, 6, 5 + width, 6 + height), pixels)


def test_pixels_come_back_exactly():
    @settings(max_examples=100, deadline=None)
    @given(st.integers(0, 1 << 30), st.integers(1, 40), st.integers(1, 40), st.integers(0, 49))
    def check(seed, width, height, frame):
        original = patch(seed, width, height)
        opened = open_patches(KEY, HEADER, seal_patches(KEY, HEADER, {3: [(frame, original)]}))
        assert list(opened) == [frame]
        assert opened[frame][0].xyxy == original.xyxy
        np.testing.assert_array_equal(opened[frame][0].pixels, original.pixels)

    check()


def test_what_the_cloud_rewrites_in_the_header_does_not_matter():
    sealed = seal_patches(KEY, HEADER, {3: [(0, patch(1))]})
    delivered = replace(HEADER, kind="composition", salt=bytes(range(16)), size=99)
    assert open_patches(KEY, delivered, sealed)


def test_one_object_opens_without_the_others():
    sealed = seal_patches(KEY, HEADER, {3: [(0, patch(1))], 4: [(0, patch(2))]})
    opened = open_patches(KEY, HEADER, sealed, track_id=4)
    np.testing.assert_array_equal(opened[0][0].pixels, patch(2).pixels)
    assert len(opened[0]) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"camera": "cam-2"},
        {"epoch": 1},
        {"sequence": 5},
        {"first_frame": 0},
        {"n_frames": 49},
        {"background_version": 2},
        {"resolution_wh": (640, 480)},
    ],
    ids=str,
)
def test_a_patch_replayed_elsewhere_is_refused(change):
    sealed = seal_patches(KEY, HEADER, {3: [(0, patch(1))]})
    with pytest.raises(UnmaskError, match="stays masked"):
        open_patches(KEY, replace(HEADER, **change), sealed)


def test_a_patch_given_to_another_object_is_refused():
    sealed = seal_patches(KEY, HEADER, {3: [(0, patch(1))]})
    with pytest.raises(UnmaskError):
        open_patches(KEY, HEADER, [replace(sealed[0], track_id=4)])


@given(st.data())
def test_an_altered_patch_is_refused(data):
    sealed = seal_patches(KEY, HEADER, {3: [(0, patch(1))]})[0]
    ciphertext = bytearray(sealed.ciphertext)
    ciphertext[data.draw(st.integers(0, len(ciphertext) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(UnmaskError):
        open_patches(KEY, HEADER, [replace(sealed, ciphertext=bytes(ciphertext))])


def test_a_wrong_key_is_refused():
    sealed = seal_patches(KEY, HEADER, {3: [(0, patch(1))]})
    with pytest.raises(UnmaskError, match="the key is not the camera's"):
        open_patches(new_key("unmask"), HEADER, sealed)


def test_the_storage_key_does_not_seal_faces():
    with pytest.raises(KeyFileError, match="unmask key, not the store key"):
        seal_patches(new_key("store"), HEADER, {3: [(0, patch(1))]})


def test_a_key_shows_nothing_of_itself():
    assert KEY.secret.hex() not in repr(KEY) + str(KEY)
    assert repr(KEY.secret) not in repr(KEY)


def test_a_key_file_keeps_its_key_to_its_owner(tmp_path):
    path = tmp_path / "keys" / "unmask.key"
    made = read_or_make_key(path, "unmask")
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_or_make_key(path, "unmask") == made
    with pytest.raises(KeyFileError, match="not overwritten"):
        write_key(path, new_key("unmask"))
    assert read_key(path, "unmask") == made


def test_a_key_and_its_name_are_on_the_disk_before_it_is_used(tmp_path, monkeypatch):
    real, synced = os.fsync, []
    monkeypatch.setattr(
        os, "fsync", lambda fd: (synced.append(stat.S_ISDIR(os.fstat(fd).st_mode)), real(fd))[1]
    )
    write_key(tmp_path / "unmask.key", KEY)
    assert synced == [False, True], "the file, then its folder"


def test_a_key_file_that_others_can_read_is_refused(tmp_path):
    path = tmp_path / "unmask.key"
    write_key(path, KEY)
    path.chmod(0o640)
    with pytest.raises(KeyFileError, match="read by others"):
        read_key(path, "unmask")


def test_a_key_for_another_purpose_is_refused(tmp_path):
    path = tmp_path / "unmask.key"
    write_key(path, KEY)
    with pytest.raises(KeyFileError, match="holds the unmask key where the store key"):
        read_key(path, "store")


@pytest.mark.parametrize("content", ["", "gctr unmask key, format 1\n00\n", "x" * 5000])
def test_a_damaged_key_file_is_refused_and_not_quoted(tmp_path, content):
    path = tmp_path / "unmask.key"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(KeyFileError) as caught:
        read_key(path, "unmask")
    assert "xxx" not in str(caught.value)


def test_a_missing_key_file_is_named(tmp_path):
    with pytest.raises(KeyFileError, match=r"unmask key .*gone\.key"):
        read_key(tmp_path / "gone.key", "unmask")
