"""Order of arrival: an oracle of sets, replays of every kind, clocks that disagree."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gctr.parties.arrivals import Stamp, add_background, add_segment, captured_at
from gctr.parties.cloud import Cloud
from gctr.parties.envelope import open_message, seal
from gctr.parties.index import Index
from gctr.parties.keyfile import Key
from gctr.parties.retention import retain
from gctr.parties.store import Refused

from .served import background, header, segment

KEY = Key("store", bytes(range(32)))


class Oracle:
    """What must be said of each arrival, from sets alone."""

    def __init__(self):
        self.stored = set()

    def arrive(self, sequence):
        top = max(self.stored, default=-1)
        order = "next" if sequence == top + 1 else "gap" if sequence > top else "late"
        order = "duplicate" if sequence in self.stored else order
        self.stored.add(sequence)
        return order, sorted(set(range(max(self.stored))) - self.stored)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=40))
def test_every_order_of_arrival_is_named_rightly(tmp_path_factory, arrivals):
    index, oracle = Index(tmp_path_factory.mktemp("index") / "index.sqlite"), Oracle()
    with index.writing() as db:
        add_background(db, header("background"), "plate", 1, 0.0)
    for sequence in arrivals:
        with index.writing() as db:
            receipt = add_segment(db, header(sequence=sequence), f"file {sequence}", 1, 0.0)
        awaited = [n for first, last in receipt.missing for n in range(first, last + 1)]
        assert (receipt.order, awaited) == oracle.arrive(sequence)
    assert index.next_sequence("cam-1") == max(arrivals) + 1
    index.close()


def test_every_number_awaited_is_counted_and_the_first_ranges_are_told(tmp_path):
    index = Index(tmp_path / "index.sqlite")
    with index.writing() as db:
        add_background(db, header("background"), "plate", 1, 0.0)
        add_background(db, header("background", "cam-2"), "other plate", 1, 0.0)
        for sequence in range(2, 450, 3):  # 150 gaps of two
            add_segment(db, header(sequence=sequence), f"file {sequence}", 1, 0.0)
    assert [(camera, missing) for camera, *_, missing in index.totals()] == [("cam-1", 300), ("cam-2", 0)]
    assert index.gaps("cam-1") == [(k, k + 1) for k in range(0, 300, 3)]
    index.close()


@pytest.fixture
def cloud(tmp_path):
    cloud = Cloud(tmp_path / "cloud", KEY)
    cloud.put(background(KEY))
    yield cloud
    cloud.close()


def test_a_segment_whose_time_is_over_cannot_come_back(cloud):
    messages = [segment(KEY, k) for k in range(3)]
    for message in messages:
        cloud.receive(message, Stamp(1.0, 1.0))
    assert retain(cloud, 0.0).segments == 3
    for message in messages:
        with pytest.raises(Refused, match="it is a replay"):
            cloud.put(message)
    assert cloud.segments("cam-1") == []
    assert list(cloud.blobs.names()) == [cloud.index.background_file("cam-1", 1)]


def test_a_replay_under_another_number_is_refused_where_the_mode_has_no_tags(cloud):
    cloud.put(segment(KEY, 0, mode="ctr"))
    found, body = open_message(KEY, cloud.segment("cam-1", 0))
    renumbered = seal(KEY, replace(found, sequence=1), body)  # in CTR an attacker gets this without a key
    with pytest.raises(Refused, match="overlap those of segment 0"):
        cloud.put(renumbered)


def test_an_old_background_cannot_come_back(cloud):
    old = background(KEY, version=1)
    cloud.put(background(KEY, version=3))
    with pytest.raises(Refused, match="it is a replay"):
        cloud.put(background(KEY, version=2))
    with pytest.raises(Refused, match="stored already and differs"):
        cloud.put(old)


def test_the_number_after_a_restart_is_remembered(tmp_path, cloud):
    cloud.put(segment(KEY, 4))
    cloud.close()
    again = Cloud(tmp_path / "cloud", KEY)
    assert again.standing("cam-1").missing == [(0, 3)]
    assert again.receive(segment(KEY, 2)).order == "late"
    assert again.receive(segment(KEY, 5)).missing == [(0, 1), (3, 3)]
    again.close()


@pytest.mark.parametrize("skew", [-86400.0, -3.0, 0.0, 3.0, 86400.0])
def test_a_wrong_camera_clock_does_not_move_its_segments(skew):
    sent_by_cloud, waited = 1_000_000.0, 600.0
    stamp = Stamp(sent_by_cloud - waited + skew, sent_by_cloud + skew)
    captured, offset = captured_at(stamp, sent_by_cloud)
    assert captured == pytest.approx(sent_by_cloud - waited)
    assert offset == pytest.approx(-skew)


@given(st.floats(0, 1e11), st.floats(0, 1e11), st.floats(0, 1e11))
def test_no_clock_puts_a_segment_into_the_future(captured, sent, received):
    found, _ = captured_at(Stamp(min(captured, sent), sent), received)
    assert 0 <= found <= received
