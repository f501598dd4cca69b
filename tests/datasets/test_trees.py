"""Folders and zip archives read alike, and verified by content."""

import hashlib
import os
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gctr.datasets.clip import DatasetError
from gctr.datasets.trees import MAX_MEMBER, Tree, close_archives

FILES = {"a.txt": b"alpha", "sub/b.bin": bytes(range(256)), "sub/ä.txt": b"", "z/y/x.txt": b"deep"}


def as_folder(root: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def as_zip(path: Path, files: dict[str, bytes], **options: int) -> Path:
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def digest_by_hand(files: dict[str, bytes]) -> str:
    """The definition in datasets/registry.toml, word for word."""
    total = b""
    for name in sorted(files, key=str.encode):
        total += name.encode() + b"\0" + hashlib.sha256(files[name]).digest()
    return hashlib.sha256(total).hexdigest()


def test_the_digest_is_the_documented_one_for_folder_archive_and_repacked_archive(tmp_path):
    wanted = digest_by_hand(FILES)
    backwards = dict(reversed(FILES.items()))
    assert Tree(as_folder(tmp_path / "folder", FILES)).digest() == wanted
    assert Tree(as_zip(tmp_path / "stored.zip", FILES)).digest() == wanted
    assert (
        Tree(as_zip(tmp_path / "packed.zip", backwards, compression=zipfile.ZIP_DEFLATED)).digest() == wanted
    )


@settings(max_examples=50, deadline=None)
@given(where=st.integers(0, 255), mask=st.integers(1, 255))
def test_one_flipped_byte_changes_the_digest(tmp_path_factory, where, mask):
    data = bytearray(range(256))
    data[where] ^= mask
    changed = as_folder(tmp_path_factory.mktemp("flip"), {**FILES, "sub/b.bin": bytes(data)})
    assert Tree(changed).digest() != digest_by_hand(FILES)


@pytest.mark.parametrize(
    "changed",
    [
        {k: v for k, v in FILES.items() if k != "sub/ä.txt"},
        {**FILES, "extra": b""},
        {("A.txt" if k == "a.txt" else k): v for k, v in FILES.items()},
        {**FILES, "a.txt": b"", "sub/ä.txt": b"alpha"},
    ],
)
def test_a_missing_added_renamed_or_swapped_file_changes_the_digest(tmp_path, changed):
    assert Tree(as_folder(tmp_path, changed)).digest() != digest_by_hand(FILES)


def test_only_members_that_belong_count(tmp_path):
    with_junk = as_zip(tmp_path / "junk.zip", {**FILES, "Thumbs.db": b"?", "sub/.DS_Store": b"?"})
    assert Tree(with_junk).digest(["a.txt", "sub/b.bin", "sub/ä.txt", "z/*"]) == digest_by_hand(FILES)


@pytest.mark.parametrize("make", [as_folder, as_zip])
def test_a_set_is_found_wherever_its_folder_lies(tmp_path, make):
    files = {f"Repo-7aa31/data/set/{k}": v for k, v in FILES.items()} | {
        "Repo-7aa31/train/set2/a.txt": b"other"
    }
    tree = Tree(make(tmp_path / "archive.zip", files)).below("data/set")
    assert tree.names() == sorted(FILES)
    assert tree.read("sub/b.bin") == FILES["sub/b.bin"]
    assert tree.name == "set"
    assert tree.digest() == digest_by_hand(FILES)


@pytest.mark.parametrize("make", [as_folder, as_zip])
def test_a_folder_that_is_missing_or_there_twice_is_told(tmp_path, make):
    tree = Tree(make(tmp_path / "twice.zip", {"a/set/x": b"1", "b/set/x": b"2"}))
    with pytest.raises(DatasetError, match=r"holds 2 folder\(s\) 'set'"):
        tree.below("set")
    with pytest.raises(DatasetError, match=r"holds no folder\(s\) 'none'"):
        tree.below("none")


@pytest.mark.parametrize("make", [as_folder, as_zip])
def test_wrapping_folders_are_descended(tmp_path, make):
    wrapped = Tree(make(tmp_path / "w.zip", {f"one/two/{k}": v for k, v in FILES.items()})).descend()
    assert wrapped.names() == sorted(FILES)
    flat = Tree(make(tmp_path / "f.zip", FILES))
    assert flat.descend() == flat


def test_names_keep_to_their_folder(tmp_path):
    tree = Tree(as_zip(tmp_path / "a.zip", {"set/x": b"1", "set2/y": b"2"})).below("set")
    assert tree.names() == ["x"]


def test_a_replaced_archive_is_read_anew(tmp_path):
    path = as_zip(tmp_path / "a.zip", {"x": b"old"})
    assert Tree(path).read("x") == b"old"
    as_zip(path, {"x": b"new!"})
    os.utime(path, ns=(1, 1))
    assert Tree(path).read("x") == b"new!"


def test_what_cannot_be_read_is_told(tmp_path):
    not_zip = tmp_path / "not.zip"
    not_zip.write_bytes(b"hello")
    with pytest.raises(DatasetError, match="neither a folder nor a whole zip archive"):
        Tree(not_zip).names()
    with pytest.raises(DatasetError, match="neither a folder nor a whole zip archive"):
        Tree(tmp_path / "none.zip").names()
    with pytest.raises(DatasetError, match="cannot read none in"):
        Tree(as_zip(tmp_path / "a.zip", FILES)).read("none")
    with pytest.raises(DatasetError, match="cannot read none in"):
        Tree(as_folder(tmp_path / "f", FILES)).read("none")


def test_a_damaged_member_is_told(tmp_path):
    path = as_zip(tmp_path / "a.zip", {"x": b"content of x"})
    path.write_bytes(path.read_bytes().replace(b"content of x", b"content 0f x"))
    with pytest.raises(DatasetError, match=r"cannot read x in .*CRC"):
        Tree(path).read("x")


def test_a_member_that_claims_too_much_is_refused(tmp_path):
    path = as_zip(tmp_path / "bomb.zip", {"x": b"small"})
    data = path.read_bytes()
    at = data.rfind(b"PK\x01\x02") + 24
    path.write_bytes(data[:at] + (MAX_MEMBER + 1).to_bytes(4, "little") + data[at + 4 :])
    with pytest.raises(DatasetError, match=f"{MAX_MEMBER} are read at most"):
        Tree(path).read("x")


def test_closing_archives_lets_go_of_the_file(tmp_path):
    path = as_zip(tmp_path / "a.zip", FILES)
    Tree(path).read("a.txt")
    close_archives()
    held = Path("/proc/self/fd")
    if held.is_dir():
        assert path not in [link.resolve() for link in held.iterdir()]
    assert Tree(path).read("a.txt") == b"alpha"
