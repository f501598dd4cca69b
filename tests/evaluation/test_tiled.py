"""Tiles and atlas: what is drawn comes back where it was, whatever the tracks do, and every byte is needed."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gctr.datasets import Clip, Truth
from gctr.datasets.clip import box_table
from gctr.evaluation import tiled
from gctr.evaluation import tiled_sheets as sheets
from gctr.evaluation.material import prepare
from gctr.vision.encoders import FULL, decode, encode
from gctr.vision.exposure import Exposure
from gctr.vision.roivideo import relight
from gctr.vision.tracks import Track

WIDTH, HEIGHT = 90, 62  # no multiples of a cell, nor of a block
FRAMES = 6


def picture(seed):
    return np.random.default_rng(seed).integers(0, 256, (HEIGHT * 3 // 2, WIDTH), dtype=np.uint8)


@st.composite
def boxes(draw):
    x0, x1 = sorted(draw(st.lists(st.integers(0, WIDTH // 2), min_size=2, max_size=2, unique=True)))
    y0, y1 = sorted(draw(st.lists(st.integers(0, HEIGHT // 2), min_size=2, max_size=2, unique=True)))
    return 2 * x0, 2 * y0, 2 * x1, 2 * y1


rows = st.dictionaries(st.integers(1, 5), boxes(), max_size=3).map(
    lambda row: [Track(track_id, box) for track_id, box in row.items()]
)
segments = st.lists(rows, min_size=1, max_size=FRAMES)


def compose_slowly(pictures, plate, segment):
    """Set pixel after pixel what each plane shows inside the boxes."""
    shown = []
    for source, tracks in zip(pictures, segment, strict=True):
        inside = np.zeros((HEIGHT, WIDTH), bool)
        for track in tracks:
            x0, y0, x1, y1 = track.xyxy
            inside[y0:y1, x0:x1] = True
        chroma = inside[::2, ::2].ravel()
        whole = np.concatenate([inside.ravel(), chroma, chroma]).reshape(source.shape)
        shown.append(np.where(whole, source, plate))
    return shown


def corners(sheet):
    return [(p.xyxy[0] - p.at[0], p.xyxy[1] - p.at[1]) for p in sheet.places]


@given(segments)
def test_a_canvas_holds_its_boxes_and_moves_only_when_pushed(segment):
    for sheet in sheets.lay_tiles(segment):
        width, height = sheet.resolution_wh
        assert width % 16 == height % 16 == 0
        for place in sheet.places:
            x0, y0, x1, y1 = place.on_sheet
            assert 0 <= x0 < x1 <= width
            assert 0 <= y0 < y1 <= height
            assert x0 % 2 == y0 % 2 == 0
        for (before, after), place in zip(itertools.pairwise(corners(sheet)), sheet.places[1:], strict=True):
            for axis in (0, 1):
                least = place.xyxy[2 + axis] - sheet.resolution_wh[axis]
                rests = least <= before[axis] <= place.xyxy[axis]
                assert after[axis] == before[axis] if rests else after[axis] in (least, place.xyxy[axis])


def test_a_canvas_is_as_small_as_its_largest_box_allows_and_rests_where_it_can():
    path = [(16 + 2 * k, 8, 40 + 2 * k, 40) for k in range(5)]  # 24 px wide: 8 px of a canvas are to spare
    (sheet,) = sheets.lay_tiles([[Track(7, box)] for box in path])
    assert sheet.resolution_wh == (32, 32)
    assert set(corners(sheet)) == {(16, 8)}


@given(segments, st.booleans())
def test_what_is_drawn_is_pasted_where_it_was_and_nowhere_else(segment, atlas):
    pictures, plate = [picture(k) for k in range(len(segment))], picture(99)
    shown = [plate.copy() for _ in segment]
    for sheet in sheets.lay_sheets(segment, atlas=atlas):
        sheets.paste(sheet, sheets.draw(sheet, pictures), shown)
    np.testing.assert_array_equal(shown, compose_slowly(pictures, plate, segment))


@given(segments.filter(any))
def test_no_two_tiles_share_a_pixel_of_the_atlas_while_both_live(segment):
    tiles = sheets.lay_tiles(segment)
    places, (width, height) = sheets.pack(tiles)
    taken = np.zeros((len(segment), height, width), int)
    for tile, (x, y) in zip(tiles, places, strict=True):
        w, h = tile.resolution_wh
        assert x % 16 == y % 16 == 0
        assert 0 <= x <= width - w
        assert 0 <= y <= height - h
        taken[tile.places[0].frame : tile.places[-1].frame + 1, y : y + h, x : x + w] += 1
    assert taken.max() == 1


def test_a_place_is_used_again_when_its_track_is_gone():
    first, second = Track(1, (0, 0, 32, 32)), Track(2, (40, 8, 72, 40))
    assert sheets.pack(sheets.lay_tiles([[first], [second]]))[1] == (32, 32)
    assert sheets.pack(sheets.lay_tiles([[first], [first, second]]))[1][1] == 64


def test_odd_boxes_are_refused():
    with pytest.raises(ValueError, match="even"):
        sheets.lay_tiles([[Track(1, (1, 0, 16, 16))]])


# --- through the encoder ---------------------------------------------------------------------------------------


def smooth(seed):
    """A picture that a coder likes."""
    return picture(seed) // 8 + np.uint8(100)


SEGMENT = [  # one leaves at the right and one at the bottom border, one comes late, nobody is in frame 3
    [Track(1, (64, 8, 88, 40)), Track(2, (0, 40, 16, 56))],
    [Track(1, (72, 8, 90, 40)), Track(2, (0, 48, 16, 62))],
    [Track(1, (80, 8, 90, 40))],
    [],
    [Track(4, (16, 0, 64, 24)), Track(1, (88, 8, 90, 40))],
    [Track(4, (24, 0, 72, 24))],
]


def decode_apart(coded, laid):
    """Decode each sheet's film: a frame lists packets in the order of its tracks."""
    films = []
    for k, sheet in enumerate(laid):
        frames = sorted({place.frame for place in sheet.places})
        before = [sum(any(p.frame == f for p in other.places) for other in laid[:k]) for f in frames]
        film = [coded[frame][i] for frame, i in zip(frames, before, strict=True)]
        films.append(dict(zip(frames, decode(film, "libx264"), strict=True)))
    return films


