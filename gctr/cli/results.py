"""`gctr results`: what the notebooks have saved, compared and shown."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gctr.cli._console import errors, say

if TYPE_CHECKING:
    from gctr.experiments.compare import Tolerance

app = typer.Typer(help="What the notebooks have saved: compare it, show it.", no_args_is_help=True)


@app.command("diff")
def results_diff(
    first: Annotated[Path, typer.Argument(metavar="A", help="A folder of results, such as results.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another.")],
    dataset: Annotated[
        str | None, typer.Argument(help="Footage; by default all that A has results on.")
    ] = None,
    tolerance: Annotated[
        float | None, typer.Option(min=0, help="Part of a number by which B may differ; by default 0.02.")
    ] = None,
    exact: Annotated[
        bool,
        typer.Option("--exact", help="Allow no difference, in figures neither, save where speed decides."),
    ] = False,
) -> None:
    """Compare two sets of results and tell every difference; exit 1 if there is one.

    Told are table, row and column, both values and what was allowed, and then how the two were made differently: data,
    parameters, versions, machine. Of what depends on speed only the verdict and the shape count. Files that are not as
    the run that wrote them left them are told too.
    """
    from gctr.experiments import compare, saved_datasets

    for folder in (first, second):
        if not (folder / "provenance").is_dir():
            raise ValueError(f"{folder} holds no results: it has no folder provenance; gctr run makes them")
    allowed = (
        compare.EXACT if exact else compare.Tolerance(compare.RELATIVE if tolerance is None else tolerance)
    )
    labels = [dataset] if dataset else saved_datasets(first)
    different = sum(_tell(first, second, label, allowed) for label in labels)
    raise typer.Exit(1 if different else 0)


def _tell(first: Path, second: Path, label: str, allowed: "Tolerance") -> int:
    """Tell what differs on one dataset and return how many differences there are."""
    from gctr.experiments import compare

    changed = [
        f"{folder}: {what}" for folder in (first, second) for what in compare.check_hashes(folder, label)
    ]
    differences = changed + compare.compare_results(first, second, label, allowed)
    for difference in differences:
        say(difference, errors)
    if differences:
        for reason in compare.explain(first, second, label):
            say(f"made differently: {reason}", errors)
    count = len(compare.result_files(first, label))
    say(f"results on {label}: {count} files compared, {len(differences)} differences; tolerance {allowed}")
    return len(differences) or not count


@app.command("readme")
def results_readme(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 if the README is not up to date.")
    ] = False,
) -> None:
    """Put the headline table and the pictures of results/ into README.md, between its markers."""
    from gctr.experiments.headline import readme_path, update_readme

    changed = update_readme(write=not check)
    told = "is not what results/ say; run: gctr results readme" if check else "was brought up to date"
    say(f"{readme_path().name} {told if changed else 'is up to date'}")
    raise typer.Exit(1 if check and changed else 0)
