"""A cloud that cheats, or a wire that repeats: the surveillance system notices by itself."""

import pytest
from msgspec.structs import replace

from gctr.parties.envelope import open_message, seal
from gctr.parties.keys import UnmaskError
from gctr.parties.messages import MessageError
from gctr.parties.surveillance import Surveillance


class Cheating:
    """Answers like the cloud, which holds the storage key, but shows an old segment under a new number."""

    def __init__(self, cloud, key, *, shift_frames):
        self._cloud, self._key, self._shift = cloud, key, shift_frames

    def __getattr__(self, name):
        return getattr(self._cloud, name)

    def compose(self, camera, sequence):
        header, body = open_message(self._key, self._cloud.compose(camera, 1 if sequence == 2 else sequence))
        first = header.first_frame + (10 if self._shift and sequence == 2 else 0)
        return seal(self._key, replace(header, sequence=sequence, first_frame=first), body)


def test_an_old_segment_under_a_new_number_is_noticed(filled, cloud, store_key):
    system = Surveillance(Cheating(cloud, store_key, shift_frames=False), store_key)
    with pytest.raises(
        MessageError, match="segment 2 of cam-1 shows frames of an earlier one: it is a replay"
    ):
        list(system.watch("cam-1"))


def test_faces_cannot_be_moved_to_another_time(filled, cloud, store_key, unmask_key):
    """Renumbered with care the pictures pass, since the cloud composes them; the faces do not open there."""
    system = Surveillance(Cheating(cloud, store_key, shift_frames=True), store_key, unmask_key)
    with pytest.raises(UnmaskError, match="segment 2"):
        list(system.watch("cam-1", unmask=True))


def test_missing_segments_are_named(filled, cloud, street, camera):
    assert filled.gaps("cam-1") == []
    with cloud.index.writing() as index:
        index.execute("DELETE FROM segments WHERE sequence = 1")
    assert filled.gaps("cam-1") == [(1, 1)]


def test_segments_may_be_asked_for_in_any_order(filled):
    numbers = [shown.number for shown in filled.watch("cam-1", sequences=[2, 0])]
    assert numbers == [*range(20, 30), *range(10)]