@pytest.mark.parametrize("atlas", [False, True])
def test_composed_pictures_are_the_coders_inside_the_boxes_and_the_plate_outside(atlas):
    pictures, plate = [smooth(k) for k in range(FRAMES)], smooth(99)
    coded = tiled.code_segment(SEGMENT, pictures, 20, atlas=atlas)
    composed = tiled.compose(SEGMENT, coded, plate, atlas=atlas)
    laid = sheets.lay_sheets(SEGMENT, atlas=atlas)
    films = decode_apart(coded, laid)
    outside = [np.ones((HEIGHT, WIDTH), bool) for _ in SEGMENT]
    for sheet, film in zip(laid, films, strict=True):
        for place in sheet.places:
            (x0, y0, x1, y1), (u0, v0, u1, v1) = place.xyxy, place.on_sheet
            np.testing.assert_array_equal(
                composed[place.frame][y0:y1, x0:x1], film[place.frame][v0:v1, u0:u1]
            )
            outside[place.frame][y0:y1, x0:x1] = False
    for shown, free in zip(composed, outside, strict=True):
        np.testing.assert_array_equal(shown[:HEIGHT][free], plate[:HEIGHT][free])
    assert coded[3] == []
    np.testing.assert_array_equal(composed[3], plate)
    for shown, want in zip(composed, compose_slowly(pictures, plate, SEGMENT), strict=True):
        assert np.abs(shown.astype(int) - want).mean() < 2  # colours included


