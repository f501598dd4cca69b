"""`gctr surveillance`: what a cloud on the network holds, shown masked or with the faces put back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from gctr.cli._console import console, make_table
from gctr.cli._footage import write_frames

if TYPE_CHECKING:
    from gctr.parties.remote import RemoteCloud
    from gctr.parties.surveillance import Surveillance

app = typer.Typer(help="The surveillance system: list, show, unmask.", no_args_is_help=True)
Home = Annotated[
    Path, typer.Option(help="The surveillance/ folder of 'gctr cloud init'.", show_default=False)
]
Url = Annotated[str, typer.Option(help="The cloud's URL.")]
Out = Annotated[
    Path, typer.Option("-o", "--out", help=".mkv keeps every byte, .mp4 does not.", show_default=False)
]
First = Annotated[int, typer.Option(help="First segment.")]
Last = Annotated[int | None, typer.Option(help="Last segment, included; all by default.")]
_LOOPBACK = "https://127.0.0.1:8443"


@app.command("list")
def list_(
    home: Home,
    camera: Annotated[str | None, typer.Argument(help="Its segments; all cameras by default.")] = None,
    cloud: Url = _LOOPBACK,
) -> None:
    """List cameras, or the segments of one."""
    with _remote(home, cloud) as remote:
        console.print(_list_cameras(remote) if camera is None else _list_segments(remote, camera))


@app.command()
def show(
    camera: Annotated[str, typer.Argument(help="The camera's name.", show_default=False)],
    home: Home,
    out: Out,
    cloud: Url = _LOOPBACK,
    first: First = 0,
    last: Last = None,
) -> None:
    """Write what the cloud composes, faces masked."""
    with _remote(home, cloud) as remote:
        _write(out, remote, _surveillance(home, remote), camera, (first, last))


@app.command()
def unmask(
    camera: Annotated[str, typer.Argument(help="The camera's name.", show_default=False)],
    home: Home,
    out: Out,
    reason: Annotated[str, typer.Option(help="Why, for the audit log.", show_default=False)],
    cloud: Url = _LOOPBACK,
    key: Annotated[Path | None, typer.Option(help="Unmask key or grant; HOME/unmask.key by default.")] = None,
    track: Annotated[int | None, typer.Option(help="This person alone.")] = None,
    first: First = 0,
    last: Last = None,
) -> None:
    """Write the composed video with the faces put back; logged with its reason in HOME/audit.jsonl."""
    with _remote(home, cloud) as remote:
        system = _surveillance(home, remote, key or home / "unmask.key")
        _write(out, remote, system, camera, (first, last), unmask=True, track_id=track, reason=reason)


def _list_cameras(remote: RemoteCloud) -> Table:
    rows = []
    for name in remote.cameras():
        stands = remote.standing(name)
        missing = ", ".join(f"{first}-{last}" for first, last in stands.missing) or "none"
        rows.append((name, stands.next_sequence, missing, stands.backgrounds))
    return make_table(("camera", "next segment", "missing", "backgrounds"), rows)


def _list_segments(remote: RemoteCloud, camera: str) -> Table:
    rows = []
    for segment in remote.segments(camera):
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(segment.captured))
        last = segment.first_frame + segment.n_frames - 1
        rows.append((segment.sequence, when, f"{segment.first_frame}-{last}", f"{segment.size:,}"))
    return make_table(("segment", "captured (UTC)", "frames", "bytes"), rows)


@contextmanager
def _remote(home: Path, url: str) -> Iterator[RemoteCloud]:
    from gctr.parties.home import read_token
    from gctr.parties.remote import RemoteCloud

    certificate = home / "cert.pem" if url.startswith("https://") else None
    remote = RemoteCloud(url, read_token(home / "surveillance.token"), certificate)
    try:
        yield remote
    finally:
        remote.close()


def _surveillance(home: Path, remote: RemoteCloud, key: Path | None = None) -> Surveillance:
    from gctr.parties.audit import AuditLog
    from gctr.parties.custody import read_opener
    from gctr.parties.keyfile import read_key
    from gctr.parties.surveillance import Surveillance

    opener = read_opener(key) if key else None
    return Surveillance(remote, read_key(home / "store.key", "store"), opener, AuditLog(home / "audit.jsonl"))


def _write(
    out: Path,
    remote: RemoteCloud,
    system: Surveillance,
    camera: str,
    span: tuple[int, int | None],
    *,
    unmask: bool = False,
    track_id: int | None = None,
    reason: str = "",
) -> None:
    from gctr.cli.lifting import user

    first, last = span
    wanted = [
        s for s in remote.segments(camera) if first <= s.sequence <= (s.sequence if last is None else last)
    ]
    if not wanted:
        raise ValueError(f"the cloud holds none of these segments of {camera!r}; see: gctr surveillance list")
    sequences = [segment.sequence for segment in wanted]
    who = user() if unmask else ""
    shown = system.watch(
        camera, sequences=sequences, unmask=unmask, track_id=track_id, reason=reason, who=who
    )
    n_frames = sum(segment.n_frames for segment in wanted)
    write_frames(out, ((frame.time, frame.image) for frame in shown), n_frames)
