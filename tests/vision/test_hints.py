"""Averaging over time and hints: what they do to pictures whose content is known."""

import numpy as np
import pytest

from gctr.vision.encoders import FULL, EncoderPreset, decode, encode
from gctr.vision.hints import denoise, hint

WIDTH, HEIGHT = 128, 96


@pytest.fixture(scope="module")
def noisy():
    """Forty pictures: a still scene under noise of sigma 3, over which a bright square walks."""
    rng = np.random.default_rng(4)
    scene = rng.integers(60, 180, (HEIGHT * 3 // 16, WIDTH // 8)).repeat(8, axis=0).repeat(8, axis=1)
    clean = []
    for k in range(40):
        picture = scene.copy()
        picture[20:44, 2 * k : 2 * k + 24] = 235
        clean.append(picture.astype(np.uint8))
    noise = rng.normal(0, 3, (40, *scene.shape))
    return clean, [np.clip(c + n, 0, 255).astype(np.uint8) for c, n in zip(clean, noise, strict=True)]


def test_denoising_takes_noise_and_leaves_motion_and_number(noisy):
    clean, source = noisy
    shown = list(denoise(source))
    assert len(shown) == len(source)
    errors = [
        np.mean([np.square(a[50:90].astype(float) - b[50:90]).mean() for a, b in zip(x, clean, strict=True)])
        for x in (source, shown)
    ]
    assert errors[1] < 0.33 * errors[0]
    moving = [np.abs(a[20:44].astype(float) - b[20:44]).max() for a, b in zip(shown, clean, strict=True)]
    assert max(moving) < 40  # no ghost of the square, which differs from the scene by 55 at least


def test_no_pictures_give_none():
    assert list(denoise([])) == []


def test_a_denoised_preset_codes_the_average_in_fewer_bytes(noisy):
    _, source = noisy
    plain, averaged = (encode(source, FULL[form], 22) for form in ("live H.264", "live H.264, denoised"))
    assert len(averaged) == len(plain)
    assert sum(map(len, averaged)) < 0.8 * sum(map(len, plain))


def test_a_hint_moves_quality_into_the_boxes(noisy):
    _, source = noisy
    options = {"preset": "veryfast", "tune": "zerolatency", "crf": "{q}", "x264-params": "aq-mode=1"}
    preset = EncoderPreset("hinted", "libx264", options, 50)
    errors = {}
    for outside in (0.0, 0.4):
        context = preset.context(WIDTH, HEIGHT, 22)
        packets = []
        for k, picture in enumerate(source):
            packets += [bytes(p) for p in context.encode(hint(picture, k, [[0, 0, 64, 96]], outside))]
        shown = decode(packets, "libx264")
        difference = [np.abs(a.astype(float) - b)[:HEIGHT] for a, b in zip(shown, source, strict=True)]
        errors[outside] = np.mean(difference, axis=(0, 1))
    left, right = slice(0, 64), slice(64, None)
    assert errors[0.4][right].mean() > 1.2 * errors[0.0][right].mean()
    assert errors[0.4][left].mean() < 1.1 * errors[0.0][left].mean()


def test_hinted_pictures_keep_their_times():
    context = EncoderPreset("hinted", "libx264", {"tune": "zerolatency"}, 50).context(WIDTH, HEIGHT, 22)
    picture = np.full((HEIGHT * 3 // 2, WIDTH), 100, np.uint8)
    times = [
        packet.pts for k in range(6) for packet in context.encode(hint(picture, k, [[0, 0, 16, 16]], 0.1))
    ]
    assert times == list(range(6))