def test_each_film_starts_with_a_key_frame_and_repeats_no_settings():
    pictures = [smooth(k) for k in range(FRAMES)]
    for sheet in sheets.lay_tiles(SEGMENT):
        whole = encode(sheets.draw(sheet, pictures), FULL["live H.264"], 24)
        packets = tiled.encode_sheet(sheet, pictures, 24)
        assert b"x264" in whole[0]
        assert b"x264" not in b"".join(packets)
        assert b"\0\0\1\x65" in packets[0]  # IDR
        np.testing.assert_array_equal(decode(packets, "libx264"), decode(whole, "libx264"))


def test_a_segment_without_objects_costs_nothing():
    plate = smooth(1)
    for atlas in (False, True):
        coded = tiled.code_segment([[], []], [smooth(2)] * 2, 24, atlas=atlas)
        assert coded == [[], []]
        composed = tiled.compose([[], []], coded, plate, atlas=atlas)
        np.testing.assert_array_equal(composed, [plate, plate])


# --- measured --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def clip():
    """A textured object walks over a textured scene and out of it, in two segments."""
    rng = np.random.default_rng(12)
    scene = rng.integers(60, 180, (16, 24, 3)).repeat(8, axis=0).repeat(8, axis=1).astype(np.uint8)
    texture = rng.integers(0, 2, (56, 24, 1)) * np.uint8(200) + np.uint8(20)
    frames, rows = np.stack([scene] * 60), []
    for k, frame in enumerate(frames[:54]):
        left, right = 10 + 4 * k, min(34 + 4 * k, 192)
        if left < right:
            frame[40:96, left:right] = texture[:, : right - left]
            rows.append((k, 1, left, 40, right, 96, "person", None))
    return Clip.from_array("walker", frames, 25.0, Truth(boxes=box_table(rows), background=scene))


def test_every_form_shows_the_objects_and_pays_for_their_places(clip):
    table = tiled.sweep_tracks(prepare(clip), [22]).set_index("form")
    assert list(table.index) == list(tiled.FORMS)
    assert table["psnr_object"].min() > 34
    assert table["psnr_outside"].min() > 34
    assert np.ptp(table["psnr_object"]) < 1.5
    parts = ["video", "background", "metadata", "index", "sealing"]
    total = table[[f"{part}_per_frame" for part in parts]].sum(axis=1)
    np.testing.assert_allclose(table["bytes_per_frame"], total)
    assert table["metadata_per_frame"].min() > 10  # a time is nine bytes; boxes are in it
    assert (table["index_per_frame"] == 0).all()


def test_raw_boxes_pay_for_the_noise_around_the_objects(clip):
    material = prepare(clip, noise=5.0)
    filled, raw = (tiled.measure_tracks(material, form, 24)["video_per_frame"] for form in FORMS_APART)
    assert raw > 1.2 * filled


FORMS_APART = ("tiles", "tiles, raw")


def test_the_light_of_the_frame_comes_back(clip):
    material = prepare(clip)
    lit = Exposure(1.0, 24.0)
    darker = [replace(r, picture=relight(r.picture, lit), exposure=lit) for r in material.roi]
    moved = replace(material, roi=darker, plate=relight(material.plate, lit))
    for form in tiled.FORMS:
        row, other = (tiled.measure_tracks(m, form, 22) for m in (material, moved))
        assert other["psnr_object"] == pytest.approx(row["psnr_object"], abs=0.7)
        assert other["metadata_per_frame"] == pytest.approx(row["metadata_per_frame"] + 8, abs=0.5)


def test_times_are_of_all_forms_beside_the_whole_frame(clip):
    table = tiled.tiling_times(prepare(clip), 26, frames=8, rounds=1)
    assert table["form"].tolist() == list(tiled.FORMS)
    np.testing.assert_allclose(table["times"], table["ms"] / table["full_ms"])


def test_nothing_but_the_background_is_sent_of_an_empty_scene(clip):
    empty = Clip.from_array(
        "empty",
        np.stack([clip.truth.background] * 8),
        25.0,
        Truth(boxes=box_table([]), background=clip.truth.background),
    )
    material = prepare(empty)
    for form in tiled.FORMS:
        row = tiled.measure_tracks(material, form, 24)
        assert row["video_per_frame"] == 0
        assert row["background_per_frame"] > 0
        assert row["psnr_frame"] > 34
