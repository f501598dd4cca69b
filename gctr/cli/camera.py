"""`gctr camera run`: footage or a live source to a cloud, through a queue on disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from gctr.cli._console import check_choice, errors, frames_progress, say
from gctr.cli._footage import open_clip

if TYPE_CHECKING:
    from gctr.datasets import Clip
    from gctr.parties.live import Frame
    from gctr.vision.plate import Finder

app = typer.Typer(help="The camera: mask, seal, queue and send.", no_args_is_help=True)


@app.command()
def run(
    source: Annotated[str, typer.Argument(help="File, folder, data set, rtsp://… or /dev/video0.")],
    home: Annotated[Path, typer.Option(help="The camera/ folder of 'gctr cloud init'.", show_default=False)],
    cloud: Annotated[str, typer.Option(help="The cloud's URL.")] = "https://127.0.0.1:8443",
    camera: Annotated[str, typer.Option(help="The camera's name.")] = "cam-1",
    mode: Annotated[
        str, typer.Option(help="bucket_gcm, bucket_ctr, ctr, or gctr (insecure).")
    ] = "bucket_gcm",
    exact: Annotated[
        str, typer.Option(help="What comes back byte for byte: faces, all that is masked, or none.")
    ] = "faces",
    segment: Annotated[int, typer.Option(min=1, max=1000, help="Frames in a segment.")] = 50,
    frames: Annotated[int | None, typer.Option(min=1, help="Stop after so many frames.")] = None,
    plate_frames: Annotated[
        int, typer.Option(min=1, help="Frames of a live source from which its background is made.")
    ] = 500,
    people: Annotated[
        bool,
        typer.Option(
            "--people", help="Keep people out of backgrounds, with FastestDet (1 MB, fetched once)."
        ),
    ] = False,
    spool: Annotated[int, typer.Option(min=1, help="Queue on disk while the cloud is away, in MB.")] = 4096,
) -> None:
    """Send masked objects of a source to a cloud, for ever if the source is live.

    While the cloud is away segments wait on disk, in order. A live source that is lost is opened again. The first
    start registers the camera and makes its unmask key: carry that to the surveillance system, past the cloud.
    """
    from gctr.parties.camera import CameraSettings
    from gctr.parties.messages import Mode
    from gctr.parties.observer import EXACT
    from gctr.parties.station import drained, open_station

    settings = CameraSettings(
        camera,
        check_choice(mode, get_args(Mode), "--mode"),
        segment,
        exact=check_choice(exact, EXACT, "--exact"),
    )
    finder = _people_finder() if people else None
    with open_station(home, cloud, settings, max_bytes=spool << 20, find_people=finder) as (station, queue):
        clip = open_clip(source, frames)
        live = _is_live(source)
        station.register(clip.head(plate_frames) if live else clip)
        footage = _Live(source, clip, frames) if live else clip
        with frames_progress() as progress:
            task = progress.add_task(f"sending {clip.name}", total=None if live else clip.n_frames)
            for sent in station.run(footage, name=clip.name, sha256=clip.sha256, live=live):
                progress.advance(task, sent.n_frames)
        drained(queue, lambda waiting: say(f"{waiting} messages wait for the cloud", errors))
        say(f"sent up to segment {queue.position.sequence - 1} of {camera}")


class _Live:
    """A live source that is opened again when it is lost; the clip that was opened first goes first."""

    def __init__(self, source: str, first: Clip, frames: int | None) -> None:
        self._source, self._next, self._frames = source, [first], frames

    def timed(self) -> Iterator[tuple[float, Frame]]:
        from itertools import islice

        from gctr.parties.live import keep_open

        def lost(reason: str) -> None:
            say(f"the source is lost and will be opened again: {reason}", errors)

        return islice(keep_open(self._open, on_loss=lost), self._frames)

    def _open(self) -> Clip:
        return self._next.pop() if self._next else open_clip(self._source, None)


def _people_finder() -> Finder:
    from gctr.datasets import model_path
    from gctr.vision.objects import FastestDet

    return FastestDet(model_path("fastestdet")).find_people


def _is_live(source: str) -> bool:
    return "://" in source or source.startswith("/dev/")
