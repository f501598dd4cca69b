"""`gctr run`: notebooks through papermill, tables and figures with their provenance."""

from typing import Annotated

import typer


def run(
    notebooks: Annotated[list[str] | None, typer.Argument(help="Names or numbers; all by default.")] = None,
    parameter: Annotated[
        list[tuple[str, str]] | None, typer.Option("-p", "--parameter", help="NAME VALUE, may be repeated.")
    ] = None,
    dataset: Annotated[str, typer.Option(help="Footage for every notebook that takes some.")] = "synthetic",
) -> None:
    """Run notebooks; tables and figures go to results/, executed copies and a report to build/."""
    from gctr.experiments import run_notebooks

    summary = run_notebooks(notebooks or None, dict(parameter or []), dataset=dataset)
    raise typer.Exit(0 if summary.ok else 1)
