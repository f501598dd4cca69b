"""Background models: the kernel against its twin, stopped objects, light, ghosts in the plate."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gctr.vision import running
from gctr.vision.background import (
    KnnBackground,
    Mog2Background,
    boxes_to_mask,
    check_empty,
    register_plate,
)
from gctr.vision.exposure import fit_exposure, light_kernel
from gctr.vision.roi import clean_cells
from gctr.vision.running import RunningBackground
from tests.vision import reference_background as reference

MODELS = [Mog2Background, KnnBackground, RunningBackground]
SIZE = (96, 136)  # not a multiple of 16, so that edges count


@pytest.fixture
def scene():
    """A textured empty scene, (H, W, 3) BGR, away from black and white."""
    rng = np.random.default_rng(7)
    blocks = rng.integers(60, 180, (SIZE[0] // 8, SIZE[1] // 8, 3)).repeat(8, axis=0).repeat(8, axis=1)
    return blocks.astype(np.uint8)


def with_box(scene, x=40, y=30, w=24, h=40, change=70):
    """The scene with an object in it: every pixel of it differs in luma."""
    frame = scene.copy()
    part = frame[y : y + h, x : x + w].astype(int)
    frame[y : y + h, x : x + w] = np.where(
        part.mean(axis=2, keepdims=True) > 120, part - change, part + change
    ).clip(0, 255)
    return frame


def noisy(frame, rng, sigma=2.0):
    return np.clip(frame + rng.normal(0, sigma, frame.shape), 0, 255).round().astype(np.uint8)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 34),
    st.integers(1, 34),
    st.integers(0, 3),
    st.integers(0, 2**32 - 1),
    st.sampled_from([(0, 255), (20, 255), (0, 210)]),
)
def test_update_kernel_is_bit_exact_with_its_twin(height, width, spread, seed, ends):
    rng = np.random.default_rng(seed)
    luma = rng.integers(ends[0], ends[1] + 1, (height, width), dtype=np.uint8)
    mean = rng.integers(0, 255 * 128 + 1, (height, width)).astype(np.int16)
    deviation = rng.integers(0, 16 * 128, (height, width)).astype(np.int16)
    cells = (-(-height // 8), -(-width // 8))
    learn = rng.integers(0, 2, cells).astype(bool)
    black, white = (np.int16(end * 128) for end in ends)
    got = [mean.copy(), deviation.copy(), np.zeros(cells, np.int32)]
    expected = [array.copy() for array in got]
    floor = np.int16(1000)
    for _ in range(3):
        running._update_kernel(luma, *got[:2], learn, black, white, floor, spread, got[2])
        reference.update(luma, *expected[:2], learn, black, white, floor, spread, expected[2])
        for a, b in zip(got, expected, strict=True):
            np.testing.assert_array_equal(a, b)


@settings(max_examples=50, deadline=None)
@given(
    hnp.arrays(np.int32, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.integers(0, 64)),
    st.integers(1, 6),
    st.integers(0, 2),
)
def test_clean_cells_equals_flood_fill(counts, min_cells, margin):
    got = clean_cells(counts, 24, 48, min_cells, margin)
    np.testing.assert_array_equal(got, reference.clean(counts, 24, 48, min_cells, margin))


@pytest.mark.parametrize("model", MODELS)
def test_finds_an_object_and_nothing_else(model, scene):
    background, rng = model(scene), np.random.default_rng(0)
    for _ in range(10):
        assert background.apply(noisy(scene, rng)).mean() < 0.02
    foreground = background.apply(noisy(with_box(scene), rng))
    inside = boxes_to_mask([[40, 30, 64, 70]], SIZE)
    assert foreground.shape == SIZE
    assert foreground.dtype == bool
    assert foreground[inside].mean() > 0.85
    assert foreground[~inside].mean() < 0.02


@pytest.mark.parametrize("model", MODELS)
def test_a_held_object_is_never_learnt(model, scene):
    background, rng = model(scene), np.random.default_rng(1)
    held = np.array([[36, 26, 68, 74]], dtype=np.int32)
    inside = boxes_to_mask([[40, 30, 64, 70]], SIZE)
    for k in range(600):
        foreground = background.apply(noisy(with_box(scene), rng), held if k else None)
    assert foreground[inside].mean() > 0.9
    assert np.abs(background.plate()[inside].astype(int) - scene[inside]).mean() < 6


def test_what_no_track_holds_is_learnt_in_the_end(scene):
    background, rng = RunningBackground(scene), np.random.default_rng(2)
    shares = [
        background.apply(noisy(with_box(scene), rng), np.zeros((0, 4), np.int32)).mean() for _ in range(2500)
    ]
    assert shares[0] > 0.05
    assert shares[-1] == 0


def test_the_plate_follows_slow_change_and_keeps_its_colours(scene):
    background = RunningBackground(scene, exposure=False)
    later = np.clip(scene.astype(int) + [6, 2, -3], 0, 255).astype(np.uint8)
    for _ in range(64 * 16):
        background.apply(later)
    assert np.abs(background.plate().astype(int) - later).max() <= 1


@pytest.mark.parametrize(("gain", "offset"), [(1.0, -45), (1.0, 45), (0.7, 0), (1.3, 0), (0.8, 40)])
def test_an_exposure_step_does_not_flood_the_roi(scene, gain, offset):
    rng = np.random.default_rng(3)
    fitted, plain = RunningBackground(scene), RunningBackground(scene, exposure=False)
    step = np.clip(with_box(scene) * gain + offset, 0, 255)
    for model in (fitted, plain):
        model.apply(noisy(scene, rng))
        foreground = model.apply(noisy(step, rng))
        inside = boxes_to_mask([[40, 30, 64, 70]], SIZE)
        if model is fitted:
            assert model.cells.mean() < 0.25
            assert foreground[inside].mean() > 0.8
    assert plain.cells.mean() > 0.6
    assert fitted.exposure.gain == pytest.approx(1 / gain, rel=0.06)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.6, 1.5), st.floats(-30, 30), st.integers(0, 2**32 - 1))
def test_exposure_fit_survives_noise_and_a_fifth_of_outliers(gain, offset, seed):
    rng = np.random.default_rng(seed)
    plate = rng.uniform(60, 160, 1000)
    seen = (plate - offset) / gain + rng.normal(0, 1.5, 1000)
    seen[:200] = rng.uniform(0, 255, 200)
    luma = seen.clip(0, 255).round().astype(np.uint8)
    fit = fit_exposure(luma, plate)
    clear = slice(200, None)
    residual = fit.gain * seen[clear] + fit.offset - plate[clear]
    assert np.abs(residual.mean()) < 2


def test_no_fit_without_contrast_or_samples():
    assert fit_exposure(np.full(500, 90, np.uint8), np.full(500, 130.0)) == (1.0, 40.0)
    assert fit_exposure(np.full(10, 90, np.uint8), np.full(10, 130.0)) == (1.0, 0.0)


def test_the_plate_is_free_of_people_who_stood_for_most_of_the_time(scene):
    frames = [with_box(scene, x=40 if k < 18 else 90) for k in range(40)]
    plate = register_plate(frames)
    assert np.abs(plate.astype(int) - scene)[:, :80].max() == 0
    ghosts = register_plate([with_box(scene)] * 30 + [scene] * 10)
    found = check_empty(ghosts, lambda image: np.array([[40, 30, 64, 70]]) if (image != scene).any() else [])
    np.testing.assert_array_equal(found, [[40, 30, 64, 70]])
    assert check_empty(scene, lambda image: []).shape == (0, 4)


def test_a_long_source_is_sampled_evenly(scene):
    used = []

    def frames():
        for k in range(1000):
            used.append(k)
            yield np.full((16, 16, 3), k // 4, dtype=np.uint8)

    plate = register_plate(frames(), samples=16, tolerance=255)
    assert len(used) == 1000
    assert np.abs(plate.astype(int) - 125).max() <= 10


def test_errors_say_what_to_do(scene):
    with pytest.raises(ValueError, match="at least one frame"):
        register_plate([])
    with pytest.raises(ValueError, match="one size"):
        register_plate([scene, scene[:40]])
    with pytest.raises(ValueError, match="does not fit"):
        RunningBackground(scene).apply(scene[:40])
    with pytest.raises(ValueError, match="overflow"):
        RunningBackground(scene, spread=4)
    for model in MODELS:
        with pytest.raises(RuntimeError, match="no frame"):
            model().plate()


def test_a_shadow_is_no_object_but_a_dark_object_is(scene):
    background = RunningBackground(scene)
    background.apply(scene)
    shadow = scene.copy()
    shadow[30:70, 20:60] = (shadow[30:70, 20:60] * 0.7).round()
    shadow[30:70, 80:110] = (60, 20, 20)
    foreground = background.apply(shadow)
    assert foreground[34:66, 24:56].mean() < 0.05
    assert foreground[34:66, 84:106].mean() > 0.9
    assert background.cells[5:8, 3:7].all()
    kept = RunningBackground(scene, shadows=False).apply(shadow)
    assert kept[34:66, 24:56].mean() > 0.9


def test_the_soft_edge_of_a_shadow_is_shadow_and_a_pattern_in_its_light_is_not(scene):
    light = np.interp(np.arange(SIZE[1]), [20, 26, 76, 82], [1, 0.6, 0.6, 1])
    shadow = (scene * light[:, None]).round().astype(np.uint8)
    background = RunningBackground(scene)
    background.apply(scene)
    assert background.apply(shadow).mean() < 0.01
    stripes = 0.7 + 0.2 * (np.arange(SIZE[1]) // 2 % 2)
    striped = scene.copy()
    striped[20:76, 40:100] = (scene * stripes[:, None]).round()[20:76, 40:100]
    assert background.apply(striped)[24:72, 44:96].mean() > 0.9


@settings(max_examples=30, deadline=None)
@given(st.floats(0.25, 4), st.floats(-200, 200), st.integers(1, 9), st.integers(1, 70))
def test_light_is_rounded_to_the_nearest_level(gain, offset, height, width):
    luma = np.random.default_rng(height * width).integers(0, 256, (height, width), dtype=np.uint8)
    lit = np.empty_like(luma)
    light_kernel(luma, np.float32(gain), np.float32(offset), lit)
    exact = (luma * gain + offset).clip(0, 255)
    assert np.abs(lit - exact).max() <= 0.5 + 1e-4
