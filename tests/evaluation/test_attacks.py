"""The attacks on the keystream find what is planted, and find nothing in the controls.

The oracle for "which bytes share an unknown" is the cipher itself: encrypting zeros shows its keystream.
"""

import itertools
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from gctr.cipher import GctrParams, bucket_gcm_open, bucket_gcm_seal, bucket_layout
from gctr.datasets import load
from gctr.evaluation.attacks import boundaries, coincidence, cribs, panels, reuse, schemes, suite, views
from gctr.evaluation.attacks.known_background import (
    exact_p_value,
    keystream_slots,
    known_starts,
    recover,
    score_recovery,
)
from gctr.evaluation.attacks.posterior import Evidence, infer, log_bayes_factor, vote
from gctr.evaluation.attacks.tradeoff import measure_leakage
from tests.evaluation.attacked import HEIGHT, WIDTH, make_frame, make_plate

SEED = 5


@pytest.fixture(scope="module")
def plate():
    return make_plate()


@pytest.fixture(scope="module")
def frame():
    return make_frame()


@pytest.fixture(scope="module")
def payload(frame):
    return frame.region.cut(frame.image)


# --- what the attacker sees ------------------------------------------------------------------------------------


def test_a_region_puts_back_what_it_cut(frame, plate):
    pasted = frame.region.paste(frame.region.cut(frame.image), plate)
    inside = frame.region.mask()
    assert np.array_equal(pasted[inside], frame.image[inside])
    assert np.array_equal(pasted[~inside], plate[~inside])


def test_links_name_the_neighbours_and_nobody_outside():
    region = views.Region.of(np.array([[0, 0, 3, 2], [4, 1, 6, 4]], np.int32), (5, 6))
    place = {pixel: k for k, pixel in enumerate(region.pixels.tolist())}
    for k, pixel in enumerate(region.pixels.tolist()):
        y, x = divmod(pixel, 6)
        around = [(y, x - 1), (y, x + 1), (y - 1, x), (y + 1, x)]
        expected = [place.get(v * 6 + u, -1) if 0 <= u < 6 and 0 <= v < 5 else -1 for v, u in around]
        assert region.links()[k].tolist() == expected


def test_bucket_gcm_is_stripped_of_its_tags_alone(payload):
    stripped = schemes.encrypt("bucket_gcm", payload, SEED)
    assert stripped.size == payload.size
    drawn = np.random.default_rng([SEED, 0, 1]).bytes(56)
    layout = bucket_layout(drawn[40:], payload.size)
    sealed = bucket_gcm_seal(drawn[:32], drawn[32:40], drawn[40:], payload)
    assert bytes(stripped[: int(layout.lengths[0])]) == sealed[: int(layout.lengths[0])]
    assert bytes(stripped[-int(layout.lengths[-1]) :]) == sealed[-int(layout.lengths[-1]) - 16 : -16]
    assert bucket_gcm_open(drawn[:32], drawn[32:40], drawn[40:], sealed) == bytes(payload)


@pytest.mark.parametrize(
    "params",
    [
        GctrParams(),
        GctrParams(buckets=1),
        GctrParams(buckets=100),
        GctrParams(vector="group"),
        GctrParams(unit="byte"),
    ],
    ids=str,
)
def test_bytes_of_one_slot_share_one_keystream_byte(params):
    size = 5003
    keystream = schemes.encrypt("gctr", np.zeros(size, np.uint8), SEED, params=params)
    slots = keystream_slots(known_starts(schemes.layout_seed("gctr", SEED), size, params), size)
    for slot in np.unique(slots):
        assert len(set(keystream[slots == slot].tolist())) == 1
    # and no two slots do, but by chance: the attacker does not throw knowledge away
    first = np.unique(slots, return_index=True)[1]
    assert len(first) < 600 or np.mean(keystream[first][1:] == keystream[first][:-1]) < 0.02


# --- 1: coincidences -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def crowded():
    return make_frame(box=np.array([[0, 0, WIDTH, HEIGHT]], np.int32))


def test_one_raw_frame_betrays_gctr(crowded):
    payload = crowded.region.cut(crowded.image)
    for seed in range(20):
        assert coincidence.coincide(schemes.encrypt("gctr", payload, seed)).p_value < 1e-6


