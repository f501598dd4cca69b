"""Attacks on masks: right on known answers, chance where there is nothing, success where there is."""

import numpy as np
import pandas as pd
import pytest
import scipy.linalg

from gctr.datasets import load_faces
from gctr.evaluation import exposure as ex
from gctr.evaluation.leakage import (
    attack,
    attack_faces,
    attack_sealed,
    by_size,
    cut_portraits,
    enlarge,
    summary,
    take_faces,
)
from gctr.evaluation.leakage_undo import fuse, reconstruct
from gctr.evaluation.matchers import as_vectors, cosine_matcher, discriminants, eigenfaces, fisherfaces
from gctr.parties.keys import padded_length
from gctr.vision.masking import MaskStyle


@pytest.fixture(scope="module")
def faces():
    return take_faces(load_faces("orl-faces"), 24)


def test_discriminants_solve_the_generalised_eigenproblem():
    rng = np.random.default_rng(1)
    who = np.repeat(np.arange(4), 30)
    x = rng.normal(size=(120, 6)) + rng.normal(size=(4, 6))[who] * 2
    means = np.stack([x[who == k].mean(axis=0) for k in range(4)])
    within = (x - means[who]).T @ (x - means[who])
    within += np.eye(6) * 1e-2 * np.trace(within) / 6
    between = (means[who] - x.mean(axis=0)).T @ (means[who] - x.mean(axis=0))
    _, expected = scipy.linalg.eigh(between, within)
    found = discriminants(x, who)
    angles = scipy.linalg.subspace_angles(found, expected[:, -3:])
    assert np.abs(angles).max() < 1e-6


