"""`gctr cloud`: make, serve, check, repair and prune the cloud's store."""

import time
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from gctr.cli._console import console, make_table, say

app = typer.Typer(help="The cloud: make it, serve it, keep it well.", no_args_is_help=True)
Store = Annotated[Path, typer.Argument(help="The cloud/ folder of 'gctr cloud init'.", show_default=False)]


@app.command()
def init(
    folder: Annotated[
        Path, typer.Argument(help="Where cloud/, camera/, surveillance/ go.", show_default=False)
    ],
    host: Annotated[
        list[str] | None, typer.Option(help="Name or address in the certificate; may be repeated.")
    ] = None,
    blobs: Annotated[
        str | None, typer.Option(help="Where the files go: a path or s3://bucket/prefix.")
    ] = None,
) -> None:
    """Make a cloud, and the folders to carry to its first camera and to the surveillance system.

    Keys, a self-signed certificate and tokens; no unmask key: the camera makes that.
    """
    from gctr.parties.home import init as make
    from gctr.parties.tls import LOOPBACK

    make(folder, hosts=[*(host or ()), *LOOPBACK], blobs=blobs)
    say(f"carry {folder / 'camera'} to the camera and {folder / 'surveillance'} to the surveillance system")
    say(f"then: gctr cloud serve {folder / 'cloud'}")


@app.command()
def invite(
    folder: Store,
    name: Annotated[str, typer.Argument(help="A name for the token.", show_default=False)],
    out: Annotated[Path, typer.Option("-o", "--out", help="File for the token.", show_default=False)],
    surveillance: Annotated[
        bool, typer.Option("--surveillance", help="A token that reads; else one that registers a camera.")
    ] = False,
) -> None:
    """Make a token for one more camera to register with, or for one more surveillance system."""
    from gctr.parties.home import invite as issue

    issue(folder, name, "surveillance" if surveillance else "enrol", out)
    say(f"{out}: hand it over together with {folder / 'store.key'} and {folder / 'cert.pem'}")


@app.command()
def serve(
    folder: Store,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 lets the system choose.")] = 8443,
    plain: Annotated[bool, typer.Option("--plain", help="Without TLS; on loopback only.")] = False,
    until_stdin_closes: Annotated[
        bool, typer.Option("--until-stdin-closes", help="Stop when standard input ends.")
    ] = False,
) -> None:
    """Serve the cloud over HTTPS until it is stopped. It cannot unmask: it holds no key for that."""
    from gctr.parties.serving import serve as run

    def ready(url: str) -> None:
        print(url, flush=True)  # alone on its line: programs read it

    run(folder, host=host, port=port, tls=not plain, on_ready=ready, until_stdin_closes=until_stdin_closes)


@app.command()
def verify(folder: Store) -> None:
    """Read the whole store and report what is wrong; exit 1 if anything is."""
    from gctr.parties.home import open_cloud
    from gctr.parties.upkeep import verify as check

    with closing(open_cloud(folder)) as cloud:
        findings = check(cloud)
    rows = [(finding.what, finding.where, finding.file) for finding in findings]
    console.print(make_table(("what", "where", "file"), rows) if rows else "the store is whole")
    raise typer.Exit(1 if findings else 0)


@app.command()
def repair(folder: Store) -> None:
    """Make the store whole again as far as its files allow; build the index anew if it is lost.

    What is damaged is set aside, never deleted; its place becomes a gap that the camera may fill again.
    """
    from gctr.parties.home import open_cloud
    from gctr.parties.upkeep import repair as mend
    from gctr.parties.upkeep import reset_index

    if aside := reset_index(folder):
        say(f"the index was damaged and is now {aside.name}; building it from the files")
    with closing(open_cloud(folder)) as cloud:
        done = mend(cloud)
    say(", ".join(f"{count} {what.replace('_', ' ')}" for what, count in done._asdict().items()))


@app.command()
def retain(
    folder: Store,
    days: Annotated[
        float, typer.Option(min=0, help="Delete what was captured longer ago.", show_default=False)
    ],
) -> None:
    """Delete segments that are older than allowed and not held, and backgrounds that none needs any more."""
    from gctr.parties.home import open_cloud
    from gctr.parties.retention import retain as prune

    with closing(open_cloud(folder)) as cloud:
        gone = prune(cloud, days * 86400)
    say(f"deleted {gone.segments} segments and {gone.backgrounds} backgrounds, {gone.bytes:,} bytes")


@app.command()
def hold(
    folder: Store,
    camera: Annotated[str | None, typer.Argument(help="Whose segments; none lists all holds.")] = None,
    segments: Annotated[str, typer.Argument(help="FIRST-LAST, both included.")] = "",
    purpose: Annotated[str, typer.Option(help="Why they are kept.")] = "",
    days: Annotated[float, typer.Option(min=0, help="For how long.")] = 30.0,
    end: Annotated[int | None, typer.Option(help="End the hold of this number instead.")] = None,
) -> None:
    """Keep segments for a purpose whatever their age; or list holds, or end one."""
    from gctr.parties.home import open_cloud
    from gctr.parties.retention import hold as keep
    from gctr.parties.retention import holds, release

    with closing(open_cloud(folder)) as cloud:
        if end is not None:
            release(cloud, end)
        elif camera is not None:
            first, last = _span(segments)
            say(f"hold {keep(cloud, camera, first, last, purpose, time.time() + days * 86400)}")
        rows = [
            (number, name, f"{first}-{last}", why, time.strftime("%Y-%m-%d", time.gmtime(until)))
            for number, name, first, last, why, until in holds(cloud)
        ]
    console.print(make_table(("hold", "camera", "segments", "purpose", "until"), rows))


def _span(text: str) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    if not (first.isdigit() and (last.isdigit() or not dash)):
        raise typer.BadParameter(f"{text!r}: write FIRST-LAST, such as 3-9", param_hint="SEGMENTS")
    return int(first), int(last or first)
