"""Frames in and out of files, streams and cameras (PyAV, which is FFmpeg's own libraries).

Every picture is (H, W, 3) uint8 in **BGR** order, converted by FFmpeg's swscale from whatever the stream
holds (grey, 4:2:0, 10 bit, full or limited range); `cv2.VideoCapture` is the oracle in the tests.

Limits. Interlaced footage is not deinterlaced. A container that declares neither a frame count nor a duration
(MPEG-TS, raw H.264) cannot be told from one that was cut. A source that opens only once (a pipe) is not read.
Pictures are at most `MAX_PIXELS` large, and all pictures of one source must have one size.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

import av
import numpy as np
from numpy.typing import NDArray

from gctr.vision.containers import MAX_PIXELS, Address, VideoError
from gctr.vision.recording import write_timed_video, write_video

__all__ = [
    "MAX_PIXELS",
    "TruncatedVideoWarning",
    "VideoError",
    "VideoSource",
    "read_video",
    "write_timed_video",
    "write_video",
]

Frame = NDArray[np.uint8]


TICK_S = 0.001
"""Least time between two frames, in seconds."""


class TruncatedVideoWarning(UserWarning):
    """A source gave fewer frames than it declares, or packets that could not be decoded."""


@dataclass(frozen=True, eq=False)
class VideoSource:
    """Frames of a file, stream or camera: lazy, in constant memory, restartable (each `iter` opens anew).

    Parameters
    ----------
    name : str
        File name or address, without the user and password that an address may carry.
    fps : float
        Average frames a second as the container declares them; 25 where it is silent.
    resolution_wh : tuple of int
        (width, height) in pixels, after the rotation that the file asks for.
    n_frames : int or None
        As the container declares it; None where it does not (Matroska, MPEG-TS, streams, cameras).
    """

    name: str
    fps: float
    resolution_wh: tuple[int, int]
    n_frames: int | None
    _address: Address = field(repr=False)

    def __iter__(self) -> Iterator[Frame]:
        """Yield (H, W, 3) uint8 BGR frames."""
        return (frame for _, frame in self.timed())

    def timed(self) -> Iterator[tuple[float, Frame]]:
        """Yield (seconds since the first frame, (H, W, 3) uint8 BGR frame).

        The seconds are the stream's own presentation times, so a variable frame rate is honoured. They grow: a
        frame that the stream dates no later than the one before (spliced files, a camera that sets its clock)
        comes `TICK_S` after it.

        Raises
        ------
        VideoError
            If the source cannot be opened any more or its pictures change size.

        Warns
        -----
        TruncatedVideoWarning
            At the end, if the source was cut short or is damaged; by then all that decodes has been given.
        """
        with self._address.open() as (container, stream):
            tally = _Tally()
            start, shown = 0.0, 0.0
            for frame in _decoded(container, stream, tally):
                picture = _to_bgr(frame)
                self._check_size(picture, tally.frames)
                seconds = tally.frames / self.fps if frame.time is None else frame.time
                if tally.frames == 0:
                    start = seconds
                else:
                    shown = max(seconds - start, shown + TICK_S)
                tally.add(seconds + (_shown_seconds(frame) or 1 / self.fps))
                yield shown, picture
            if tally.damaged or tally.is_short_of(stream, 1.5 / self.fps):
                warnings.warn(tally.describe(self.name, stream), TruncatedVideoWarning, stacklevel=2)

    def _check_size(self, picture: Frame, k: int) -> None:
        height, width = picture.shape[:2]
        if (width, height) != self.resolution_wh:
            raise VideoError(
                f"{self.name}: the picture size changes from {self.resolution_wh} to {(width, height)} "
                f"at frame {k}; split the video there"
            )


def read_video(
    source: str | os.PathLike[str], *, format: str | None = None, options: Mapping[str, str] | None = None
) -> VideoSource:
    """Open a video file, a network address or a camera.

    Parameters
    ----------
    source : str or path
        A file; an address with `://` (`rtsp://user:password@camera/stream`, `http://…`); or a camera's
        device, such as `/dev/video0`.
    format : str, optional
        FFmpeg's name of the input format, for what it cannot guess: `"avfoundation"` or `"dshow"` for a
        camera on macOS or Windows, `"lavfi"` for a generated picture. `/dev/video*` is known to be `"v4l2"`.
    options : mapping of str, optional
        FFmpeg's options for the input, such as `{"video_size": "1280x720"}`.

    Returns
    -------
    VideoSource

    Raises
    ------
    VideoError
        If there is no such file, it may not be read, is empty, is no video, holds sound only, no decodable
        frame, or pictures larger than `MAX_PIXELS`.

    Notes
    -----
    A file that was cut short gives the frames it still holds, then a `TruncatedVideoWarning`. The first frame
    is decoded once here, so that what cannot be read fails at once and not in the middle of the work.
    """
    address = Address.parse(os.fspath(source), format, options or {})
    with address.open() as (container, stream):
        first = next(_decoded(container, stream, _Tally()), None)
        if first is None:
            raise VideoError(
                f"{address.name} holds no frame that can be decoded; it was cut short or is damaged"
            )
        height, width = _to_bgr(first).shape[:2]
        fps = float(stream.average_rate or stream.guessed_rate or 25)
        return VideoSource(address.name, fps, (width, height), stream.frames or None, address)


@dataclass
class _Tally:
    """What one pass over a source has given so far."""

    frames: int = 0
    damaged: int = 0
    end_s: float = 0.0

    def add(self, end_s: float) -> None:
        self.frames += 1
        self.end_s = max(self.end_s, end_s)

    def is_short_of(self, stream: av.VideoStream, tolerance_s: float) -> bool:
        if stream.frames:
            return self.frames < stream.frames
        return self.end_s < _declared_seconds(stream) - tolerance_s

    def describe(self, name: str, stream: av.VideoStream) -> str:
        declared = f"of {stream.frames} declared" if stream.frames else f"up to {self.end_s:.1f} s"
        return (
            f"{name} was cut short or is damaged: {self.frames} frames read {declared}, "
            f"{self.damaged} packets could not be decoded"
        )


def _decoded(
    container: av.container.InputContainer, stream: av.VideoStream, tally: _Tally
) -> Iterator[av.VideoFrame]:
    """Yield what decodes; a damaged packet is counted and passed over, a broken container is the end."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.error.FFmpegError:
            tally.damaged += 1
            return
        if packet is None:
            return
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            tally.damaged += 1
            continue
        yield from frames


def _to_bgr(frame: av.VideoFrame) -> Frame:
    # Bicubic chroma, as OpenCV and players do; PyAV's default loses a colour level or two at edges.
    picture = cast(Frame, frame.to_ndarray(format="bgr24", interpolation="BICUBIC"))
    quarter_turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(picture, quarter_turns)) if quarter_turns else picture


def _shown_seconds(frame: av.VideoFrame) -> float:
    return float(frame.duration * frame.time_base) if frame.duration and frame.time_base else 0.0


def _declared_seconds(stream: av.VideoStream) -> float:
    """Return the length that Matroska notes beside a stream ("00:01:02.500000000"), 0 where there is none."""
    match = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    if match is None:
        return 0.0
    hours, minutes, seconds = match.groups()
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
