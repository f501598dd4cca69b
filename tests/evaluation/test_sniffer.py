"""The sniffer finds what lies open, and nothing where the parties keep their word."""

import socket
from functools import cache

import numpy as np
import pytest

from gctr.evaluation import sniffer, sniffer_search, sniffer_tap

from ..parties.conftest import KnownFaces, make_street


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """Return what records a session, each once: ten empty frames, then a street with people."""

    @cache
    def record(mode, tls):
        street = make_street()
        still = [(0.0, street.frames[0])] * 10
        faces = {15 + k: [boxes[k] for boxes in street.faces.values()] for k in range(len(street.faces[0]))}
        return sniffer.record_session(
            [*still, *((1 + t, frame) for t, frame in street.timed())],
            faces,
            tmp_path_factory.mktemp("session"),
            mode=mode,
            tls=tls,
            segment_frames=5,
            detector=KnownFaces(),
        )

    return record


@pytest.fixture(scope="module")
def found(session):
    """Return what searches a session, each once."""

    @cache
    def search(mode, tls):
        return sniffer.search(session(mode, tls)).set_index(["what", "where"])["found"]

    return search


@pytest.mark.parametrize("tls", [True, False], ids=["tls", "plain"])
@pytest.mark.parametrize("mode", ["bucket_gcm", "bucket_ctr", "ctr", "gctr"])
def test_no_face_and_no_key_passes_or_stays(mode, tls, found):
    seen = found(mode, tls)
    for what in ("face pixels", "coded faces", "unmask key"):
        assert seen[what].sum() == 0, f"the cloud never sees one: {seen}"
    assert seen["storage key"]["wire"] == 0
    assert seen["coded background"]["wire"] == 0
    assert seen["coded background"]["cloud's disk"] == 0


def test_the_search_sees_what_is_there(found):
    """The cloud holds the storage key, on disk and in memory; without TLS tokens pass openly; with it they do not."""
    plain, tls = found("bucket_gcm", False), found("bucket_gcm", True)
    assert (plain["tokens"]["wire"], tls["tokens"]["wire"]) == (2, 0)
    assert plain["tokens"]["cloud's disk"] == 0
    assert plain["storage key"]["cloud's disk"] >= 1
    assert plain["storage key"]["cloud's memory"] >= 1, "so memory was really read"
    assert plain["coded background"]["cloud's memory"] >= 1


def test_needles_are_found_across_chunks():
    street = make_street()
    x0, y0, x1, y1 = street.faces[0][3]
    leak = street.frames[8, y0:y1, x0:x1].tobytes()
    row = street.frames[8, (y0 + y1) // 2, x0:x1].tobytes()
    assert sniffer_search.find([row, b"not there at all"], [b"abc" + leak, b""]) == {row}


def test_a_tap_outlives_a_cloud_that_is_away():
    with socket.create_server(("127.0.0.1", 0)) as cloud:
        port = cloud.getsockname()[1]
    with sniffer_tap.tapped(f"tcp://127.0.0.1:{port}") as tap:
        way = ("127.0.0.1", int(tap.url.rpartition(":")[2]))
        with socket.create_connection(way, timeout=5) as party:
            assert party.recv(1) == b"", "hung up on: there is no cloud"
        with (
            socket.create_server(("127.0.0.1", port)) as cloud,
            socket.create_connection(way, timeout=5) as party,
        ):
            far, _ = cloud.accept()
            party.sendall(b"hello")
            assert far.recv(5) == b"hello"
            far.close()
    assert tap.streams() == [b"hello"]


def test_sizes_tell_when_somebody_is_there(session):
    told = sniffer.what_sizes_tell(session("bucket_gcm", True))
    assert told["segments"] == 8
    assert told["presence_auc"] == 1.0, (
        "an empty segment is always smaller: this leak is measured, not hidden"
    )
    assert told["count_correlation"] > 0.5


def test_sizes_without_variety_tell_nothing(session):
    recorded = session("bucket_gcm", True)
    told = sniffer.what_sizes_tell(recorded._replace(sent=recorded.sent.assign(size=1, objects=1)))
    assert np.isnan(told["presence_auc"]) and np.isnan(told["count_correlation"])
