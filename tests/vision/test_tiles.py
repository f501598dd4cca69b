"""Patches coded: exact ones come back byte for byte, the others as the coder has them, all in their places."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gctr.vision.coding import CodingError, decode_segment, encode_segment
from gctr.vision.masking import Patch
from gctr.vision.tiles import decode_tiles, encode_tiles


def patch(seed, xyxy, exact):
    rng = np.random.default_rng(seed)
    x0, y0, x1, y1 = xyxy
    return Patch(xyxy, rng.integers(0, 256, (y1 - y0, x1 - x0, 3), dtype=np.uint8), exact)


@st.composite
def tiles(draw):
    found = []
    for k in range(draw(st.integers(0, 6))):
        x0, y0 = draw(st.integers(0, 90)), draw(st.integers(0, 70))
        box = (x0, y0, x0 + draw(st.integers(1, 40)), y0 + draw(st.integers(1, 40)))
        found.append((draw(st.integers(0, 9)), patch(k, box, draw(st.booleans()))))
    return found


@settings(max_examples=60, deadline=None)
@given(tiles())
def test_places_come_back_and_exact_pixels_byte_for_byte(given_tiles):
    back = decode_tiles(encode_tiles(given_tiles))
    assert sorted((k, p.xyxy, p.exact) for k, p in back) == sorted(
        (k, p.xyxy, p.exact) for k, p in given_tiles
    )
    exact = [(k, p) for k, p in given_tiles if p.exact]
    for (k, sent), (again, came) in zip(exact, [tile for tile in back if tile[1].exact], strict=True):
        assert k == again
        np.testing.assert_array_equal(sent.pixels, came.pixels)


def test_a_film_gives_the_coded_pixels_and_not_the_grey_around_them():
    ramp = np.tile(np.linspace(40, 200, 48, dtype=np.uint8)[None, :, None], (32, 1, 3))
    film = [(k, Patch((10 + 2 * k, 20, 58 + 2 * k, 52), ramp, exact=False)) for k in range(5)]
    back = decode_tiles(encode_tiles(film, qp=20))
    assert [k for k, _ in back] == [0, 1, 2, 3, 4]
    for (_, sent), (_, came) in zip(film, back, strict=True):
        assert came.xyxy == sent.xyxy and not came.exact
        assert np.abs(came.pixels.astype(int) - sent.pixels).mean() < 4
    canvas = np.full((32, 56, 3), 96, np.uint8)  # the same pixels on the same canvas through the same coder
    first = canvas.copy()
    first[:, :48] = ramp
    coded = encode_segment(canvas, [first], qp=20)
    (decoded,) = decode_segment(coded.key_packet, coded.packets, (56, 32))
    np.testing.assert_array_equal(back[0][1].pixels, decoded[:, :48])


def test_a_film_costs_a_fraction_of_stills():
    rng = np.random.default_rng(5)
    steady = rng.integers(60, 200, (6, 6, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
    noisy = [np.clip(steady + rng.normal(0, 2, steady.shape), 0, 255).astype(np.uint8) for _ in range(20)]
    size = {
        exact: len(
            encode_tiles([(k, Patch((0, 0, 48, 48), pixels, exact)) for k, pixels in enumerate(noisy)])
        )
        for exact in (True, False)
    }
    assert size[False] < size[True] / 8


@pytest.mark.parametrize("cut", [1, 7, 40])
def test_what_is_damaged_is_refused(cut):
    coded = encode_tiles([(0, patch(1, (0, 0, 20, 20), True)), (0, patch(2, (30, 0, 50, 20), False))])
    with pytest.raises(CodingError):
        decode_tiles(coded[:-cut])
