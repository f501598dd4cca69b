"""Object video: composed by decoding, exact where it says so, one clear error where it is damaged."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gctr.vision.coding import (
    MAX_SIDE,
    CodingError,
    decode_plate,
    decode_segment,
    decode_still,
    encode_plate,
    encode_segment,
    encode_still,
)

RNG = np.random.default_rng(3)


def smooth(width, height):
    """A picture with structure but little noise, (height, width, 3) uint8 BGR."""
    y, x = np.mgrid[:height, :width]
    waves = [128 + 80 * np.sin(x / (9 + k)) * np.cos(y / (7 + k)) for k in range(3)]
    return np.stack(waves, axis=2).astype(np.uint8)


def walk(plate, count=8):
    """Frames in which a bright block walks over the plate, and its boxes."""
    frames, boxes = [], []
    for k in range(count):
        box = np.array([[8 + 4 * k, 8, 24 + 4 * k, 40]], np.int32)
        moving = plate.copy()
        moving[8:40, 8 + 4 * k : 24 + 4 * k] = 230
        frames.append(moving)
        boxes.append(box)
    return frames, boxes


def psnr(a, b):
    return 10 * np.log10(255**2 / max(1e-9, np.mean((a.astype(float) - b) ** 2)))


@pytest.mark.parametrize("width,height", [(96, 64), (97, 65), (16, 16), (33, 50)])
def test_a_segment_decodes_to_its_composed_frames(width, height):
    plate = smooth(width, height)
    frames = [plate, plate[:, ::-1].copy()]
    coded = encode_segment(plate, frames, qp=12)
    decoded = list(decode_segment(coded.key_packet, coded.packets, (width, height)))
    assert len(decoded) == 2
    for before, after in zip(frames, decoded, strict=True):
        assert after.shape == before.shape
        assert psnr(before, after) > 32


def test_the_plate_is_sent_once():
    plate = smooth(96, 64)
    frames, _ = walk(plate)
    coded = encode_segment(plate, frames)
    assert coded.key_packet == encode_plate(plate)
    assert sum(map(len, coded.packets)) < len(coded.key_packet)
    assert psnr(decode_plate(coded.key_packet, (96, 64)), plate) > 32


def test_outside_the_objects_the_composed_frame_is_the_background():
    plate = smooth(96, 64)
    frames, _ = walk(plate)
    coded = encode_segment(plate, frames)
    background = decode_plate(coded.key_packet, (96, 64)).astype(int)
    for image in decode_segment(coded.key_packet, coded.packets, (96, 64)):
        assert np.abs(image[:, 72:] - background[:, 72:]).max() <= 8


def test_frames_where_nothing_moved_cost_next_to_nothing():
    plate = smooth(320, 240)
    coded = encode_segment(plate, [plate] * 10)
    assert max(map(len, coded.packets)) < 100


def test_another_plate_than_the_registered_is_refused():
    plate = smooth(96, 64)
    with pytest.raises(CodingError, match="register it again"):
        encode_segment(plate, [], key_packet=encode_plate(np.roll(plate, 5, axis=1)))


def test_a_frame_of_another_size_is_refused():
    with pytest.raises(CodingError, match="on a plate of"):
        encode_segment(smooth(96, 64), [smooth(64, 96)])


@pytest.mark.parametrize("width,height", [(8, 64), (64, 8), (8208, 16)])
def test_sides_outside_the_limits_are_refused(width, height):
    with pytest.raises(CodingError, match="sides from 16 to 8192"):
        encode_plate(np.zeros((height, width, 3), np.uint8))


def test_damaged_video_is_one_clear_error():
    plate = smooth(96, 64)
    coded = encode_segment(plate, walk(plate)[0])
    for key, packets, size in [
        (b"", coded.packets, (96, 64)),
        (b"nothing", coded.packets, (96, 64)),
        (coded.key_packet, [b"nothing"] * 8, (96, 64)),
        (coded.key_packet, [b""] * 8, (96, 64)),
        (coded.key_packet, coded.packets, (64, 96)),
    ]:
        with pytest.raises(CodingError):
            list(decode_segment(key, packets, size))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 1 << 20))
def test_stills_are_exact(width, height, seed):
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    np.testing.assert_array_equal(decode_still(encode_still(image)), image)


@given(st.binary(max_size=60))
def test_a_damaged_still_is_refused(noise):
    with pytest.raises(CodingError):
        decode_still(noise)


def test_a_still_of_another_format_or_beyond_the_limits_is_refused_unread():
    picture = smooth(20, 30)
    png = cv2.imencode(".png", picture)[1].tobytes()
    whole = bytearray(encode_still(picture))
    whole[21:25] = (MAX_SIDE | 15 << 14).to_bytes(4, "little")  # one column too many, 16 rows
    for coded in (png, bytes(whole)):
        with pytest.raises(CodingError, match="the still is damaged"):
            decode_still(coded)