def test_controls_stay_at_chance_over_200_keys_and_a_weak_generator_is_caught(payload):
    table = panels.count_rejections(payload, seeds=200).set_index("mode")
    bound = binom.isf(1e-3 / 3, 200, 0.01)
    assert (table.loc[list(schemes.CONTROLS), "rejected"] <= bound).all()
    assert (table.loc[["gctr", "weak"], "rejected"] == 200).all()


def test_coincidences_are_counted_at_the_lag():
    data = np.array([1, 2, 3, 1, 2, 4], np.uint8)
    found = coincidence.coincide(data, lag=3)
    assert (found.equal, found.pairs) == (2, 3)
    with pytest.raises(ValueError, match="lag"):
        coincidence.coincide(data, lag=0)


# --- 2: boundaries ---------------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(st.integers(2, 8), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_cuts_are_the_best_of_all(n, buckets, seed):
    scores = np.triu(np.random.default_rng(seed).normal(size=(n + 1, n + 1)), 1)
    buckets = min(buckets, n)
    tried = itertools.combinations(range(1, n), buckets - 1)
    best = max(tried, key=lambda cuts: sum(scores[a, b] for a, b in itertools.pairwise([0, *cuts, n])))
    assert boundaries._best_cuts(scores, buckets, whole=True).tolist() == [0, *best]


