"""The camera's queue: order kept, nothing dropped, bounded, and it says why it stopped."""

import threading

import pytest

from gctr.parties.keyfile import Key
from gctr.parties.remote import CloudAway
from gctr.parties.spool import Position, Spool, SpoolError
from gctr.parties.store import Refused

from .served import background, segment

KEY = Key("store", bytes(range(32)))
MESSAGES = [background(KEY), *(segment(KEY, k) for k in range(6))]


class Fickle:
    """A cloud that is away until it is let in, and repeats that for each message in `away_at`."""

    def __init__(self, away_at=(), refuse=None):
        self.there, self.heard, self.times = threading.Event(), [], []
        self.away_at, self.refuse = list(away_at), refuse

    def send(self, message, captured=None):
        if not self.there.is_set() or (self.away_at and len(self.heard) == self.away_at[0]):
            if self.there.is_set():
                self.away_at.pop(0)
            raise CloudAway("away")
        if self.refuse is not None and len(self.heard) == self.refuse:
            raise Refused("its place is taken")
        self.heard.append(message)
        self.times.append(captured)


@pytest.fixture
def fill(tmp_path):
    spools = []

    def make(sender, **options):
        spools.append(Spool(tmp_path, sender, **options))
        return spools[-1]

    yield make
    for spool in spools:
        spool.close()


def test_messages_wait_for_the_cloud_and_go_in_order(fill):
    cloud = Fickle(away_at=[1, 4])
    spool = fill(cloud, clock=lambda: 5.0)
    for message in MESSAGES:
        spool.put(message)
    assert (len(spool), cloud.heard) == (7, [])
    cloud.there.set()
    assert spool.drain(30)
    assert cloud.heard == MESSAGES
    assert cloud.times == [5.0] * 7


def test_a_new_start_sends_what_waited_and_goes_on_numbering(tmp_path, fill):
    first = fill(Fickle())
    for message in MESSAGES[:4]:
        first.put(message)
    first.close()
    (tmp_path / "position").unlink()  # killed between message and position
    cloud = Fickle()
    cloud.there.set()
    second = fill(cloud)
    assert second.position == Position(3, 6)
    assert second.drain(30)
    assert cloud.heard == MESSAGES[:4]
    assert fill(cloud).position == Position(3, 6), "also when all is sent"


def test_a_full_queue_makes_the_camera_wait_and_drops_nothing(fill):
    cloud = Fickle()
    spool = fill(cloud, max_bytes=1500, full_wait=0.05)
    for message in MESSAGES[:2]:
        spool.put(message)
    with pytest.raises(SpoolError, match="nothing was dropped"):
        spool.put(MESSAGES[2])
    assert spool.position == Position(1, 2), "what was not taken was not counted"
    spool._full_wait = 30
    threading.Timer(0.1, cloud.there.set).start()
    for message in MESSAGES[2:]:
        spool.put(message)
    assert spool.drain(30)
    assert cloud.heard == MESSAGES


def test_a_refusal_stops_the_queue_and_keeps_the_message(tmp_path, fill):
    cloud = Fickle(refuse=2)
    cloud.there.set()
    spool = fill(cloud)
    with pytest.raises(SpoolError, match="was refused: its place is taken"):
        for message in MESSAGES:
            spool.put(message)
        spool.drain(30)
    assert cloud.heard == MESSAGES[:2]
    assert len(list(tmp_path.glob("*.waiting"))) >= 1


def test_an_error_that_nobody_foresaw_stops_the_queue_too(tmp_path, fill):
    class Broken:
        def send(self, message, captured=None):
            raise ZeroDivisionError("inside a library")

    spool = fill(Broken())
    spool.put(MESSAGES[0])
    with pytest.raises(SpoolError, match="waits, sending failed: ZeroDivisionError: inside a library"):
        spool.drain(30)
    assert len(list(tmp_path.glob("*.waiting"))) == 1


def test_a_damaged_file_stops_the_queue_and_is_named(tmp_path, fill):
    spool = fill(Fickle())
    for message in MESSAGES[:3]:
        spool.put(message)
    spool.close()
    damaged = sorted(tmp_path.glob("*.waiting"))[1]
    damaged.write_bytes(damaged.read_bytes()[:20])
    cloud = Fickle()
    cloud.there.set()
    with pytest.raises(SpoolError, match=f"{damaged.name} waits and was refused"):
        fill(cloud).drain(30)
    assert cloud.heard == MESSAGES[:1]


def test_what_a_killed_writer_left_is_swept(tmp_path, fill):
    (tmp_path / "tmpabc.part").write_bytes(b"half")
    fill(Fickle())
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_position_is_not_guessed(tmp_path, fill):
    spool = fill(Fickle())
    (tmp_path / "position").write_bytes(b"\xff\xff")
    with pytest.raises(SpoolError, match="new camera name"):
        _ = spool.position
