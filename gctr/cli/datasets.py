"""`gctr datasets`: public footage, where it comes from, and whether the copy here is right."""

from typing import Annotated

import typer
from rich.table import Column, Table

from gctr.cli._console import console, say

app = typer.Typer(
    help="Public footage: where it comes from, and whether the copy here is right.", no_args_is_help=True
)


@app.command("list")
def datasets_list() -> None:
    """List the footage and models that gctr knows."""
    from gctr.datasets import check, list_datasets, list_models

    for title, entries in (("data sets", list_datasets()), ("models", list_models())):
        table = Table(Column("name", no_wrap=True), "what", "licence", "MB", "here", title=title)
        for entry in entries:
            here = {True: "yes", False: "[red]wrong[/red]", None: "no"}[check(entry.name).ok]
            size = f"{entry.size / 1e6:.1f}"
            table.add_row(entry.name, entry.title, entry.licence, size, here)
        console.print(table)


@app.command("fetch")
def datasets_fetch(names: Annotated[list[str], typer.Argument(help="Which.", show_default=False)]) -> None:
    """Download footage into the cache, or find it in GCTR_DATA, and verify it."""
    from gctr.datasets import fetch

    for name in names:
        say(f"{name}: {fetch(name)}")


@app.command("check")
def datasets_check(
    names: Annotated[list[str] | None, typer.Argument(help="Which; all by default.")] = None,
) -> None:
    """Verify the checksums of the footage that is here; exit 1 if one is wrong."""
    from gctr.datasets import check, list_datasets, list_models

    wrong = 0
    for name in names or [entry.name for entry in (*list_datasets(), *list_models())]:
        result = check(name)
        wrong += result.ok is False
        say(f"{name}: {result}")
    raise typer.Exit(1 if wrong else 0)
