"""A real network camera: an RTSP server in a process of its own, which is killed and started again."""

import socket
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest

from gctr.datasets import load
from gctr.parties.home import init, read_token
from gctr.parties.keyfile import read_key
from gctr.parties.live import keep_open
from gctr.parties.processes import cloud_process
from gctr.parties.remote import RemoteCloud
from gctr.parties.surveillance import Surveillance

from .rtsp_camera import FPS, HEIGHT, WIDTH, picture

SERVER = Path(__file__).with_name("rtsp_camera.py")


class NetworkCamera:
    """Can be killed, and comes back at the same address."""

    def __init__(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"rtsp://127.0.0.1:{self.port}/gate"
        self.start()

    def start(self):
        command = [sys.executable, str(SERVER), str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "listening\n"

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture
def camera():
    camera = NetworkCamera()
    yield camera
    if camera.process.poll() is None:
        camera.kill()


def nearest(frame):
    """Return the number, modulo the walk, of the picture that a decoded frame shows."""
    return min(range(30), key=lambda k: np.abs(frame.astype(int) - picture(k)).mean())


def test_frames_go_on_after_the_camera_was_killed(camera):
    lost, seen, back = [], [], []

    def on_loss(reason):
        lost.append(reason)
        if len(lost) == 2:  # the first try to open it again has failed
            camera.start()

    for seconds, frame in keep_open(lambda: load(camera.url), patience=60, on_loss=on_loss):
        assert frame.shape == (HEIGHT, WIDTH, 3)
        (back if lost else seen).append((seconds, frame))
        if len(seen) == 12 and not lost:
            camera.kill()  # what it sent before may still be on its way
        if len(back) == 12:
            break
    times = [seconds for seconds, _ in seen + back]
    assert times == sorted(times)
    assert len(lost) >= 2 and f"127.0.0.1:{camera.port}" in lost[1], "the second reason names the address"
    assert back[0][0] - seen[-1][0] > 0.5, "the time that was lost shows as a gap"
    for part in (seen[:12], back):
        steps = np.diff([nearest(frame) for _, frame in part]) % 30
        assert (steps == 1).all(), "frame follows frame"


def test_a_camera_sends_what_a_network_camera_shows_before_and_after_its_death(camera, tmp_path):
    init(tmp_path)
    home, told = tmp_path / "surveillance", tmp_path / "told.txt"
    with (
        cloud_process(tmp_path / "cloud") as served,
        closing(
            RemoteCloud(served.url, read_token(home / "surveillance.token"), home / "cert.pem")
        ) as reader,
    ):
        with running_camera(camera.url, served.url, tmp_path / "camera", told):
            wait_for(lambda: reader.standing("cam-1").next_sequence >= 2)
            camera.kill()
            wait_for(lambda: "the source is lost and will be opened again" in told.read_text())
            before = reader.standing("cam-1").next_sequence
            camera.start()
            wait_for(lambda: reader.standing("cam-1").next_sequence >= before + 3)
        segments = reader.segments("cam-1")
        assert [segment.sequence for segment in segments] == list(range(len(segments))), "none is missing"
        assert {segment.n_frames for segment in segments} == {10}
        surveillance = Surveillance(reader, read_key(home / "store.key", "store"), None)
        times = [shown.time for shown in surveillance.watch("cam-1")]
        assert len(times) == 10 * len(segments)
        assert max(np.diff(times)) > 0.5 > 2 / FPS, "the time that was lost shows as a gap"


@contextmanager
def running_camera(source, cloud, home, told):
    """Run ``gctr camera run`` for ever; what it tells goes into a file."""
    options = ["--home", home, "--cloud", cloud, "--plate-frames", "30", "--segment", "10"]
    command = [sys.executable, "-m", "gctr", "camera", "run", source, *map(str, options)]
    with told.open("w") as file, subprocess.Popen(command, stderr=file, stdout=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.kill()


def wait_for(condition, seconds=90.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)
