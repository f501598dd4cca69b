"""Opening video files, network addresses and cameras safely: what `gctr.vision.video` reads from.

A source may be hostile: pictures are bounded before memory is taken, a text file is not played as ANSI art,
a silent address is given up, and the user and password in an address stay out of every message.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import av

MAX_PIXELS = 2**26
"""Largest picture that is decoded (8192 x 8192); a header that claims more is refused."""

_LIMITS = {"max_pixels": str(MAX_PIXELS)}

TIMEOUT_S = 20.0
"""How long a network address may stay silent, in seconds."""

# FFmpeg plays any text file as ANSI art; a ground-truth file is not a video.
_TEXT_ART = {"ansi", "bintext", "xbin", "idf"}


class VideoError(ValueError):
    """A source cannot be read or written as video; the message says why and what to do."""


@dataclass(frozen=True)
class Address:
    """Where pictures come from and how FFmpeg is to open it.

    Parameters
    ----------
    name : str
        The address without user and password, fit for messages and provenance.
    url : str
        What FFmpeg opens.
    format : str or None
        FFmpeg's name of the input format; None lets it guess.
    live : bool
        A camera or a network stream: decoded without frame threads, which would hold frames back.
    """

    name: str
    url: str = field(repr=False)
    format: str | None
    live: bool
    options: Mapping[str, str]

    @classmethod
    def parse(cls, source: str, format: str | None, options: Mapping[str, str]) -> Address:
        """Tell a network address (`scheme://…`), a camera's device and a file apart."""
        if "://" in source:
            # Over UDP, RTSP loses packets as soon as the network is busy.
            defaults = {"rtsp_transport": "tcp"} if source.startswith("rtsp") else {}
            return cls(without_credentials(source), source, format, True, {**defaults, **options})
        if format is None and re.fullmatch(r"/dev/video\d+", source):
            return cls(source, source, "v4l2", True, options)
        if format is not None and not os.path.exists(source):
            return cls(source, source, format, True, options)
        # A colon in a file's name must not be taken for a protocol.
        return cls(source, f"file:{source}", format, False, options)

    @contextmanager
    def open(self) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
        """Open the container and choose its video stream; raise VideoError if either cannot be had."""
        if self.url.startswith("file:"):
            _check_file(self.name)
        try:
            container = av.open(
                self.url,
                format=self.format,
                options={**_LIMITS, **self.options},
                timeout=TIMEOUT_S if "://" in self.url else None,
                metadata_errors="replace",
            )
        except av.error.FFmpegError as error:
            # FFmpeg's own message repeats the address, password included: only its reason is passed on.
            hint = "are address and password right?" if self.live else "it is not a video, or it is damaged"
            silent = isinstance(error, av.error.ExitError)
            reason = f"no answer for {TIMEOUT_S:g} s" if silent else error.strerror
            raise VideoError(f"{self.name} cannot be read as video ({reason}): {hint}") from None
        with container:
            stream = _choose_stream(container, self.name)
            if not self.live:
                stream.thread_type = "AUTO"
            yield container, stream


def without_credentials(address: str) -> str:
    """Return a network address without user, password and query (cameras take passwords there); a path as is.

    >>> without_credentials("rtsp://admin:secret@10.0.0.7:554/live/ch1?token=abc")
    'rtsp://10.0.0.7:554/live/ch1'
    """
    if "://" not in address:
        return address
    bare = re.sub(r"(?<=://)[^/?#]*@", "", address)
    return re.sub(r"(?i)\b(user\w*|pass\w*|pwd|token|auth\w*)=[^&/]*", r"\1=", re.split(r"[?#]", bare)[0])


def _check_file(path: str) -> None:
    try:
        with open(path, "rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise VideoError(f"cannot open {path}: {error.strerror}") from error
    if empty:
        raise VideoError(f"{path} is empty (0 bytes); copy or record it again")


def _choose_stream(container: av.container.InputContainer, name: str) -> av.VideoStream:
    """Return the first stream of moving pictures; a song's cover and text art are none."""
    cover = av.stream.Disposition.attached_pic
    for stream in container.streams.video:
        context = stream.codec_context
        if stream.disposition & cover or context is None or context.name in _TEXT_ART:
            continue
        # The decoder forgets a size above `max_pixels`, so that one reads as 0 x 0 here.
        if not 0 < context.width * context.height <= MAX_PIXELS:
            raise VideoError(
                f"{name} gives no picture size, or one above {MAX_PIXELS} pixels: damaged or not a video"
            )
        context.options = {**context.options, **_LIMITS}
        return stream
    raise VideoError(f"{name} is not a video: it holds no stream of moving pictures")
