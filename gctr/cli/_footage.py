"""What commands read and write: clips, videos with their progress, pictures, the sound of one file beside another's."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from gctr.cli._console import frames_progress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from gctr.datasets import Clip


def open_clip(source: str, frames: int | None) -> Clip:
    """Open footage, its first `frames` only if that is given."""
    from gctr.datasets import load

    clip = load(source)
    return clip.head(frames) if frames else clip


def write_frames(
    out: Path, timed: Iterable[tuple[float, NDArray[np.uint8]]], n_frames: int | None, doing: str = ""
) -> None:
    """Write frames, (seconds, (H, W, 3) uint8 BGR), as a video; tell what is being done and how far it is.

    `n_frames` is None where nobody knows how many there will be.
    """
    from gctr.vision.recording import write_timed_video

    with frames_progress() as progress:
        write_timed_video(out, progress.track(timed, n_frames, description=doing or f"writing {out.name}"))


def write_picture(out: Path, image: NDArray[np.uint8]) -> None:
    """Write a picture, (H, W, 3) uint8 BGR, in the format that its name ends in, making folders as needed."""
    import cv2

    from gctr._files import write_whole

    if not cv2.haveImageWriter(out.name):
        raise typer.BadParameter(f"{out.name}: end the name in .png, .jpg or .webp", param_hint="--out")
    out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(out, cv2.imencode(out.suffix, image)[1].tobytes(), mode=0o644)


def copy_audio(source: str, video: Path) -> None:
    """Put the first sound of `source` into `video`, whole or not at all, neither coded anew; nothing if it has none.

    Raises
    ------
    VideoError
        If the container of `video` cannot hold that sound: name it .mkv.
    """
    import av

    from gctr.vision.video import VideoError

    part = video.with_name(f".{video.name}.{secrets.token_hex(4)}.part")
    formats = {".mkv": "matroska", ".mp4": "mp4"}
    try:
        with av.open(source) as sound, av.open(str(video)) as pictures:
            if not sound.streams.audio:
                return
            with av.open(str(part), "w", format=formats[video.suffix.lower()]) as out:
                _mux(out, pictures, pictures.streams.video[0], sound, sound.streams.audio[0])
        os.replace(part, video)
    except (av.FFmpegError, ValueError) as error:
        raise VideoError(
            f"the sound of {source} does not fit into {video.name} ({error}): name it .mkv"
        ) from None
    finally:
        part.unlink(missing_ok=True)


def _mux(out, pictures, video, sound, audio) -> None:
    streams = {"video": out.add_stream_from_template(video), "audio": out.add_stream_from_template(audio)}
    for container, stream, kind in ((pictures, video, "video"), (sound, audio, "audio")):
        for packet in container.demux(stream):
            if packet.dts is not None:
                packet.stream = streams[kind]
                out.mux(packet)
