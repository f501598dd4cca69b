"""Writing video files, all or nothing."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from contextlib import suppress
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from gctr.vision.containers import VideoError

Frame = NDArray[np.uint8]

_CONTAINERS = {".mkv": "matroska", ".mp4": "mp4"}


def write_video(path: str | os.PathLike[str], frames: Iterable[Frame], fps: float, *, crf: float = 18) -> int:
    """Write frames to a file, all or nothing: the final name never holds half a video.

    Parameters
    ----------
    path : str or path
        `.mkv` is lossless: FFV1 in RGB, read back bit for bit in any size. `.mp4` is H.264 4:2:0, which every
        player shows and which needs even sizes: an odd last column or row is repeated once.
    frames : iterable of NDArray[uint8], shape (H, W, 3)
        BGR, all of one size; consumed one by one.
    fps : float
        Frames a second, 0.001 to 1000.
    crf : float
        H.264's constant rate factor, 0 (lossless but for the colour conversion) to 51; `.mkv` ignores it.

    Returns
    -------
    int
        How many frames were written.

    Raises
    ------
    VideoError
        If there is no frame, a frame is no picture or differs in size, the file cannot be written (folder
        missing, disk full), `fps` is outside its limits, or the suffix is another one.
    """
    if not 0.001 <= fps <= 1000:
        raise VideoError(f"frames a second must lie from 0.001 to 1000, not {fps}")
    rate = Fraction(fps).limit_denominator(1001)
    return _write(path, ((k / rate, frame) for k, frame in enumerate(frames)), rate, 1 / rate, crf)


def write_timed_video(
    path: str | os.PathLike[str], timed: Iterable[tuple[float, Frame]], *, crf: float = 18
) -> int:
    """Write frames with the times at which they are shown, for instance those of a variable frame rate.

    Parameters
    ----------
    path : str or path
        As for `write_video`.
    timed : iterable of (float, NDArray[uint8] of shape (H, W, 3))
        Seconds since the start, kept to the millisecond and growing, and BGR frames of one size.
    crf : float
        As for `write_video`.

    Returns
    -------
    int
        How many frames were written.

    Raises
    ------
    VideoError
        As `write_video`; also if two frames have the same millisecond.
    """
    return _write(path, timed, Fraction(25), Fraction(1, 1000), crf)


def _write(
    path: str | os.PathLike[str],
    timed: Iterable[tuple[float | Fraction, Frame]],
    rate: Fraction,
    tick: Fraction,
    crf: float,
) -> int:
    path = Path(path)
    if path.suffix.lower() not in _CONTAINERS:
        raise VideoError(f"{path}: name it .mkv (lossless) or .mp4 (H.264); {path.suffix!r} is not written")
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        count = _encode(part, path.suffix.lower(), timed, rate, tick, crf)
        _put_in_place(part, path)
    except av.error.FFmpegError as error:
        raise VideoError(f"cannot write {path}: {error.strerror}") from error
    finally:
        with suppress(OSError):  # it is in its place, or its folder does not exist
            part.unlink()
    return count


def _put_in_place(part: Path, path: Path) -> None:
    try:
        with part.open("rb+") as file:
            os.fsync(file.fileno())  # after a power cut too, the name holds a whole video
        os.replace(part, path)
    except OSError as error:
        raise VideoError(f"cannot write {path}: {error.strerror}") from error


def _encode(
    part: Path,
    suffix: str,
    timed: Iterable[tuple[float | Fraction, Frame]],
    rate: Fraction,
    tick: Fraction,
    crf: float,
) -> int:
    pictures = iter(timed)
    first = next(pictures, None)
    if first is None:
        raise VideoError("there is no frame to write")
    _check_picture(first[1], first[1].shape, 0)
    with av.open(f"file:{part}", "w", format=_CONTAINERS[suffix]) as container:
        stream = _add_stream(container, suffix, first[1], rate, crf)
        stream.codec_context.time_base = tick
        last = -1
        for count, (seconds, picture) in enumerate(chain([first], pictures), start=1):
            _check_picture(picture, first[1].shape, count - 1)
            frame = av.VideoFrame.from_ndarray(_pad(picture, stream), format="bgr24")
            frame.pts, frame.time_base = round(seconds / tick), tick
            if frame.pts <= last:
                raise VideoError(
                    f"frame {count - 1} is not shown after the one before it ({float(seconds):.3f} s)"
                )
            last = frame.pts
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return count


def _add_stream(
    container: av.container.OutputContainer, suffix: str, first: Frame, rate: Fraction, crf: float
) -> av.VideoStream:
    height, width = first.shape[:2]
    if suffix == ".mkv":
        stream = container.add_stream("ffv1", rate=rate)
        # Level 3 carries a checksum for every slice; a picture of a few pixels cannot be sliced.
        slices = "4" if min(width, height) >= 16 else "1"
        stream.pix_fmt, stream.options = "bgr0", {"level": "3", "slicecrc": "1", "slices": slices}
    else:
        stream = container.add_stream("libx264", rate=rate)
        stream.pix_fmt, stream.options = "yuv420p", {"crf": str(crf)}
        width, height = width + width % 2, height + height % 2
        # What swscale makes of RGB: BT.601, limited range. Say so, lest a player assume BT.709.
        stream.codec_context.colorspace, stream.codec_context.color_range = (
            Colorspace.ITU601,
            ColorRange.MPEG,
        )
    stream.width, stream.height = width, height
    return stream


def _check_picture(picture: Frame, shape: tuple[int, ...], k: int) -> None:
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
        raise VideoError(f"frame {k} must be (H, W, 3) uint8 BGR, not {picture.shape} {picture.dtype}")
    if picture.shape != shape:
        raise VideoError(f"frame {k} is {picture.shape}, frame 0 was {shape}; one video has one size")


def _pad(picture: Frame, stream: av.VideoStream) -> Frame:
    height, width = picture.shape[:2]
    return np.pad(picture, ((0, stream.height - height), (0, stream.width - width), (0, 0)), mode="edge")
