"""A live source that is lost comes back; its times never run backwards."""

import numpy as np
import pytest

from gctr.parties.live import keep_open
from gctr.vision.video import VideoError

FRAME = np.zeros((16, 16, 3), np.uint8)


class Clock:
    """Time that passes only by sleeping and by frames."""

    now = 100.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


class Fickle:
    """Plays a script: each opening gives so many frames, then ends or fails; None cannot be opened."""

    def __init__(self, clock, script):
        self.clock, self.script, self.opened = clock, list(script), 0

    def __call__(self):
        self.opened += 1
        self.frames = self.script.pop(0)
        if self.frames is None:
            raise VideoError("no route to the camera")
        return self

    def timed(self):
        for k in range(abs(self.frames)):
            yield k * 0.1, FRAME
            self.clock.now += 0.1
        if self.frames < 0:
            raise VideoError("the connection was cut")


def test_frames_go_on_after_every_kind_of_loss():
    clock, reasons = Clock(), []
    source = Fickle(clock, [3, -2, None, None, 4, *[None] * 50])
    frames = keep_open(source, patience=60, on_loss=reasons.append, clock=clock, sleep=clock.sleep)
    times = []
    with pytest.raises(VideoError, match="no frame for 60 s: no route to the camera"):
        times.extend(t for t, _ in frames)
    assert len(times) == 9
    assert times == sorted(times)
    assert times[3] - times[2] > 0.5, "the loss shows as a gap in time"
    assert reasons[:3] == ["it ended", "the connection was cut", "no route to the camera"]


def test_a_source_that_is_away_is_not_asked_without_pause():
    clock = Clock()
    source = Fickle(clock, [None] * 400)
    with pytest.raises(VideoError):
        list(keep_open(source, patience=600, clock=clock, sleep=clock.sleep))
    assert source.opened < 30, "pauses grow to half a minute"


def test_the_consumer_s_own_errors_are_not_taken_for_a_loss():
    frames = keep_open(Fickle(Clock(), [5]), patience=1)
    next(frames)
    with pytest.raises(RuntimeError, match="of the consumer"):
        frames.throw(RuntimeError("of the consumer"))
