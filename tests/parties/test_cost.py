"""Every query is answered from a B-tree: SQLite's own plans hold no scan of what was stored."""

import re

import pytest

from gctr.parties.cloud import Cloud
from gctr.parties.keyfile import new_key
from gctr.parties.server import iterate_compositions

from .served import background, segment

KEY = new_key("store")
STORED = ("segments", "gaps", "backgrounds")


@pytest.fixture
def cloud(tmp_path):
    cloud = Cloud(tmp_path, KEY)
    cloud.put(background(KEY))
    for k in (0, 1, 4):
        cloud.put(segment(KEY, k))
    yield cloud
    cloud.close()


REQUESTS = {
    "put": lambda cloud: [cloud.put(segment(KEY, k)) for k in (2, 9)],
    "duplicate": lambda cloud: cloud.put(cloud.segment("cam-1", 0)),
    "list": lambda cloud: cloud.segments("cam-1"),
    "by time": lambda cloud: cloud.index.segments("cam-1", since=1.0, until=1e12),
    "by frame": lambda cloud: cloud.at_frame("cam-1", 3),
    "compose": lambda cloud: cloud.compose("cam-1", 0),
    "stream": lambda cloud: list(iterate_compositions(cloud, "cam-1", 0, 9)),
    "part": lambda cloud: (cloud.segment_size("cam-1", 0), cloud.segment_part("cam-1", 0, 5, 9)),
    "patches": lambda cloud: cloud.patches("cam-1", 1),
    "background": lambda cloud: cloud.background("cam-1", 1),
    "standing": lambda cloud: cloud.standing("cam-1"),
    "metrics": lambda cloud: cloud.index.totals(),
}


@pytest.mark.parametrize("request_name", REQUESTS)
def test_no_request_scans_the_store(cloud, request_name):
    statements = []
    for connection in (cloud.index._reader, cloud.index._writer):
        connection.set_trace_callback(statements.append)
    REQUESTS[request_name](cloud)
    for connection in (cloud.index._reader, cloud.index._writer):
        connection.set_trace_callback(None)
    asked = [text for text in statements if re.match(r"(SELECT|INSERT|UPDATE|DELETE)", text)]
    assert asked
    for text in asked:
        plan = [row[3] for row in cloud.index._reader.execute(f"EXPLAIN QUERY PLAN {text}")]
        scans = [
            step for step in plan if re.match(rf"SCAN ({'|'.join(STORED)})\b", step) or "TEMP B-TREE" in step
        ]
        assert not scans, (text, plan)


def test_a_scan_would_be_seen(cloud):
    (plan,) = cloud.index._reader.execute(
        "EXPLAIN QUERY PLAN SELECT count(n_frames) FROM segments"
    ).fetchall()
    assert plan[3].startswith("SCAN segments")
