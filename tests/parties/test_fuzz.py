"""Every parser that reads what another party wrote: whatever comes, a value or the one clear error.

Hypothesis makes noise and mutates real messages (flips, cuts, splices, repeats), bounded by `EXAMPLES`; the parsers
under msgspec are compiled, so coverage guidance would see nothing of them.
"""

import contextlib
import os
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gctr.parties.cloud import Cloud
from gctr.parties.envelope import open_message
from gctr.parties.keyfile import Key
from gctr.parties.keys import UnmaskError, open_patches
from gctr.parties.messages import (
    MAX_MESSAGE,
    Composition,
    Header,
    Message,
    MessageError,
    ObjectVideo,
    Patches,
    SealedPatch,
    Sighting,
    check_objects,
    decode,
    encode,
    pack_sightings,
    peek_header,
)
from gctr.parties.remote import unframe
from gctr.parties.spool import Waiting
from gctr.parties.store import StoreError
from gctr.parties.tokens import Parties

from .served import background, header, segment

EXAMPLES = int(os.environ.get("GCTR_FUZZ", "200"))
KEY, UNMASK = Key("store", bytes(range(32))), Key("unmask", bytes(range(32)))
OBJECTS = ObjectVideo(
    [b"p", b"q"],
    [0.0, 0.5],
    pack_sightings([Sighting(1, 7, (0, 0, 16, 16))]),
    [SealedPatch(7, bytes(12), b"c" * 40)],
)
WHOLE = {
    Header: encode(header()),
    Message: segment(KEY, 0),
    ObjectVideo: encode(OBJECTS),
    Composition: encode(Composition(b"key packet", OBJECTS)),
    Patches: encode(Patches(OBJECTS.patches)),
    Waiting: encode(Waiting(1.0, segment(KEY, 0))),
}
bounded = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))


def mutated(whole: bytes) -> st.SearchStrategy[bytes]:
    """Flip, cut, splice or repeat parts of a real message; now and then plain noise."""
    places = st.tuples(st.integers(0, len(whole)), st.integers(0, len(whole)))

    def flip(changes):
        data = bytearray(whole)
        for place, bits in changes:
            data[place % len(data)] ^= bits
        return bytes(data)

    return st.one_of(
        st.lists(st.tuples(st.integers(0, len(whole) - 1), st.integers(1, 255)), min_size=1, max_size=8).map(
            flip
        ),
        st.integers(0, len(whole)).map(lambda n: whole[:n]),
        places.map(lambda at: whole[: at[0]] + whole[at[1] :]),
        st.tuples(places, st.binary(max_size=20)).map(lambda p: whole[: p[0][0]] + p[1] + whole[p[0][1] :]),
        st.binary(max_size=400),
    )


@pytest.mark.parametrize("kind", WHOLE, ids=lambda kind: kind.__name__)
def test_no_struct_is_read_wrongly(kind):
    @bounded
    @given(mutated(WHOLE[kind]))
    def parse(data):
        with contextlib.suppress(MessageError):
            found = decode(data, kind)
            assert decode(encode(found), kind) == found

    parse()


@bounded
@given(mutated(WHOLE[Message]))
def test_a_mutated_message_opens_as_itself_or_not_at_all(data):
    with contextlib.suppress(MessageError):
        peek_header(data)
        found, body = open_message(KEY, data)
        assert (found, body) == open_message(KEY, WHOLE[Message])


@bounded
@given(mutated(WHOLE[ObjectVideo]))
def test_mutated_objects_fit_their_header_or_are_refused(data):
    with contextlib.suppress(MessageError):
        check_objects(header(), decode(data, ObjectVideo))


@bounded
@given(st.builds(SealedPatch, st.integers(0, 9), st.binary(min_size=12, max_size=12), st.binary(max_size=99)))
def test_a_forged_patch_is_never_opened(patch):
    with pytest.raises(UnmaskError):
        open_patches(UNMASK, header(), [patch])


@bounded
@given(st.lists(mutated(b"\x00\x00\x00\x03abc\x00\x00\x00\x01d"), max_size=4))
def test_a_mutated_stream_gives_messages_or_one_error(chunks):
    with contextlib.suppress(MessageError):
        assert all(len(message) <= MAX_MESSAGE for message in unframe(iter(chunks)))


@bounded
@given(mutated(b'[{"name":"cam-1","role":"camera","digest":"' + b"0" * 64 + b'"}]'))
def test_a_damaged_list_of_parties_lets_nobody_in(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("parties") / "parties.json"
    path.write_bytes(content)
    with contextlib.suppress(StoreError):
        assert Parties(path).recognise("gctr-camera-" + "A" * 43) is None


def test_no_other_text_is_taken_for_a_token(tmp_path):
    parties = Parties(tmp_path / "parties.json")
    token = parties.issue("cam-1", "camera")
    assert parties.recognise(token).name == "cam-1"

    @bounded
    @given(st.text(max_size=80) | mutated(token.encode()).map(lambda data: data.decode("latin-1")))
    def ask(text):
        assert (parties.recognise(text) is not None) == (text == token)

    ask()


@settings(max_examples=max(30, EXAMPLES // 4), deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_the_cloud_takes_a_mutated_message_as_an_error_and_stays_whole(tmp_path_factory, data):
    cloud = Cloud(tmp_path_factory.mktemp("cloud"), KEY)
    whole = background(KEY)
    cloud.put(whole)
    for original in (whole, segment(KEY, 0)):
        message = data.draw(mutated(original))
        if message not in (whole, original):
            with pytest.raises((MessageError, StoreError)):
                cloud.put(message)
    assert (cloud.cameras(), cloud.segments("cam-1")) == (["cam-1"], [])
    assert len(list(cloud.blobs.names())) == 1
    cloud.close()


@pytest.mark.parametrize(
    "bomb",
    [
        b"\xdd\xff\xff\xff\xff",  # an array of 4 Gi items
        b"\x92\xc6\xff\xff\xff\xff",  # a binary of 4 GiB
        b"\x91" * 100_000,  # arrays inside arrays
        b"\xdf\xff\xff\xff\xff",  # a map of 4 Gi entries
        b"\x94\xdd\x7f\xff\xff\xff" + b"\xc0" * 1000,
    ],
    ids=["array", "binary", "nested", "map", "list"],
)
def test_a_length_that_lies_is_refused_without_memory(bomb):
    for kind in WHOLE:
        tracemalloc.start()
        with pytest.raises(MessageError):
            decode(bomb, kind)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 1 << 20, kind
