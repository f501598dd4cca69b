"""Sealed messages: every mode comes back, and what the authenticated one must refuse."""

from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gctr.parties.envelope import MAX_BODY, open_message, seal
from gctr.parties.keyfile import Key, KeyFileError, new_key
from gctr.parties.messages import Header, Message, MessageError, Mode, decode, encode

KEY = Key("store", bytes(range(32)))
MODES = get_args(Mode)


def header(mode: str, sequence: int = 0) -> Header:
    return Header("segment", "cam-1", 0, sequence, 0, 0, 1, (64, 48), mode, bytes(16), 1)


SEALED = seal(KEY, header("bucket_gcm"), b"0123456789" * 50)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [1, 15, 16, 17, 319, 320, 1599, 1600, 1601, 10_000])
def test_every_mode_gives_the_body_back(mode, size):
    body = bytes(k % 251 for k in range(size))
    found, plain = open_message(KEY, seal(KEY, header(mode), body))
    assert plain == body
    assert (found.mode, found.size) == (mode, size)


def test_the_largest_body_makes_a_message_that_is_taken():
    body = bytes(MAX_BODY)
    assert open_message(KEY, seal(KEY, header("bucket_gcm"), body))[1] == body
    for size in (0, MAX_BODY + 1):
        with pytest.raises(MessageError, match="send shorter segments"):
            seal(KEY, header("bucket_gcm"), bytes(size))


@pytest.mark.parametrize("mode", MODES)
def test_the_body_does_not_stand_in_the_message(mode):
    body = b"a face that nobody may see" * 40
    assert b"that nobody" not in seal(KEY, header(mode), body)


@settings(max_examples=200)
@given(st.data())
def test_any_altered_byte_is_refused(data):
    whole = bytearray(SEALED)
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(MessageError):
        open_message(KEY, bytes(whole))


@given(st.integers(0, len(SEALED) - 1))
def test_a_truncated_message_is_refused(length):
    with pytest.raises(MessageError):
        open_message(KEY, SEALED[:length])


def test_a_body_cannot_move_to_another_header():
    one, other = (decode(seal(KEY, header("bucket_gcm", k), bytes(500)), Message) for k in (1, 2))
    with pytest.raises(MessageError, match="altered on the way"):
        open_message(KEY, encode(replace(one, header=other.header)))


@pytest.mark.parametrize("mode", MODES)
def test_another_key_gives_nothing(mode):
    body = b"0123456789" * 50
    message = seal(KEY, header(mode), body)
    if mode == "bucket_gcm":
        with pytest.raises(MessageError, match="another storage key"):
            open_message(new_key("store"), message)
    else:
        assert open_message(new_key("store"), message)[1] != body


def test_the_unmask_key_is_not_taken_for_the_storage_key():
    with pytest.raises(KeyFileError, match="not the unmask key"):
        seal(new_key("unmask"), header("bucket_gcm"), b"body")


@pytest.mark.parametrize("mode", ["bucket_gcm", "bucket_ctr", "ctr"])
def test_no_keystream_is_used_twice(mode):
    bodies = [decode(seal(KEY, header(mode), bytes(4000)), Message).body for _ in range(20)]
    blocks = [body[k : k + 16] for body in bodies for k in range(0, 4000, 16)]
    assert len(set(blocks)) == len(blocks)


def test_the_paper_s_mode_repeats_itself_for_equal_sizes():
    one, two = (decode(seal(KEY, header("gctr", k), bytes(4000)), Message).body for k in (1, 2))
    assert one == two


def test_equal_bodies_in_equal_places_give_equal_sizes():
    assert len({len(seal(KEY, header("bucket_gcm"), bytes(5000))) for _ in range(10)}) == 1
