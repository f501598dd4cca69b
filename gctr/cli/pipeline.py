"""`gctr protect`, `compose`, `unmask`, `info`: a video through the three parties, in one folder."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer
from rich.table import Table
from rich.text import Text

from gctr.cli._console import check_choice, console, frames_progress, make_table, say
from gctr.cli._footage import open_clip, write_frames, write_picture

if TYPE_CHECKING:
    from gctr.parties.local import Protected

Folder = Annotated[Path, typer.Argument(help="What 'gctr protect' wrote.", show_default=False)]


def protect(
    video: Annotated[str, typer.Argument(help="File, folder, data set, or address.", show_default=False)],
    out: Annotated[
        Path, typer.Option("-o", "--out", help="Folder for cloud, camera and keys.", show_default=False)
    ],
    camera: Annotated[str, typer.Option(help="The camera's name.")] = "cam-1",
    mode: Annotated[
        str, typer.Option(help="bucket_gcm, bucket_ctr, ctr, or gctr (the paper's; insecure).")
    ] = "bucket_gcm",
    qp: Annotated[
        int, typer.Option(min=0, max=51, help="Quantisation of the objects' video; +6 halves it.")
    ] = 24,
    threshold: Annotated[float, typer.Option(min=0.01, max=0.99, help="Lowest score of a face.")] = 0.2,
    policy: Annotated[str, typer.Option(help="What of a person is masked: face, head or body.")] = "face",
    exact: Annotated[
        str, typer.Option(help="What comes back byte for byte: faces, all that is masked, or none.")
    ] = "faces",
    segment: Annotated[int, typer.Option(min=1, max=1000, help="Frames in a segment.")] = 50,
    frames: Annotated[int | None, typer.Option(min=1, help="Stop after so many frames.")] = None,
) -> None:
    """Mask the faces of a video, keep its objects only, encrypt and store them.

    The folder gets cloud/ (what the cloud holds), camera/ and keys/ (two key files, mode 0600). Interrupted, the same
    command goes on where it stopped.
    """
    from gctr.parties.camera import CameraSettings
    from gctr.parties.local import protect as run
    from gctr.parties.messages import Mode
    from gctr.parties.observer import EXACT
    from gctr.vision.following import POLICIES

    settings = CameraSettings(
        camera,
        check_choice(mode, get_args(Mode), "--mode"),
        segment,
        qp,
        face_threshold=threshold,
        policy=check_choice(policy, POLICIES, "--policy"),
        exact=check_choice(exact, EXACT, "--exact"),
    )
    clip = open_clip(video, frames)
    with frames_progress() as progress:
        task = progress.add_task(f"protecting {clip.name}", total=clip.n_frames)
        result = run(clip, out, settings, on_sent=lambda sent: progress.advance(task, sent.n_frames))
        progress.update(task, completed=clip.n_frames)
    _tell_protected(out, result)


def compose(
    folder: Folder,
    out: Annotated[
        Path, typer.Option("-o", "--out", help=".mp4, .mkv (lossless) or a picture.", show_default=False)
    ],
    camera: Annotated[str, typer.Option(help="The camera's name.")] = "cam-1",
    background: Annotated[
        bool, typer.Option("--background", help="The background alone, as a picture.")
    ] = False,
    frame: Annotated[int | None, typer.Option(help="With --track: the frame of a partial picture.")] = None,
    track: Annotated[
        int | None, typer.Option(help="With --frame: this masked object alone, as a picture.")
    ] = None,
) -> None:
    """Write what the cloud composes, faces masked: the video, one masked object, or the background."""
    from gctr.parties.local import open_folder

    if (frame is None) != (track is None):
        raise typer.BadParameter("a partial picture needs both --frame and --track")
    if not background and frame is None:
        _write_video(out, folder, camera, unmask=None)
        return
    cloud, surveillance = open_folder(folder)
    with closing(cloud):
        if background:
            write_picture(out, surveillance.background(camera))
        elif frame is not None and track is not None:
            write_picture(out, surveillance.partial(camera, frame, track))


def unmask(
    folder: Folder,
    out: Annotated[
        Path, typer.Option("-o", "--out", help=".mkv keeps every byte, .mp4 does not.", show_default=False)
    ],
    camera: Annotated[str, typer.Option(help="The camera's name.")] = "cam-1",
    key: Annotated[Path | None, typer.Option(help="The unmask key; DIR/keys/unmask.key by default.")] = None,
    track: Annotated[int | None, typer.Option(help="This person alone.")] = None,
    grant: Annotated[Path | None, typer.Option(help="A grant, instead of a key; see 'gctr grant'.")] = None,
    reason: Annotated[str, typer.Option(help="Why, for the audit log.")] = "not given",
) -> None:
    """Write the composed video with the faces put back; or a video that 'gctr mask --sealed' wrote.

    In an .mkv the faces' pixels equal the camera's byte for byte (FFV1, lossless); an .mp4 is smaller and lossy.
    Every unmask goes into the audit log with its reason.
    """
    from gctr.cli.lifting import default_key, unmask_video

    if folder.is_file():
        unmask_video(folder, out, key, grant, track, reason)
        return
    opens = grant or key or default_key(folder)
    _write_video(
        out, folder, camera, unmask=opens, private=key if grant else None, track=track, reason=reason
    )


def info(folder: Annotated[Path | None, typer.Argument(help="A folder of 'gctr protect'.")] = None) -> None:
    """Say what this machine and this gctr are, or what a folder holds."""
    from gctr.experiments import describe_machine

    console.print(_describe_folder(folder) if folder else _two_columns(describe_machine()))


def _tell_protected(folder: Path, result: Protected) -> None:
    size = sum(sent.size for sent in result.sent)
    masked = sum(sent.faces for sent in result.sent)
    kept = f", {result.kept} were there already" if result.kept else ""
    say(
        f"{len(result.sent)} segments sent{kept}: {size:,} bytes, {masked} faces masked; "
        f"background {result.background_size:,} bytes. See: gctr compose {folder} -o composed.mp4"
    )


def _write_video(
    out: Path,
    folder: Path,
    camera: str,
    *,
    unmask: Path | None,
    private: Path | None = None,
    track: int | None = None,
    reason: str = "",
) -> None:
    from gctr.cli.lifting import user
    from gctr.parties.local import open_folder

    cloud, surveillance = open_folder(folder, unmask, private)
    with closing(cloud):
        segments = cloud.segments(camera)
        if not segments:
            raise ValueError(
                f"{folder} holds no segment of camera {camera!r}; cameras there: {', '.join(cloud.cameras())}"
            )
        shown = surveillance.watch(
            camera, unmask=unmask is not None, track_id=track, reason=reason, who=user()
        )
        n_frames = sum(segment.n_frames for segment in segments)
        write_frames(out, ((frame.time, frame.image) for frame in shown), n_frames)


def _describe_folder(folder: Path) -> Table:
    from gctr.parties.local import open_folder

    rows = []
    with closing(open_folder(folder)[0]) as cloud:
        for camera in cloud.cameras():
            segments = cloud.segments(camera)
            frames, size = (sum(getattr(s, field) for s in segments) for field in ("n_frames", "size"))
            rows.append((camera, len(segments), frames, f"{size:,}"))
    table = make_table(("camera", "segments", "frames", "bytes"), rows)
    table.title = Text(str(folder))
    return table


def _two_columns(facts: dict[str, object]) -> Table:
    table = make_table(("", ""), facts.items())
    table.show_header = False
    return table
