"""`gctr …`: the suite from the shell. Every command is a thin call of the package; errors are one sentence.

Numeric and video libraries take a second to load: each command imports what it needs when it runs.
"""

from collections.abc import Callable
from typing import Annotated

import typer

from gctr.cli import (
    camera,
    cloud,
    datasets,
    lifting,
    masks,
    notebooks,
    pipeline,
    results,
    surveillance,
    sweep,
)
from gctr.cli._console import OneSentence, say

_HELP = """
Privacy-preserving CCTV, from the shell.

A [bold]camera[/bold] sends only masked objects; a [bold]cloud[/bold], which holds the
background, composes the picture; a [bold]surveillance system[/bold] puts the faces
back with a key that the cloud never has:

    gctr protect VIDEO -o DIR      mask, code, encrypt and store a video
    gctr compose DIR -o out.mp4    the picture as the cloud composes it
    gctr unmask DIR -o out.mkv     the same with faces, byte for byte

The same over a network, each party a process of its own:

    gctr cloud init HERE          keys, certificate, tokens; then: gctr cloud serve HERE/cloud
    gctr camera run SOURCE --home HERE/camera
    gctr surveillance list --home HERE/surveillance

Faces in any video, and who may lift a mask:

    gctr mask VIDEO -o out.mp4    mask faces; --sealed lets 'gctr unmask' put them back
    gctr grant DIR --track 7      one person's key, until it expires
    gctr audit verify DIR         the log of what was unmasked

Footage and measurements:

    gctr datasets list             public footage, and where it comes from
    gctr run 01_pipeline           run a notebook, save tables and figures
    gctr results diff A B          compare two sets of results
    gctr sweep CLIP… -o table.csv  many clips at many settings, on many machines

VIDEO is a file, a folder of images, a data set's name, or an address that
FFmpeg opens (rtsp://…, /dev/video0). [bold]GCTR_DATA[/bold] names folders that hold
copies of the public data; [bold]GCTR_DEBUG=1[/bold] shows tracebacks.
"""

app = typer.Typer(
    cls=OneSentence,
    help=_HELP,
    rich_markup_mode="rich",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from gctr import __version__

        say(f"gctr {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show it.")
    ] = False,
) -> None: ...


COMMANDS: list[Callable[..., None]] = [pipeline.protect, pipeline.compose, pipeline.unmask, pipeline.info]
COMMANDS += [masks.mask, lifting.grant]
for command in COMMANDS:
    app.command()(command)
app.command(cls=notebooks.PairsOfWords)(notebooks.run)
app.command(cls=notebooks.PairsOfWords)(sweep.sweep)
app.add_typer(lifting.audit, name="audit")
app.add_typer(lifting.keys, name="keys")
app.add_typer(datasets.app, name="datasets")
app.add_typer(results.app, name="results")
for name, party in (("cloud", cloud), ("camera", camera), ("surveillance", surveillance)):
    app.add_typer(party.app, name=name)
