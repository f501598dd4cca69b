"""`gctr run`: notebooks through papermill, tables and figures with their provenance."""

from typing import Annotated, Any

import typer
from typer.core import TyperCommand

_PARAMETER = ("-p", "--parameter")


class PairsOfWords(TyperCommand):
    """Takes papermill's ``-p NAME VALUE``; typer knows no option of two words that may be repeated."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Join the two words before typer sees them."""
        words = iter(args)
        joined = []
        for word in words:
            joined.append(word)
            if word in _PARAMETER:
                joined.append("=".join([next(words, ""), next(words, "")]))
        return super().parse_args(ctx, joined)


def run(
    notebooks: Annotated[list[str] | None, typer.Argument(help="Names or numbers; all by default.")] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            *_PARAMETER, metavar="NAME VALUE", help="May be repeated; VALUE may be several, 22,26,30."
        ),
    ] = None,
    dataset: Annotated[str, typer.Option(help="Footage for every notebook that takes some.")] = "synthetic",
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", min=1, help="Notebooks at a time; by default one for each core."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Run also what is up to date.")] = False,
    again: Annotated[
        bool,
        typer.Option("--again", help="With the parameters of the results that there are, not the defaults."),
    ] = False,
) -> None:
    """Run the notebooks whose results are not up to date; tables and figures go to results/.

    Up to date is what ran here with the same code, data, parameters and versions; otherwise the reason for running is
    told. What has run to its end is noted at once: after an interruption the same command goes on from there. Cells
    that measure time have the machine for themselves. Executed copies and a report go to build/.

    A grid: -p qp 22,26,30 runs at each value, two such options at each pair. Where a value is itself a list, a
    semicolon parts the values: -p noises "0,3;0,6". A text with a comma stands in quotes: -p name '"a,b"'. Results go
    to results/grid/, a folder for each point; results/grid/tables/ joins their tables. Several data sets need no
    grid: -p dataset synthetic,pets2009-s2l1.
    """
    from gctr.experiments import run_notebooks

    values = dict(pair.split("=", 1) for pair in parameter or [])
    summary = run_notebooks(notebooks or None, values, dataset=dataset, jobs=jobs, force=force, again=again)
    raise typer.Exit(0 if summary.ok else 1)
