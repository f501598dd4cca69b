"""Quality and rates against independent oracles; the ledger against its parts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from gctr.datasets import Clip, Truth
from gctr.datasets.clip import box_table
from gctr.evaluation import bandwidth
from gctr.evaluation.bdrate import bd_rate, rate_at
from gctr.evaluation.conditions import compare_gops, ratios_over_time
from gctr.evaluation.material import add_noise
from gctr.evaluation.material import prepare as material_of
from gctr.evaluation.quality import frame_quality, pooled_psnr, seam_ring, ssim_map, truth_objects
from gctr.evaluation.storage import measure_floor
from gctr.vision.background import boxes_to_mask
from gctr.vision.encoders import FULL, encode


@pytest.fixture
def planes():
    rng = np.random.default_rng(5)
    base = rng.integers(0, 256, (40, 48)).astype(np.float64)
    smooth = (base + np.roll(base, 1, 0) + np.roll(base, 1, 1)) / 3
    noisy = np.clip(smooth + rng.normal(0, 6, base.shape), 0, 255)
    return smooth.astype(np.uint8), noisy.astype(np.uint8)


def test_psnr_and_ssim_equal_skimage(planes):
    a, b = planes
    expected = peak_signal_noise_ratio(a, b, data_range=255)
    assert pooled_psnr([b], [a], [None]) == pytest.approx(expected)
    _, expected_map = structural_similarity(
        a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255, full=True
    )
    np.testing.assert_allclose(ssim_map(a, b)[8:-8, 8:-8], expected_map[8:-8, 8:-8], atol=2e-4)


def test_psnr_is_pooled_not_averaged(planes):
    a, b = planes
    mask = np.zeros(a.shape, bool)
    mask[:10] = True
    both = pooled_psnr([a, b], [a, a], [mask, mask])
    one = pooled_psnr([b], [a], [mask])
    assert both == pytest.approx(one + 10 * np.log10(2))
    assert pooled_psnr([a], [a], [mask]) == float("inf")
    assert np.isnan(pooled_psnr([b], [a], [np.zeros(a.shape, bool)]))


def test_what_counts_as_object():
    plate = np.full((20, 20), 100, np.uint8)
    luma = plate.copy()
    luma[5:15, 5:15] = 130
    luma[0, 0] = 200
    truth = truth_objects(luma, plate, np.array([[3.2, 4.0, 9.5, 30.0]]))
    expected = np.zeros((20, 20), bool)
    expected[5:15, 5:10] = True
    np.testing.assert_array_equal(truth, expected)


def test_the_seam_is_a_ring():
    mask = np.zeros((40, 40), bool)
    mask[10:30, 10:30] = True
    ring = seam_ring(mask, 2)
    assert ring[10, 20]
    assert ring[8, 20]
    assert not ring[20, 20]
    assert not ring[5, 20]


@settings(max_examples=50, deadline=None)
@given(st.floats(0.2, 4), st.integers(0, 1000))
def test_bd_rate_of_a_scaled_curve_is_the_scale(scale, seed):
    rng = np.random.default_rng(seed)
    quality = np.cumsum(rng.uniform(0.5, 2, 5)) + 30
    rates = np.exp(np.cumsum(rng.uniform(0.05, 0.4, 5))) * 1000
    assert bd_rate(rates * scale, quality, rates, quality) == pytest.approx(scale - 1, abs=1e-9)
    assert rate_at(rates, quality, quality[2]) == pytest.approx(rates[2])


def test_bd_rate_against_a_closed_form_and_outside_the_range():
    quality = np.linspace(30, 40, 6)
    steeper = bd_rate(np.exp(quality / 5), quality, np.exp(quality / 5 + 0.1), quality)
    assert steeper == pytest.approx(np.exp(-0.1) - 1)
    assert np.isnan(rate_at([1, 2, 3], [30, 31, 32], 33))
    assert np.isnan(bd_rate([1, 2], [30, 31], [1, 2], [33, 34]))
    with pytest.raises(ValueError, match="two points"):
        rate_at([1], [30], 30)
    with pytest.raises(ValueError, match="take frames in which something moves"):
        rate_at([1, 2], [np.nan, np.nan], 30)


@pytest.fixture(scope="module")
def clip():
    """Two objects that walk over a textured scene for 24 frames, with truth."""
    rng = np.random.default_rng(11)
    scene = rng.integers(60, 180, (18, 24, 3)).repeat(8, axis=0).repeat(8, axis=1)
    scene = np.clip(scene + rng.normal(0, 2, scene.shape), 0, 255).astype(np.uint8)
    texture = rng.integers(0, 2, (56, 24, 1)) * np.uint8(200) + np.uint8(20)
    frames, rows = [], []
    for k in range(24):
        frame = scene.copy()
        for track, x, y in ((1, 10 + 3 * k, 40), (2, 150 - 4 * k, 70)):
            frame[y : y + 56, x : x + 24] = texture
            rows.append((k, track, x, y, x + 24, y + 56, "person", None))
        frames.append(frame)
    truth = Truth(boxes=box_table(rows), background=scene)
    return Clip.from_array("walkers", np.stack(frames), 25.0, truth)


@pytest.fixture(scope="module")
def material(clip):
    return material_of(clip)


def test_the_camera_sends_nearly_all_of_every_object(material):
    sent = sum((r.mask & o).sum() for r, o in zip(material.roi, material.objects, strict=True))
    assert sent > 0.97 * sum(o.sum() for o in material.objects) > 0
    assert np.mean([r.mask.mean() for r in material.roi]) < 0.3


def test_the_ledger_adds_up_and_the_roi_saves_at_equal_quality(material):
    plan = {("full", "live H.264"): (20, 26, 32), ("ROI", "live H.264"): (20, 26, 32)}
    table = bandwidth.sweep(material, plan, progress=False)
    parts = table[[f"{name}_per_frame" for name in ("video", "background", "metadata", "index", "sealing")]]
    np.testing.assert_allclose(parts.sum(axis=1), table["bytes_per_frame"])
    roi = table[table["kind"] == "ROI"]
    assert (
        roi[["background_per_frame", "metadata_per_frame", "index_per_frame", "sealing_per_frame"]] > 0
    ).all(axis=None)
    assert (table.groupby("kind")["psnr_object"].diff().dropna() < 0).all()
    at = float(table.groupby("kind")["psnr_object"].max().min()) - 1
    compared = bandwidth.ratios(table, at=at)
    assert len(compared) == 1
    assert 0 < compared["ratio"].iloc[0] < 3
    assert bandwidth.ratios(table, at=at, index=False)["ratio"].iloc[0] < compared["ratio"].iloc[0]


def test_a_shared_key_matters_more_the_more_often_a_segment_begins(material):
    found = compare_gops(material, [4, 12], [20, 32], at=35.0).set_index("gop")
    assert found.loc[4, "full"] > 1.5 * found.loc[12, "full"]
    assert found.loc[4, "ratio"] < 0.9 * found.loc[12, "ratio"]
    own = FULL["live H.264"].gop
    same = bandwidth.measure_full(material, "live H.264", 26, gop=own)
    assert same == bandwidth.measure_full(material, "live H.264", 26)


def test_stretches_of_one_kind_of_motion_agree_and_leave_the_plate_out(material):
    found = ratios_over_time(material, [20, 32], at=35.0, length=8)
    assert found["start"].tolist() == [0, 8, 16]
    assert found["ratio"].max() < 1.5 * found["ratio"].min()
    whole = compare_gops(material, [8], [20, 32], at=35.0)["ratio"].item()
    assert found["ratio"].median() < whole
    assert ratios_over_time(material, [20, 32], at=35.0, length=20)["start"].tolist() == [0]
    assert ratios_over_time(material, [20, 32], length=100)["ratio"].describe()["count"] == 0


def test_the_floor_of_whole_frames_is_what_the_empty_scene_costs(clip, material):
    preset = FULL["live H.264"]
    still = sum(map(len, encode([material.plate] * 24, preset, 24))) / 24
    full = bandwidth.measure_full(material, "live H.264", 24)["video_per_frame"]
    floor = measure_floor(material, 24)
    assert floor == pytest.approx(still, rel=0.02)
    assert floor < 0.8 * full
    assert measure_floor(material_of(clip, noise=5.0), 24) > 3 * floor


def test_stills_and_jpeg_video_are_measured_on_composed_pictures(material):
    plan = {("full", "MJPEG"): (60, 90), ("stills", "JPEG"): (60, 90), ("stills", "WebP"): (60, 90)}
    table = bandwidth.sweep(material, plan, progress=False)
    assert (table["psnr_object"] > 25).all()
    best = table[table["quality"] == 90].set_index(["kind", "form"])["bytes_per_frame"]
    assert best["stills", "JPEG"] < best["full", "MJPEG"]
    assert best["stills", "WebP"] < best["stills", "JPEG"]


def test_noise_is_what_was_asked(material):
    noisy = list(add_noise([np.full((300, 128), 120, np.uint8)] * 4, 3.0, seed=1))
    luma = np.stack([p[:200] for p in noisy]).astype(float)
    chroma = np.stack([p[200:] for p in noisy]).astype(float)
    assert luma.std() == pytest.approx(3, rel=0.03)
    assert chroma.std() == pytest.approx(1.8, rel=0.04)
    again = list(add_noise([np.full((300, 128), 120, np.uint8)] * 4, 3.0, seed=1))
    np.testing.assert_array_equal(noisy, again)


def test_whole_frame_quality_counts_every_frame(planes):
    a, b = planes
    objects = [np.ones(a.shape, bool), np.zeros(a.shape, bool)]
    got = frame_quality([a, b], [a, a], objects)
    assert got["ssim_frame"] == pytest.approx((1 + ssim_map(b, a).mean()) / 2, abs=1e-5)
    assert got["psnr_object"] == float("inf")
    assert got["psnr_outside"] == pytest.approx(pooled_psnr([b], [a], [None]))


def test_an_oracle_sends_the_truths_boxes_and_needs_truth(clip):
    sent = material_of(clip, oracle=True).roi[5].mask
    assert sent.sum() == 2 * 24 * 56
    bare = Clip.from_array("bare", clip.read(), 25.0)
    with pytest.raises(ValueError, match="no truth boxes"):
        material_of(bare, oracle=True)
    judged = material_of(bare).objects[12]
    assert (
        (judged & boxes_to_mask([[46, 40, 70, 96], [102, 70, 126, 126]], judged.shape)).sum()
        > 0.95 * judged.sum()
        > 0
    )
