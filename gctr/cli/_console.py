"""What every command shares: how it speaks, tells errors and progress, and refuses a choice that there is not."""

import os
from collections.abc import Collection, Iterable
from typing import Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

console = Console()
errors = Console(stderr=True)


def say(text: str, to: Console = console) -> None:
    """Print a line as it is: what stands in brackets in a name or a reason is no markup."""
    to.print(text, markup=False, highlight=False, soft_wrap=True)


def make_table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> Table:
    """Return a table whose cells show what they are given, brackets included."""
    table = Table(*columns)
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(str(cell)) for cell in row))
    return table


def check_choice(text: str, known: Collection[str], option: str) -> Any:
    """Return `text` if it is one of `known`; else the error names them all."""
    if text not in known:
        raise typer.BadParameter(f"{text!r} is none of {', '.join(known)}", param_hint=option)
    return text


class OneSentence(typer.core.TyperGroup):
    """Turns the package's own errors into one sentence and exit code 1."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort):
            raise
        except KeyboardInterrupt:
            say("stopped; what was stored is safe: the same command goes on from there", errors)
            raise typer.Exit(130) from None
        except (ValueError, RuntimeError, OSError) as error:
            if os.environ.get("GCTR_DEBUG"):
                raise
            errors.print(Text.assemble(("error:", "red"), f" {error}"), soft_wrap=True)
            raise typer.Exit(1) from None


def frames_progress() -> Progress:
    """Return a progress display that counts frames, on standard error."""
    return Progress(
        TextColumn("{task.description}", style="progress.description", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("frames"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=errors,
    )
