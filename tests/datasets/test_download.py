"""Downloads from a loopback server: whole and right, or nothing; and from nowhere else."""

import errno
import io
import logging
import shutil
import zipfile

import pooch
import pytest

from gctr.datasets import check, fetch, load, model_path
from gctr.datasets.clip import DatasetError
from gctr.datasets.store import cache_folder
from gctr.datasets.trees import Tree
from tests.datasets.conftest import model_registry, picture

DATA = bytes(range(256)) * 4000

pytestmark = pytest.mark.usefixtures("no_mirror")


@pytest.fixture(autouse=True)
def quiet_pooch(monkeypatch):
    monkeypatch.setattr(pooch.get_logger(), "level", logging.WARNING)


def model_at(url: str) -> str:
    return model_registry(url, "sub/net.onnx", DATA)


def left_in_cache() -> list[str]:
    return sorted(p.name for p in cache_folder().rglob("*") if p.is_file())


def test_a_download_is_verified_kept_and_not_repeated(server, use_registry, capfd):
    server.files["net.onnx"] = DATA
    use_registry(model_at(f"{server.url}/whole/net.onnx"))
    assert check("net").ok is None
    report = fetch("net")
    assert report.ok is True
    assert report.paths == [cache_folder() / "sub/net.onnx"]
    assert report.paths[0].read_bytes() == DATA
    assert "100%" in capfd.readouterr().err  # the progress bar
    assert model_path("net") == report.paths[0]
    assert server.seen == ["/whole/net.onnx"]
    assert left_in_cache() == ["net.onnx"]


def test_progress_can_be_silent(server, use_registry, capfd):
    server.files["net.onnx"] = DATA
    use_registry(model_at(f"{server.url}/whole/net.onnx"))
    fetch("net", progress=False)
    assert "%" not in capfd.readouterr().err


@pytest.mark.parametrize(
    ("path", "data", "says"),
    [
        ("half/net.onnx", DATA, "failed: "),  # the server dies half-way
        ("cut/net.onnx", DATA, "does not match"),  # half a file that calls itself whole
        ("whole/net.onnx", DATA[::-1], "does not match"),  # other bytes
        ("whole/net.onnx", b"", "does not match"),
        ("whole/none.onnx", DATA, "404"),
    ],
)
def test_a_download_that_fails_is_told_and_leaves_nothing(server, use_registry, path, data, says):
    server.files["net.onnx"] = data
    use_registry(model_at(f"{server.url}/{path}"))
    with pytest.raises(DatasetError, match=says) as caught:
        fetch("net", progress=False)
    assert f"{server.url}/{path}" in str(caught.value)
    assert "GCTR_DATA" in str(caught.value)
    assert left_in_cache() == []
    assert server.seen == [f"/{path}"]  # asked once, and nobody else
    assert check("net").ok is None


def test_an_address_that_does_not_answer_is_told(use_registry):
    use_registry(model_at("http://127.0.0.1:9/net.onnx"))
    with pytest.raises(
        DatasetError, match=r"downloading sub/net.onnx from http://127.0.0.1:9/net.onnx failed"
    ):
        fetch("net", progress=False)


def test_a_failed_download_succeeds_the_next_time(server, use_registry):
    server.files["net.onnx"] = DATA[:-1]
    use_registry(model_at(f"{server.url}/whole/net.onnx"))
    with pytest.raises(DatasetError):
        fetch("net", progress=False)
    server.files["net.onnx"] = DATA
    assert fetch("net", progress=False).ok is True


def test_a_wrong_file_in_the_cache_is_told_not_replaced(server, use_registry):
    server.files["net.onnx"] = DATA
    use_registry(model_at(f"{server.url}/whole/net.onnx"))
    wrong = cache_folder() / "sub/net.onnx"
    wrong.parent.mkdir(parents=True)
    wrong.write_bytes(b"wrong")
    with pytest.raises(DatasetError, match="remove it and get it again"):
        fetch("net", progress=False)
    assert server.seen == []
    wrong.unlink()
    assert fetch("net", progress=False).ok is True


def test_a_full_disk_leaves_nothing(server, use_registry, monkeypatch):
    server.files["net.onnx"] = DATA
    use_registry(model_at(f"{server.url}/whole/net.onnx"))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "move", full)
    with pytest.raises(DatasetError, match="No space left on device"):
        fetch("net", progress=False)
    assert left_in_cache() == []


# --- a set out of a publisher's archive -----------------------------------------------------------------------

MEMBERS = ["input/in*.png", "groundtruth/gt*.png", "ROI.bmp", "temporalROI.txt"]


def cdnet_registry(url: str, tree_sha256: str) -> str:
    return f"""
[models]
[datasets.made-up]
title = "t"
layout = "pictures"
licence = "l"
fps = 20
[[datasets.made-up.files]]
path = "made_up.zip"
size = 1
folder = "highway"
source_folder = "sets/highway"
members = {MEMBERS}
tree_sha256 = "{tree_sha256}"
url = "{url}"
"""


def publisher_archive(root) -> bytes:
    """A repository's archive: the set, a smaller set of the same name, and what nobody asked for."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(root.rglob("*")):
            archive.write(path, f"Repo-7aa31e2e/sets/highway/{path.relative_to(root)}")
        archive.writestr("Repo-7aa31e2e/sets/highway/input/Thumbs.db", b"junk")
        archive.writestr("Repo-7aa31e2e/train/highway/input/in000001.png", b"another")
    return buffer.getvalue()


def test_of_an_archive_the_set_is_kept_and_verified_by_content(server, use_registry, cdnet_set):
    server.files["main"] = publisher_archive(cdnet_set)
    expected = Tree(cdnet_set).digest(MEMBERS)
    use_registry(cdnet_registry(f"{server.url}/whole/main", expected))
    clip = load("made-up")
    assert (clip.name, clip.fps, clip.n_frames, clip.sha256) == ("made-up", 20, 6, expected)
    assert (clip.read() == [picture(k) for k in range(6)]).all()
    assert left_in_cache() == ["made_up.zip"]
    kept = zipfile.ZipFile(cache_folder() / "made_up.zip").namelist()
    assert len(kept) == 14
    assert all(name.startswith("highway/") for name in kept)
    load("made-up")
    assert server.seen == ["/whole/main"]


@pytest.mark.parametrize("fault", ["changed", "half", "cut", "empty", "no set"])
def test_an_archive_that_is_not_right_leaves_nothing(server, use_registry, cdnet_set, fault):
    expected = Tree(cdnet_set).digest(MEMBERS)
    if fault == "changed":
        (cdnet_set / "temporalROI.txt").write_text("1 6\n")
    data = publisher_archive(cdnet_set)
    server.files["main"] = {"empty": b"", "no set": publisher_archive(cdnet_set / "input")}.get(fault, data)
    kind = fault if fault in ("half", "cut") else "whole"
    use_registry(cdnet_registry(f"{server.url}/{kind}/main", expected))
    with pytest.raises(DatasetError, match=r"downloading made_up\.zip from"):
        fetch("made-up", progress=False)
    assert left_in_cache() == []
    assert [p for p in cache_folder().iterdir() if p.name.startswith(".download")] == []
