"""`gctr grant`, `gctr audit`, `gctr keys`: who may lift a mask, one person at a time, accounted for."""

from __future__ import annotations

import getpass
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gctr.cli._console import console, make_table, say
from gctr.cli._footage import write_frames

if TYPE_CHECKING:
    from gctr.parties.audit import AuditLog
    from gctr.parties.messages import Header, ObjectVideo

audit = typer.Typer(help="The log of what was unmasked, when and why.", no_args_is_help=True)
keys = typer.Typer(help="Keys of faces: pairs, and rotation.", no_args_is_help=True)


def grant(
    source: Annotated[
        Path, typer.Argument(help="Folder of 'gctr protect', or a sealed video.", show_default=False)
    ],
    track: Annotated[int, typer.Option(help="The object that may be unmasked.", show_default=False)],
    out: Annotated[Path, typer.Option("-o", "--out", help="The grant's file.", show_default=False)],
    key: Annotated[
        Path | None, typer.Option(help="The unmask key; the folder's or OUT.key by default.")
    ] = None,
    to: Annotated[Path | None, typer.Option(help="Public key of the holder: nobody else can use it.")] = None,
    hours: Annotated[float, typer.Option(min=0.01, help="Until it expires.")] = 24.0,
    reason: Annotated[str, typer.Option(help="Kept in the grant and in the audit log.")] = "not given",
    camera: Annotated[str, typer.Option(help="The camera's name.")] = "cam-1",
) -> None:
    """Grant one person's key: its holder unmasks that object, until it expires, and nobody else."""
    from gctr.parties.custody import read_opener
    from gctr.parties.grants import issue_grant, write_grant
    from gctr.parties.keyfile import read_key

    opener = read_opener(key or default_key(source))
    camera, segments = _sealed_segments(source, camera)
    granted = issue_grant(opener, segments, camera, track, lifetime=hours * 3600, reason=reason)
    holder = read_key(to, "unmask-public") if to else None
    _log(source).append(
        "grant", camera, track_id=track, reason=f"{reason} (grant {granted.terms.serial})", who=user()
    )
    write_grant(out, granted, holder)
    say(f"{out}: object {track} of {camera}, for {hours:g} h")


def _sealed_segments(source: Path, camera: str) -> tuple[str, list[tuple[Header, ObjectVideo]]]:
    """Return a folder's segments of a camera, or those of a sealed video, and the name of the camera in them."""
    from gctr.parties.local import open_folder
    from gctr.parties.sidecar import read_sidecar

    if source.is_dir():
        cloud, surveillance = open_folder(source)
        with closing(cloud):
            return camera, list(surveillance.segments(camera))
    segments = list(read_sidecar(source).objects())
    return segments[0][0].camera if segments else "video", segments


@audit.command("verify")
def audit_verify(
    source: Annotated[Path, typer.Argument(help="Folder, sealed video, or log.", show_default=False)],
    count: Annotated[int | None, typer.Option(help="Entries noted earlier.")] = None,
    last: Annotated[str | None, typer.Option("--hash", help="Hash noted earlier.")] = None,
) -> None:
    """Check the log's chain; print count and last hash, to be noted elsewhere and given the next time."""
    verified = _log(source).verify(count=count, last=last)
    say(f"whole: {verified.entries} entries, hash {verified.last}")


@audit.command("show")
def audit_show(
    source: Annotated[Path, typer.Argument(help="Folder, sealed video, or log.", show_default=False)],
) -> None:
    """Verify the log and list it."""
    from datetime import UTC, datetime

    log = _log(source)
    log.verify()
    rows = []
    for entry in log.entries():
        when = datetime.fromtimestamp(entry.time, UTC).isoformat(sep=" ", timespec="seconds")
        whom = "all" if entry.track_id is None else entry.track_id
        rows.append((entry.number, when, entry.action, entry.camera, whom, entry.reason, entry.who))
    columns = ("", "time (UTC)", "action", "camera", "object", "reason", "who")
    console.print(make_table(columns, rows))


@keys.command("pair")
def keys_pair(
    private: Annotated[Path, typer.Argument(help="New file for the private key.", show_default=False)],
    public: Annotated[
        Path,
        typer.Argument(help="New file for the public key: FOLDER/keys/recipient.pub.", show_default=False),
    ],
) -> None:
    """Make a pair: a camera that holds the public key alone cannot unmask what it sent once it is off."""
    from gctr.parties.keyfile import new_key, public_of, write_key, write_public

    key = new_key("unmask-private")
    write_key(private, key)
    write_public(public, public_of(key))
    say(f"{private}: keep secret; {public}: for cameras")


@keys.command("rotate")
def keys_rotate(
    folder: Annotated[Path, typer.Argument(help="What 'gctr protect' wrote.", show_default=False)],
) -> None:
    """Make the unmask key of the next epoch; the camera takes it when it starts again."""
    from gctr.parties.custody import rotate

    say(f"{rotate(folder / 'keys')}: seals from now on")


def unmask_video(
    video: Path, out: Path, key: Path | None, grant_file: Path | None, track: int | None, reason: str
) -> None:
    """Put the faces of a sealed video back; `gctr unmask` on a file."""
    from gctr.parties.custody import read_opener
    from gctr.parties.sidecar import read_sidecar, reveal_video
    from gctr.vision.video import read_video

    opener = read_opener(grant_file or key or default_key(video), key if grant_file else None)
    track = opener.track_id if track is None else track
    sidecar = read_sidecar(video)
    source = read_video(video)
    _video_log(video).append("unmask", video.name, track_id=track, reason=reason, who=user())
    n_frames = sum(segment.header.n_frames for segment in sidecar.segments)
    write_frames(out, reveal_video(source.timed(), sidecar, opener, track), n_frames)


def user() -> str:
    """Return the name under which this process runs, for the audit log."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"


def default_key(source: Path) -> Path:
    """Return where the unmask key of a folder, or of a sealed video, stands by default."""
    return source / "keys" / "unmask.key" if source.is_dir() else source.with_name(source.name + ".key")


def _video_log(video: Path) -> AuditLog:
    from gctr.parties.audit import AuditLog

    return AuditLog(video.with_name(video.name + ".audit.jsonl"))


def _log(source: Path) -> AuditLog:
    from gctr.parties.audit import AuditLog
    from gctr.parties.local import audit_log

    if source.is_dir():
        return audit_log(source)
    return AuditLog(source) if source.suffix == ".jsonl" else _video_log(source)