def test_people_who_look_alike_give_no_direction_that_rounding_decides():
    """Behind a solid mask many look the same; another processor's last bit must not name them."""
    rng = np.random.default_rng(3)
    looks, who = rng.normal(size=(3, 40)) * 20, np.repeat(np.arange(6), 8)
    gallery = looks[who // 2] + rng.normal(size=(8, 40))[np.tile(np.arange(8), 6)]
    assert discriminants(gallery, who).shape[1] == 2  # six people, but three looks
    probes = looks[who // 2] + rng.normal(size=(48, 40))
    nudged = gallery + 1e-11 * rng.normal(size=gallery.shape)
    both = [fisherfaces(known, who, probes) for known in (gallery, nudged)]
    np.testing.assert_allclose(both[0], both[1], atol=1e-6)
    assert discriminants(np.tile(looks[0], (48, 1)), who).shape[1] == 0


def test_known_answers_of_an_attack():
    gallery, who = np.eye(3), np.array([0, 1, 2])
    right = attack(cosine_matcher, gallery, who, gallery, who)
    assert right.rank1.tolist() == [1, 1, 1] and right.tar[1e-2].tolist() == [1, 1, 1]
    wrong = attack(cosine_matcher, gallery, who, gallery, np.array([1, 2, 0]))
    assert wrong.rank1.tolist() == [0, 0, 0]
    tied = attack(cosine_matcher, np.ones((3, 3)), who, np.ones((3, 3)), who)
    np.testing.assert_allclose(tied.rank1, 1 / 3)
    np.testing.assert_allclose(tied.tar[1e-2], 0.01)


def test_sizes_alone_are_matched():
    sizes = np.array([[100.0], [200.0]])
    assert by_size(sizes, np.array([0, 1]), np.array([[190.0]])).argmax() == 1


def test_random_features_are_at_chance():
    rng = np.random.default_rng(2)
    who = np.repeat(np.arange(40), 5)
    found = summary(attack(fisherfaces, rng.normal(size=(200, 64)), who, rng.normal(size=(200, 64)), who))
    assert found["at_chance"] and found["low"] <= 1 / 40 <= found["high"]


def test_to_name_the_one_who_is_seen_most_is_chance():
    who, truth = np.array([0, 1, 2]), np.repeat([0, 1, 2], [16, 2, 2])
    stubborn = attack(
        lambda gallery, who, probes: np.tile(who == 0, (len(probes), 1)), who, who, truth, truth
    )
    found = summary(stubborn)
    assert found["rank1"] == pytest.approx(0.8) and found["chance"] == 0.8 and found["at_chance"]


def test_solid_is_at_chance_and_blur_and_pixelate_are_not(faces):
    styles = {
        "solid": MaskStyle(),
        "blur": MaskStyle("blur", sigma=0.4),
        "pixelate": MaskStyle("pixelate", cells=4),
    }
    table = attack_faces(faces, styles, {"fisherfaces": fisherfaces, "eigenfaces": eigenfaces}, draws=300)
    assert table.loc[table["mask"] == "solid", "at_chance"].all()
    parrot = table[(table.attack == "parrot") & (table.matcher == "fisherfaces")].set_index("mask")
    assert (parrot.loc[["blur", "pixelate"], "low"] > 0.2).all()


def test_sealed_is_at_chance_by_bytes_and_by_length(faces):
    table = attack_sealed(faces, draws=300)
    assert table.loc[table["mask"] == "sealed", "at_chance"].all()
    bare = table[(table["mask"] == "sealed, not padded") & (table["matcher"] == "length")]
    assert not bare["at_chance"].any()  # what the padding is for


def test_padding_bounds_the_cost_and_has_few_lengths():
    lengths = [padded_length(n) for n in range(1, 100_000, 37)]
    assert all(n <= padded for n, padded in zip(range(1, 100_000, 37), lengths, strict=True))
    assert max(p / n for n, p in zip(range(1, 100_000, 37), lengths, strict=True) if n > 256) < 1.42
    assert len(set(lengths)) < 30


def test_nothing_is_reconstructed_from_a_solid_mask(faces):
    gains = reconstruct(faces, {"solid": MaskStyle(), "blur": MaskStyle("blur", sigma=0.1)}).set_index("mask")
    assert gains.loc["solid", "psnr_gain"] == pytest.approx(0, abs=1e-6)
    assert gains.loc["blur", "low"] > 2


def test_fused_frames_tell_more_than_one(faces):
    pictures = [image for _, image in load_faces("orl-faces")][:60]
    clear = as_vectors(pictures)
    style = MaskStyle("pixelate", cells=6)
    error = [((as_vectors(fuse(pictures, 24, style, frames=n)) - clear) ** 2).mean() for n in (1, 8)]
    assert error[1] < 0.95 * error[0]


def faces_table(rows):
    return pd.DataFrame(rows, columns=["frame", "track_id", "x0", "y0", "x1", "y1"])


def test_exposure_counts_runs_and_people():
    table = faces_table([(k, 7, 10, 10, 20, 20) for k in range(6)] + [(0, 8, 40, 10, 50, 20)])
    boxes = [[(8, 8, 22, 22)] if k not in (2, 3, 5) else [] for k in range(6)]
    boxes[0].append((38, 8, 52, 22))
    share = ex.exposure(table, ex.shown_by_boxes(boxes, (60, 80)))
    found = ex.summarise(table, share)
    assert (found["faces"], found["exposed"], found["longest_run"], found["people_exposed"]) == (7, 3, 2, 1)
    half = ex.exposure(table[:1], ex.shown_by_boxes([[(10, 10, 15, 20)]], (60, 80)))
    assert half.iloc[0] == pytest.approx(0.5)


def test_one_picture_of_each_is_enlarged_and_more_are_not():
    images = [np.arange(240, dtype=np.uint8).reshape(12, 20) + k for k in range(3)]
    copies, who = enlarge(images, np.array(["a", "b", "c"]))
    assert who.tolist() == ["a"] * 4 + ["b"] * 4 + ["c"] * 4
    np.testing.assert_array_equal(copies[5], images[1][:, ::-1])
    np.testing.assert_array_equal(copies[7][:, 2:], images[1][:, :-2])  # shifted by a tenth of 20 px
    same, _ = enlarge(images, np.array(["a", "a", "b"]))
    assert len(same) == 3


def test_portraits_are_cut_to_the_face():
    photo = next(image for name, image in load_faces("orl-faces") if name == "s1")
    portrait = np.full((400, 400), 200, np.uint8)
    portrait[150:262, 160:252] = photo
    ((name, cut),) = cut_portraits([("s1", portrait)])
    assert name == "s1" and 70 <= cut.shape[1] <= 150 and 80 <= cut.shape[0] <= 180
