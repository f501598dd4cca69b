"""The sound of one file beside the pictures of another, neither coded anew."""

import os
import secrets
from pathlib import Path

import av

from gctr.vision.video import VideoError


def copy_audio(source: str, video: Path) -> None:
    """Put the first sound of `source` into `video`, whole or not at all; nothing happens if there is none.

    Raises
    ------
    VideoError
        If the container of `video` cannot hold that sound: name it .mkv.
    """
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
