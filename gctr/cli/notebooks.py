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
        list[str] | None, typer.Option(*_PARAMETER, metavar="NAME VALUE", help="May be repeated.")
    ] = None,
    dataset: Annotated[str, typer.Option(help="Footage for every notebook that takes some.")] = "synthetic",
) -> None:
    """Run notebooks; tables and figures go to results/, executed copies and a report to build/."""
    from gctr.experiments import run_notebooks

    values = dict(pair.split("=", 1) for pair in parameter or [])
    summary = run_notebooks(notebooks or None, values, dataset=dataset)
    raise typer.Exit(0 if summary.ok else 1)
