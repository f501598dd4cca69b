"""Messages: what comes back is what was sent; what was damaged, forged or is hostile gets one clear error."""

import contextlib
import zlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gctr.parties.messages import (
    MAX_MESSAGE,
    Header,
    Message,
    MessageError,
    ObjectVideo,
    Sighting,
    check_objects,
    decode,
    encode,
    pack_sightings,
    peek_header,
)
from gctr.parties.positions import MAX_ROWS, PositionsError, pack_rows, unpack_rows

HEADER = Header("segment", "cam-1", 0, 3, 150, 2, 1, (64, 48), "bucket_gcm", bytes(16), 10)
OBJECTS = ObjectVideo([b"a", b"b"], [0.0, 0.5], pack_sightings([Sighting(1, 7, (0, 0, 16, 16))]), [])


def test_a_message_comes_back_whole():
    data = encode(Message(encode(HEADER), b"body"))
    assert decode(data, Message).body == b"body"
    assert peek_header(data) == HEADER
    assert decode(encode(OBJECTS), ObjectVideo) == OBJECTS


@given(st.data())
def test_a_damaged_header_is_refused_or_differs(data):
    whole = bytearray(encode(HEADER))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(MessageError):
        assert decode(bytes(whole), Header) != HEADER


@pytest.mark.parametrize(
    "change",
    [
        {"camera": "../etc"},
        {"camera": "cam-1\n"},
        {"camera": ""},
        {"sequence": -1},
        {"n_frames": 1 << 20},
        {"background_version": 0},
        {"resolution_wh": (1 << 20, 64)},
        {"mode": "none"},
        {"kind": "key"},
        {"salt": bytes(15)},
        {"size": 0},
        {"format": 2},
    ],
    ids=str,
)
def test_a_header_outside_its_limits_is_refused(change):
    with pytest.raises(MessageError, match="not a Header of format 1"):
        decode(encode(replace(HEADER, **change)), Header)


def test_too_large_a_message_is_refused_before_it_is_parsed():
    with pytest.raises(MessageError, match="at most"):
        decode(bytes(MAX_MESSAGE + 1), Message)


def test_unknown_fields_are_refused():
    with pytest.raises(MessageError):
        decode(msgspec.msgpack.encode([*msgspec.to_builtins(HEADER), "more"]), Header)


@pytest.mark.parametrize("time", [-1.0, float("nan"), float("inf"), 1e12])
def test_a_time_that_cannot_be_is_refused(time):
    with pytest.raises(MessageError):
        decode(encode(replace(OBJECTS, times=[0.0, time])), ObjectVideo)


@pytest.mark.parametrize(
    "objects",
    [
        replace(OBJECTS, packets=[b"a"]),
        replace(OBJECTS, times=[0.0]),
        replace(OBJECTS, times=[1.0, 0.5]),
        replace(OBJECTS, positions=pack_sightings([Sighting(2, 7, (0, 0, 16, 16))])),
        replace(OBJECTS, positions=pack_sightings([Sighting(0, 7, (0, 0, 65, 16))])),
        replace(OBJECTS, positions=pack_sightings([Sighting(0, 7, (16, 0, 16, 16))])),
    ],
    ids=["packets", "times", "backwards", "frame", "outside", "empty"],
)
def test_objects_that_do_not_fit_their_header_are_refused(objects):
    check_objects(HEADER, OBJECTS)
    with pytest.raises(MessageError):
        check_objects(HEADER, objects)


rows = st.lists(
    st.tuples(st.integers(0, 9_999), st.integers(0, 1 << 61), *[st.integers(0, 8192)] * 4), max_size=30
)


@given(rows)
def test_positions_come_back_sorted_by_frame_and_object(rows):
    sightings = [Sighting(k, i, tuple(xyxy)) for k, i, *xyxy in rows]
    objects = replace(OBJECTS, positions=pack_sightings(sightings))
    got = decode(encode(objects), ObjectVideo).sightings
    assert [(s.frame, s.track_id) for s in got] == sorted(row[:2] for row in rows)
    assert sorted(map(str, got)) == sorted(map(str, sightings))


def test_boxes_that_move_little_cost_few_bytes():
    walk = [
        Sighting(k, i, (8 * k + i, 40 * i, 8 * k + i + 64, 40 * i + 96)) for k in range(50) for i in range(6)
    ]
    assert len(pack_sightings(walk)) < 0.1 * len(encode(walk[0])) * len(walk)


@pytest.mark.parametrize(
    "positions",
    [b"noise", pack_rows([(0, 1, 0, 0, 16, 16)])[:-1], zlib.compress(bytes(47)), pack_rows([(-1,) * 6])],
    ids=["noise", "cut", "part of a row", "negative"],
)
def test_damaged_positions_are_refused(positions):
    with pytest.raises(MessageError, match="positions"):
        check_objects(HEADER, replace(OBJECTS, positions=positions))


def test_positions_that_would_fill_memory_are_refused():
    bomb = zlib.compress(bytes(48 * (MAX_ROWS + 1)))
    with pytest.raises(PositionsError, match="damaged"):
        unpack_rows(bomb)
    with pytest.raises(PositionsError, match="shorter segments"):
        pack_rows([(0,) * 6] * (MAX_ROWS + 1))
