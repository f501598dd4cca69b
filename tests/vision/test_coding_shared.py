"""Objects on a shared key: equal keys, composition in the bitstream, light undone, baselines that do what they say."""

import numpy as np
import pytest

from gctr.vision.background import boxes_to_mask
from gctr.vision.coding import CodingError
from gctr.vision.encoders import FULL, ROI, EncoderPreset, decode, encode, to_bgr, to_i420
from gctr.vision.exposure import Exposure
from gctr.vision.roivideo import (
    decode_shared,
    encode_shared,
    fill_plate,
    find_objects,
    inverse,
    object_mask,
    relight,
)

SIZE = (96, 128)


@pytest.fixture(scope="module")
def plate():
    rng = np.random.default_rng(3)
    coarse = rng.integers(50, 190, (SIZE[0] // 8, SIZE[1] // 8, 3)).repeat(8, axis=0).repeat(8, axis=1)
    return to_i420(np.clip(coarse + rng.normal(0, 2, coarse.shape), 0, 255).astype(np.uint8))


def box_at(k):
    return [8 + 4 * k, 30, 32 + 4 * k, 70]


@pytest.fixture(scope="module")
def pictures(plate):
    """Twelve pictures in which a striped object walks over the plate."""
    frames = []
    for k in range(12):
        frame = to_bgr(plate).copy()
        x0, y0, x1, y1 = box_at(k)
        frame[y0:y1, x0:x1] = np.where(np.arange(24)[None, :, None] % 8 < 4, 20, 235)
        frames.append(to_i420(frame))
    return frames


@pytest.fixture(scope="module")
def masks():
    return [boxes_to_mask([box_at(k)], SIZE) for k in range(12)]


def error(a, b, mask):
    return np.abs(a[: SIZE[0]].astype(int) - b[: SIZE[0]])[mask].mean()


@pytest.mark.parametrize("form", ROI)
def test_a_segment_decodes_composed_on_a_key_sent_once(form, plate, pictures, masks):
    video = encode_shared(plate, pictures, masks, ROI[form], 20, segment=5)
    assert [len(segment) for segment in video.segments] == [5, 5, 2]
    shown = decode_shared(video, ROI[form].codec)
    assert len(shown) == 12
    background = decode([video.key], ROI[form].codec)[0]
    for picture, source, mask in zip(shown, pictures, masks, strict=True):
        assert error(picture, source, mask) < 6
        assert error(picture, background, ~mask) < 2


def test_a_later_segment_decodes_without_the_earlier_ones(plate, pictures, masks):
    video = encode_shared(plate, pictures, masks, ROI["live H.264"], 24, segment=4)
    whole = decode_shared(video, "libx264")
    alone = decode([video.key, *video.segments[2]], "libx264")[1:]
    for a, b in zip(whole[8:], alone, strict=True):
        np.testing.assert_array_equal(a, b)


def test_nothing_moves_costs_next_to_nothing(plate):
    empty = [np.zeros(SIZE, bool)] * 10
    video = encode_shared(plate, [plate] * 10, empty, ROI["live H.264"], 24)
    assert video.video_bytes < 10 * 40
    shown = decode_shared(video, "libx264")
    background = decode([video.key], "libx264")[0]
    assert all(np.array_equal(picture, background) for picture in shown)


def test_an_encoder_that_moves_bits_is_refused(plate, pictures, masks):
    with pytest.raises(CodingError, match="cannot share"):
        encode_shared(plate, pictures, masks, FULL["H.264"], 24)
    options = {"preset": "medium", "crf": "{q}", "x264-params": "mbtree=1:rc-lookahead=8:bframes=2"}
    moving = EncoderPreset("tree", "libx264", options, 1 << 15, shared=True)
    with pytest.raises(CodingError, match="two ways"):
        noise = np.random.default_rng(0).integers(0, 256, plate.shape, dtype=np.uint8)
        encode_shared(plate, [noise] * 12 + [plate] * 12, [np.ones(SIZE, bool)] * 24, moving, 24, segment=12)


@pytest.mark.parametrize("form", FULL)
def test_baselines_keep_every_frame_and_worse_quality_is_smaller(form, pictures):
    fine, coarse = (encode(pictures, FULL[form], quality) for quality in (20, 40))
    assert sum(map(len, coarse)) < sum(map(len, fine))
    shown = decode(fine, FULL[form].codec)
    assert len(shown) == len(pictures)
    assert max(error(a, b, np.ones(SIZE, bool)) for a, b in zip(shown, pictures, strict=True)) < 5


def test_a_gop_is_as_short_as_asked(pictures):
    import av

    packets = encode(pictures * 10, FULL["live H.264"], 30)
    context = av.CodecContext.create("h264", "r")
    keys = [f.key_frame for p in [*packets, None] for f in context.decode(av.Packet(p) if p else None)]
    assert [k for k, key in enumerate(keys) if key] == [0, 50, 100]


def test_odd_sides_are_refused(plate):
    with pytest.raises(ValueError, match="even sides"):
        FULL["H.264"].context(33, 32, 20)


def test_the_mask_covers_what_differs_and_little_else(plate, pictures):
    cells = np.ones((SIZE[0] // 8, SIZE[1] // 8), dtype=bool)
    mask = object_mask(pictures[3], plate, cells)
    truth = boxes_to_mask([box_at(3)], SIZE)
    assert mask[truth].mean() > 0.97
    assert mask[~truth].mean() < 0.03
    assert not object_mask(pictures[3], plate, ~cells).any()


def test_filling_takes_pixels_from_either_side_and_chroma_from_whole_blocks(plate, pictures):
    mask = np.zeros(SIZE, dtype=bool)
    mask[31, 41] = True
    filled = fill_plate(pictures[3], plate, mask)
    changed = np.argwhere(filled != plate)
    height, width = SIZE
    assert filled[31, 41] == pictures[3][31, 41]
    row, column = 15, 20
    allowed = {(31, 41)}
    for first in (height, height + height // 4):
        flat = row * (width // 2) + column
        allowed.add((first + flat // width, flat % width))
    assert {tuple(p) for p in changed.tolist()} <= allowed


@pytest.mark.parametrize("exposure", [Exposure(1.2, -10), Exposure(0.8, 12)])
def test_relighting_comes_back(plate, exposure):
    back = relight(relight(plate, exposure), inverse(exposure))
    assert np.abs(back.astype(int) - plate).max() <= 2


def test_what_is_too_bright_for_the_plates_light_keeps_its_detail(plate):
    captured = []
    for k in range(6):
        frame = to_bgr(relight(plate, Exposure(0.75, -5)))
        x0, y0, x1, y1 = box_at(k)
        frame[y0:y1, x0:x1] = np.where(np.arange(24)[None, :, None] % 8 < 4, 200, 245)
        captured.append(to_i420(frame))
    for k, r in enumerate(find_objects(captured, plate)):
        there = boxes_to_mask([box_at(k)], SIZE)
        assert r.mask[there].mean() > 0.9
        assert error(relight(r.picture, inverse(r.exposure)), captured[k], there) < 1.5


def test_an_exposure_step_is_coded_as_two_numbers(plate, pictures):
    dimmed = [relight(picture, Exposure(0.75, -5)) for picture in pictures[6:]]
    found = list(find_objects(pictures[:6] + dimmed, plate))
    assert all(r.exposure == (1.0, 0.0) for r in found[:6])
    for k, r in enumerate(found[6:], start=6):
        assert r.exposure.gain == pytest.approx(1 / 0.75, rel=0.06)
        assert r.mask.mean() < 0.2
        assert r.mask[boxes_to_mask([box_at(k)], SIZE)].mean() > 0.9
        assert error(relight(r.picture, inverse(r.exposure)), dimmed[k - 6], np.ones(SIZE, bool)) < 1.5


def test_fixed_offsets_and_the_filter_save_where_there_is_noise(plate):
    rng = np.random.default_rng(5)
    noisy = [np.clip(plate + rng.normal(0, 4, plate.shape), 16, 235).astype(np.uint8) for _ in range(40)]
    stock, fixed, unfiltered = (
        sum(map(len, encode(noisy, FULL[form], 20)))
        for form in ("AV1", "AV1 with fixed offsets", "AV1 with fixed offsets, unfiltered")
    )
    assert fixed < 0.9 * stock and fixed < 0.9 * unfiltered
