"""A real network camera: an RTSP server in a process of its own, which is killed and started again."""

import shutil
import socket
import subprocess
import sys
import time
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
    lost = []

    def on_loss(reason):
        lost.append(reason)
        if len(lost) == 2:  # the first try to open it again has failed
            camera.start()

    seen = []
    for seconds, frame in keep_open(lambda: load(camera.url), patience=60, on_loss=on_loss):
        assert frame.shape == (HEIGHT, WIDTH, 3)
        seen.append((seconds, nearest(frame)))
        if len(seen) == 12:
            camera.kill()
        if len(seen) == 36:
            break
    times = [seconds for seconds, _ in seen]
    assert times == sorted(times)
    assert len(lost) >= 2 and f"127.0.0.1:{camera.port}" in lost[1], "the second reason names the address"
    assert max(np.diff(times[11:])) > 0.5, "the time that was lost shows as a gap"
    steps = np.diff([number for _, number in seen[:12]]) % 30
    assert (steps == 1).all(), "before it, frame follows frame"


def test_a_camera_sends_what_a_network_camera_shows_before_and_after_its_death(camera, tmp_path):
    init(tmp_path)
    home, wanted = tmp_path / "surveillance", 40
    with cloud_process(tmp_path / "cloud") as served:
        reader = RemoteCloud(served.url, read_token(home / "surveillance.token"), home / "cert.pem")
        options = ["--home", tmp_path / "camera", "--cloud", served.url, "--frames", str(wanted)]
        options += ["--plate-frames", "30", "--segment", "10"]
        command = [sys.executable, "-m", "gctr", "camera", "run", camera.url, *map(str, options)]
        with subprocess.Popen(
            command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        ) as running:
            wait_for(lambda: reader.standing("cam-1").next_sequence >= 1)
            camera.kill()
            time.sleep(0.7)  # at least one try meets a closed door
            camera.start()
            _, told = running.communicate(timeout=120)
        assert running.returncode == 0, told
        assert "the source is lost and will be opened again" in told
        segments = reader.segments("cam-1")
        assert [segment.sequence for segment in segments] == [0, 1, 2, 3]
        assert sum(segment.n_frames for segment in segments) == wanted
        shutil.copy(tmp_path / "camera" / "unmask.key", home)
        surveillance = Surveillance(reader, read_key(home / "store.key", "store"), None)
        times = [shown.time for shown in surveillance.watch("cam-1")]
        assert len(times) == wanted and max(np.diff(times)) > 0.5 > 2 / FPS
        reader.close()


def wait_for(condition, seconds=90.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)
