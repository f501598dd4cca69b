"""How to add a dataset: open a known layout as it is, register a set to share it, make a `Clip` of anything else.

1. *Your own footage*: `load("folder")`. datasets/README.md lists the layouts. Notebooks take the path as they take a
   name: `gctr run 02_roi --dataset folder`.
2. *A public set*: an entry in datasets/registry.toml with licence, citation and checksum. From then on it has a name,
   is downloaded once, verified on every use, and stands in the provenance of every result.
3. *A layout that gctr does not know*: make a `Clip`. Everything in gctr takes one. To register sets in that layout,
   name it in `gctr.datasets.registry.Layout` and give its opener a line in `gctr.datasets.loading`.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from gctr.datasets import Clip, DatasetError, Truth, box_table, check, load
from gctr.datasets.registry import load_registry
from gctr.datasets.trees import Tree
from gctr.vision.roi import find_boxes
from gctr.vision.running import RunningBackground

WIDTH, HEIGHT, FRAMES = 64, 48, 12


def scene(k: int) -> np.ndarray:
    """Frame k: a bright square walks over a grey yard."""
    image = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    image[16:32, 2 * k + 8 : 2 * k + 24] = (40, 180, 220)
    return image


@pytest.fixture
def yard(tmp_path: Path) -> Path:
    """Return a sequence in the layout of MOTChallenge, as many trackers write it: everything counts from 1."""
    folder = tmp_path / "data" / "yard"
    (folder / "img1").mkdir(parents=True)
    (folder / "gt").mkdir()
    for k in range(FRAMES):
        cv2.imwrite(str(folder / f"img1/{k + 1:06d}.png"), scene(k))
    rows = [f"{k + 1},1,{2 * k + 9},17,16,16,1,1,1" for k in range(FRAMES)]
    (folder / "gt/gt.txt").write_text("\n".join(rows))
    (folder / "seqinfo.ini").write_text("[Sequence]\nframeRate=10\nimDir=img1\n")
    return folder


# 1. Your own footage.
def test_a_folder_in_a_known_layout_needs_nothing(yard):
    clip = load(yard)
    assert (clip.fps, clip.resolution_wh, clip.n_frames) == (10, (WIDTH, HEIGHT), FRAMES)
    assert np.array_equal(clip.read()[3], scene(3))
    box = clip.truth.boxes.query("frame == 3").iloc[0]
    assert (box.x0, box.y0, box.x1, box.y1) == (14, 16, 30, 32)  # counts from 0, x1 and y1 exclusive


# 2. A public set: an entry in datasets/registry.toml. A checksum of content survives repacking the archive.
ENTRY = """
[models]

[datasets.yard]
title = "A yard: one square crosses it, 12 frames of 64x48"
layout = "pictures"
licence = "CC0"
citation = "Its maker, 2026"
truth = "one box a frame"

[[datasets.yard.files]]
path = "yard.zip"
size = 20000
folder = "yard"
tree_sha256 = "{digest}"
url = "https://example.org/yard.zip"
"""


@pytest.fixture
def registered(yard: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Put the entry into a registry of the test's own; in gctr it is a few lines at the end of the file."""
    digest = Tree(yard).digest()
    (tmp_path / "registry.toml").write_text(ENTRY.format(digest=digest))
    monkeypatch.setattr("gctr.datasets.registry.share", lambda name: tmp_path)
    monkeypatch.setenv("GCTR_DATA", str(yard.parent))  # where the set lies already: nothing is downloaded
    monkeypatch.setenv("GCTR_CACHE", str(tmp_path / "cache"))
    load_registry.cache_clear()
    yield yard
    load_registry.cache_clear()


def test_a_registered_set_has_a_name_a_checksum_and_its_truth(registered):
    clip = load("yard")
    assert clip.name == "yard"
    assert clip.sha256 == Tree(registered).digest()
    assert np.array_equal(clip.read()[5], scene(5))
    assert len(clip.truth.boxes) == FRAMES
    assert check("yard").ok


def test_one_changed_pixel_is_refused(registered):
    image = scene(4)
    image[0, 0] += 1
    cv2.imwrite(str(registered / "img1/000005.png"), image)
    with pytest.raises(DatasetError, match="SHA-256"):
        load("yard")
    assert check("yard").ok is False


# 3. A layout that gctr does not know: here, one array in a file.
def show(path: Path) -> Iterator[tuple[float, np.ndarray]]:
    """Yield (seconds, frame); a function of the module and no closure, so that a clip can go to another process."""
    frames = np.load(path, mmap_mode="r")  # lazy: a clip may be larger than the memory
    return ((k / 10, np.array(frame)) for k, frame in enumerate(frames))


def open_array(path: Path) -> Clip:
    """Open an .npy file of (T, H, W, 3) uint8 BGR."""
    n_frames, height, width, _ = np.load(path, mmap_mode="r").shape
    rows = [(k, 1, 2 * k + 8, 16, 2 * k + 24, 32, "square", None) for k in range(n_frames)]
    return Clip(
        name=path.name,
        fps=10.0,
        resolution_wh=(width, height),
        n_frames=n_frames,
        open_timed=partial(show, path),
        truth=Truth(boxes=box_table(rows)),
    )


def test_a_clip_of_ones_own_serves_the_whole_suite(tmp_path):
    path = tmp_path / "yard.npy"
    np.save(path, np.stack([scene(k) for k in range(FRAMES)]))
    clip = open_array(path)
    assert np.array_equal(next(iter(clip)), next(iter(clip))), "each iteration opens the source anew"
    assert clip.head(5).truth.boxes["frame"].max() == 4

    model = RunningBackground(np.full((HEIGHT, WIDTH, 3), 90, np.uint8))
    for k, frame in enumerate(clip):
        truth = clip.truth.boxes.query("frame == @k").iloc[0]
        covered = [b for b in find_boxes(model.apply(frame)) if b[0] <= truth.x0 and b[2] >= truth.x1]
        assert covered, f"the square of frame {k} is in no region of interest"
