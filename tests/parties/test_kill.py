"""kill -9 at random moments: nothing acknowledged is lost, and the store always opens.

``GCTR_KILLS`` sets how often the cloud is killed; CI runs 200. The kernel keeps running when a process is killed, so
this does not prove what a power cut leaves: `test_nothing_is_indexed_before_it_is_synced` looks at the order of the
system calls instead.
"""

import multiprocessing
import os
import queue
import signal
import socket
import threading
import time

import numpy as np
import pytest

from gctr import _files
from gctr.parties.blobs import blob_name
from gctr.parties.cloud import Cloud
from gctr.parties.home import init, open_cloud
from gctr.parties.keyfile import new_key, read_key
from gctr.parties.remote import CloudAway, RemoteCloud
from gctr.parties.spool import Spool
from gctr.parties.tokens import Parties
from gctr.parties.upkeep import repair, verify

from .served import Away, background, segment, serve_for

KILLS = int(os.environ.get("GCTR_KILLS", "25"))
CAMERAS = ("cam-1", "cam-2")


@pytest.fixture(scope="module")
def forked():
    """A fork server that has imported everything: each process starts warm, in milliseconds."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.parties.served"])
    return context


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Sending(threading.Thread):
    """One camera that sends segment after segment and goes on while the cloud is dead."""

    def __init__(self, url, token, key, camera):
        super().__init__(daemon=True)
        self.key, self.camera, self.acknowledged = key, camera, {}
        self.cloud = RemoteCloud(url, token, patience=0.0, timeout=10)
        self.stopped, self.failure = threading.Event(), None

    def run(self):
        try:
            self.until_taken(background(self.key, self.camera))
            while not self.stopped.is_set():
                message = segment(self.key, len(self.acknowledged), self.camera)
                if self.until_taken(message):
                    self.acknowledged[len(self.acknowledged)] = blob_name(message)
        except Exception as error:
            self.failure = error

    def until_taken(self, message):
        while not self.stopped.is_set():
            try:
                self.cloud.send(message)
                return True
            except CloudAway:
                time.sleep(0.002)
        return False


def start(forked, folder, port):
    reader, writer = forked.Pipe(duplex=False)
    process = forked.Process(target=serve_for, args=(folder, port, writer), daemon=True)
    process.start()
    assert reader.poll(60), "the store did not open again"
    reader.recv()
    return process


def wait_for_more(cameras):
    before, end = [len(camera.acknowledged) for camera in cameras], time.monotonic() + 60
    while [len(camera.acknowledged) for camera in cameras] == before:
        assert time.monotonic() < end, "nothing is acknowledged any more"
        time.sleep(0.001)


def test_a_killed_cloud_loses_nothing_that_it_acknowledged(tmp_path, forked):
    init(tmp_path)
    folder, port = tmp_path / "cloud", free_port()
    key, parties = read_key(folder / "store.key", "store"), Parties(folder / "parties.json")
    url, tokens = f"http://127.0.0.1:{port}", [parties.issue(name, "camera") for name in CAMERAS]
    cameras = [Sending(url, token, key, name) for name, token in zip(CAMERAS, tokens, strict=True)]
    for camera in cameras:
        camera.start()
    for k, delay in enumerate(np.random.default_rng(7).uniform(0, 0.05, KILLS)):
        process = start(forked, folder, port)
        if k % 5:  # every fifth is killed just after it opened, the others during ingest
            wait_for_more(cameras)
        time.sleep(delay)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
    for camera in cameras:
        camera.stopped.set()
        camera.join()
        assert camera.failure is None
    assert sum(len(camera.acknowledged) for camera in cameras) > KILLS // 2, "the kills fell into ingest"
    cloud = open_cloud(folder)
    for camera in cameras:
        stored = {
            s.sequence: cloud.index.segment_file(camera.camera, s.sequence)
            for s in cloud.segments(camera.camera)
        }
        assert camera.acknowledged.items() <= stored.items()
        assert set(stored) - set(camera.acknowledged) <= {len(camera.acknowledged)}, "one may be on its way"
    assert {finding.what for finding in verify(cloud)} <= {"unknown"}, "written, not yet acknowledged"
    repair(cloud)
    assert verify(cloud) == []
    cloud.close()


class Listening:
    def __init__(self):
        self.heard = queue.Queue()

    def send(self, message, captured=None):
        self.heard.put(message)


def spool_for(folder, key, pipe):
    spool = Spool(folder, Away())
    for k in range(spool.position.sequence, 10_000):
        message = segment(key, k)
        spool.put(message)
        pipe.send(message)


def test_a_killed_camera_loses_nothing_from_its_queue(tmp_path, forked):
    key, acknowledged = new_key("store"), []
    for delay in np.random.default_rng(8).uniform(0, 0.05, max(5, KILLS // 4)):
        reader, writer = forked.Pipe(duplex=False)
        process = forked.Process(target=spool_for, args=(tmp_path, key, writer), daemon=True)
        process.start()
        writer.close()
        acknowledged.append(reader.recv())
        time.sleep(delay)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        acknowledged += received(reader)
    cloud = Listening()
    spool = Spool(tmp_path, cloud)
    assert spool.drain(30)
    spool.close()
    sent = list(cloud.heard.queue)
    order = [sent.index(message) for message in acknowledged]
    assert order == sorted(order)
    assert len(sent) - len(acknowledged) <= max(5, KILLS // 4), "one more for each kill, put and not yet told"


def received(reader):
    while True:
        try:
            yield reader.recv()
        except (EOFError, OSError):
            return


def test_nothing_is_indexed_before_it_is_synced(tmp_path, monkeypatch):
    key, calls = new_key("store"), []
    cloud = Cloud(tmp_path, key)
    cloud.put(background(key))
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(_files.os, name, lambda *a, _n=name, _r=real: (calls.append(_n), _r(*a))[1])
    writing = cloud.index.writing
    monkeypatch.setattr(cloud.index, "writing", lambda: (calls.append("commit"), writing())[1])
    cloud.put(segment(key, 0))
    assert calls == ["fsync", "replace", "fsync", "commit"], "file, rename, folder, then index"
    for connection in (cloud.index._writer, cloud.index._reader):
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,), "FULL: a commit is synced"
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    cloud.close()
