"""The cache of a drawn scene: equal to what is drawn, never outdated, never damaged, and never in the way."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gctr.datasets import Clip, Truth, load, load_faces
from gctr.datasets.scene import cache
from gctr.datasets.scene.params import load_params
from gctr.datasets.scene.render import Scene
from gctr.datasets.synthetic import synthetic_clip

FRAMES = 6


def clip(*, cached: bool) -> Clip:
    return synthetic_clip("crowded", cache=cached).head(FRAMES)


def assert_equal(one: Clip, other: Clip) -> None:
    np.testing.assert_array_equal(one.read(), other.read())
    for table in ("boxes", "faces"):
        pd.testing.assert_frame_equal(
            getattr(one.truth, table), getattr(other.truth, table), check_exact=True
        )
    np.testing.assert_array_equal(one.truth.mask(FRAMES - 1), other.truth.mask(FRAMES - 1))
    np.testing.assert_array_equal(one.truth.background, other.truth.background)


@pytest.fixture(scope="module")
def drawn() -> Clip:
    """The clip as drawn, held in memory."""
    plain = clip(cached=False)
    tables = {name: getattr(plain.truth, name) for name in ("boxes", "faces", "background")}
    mask = plain.truth.mask(FRAMES - 1)
    return Clip.from_array("crowded", plain.read(), plain.fps, Truth(**tables, mask=lambda k: mask))


@pytest.fixture
def no_drawing(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("drawn again")

    def forbid() -> None:
        for name in ("raw_frame", "compose", "background"):
            monkeypatch.setattr(Scene, name, refuse)

    return forbid


def test_cached_footage_equals_drawn_footage_and_is_not_drawn_again(
    drawn: Clip, no_drawing: Callable[[], None]
) -> None:
    assert len(drawn.truth.boxes) > 5 and len(drawn.truth.faces) > 5
    assert_equal(clip(cached=True), drawn)
    no_drawing()
    assert_equal(clip(cached=True), drawn)


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b[:9], lambda b: b"", lambda b: b"x" + b[1:]])
def test_damaged_files_are_drawn_again_and_mended(
    drawn: Clip, own_cache: Path, no_drawing: Callable[[], None], damage: Callable[[bytes], bytes]
) -> None:
    assert_equal(clip(cached=True), drawn)
    for path in own_cache.glob("scenes/*/*"):
        path.write_bytes(damage(path.read_bytes()))
    assert_equal(clip(cached=True), drawn)
    no_drawing()
    assert_equal(clip(cached=True), drawn)


def test_a_cache_that_cannot_be_written_costs_time_only(drawn: Clip, own_cache: Path) -> None:
    own_cache.write_text("a file where the folder should be")
    assert_equal(clip(cached=True), drawn)


def test_load_caches_the_scenes_files_only(own_cache: Path) -> None:
    next(iter(load("synthetic", seed=3)))
    assert not own_cache.exists()
    next(iter(load("synthetic", scene="sparse")))
    next(iter(load("synthetic")))
    names = sorted(path.parent.name.rpartition("-")[0] for path in own_cache.glob("scenes/*/000000.jpg"))
    assert names == ["default", "sparse"]


def test_another_version_of_a_scene_replaces_it_and_leaves_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    params, large = load_params("faces-large", {}), load_params("faces-small", {})
    first, other = cache.scene_cache(params, tmp_path), cache.scene_cache(large, tmp_path)
    for files in (first, other):
        files.get("000000.jpg", lambda: b"picture")
    monkeypatch.setattr(cache, "_LIBRARIES", {"numpy": "0"})
    again = cache.scene_cache(params, tmp_path)
    assert again.get("000000.jpg", lambda: b"new picture") == b"new picture"
    assert not first.folder.exists() and other.folder.exists()


def test_the_key_follows_parameters_and_code(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    params = load_params("default", {})
    keys = {cache.scene_digest(params), cache.scene_digest(replace(params, noise_sigma=2.0))}
    source = tmp_path / "datasets" / "scene" / "cache.py"
    source.parent.mkdir(parents=True)
    (tmp_path / "datasets" / "synthetic.py").write_text("")
    for text in ("x = 1", "x = 2"):
        source.write_text(text)
        monkeypatch.setattr(cache, "__file__", str(source))
        keys.add(cache.scene_digest(params))
    assert len(keys) == 4
    assert cache.scene_digest(load_params("default", {})) in keys


def test_a_clip_has_the_checksum_of_what_it_is_drawn_from() -> None:
    scene = synthetic_clip()
    assert scene.sha256 == cache.scene_digest(load_params("default", {})) == scene.head(3).sha256
    assert re.fullmatch(r"[0-9a-f]{64}", scene.sha256)
    assert synthetic_clip(seed=7).sha256 not in (scene.sha256, None)
    orl_face = load_faces("orl-faces")[0][1]
    assert synthetic_clip(faces=[("somebody", orl_face)]).sha256 is None, "nobody knows what these are"
