"""What every command shares: the console, the way errors are told, progress of frames."""

import os
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

console = Console()
errors = Console(stderr=True)


class OneSentence(typer.core.TyperGroup):
    """Turns the package's own errors into one sentence and exit code 1."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort):
            raise
        except KeyboardInterrupt:
            errors.print("stopped; what was stored is safe: the same command goes on from there")
            raise typer.Exit(130) from None
        except (ValueError, RuntimeError, OSError) as error:
            if os.environ.get("GCTR_DEBUG"):
                raise
            errors.print(f"[red]error:[/red] {error}", highlight=False, soft_wrap=True)
            raise typer.Exit(1) from None


def frames_progress() -> Progress:
    """Return a progress display that counts frames, on standard error."""
    return Progress(
        "[progress.description]{task.description}",
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("frames"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=errors,
    )
