"""Faces cut out of coded video: who is attacked, with what, and that nothing under a solid mask is coded."""

import numpy as np
import pandas as pd
import pytest

from gctr.datasets.synthetic import synthetic_clip
from gctr.evaluation import exposure as ex
from gctr.evaluation.leakage_bodies import masked_bodies
from gctr.evaluation.leakage_scene import Cuts, attack_scene, best_of, cut_faces, sightings
from gctr.evaluation.matchers import cosine_matcher, eigenfaces
from gctr.parties.observer import CameraSettings
from gctr.vision.painters import MaskStyle


@pytest.fixture(scope="module")
def scene():
    clip = synthetic_clip(n_walkers=6, n_frames=36, fps=6.0, empty_seconds=0.0, face_px=(24.0, 60.0))
    timed = list(clip.timed())
    plate = clip.truth.background
    rows = sightings(ex.named_faces(clip, [frame for _, frame in timed]), clip.fps)
    return timed, plate, ex.observe(timed, plate), rows


def faces(rows):
    return pd.DataFrame(rows, columns=["frame", "track_id", "x0", "y0", "x1", "y1"])


def test_gallery_and_probes_are_a_second_apart_and_of_the_same_people():
    table = faces([(k, 1, 0, 0, 20, 24) for k in range(80)] + [(k, 2, 0, 0, 20, 12) for k in range(80)])
    rows = sightings(table, 10.0)
    assert set(rows["who"]) == {"1"}  # the other face is too small
    gallery, probes = rows[rows["gallery"]]["frame"], rows[~rows["gallery"]]["frame"]
    assert probes.min() - gallery.max() >= 10 and len(gallery) > 30 and len(probes) > 30


def test_who_is_seen_too_little_is_left_out():
    table = faces([(k, 1, 0, 0, 20, 24) for k in range(3)] + [(k, 2, 0, 0, 20, 24) for k in range(12)])
    rows = sightings(table, 25.0)
    assert set(rows["who"]) == {"2"}
    assert attack_scene({"clear": Cuts([], [])}, rows, {}).empty  # one person is nobody to be told from


def test_names_follow_the_face_not_its_place():
    rng = np.random.default_rng(3)
    people = rng.integers(0, 256, (4, 24, 20, 3), dtype=np.uint8)
    table = faces([(k, who, 0, 0, 20, 24) for k in range(20) for who in range(4)])
    rows = sightings(table, 5.0)
    seen = [people[int(who)] for who in rows["who"]]
    grey = [np.full((24, 20, 3), 96, np.uint8)] * len(seen)
    table = attack_scene(
        {"clear": Cuts(seen, seen), "solid": Cuts(grey, grey)}, rows, {"cosine": cosine_matcher}
    )
    found = best_of(table, ["mask", "attack", "video"]).set_index("mask")["rank1"]
    assert (found["clear"] == 1).all() and found["solid"].to_numpy() == pytest.approx(0.25)


def test_nothing_under_a_solid_mask_reaches_the_coder(scene):
    _, plate, seen, rows = scene
    rng = np.random.default_rng(4)
    changed = []
    for frame in seen:
        captured = frame.captured.copy()
        for cover in frame.covers:
            x0, y0, x1, y1 = cover.xyxy
            captured[y0:y1, x0:x1] = rng.integers(0, 256, (y1 - y0, x1 - x0, 3))
        changed.append(frame._replace(captured=captured))
    for before, after in zip(
        cut_faces(seen, plate, rows, MaskStyle()), cut_faces(changed, plate, rows, MaskStyle()), strict=True
    ):
        assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_coded_faces_are_named_unmasked_and_not_behind_a_solid_mask(scene):
    _, plate, seen, rows = scene
    cuts = {
        name: cut_faces(seen, plate, rows, style) for name, style in (("clear", None), ("solid", MaskStyle()))
    }
    table = attack_scene(cuts, rows, {"eigenfaces": eigenfaces}, draws=300)
    held = table[table["video"] == "as held"].set_index(["mask", "attack"])
    assert held.loc[("clear", "naive"), "rank1"] > 2 * held.loc[("clear", "naive"), "chance"]
    assert held.loc["solid", "at_chance"].all()


def test_bodies_masked_again_are_those_of_a_camera_with_that_policy(scene):
    timed, plate, seen, _ = scene
    expected = ex.observe(timed, plate, CameraSettings(policy="body"))
    for again, frame in zip(masked_bodies(seen, plate), expected, strict=True):
        np.testing.assert_array_equal(again, frame.objects)