def test_boundaries_are_found_without_the_seed(crowded, plate):
    payload = crowded.region.cut(crowded.image)
    sent, secret = schemes.encrypt("gctr", payload, SEED), schemes.layout_seed("gctr", SEED)
    alone = boundaries.score_boundaries(boundaries.find_boundaries(sent), secret, sent.size)
    known = boundaries.find_boundaries(sent, plate=crowded.region.cut(plate))
    helped = boundaries.score_boundaries(known, secret, sent.size)
    assert alone.p_value < 1e-6
    assert helped.share > 0.5
    assert helped.cuts == 4 * (payload.size // 1600)


@pytest.mark.parametrize("mode", schemes.CONTROLS)
def test_no_boundary_shows_in_the_controls(mode, payload, plate, frame):
    crib = frame.region.cut(plate)
    rejected = 0
    for seed in range(40):
        sent, secret = schemes.encrypt(mode, payload, seed), schemes.layout_seed(mode, seed)
        starts = boundaries.find_boundaries(sent, plate=crib if seed % 4 == 0 else None)
        rejected += boundaries.score_boundaries(starts, secret, sent.size).p_value < 0.01
    assert rejected <= binom.isf(1e-3, 40, 0.01)


def test_boundaries_lie_between_blocks():
    with pytest.raises(ValueError, match="block"):
        boundaries.find_boundaries(np.zeros(100, np.uint8), GctrParams(unit="byte"))


# --- 3 and 6: known background, smoothness ---------------------------------------------------------------------


def test_votes_are_the_sum_of_log_likelihood_ratios():
    rng = np.random.default_rng(3)
    c, b = rng.integers(0, 256, (2, 12), np.uint8)
    slots = np.arange(12, dtype=np.int32) % 2
    scores = vote(Evidence(c, b, slots, np.full((4, 4), -1, np.int32)), scale=5.0, background=0.25)
    shape = np.exp(-np.abs(np.arange(-511, 512)) / 5.0)
    density = 0.95 * shape / shape.sum() + 0.05 / 511
    for slot, v in itertools.product(range(2), (0, 1, 77, 255)):
        at = np.flatnonzero(slots == slot)
        differences = (c[at] ^ v).astype(int) - b[at]
        expected = np.log(0.25 * 256 * density[differences + 511] + 0.75).sum()
        assert scores[slot, v] == pytest.approx(expected, abs=1e-3)


def test_people_are_made_visible_from_ciphertext_and_plate(frame, plate):
    _, known = suite.attack_frames([frame], plate, "gctr", seed=SEED)
    _, unknown = suite.attack_frames([frame], plate, "gctr", seed=SEED, known=False)
    assert known.exact.item() >= 0.45
    assert known.gain.item() >= 0.2
    assert unknown.exact.item() >= 0.3
    assert known.evidence.item() > 1000


def test_equal_sized_messages_give_one_another_away(plate):
    frames = [make_frame(k) for k in range(6)]
    alone = [suite.attack_frames([frame], plate, "gctr", seed=SEED)[1].exact.item() for frame in frames]
    together = suite.attack_frames(frames, plate, "gctr", seed=SEED)[1].exact
    assert together.mean() > np.mean(alone)
    assert together.mean() > 0.9


@pytest.mark.parametrize("mode", schemes.CONTROLS)
def test_the_plate_gains_nothing_on_the_controls(mode, frame, plate):
    for seed in range(20):
        seen, scores = suite.attack_frames([frame], plate, mode, seed=seed)
        assert seen.evidence < 0
        assert np.array_equal(seen.images[0], plate)
        assert (scores.gain.item(), scores.exact.item()) == (0.0, 0.0)


@pytest.mark.parametrize("mode", schemes.CONTROLS)
def test_who_insists_on_a_control_sees_noise(mode, frame, plate):
    _, scores = suite.attack_frames([frame], plate, mode, seed=SEED, sweeps=8, insist=True)
    wanted = 3 * scores.foreground.item()
    assert scores.exact_bytes.item() * wanted <= binom.isf(1e-4, wanted, 1 / 128)
    assert scores.exact.item() < 0.01
    assert scores.gain.item() < 0


def test_a_weak_generator_is_seen_through(frame, plate):
    seen, scores = suite.attack_frames([frame], plate, "weak", seed=SEED)
    assert seen.evidence > 1000
    assert scores.exact.item() > 0.9


def test_smoothness_alone_shows_people_and_nothing_of_the_controls(frame, plate):
    table = suite.see_without_plate(frame, plate, SEED, 20).table.set_index("mode")
    assert table.exact["gctr"] > 0.03
    assert table.p_value["gctr"] < 1e-6
    assert (table.exact[list(schemes.CONTROLS)] < 0.001).all()
    assert table.outlines_p["gctr"] < 0.01
    assert (table.outlines[list(schemes.CONTROLS)] < table.outlines["gctr"] / 2).all()


def test_recovery_is_the_same_each_time(frame, plate):
    first, again = (suite.attack_frames([frame], plate, "gctr", seed=SEED, sweeps=8)[0] for _ in range(2))
    assert np.array_equal(first.images[0], again.images[0])


def test_few_sweeps_still_count_every_slot(frame, plate):
    _, scores = suite.attack_frames([frame], plate, "weak", seed=SEED, sweeps=6)
    assert scores.exact.item() > 0.5


def test_scores_of_a_perfect_and_of_no_recovery(frame, plate):
    scores = score_recovery([frame, frame], [frame.image, plate], plate)
    assert scores.exact.tolist() == [1.0, 0.0]
    assert scores.ssim[0] == pytest.approx(1.0)
    assert scores.gain[1] == 0.0


def test_a_share_of_exact_pixels_is_judged_against_guessing_and_none_is_no_evidence(frame, plate):
    assert exact_p_value(0.1, 20) == pytest.approx(binom.sf(1, 20, 2.0**-24))
    empty = frame._replace(image=plate)  # nothing differs from the plate: there is no pixel to be exact
    assert suite.see_without_plate(empty, plate, SEED, 4).table.p_value.tolist() == [1.0] * 4


def test_nothing_sent_is_nothing_seen(plate):
    region = views.Region.of(np.empty((0, 4), np.int32), (HEIGHT, WIDTH))
    seen = recover([np.empty(0, np.uint8)], [region], plate)
    assert np.array_equal(seen.images[0], plate)


def test_a_vote_needs_a_plate():
    evidence = Evidence(np.zeros(3, np.uint8), None, np.zeros(3, np.int32), np.full((1, 4), -1, np.int32))
    with pytest.raises(ValueError, match="plate"):
        vote(evidence)
    assert infer(evidence, sweeps=4).plaintext.size == 3


def test_evidence_of_random_bytes_is_against_repetition():
    rng = np.random.default_rng(0)
    c, b = rng.integers(0, 256, (2, 4800), np.uint8)
    slots = keystream_slots(np.arange(0, 4800, 320), 4800)
    assert log_bayes_factor(vote(Evidence(c, b, slots, np.full((1600, 4), -1, np.int32)))) < 0


def test_leakage_grows_with_the_bucket(frame, plate):
    settings_ = [GctrParams(buckets=b) for b in (100, 10, 1)]
    curve = measure_leakage([frame], plate, settings_, seed=SEED, sweeps=16)
    assert curve.exact[0] == 0.0
    assert curve.exact.is_monotonic_increasing
    assert curve.exact[2] > 0.5


# --- 4 and 5: cribs and equal sizes ----------------------------------------------------------------------------


def test_a_true_crib_opens_its_buckets_and_nothing_else():
    rng = np.random.default_rng(4)
    plaintext, size = rng.integers(0, 256, 4000, np.uint8), 4000
    known = np.arange(size) < 16
    starts = known_starts(schemes.layout_seed("gctr", SEED), size)
    gain = cribs.measure_crib(plaintext, schemes.encrypt("gctr", plaintext, SEED), known, plaintext, starts)
    assert gain.opened == gain.right == starts[1] - 16  # the rest of the first bucket


@pytest.mark.parametrize("mode", schemes.CONTROLS)
def test_a_crib_opens_nothing_of_the_controls(mode):
    rng = np.random.default_rng(4)
    plaintext, known = rng.integers(0, 256, 4000, np.uint8), np.arange(4000) < 16
    rejected = 0
    for seed in range(200):
        starts = known_starts(schemes.layout_seed(mode, seed), 4000)
        sent = schemes.encrypt(mode, plaintext, seed)
        rejected += cribs.measure_crib(plaintext, sent, known, plaintext, starts).p_value < 0.01
    assert rejected <= binom.isf(1e-3, 200, 0.01)


def test_cribs_of_real_payloads(frame, plate):
    bodies = [np.frombuffer(b"same header " * 3 + bytes([k]) * 900, np.uint8) for k in range(4)]
    table = cribs.crib_table([frame], plate, bodies, SEED).set_index(["payload", "mode"])
    assert (table.right_share.xs("gctr", level="mode")[["JPEG object crop", "H.264 message"]] > 0.99).all()
    assert table.right_share["raw ROI frame", "gctr"] > 0.1
    assert (table.right_share.drop("gctr", level="mode") < 0.05).all()


@given(st.lists(st.integers(1, 40), min_size=1, max_size=30), st.booleans())
def test_collisions_are_those_of_all_pairs(sizes, counted):
    seeds = [k if counted else 0 for k in range(len(sizes))]
    values = [s ^ size for s, size in zip(seeds, sizes, strict=True)]
    pairs = sum(a == b for a, b in itertools.combinations(values, 2))
    found = reuse.count_collisions(sizes, counted=counted)
    assert found.pairs == pairs
    assert found.repeated == len(values) - len(set(values))


def test_messages_of_one_size_share_their_keystream_under_gctr_alone(payload):
    other = make_frame(3)
    second = other.region.cut(other.image)
    table = panels.equal_size_table(payload, second, SEED).set_index("mode")
    assert table.read["gctr"] == 1.0
    assert (table.read[list(schemes.CONTROLS)] < 0.05).all()
    assert table.p_value["gctr"] < 1e-6
    assert (table.p_value[list(schemes.CONTROLS)] > 1e-3).all()


def test_a_two_time_pad_needs_one_size():
    with pytest.raises(ValueError, match="one size"):
        reuse.two_time_pad(np.zeros(3, np.uint8), np.zeros(4, np.uint8), np.zeros(3, np.uint8))


# --- real footage ----------------------------------------------------------------------------------------------


@pytest.mark.skipif(
    "GCTR_DATA" not in os.environ, reason="GCTR_DATA names no mirror of the public sets; CI has one"
)
def test_people_of_pets_are_made_visible():
    footage = suite.prepare(load("pets2009-s2l1").head(80), 2)
    sight = suite.see_through(footage.chosen, footage.plate, SEED, 40).table.set_index("attacker")
    assert sight.exact["knows the layout"].mean() >= 0.45
    assert sight.gain["knows the layout"].mean() >= 0.2
    assert sight.exact["does not know it"].mean() >= 0.35
    assert (sight.gain["weighs the evidence"] == 0).all()
    assert (sight.exact["insists"] < 0.001).all()
