"""The headline: what README.md says of the results, written from `results` between two markers.

Verdicts and numbers are those on the synthetic scene, which everybody can make again; where other footage has another
verdict the table says so.
"""

from pathlib import Path

from gctr._paths import ROOT
from gctr.experiments.claims import claims_table, read_verdicts, saved_datasets
from gctr.experiments.files import write_result

BEGIN = "<!-- results: written by `gctr results readme`, change nothing here -->"
END = "<!-- results: end -->"
_HEADLINE = "synthetic"
_PICTURES = {
    "01_pipeline.synthetic.strip.webp": "A segment as it is captured, cut to what moves, masked, composed and unmasked",
    "10_claims.all.verdicts.png": "Every claim on every footage: its verdict, the number behind it and its interval",
}


def readme_path() -> Path:
    """Return the README that the results stand in."""
    return ROOT / "README.md"


def update_readme(readme: Path | None = None, folder: Path | None = None, *, write: bool = True) -> bool:
    """Put the headline into a README and return whether that changed it.

    Parameters
    ----------
    readme : Path, optional
        Default `readme_path`.
    folder : Path, optional
        Of results; default ``results`` of the checkout, whatever ``GCTR_RESULTS`` says.
    write : bool
        False only tells whether it would change.

    Raises
    ------
    ValueError
        If the README has no markers.
    """
    readme = readme or readme_path()
    text = readme.read_text("utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{readme.name} has no place for results; it needs the lines {BEGIN} and {END}")
    new = f"{before}{BEGIN}\n{headline(folder or ROOT / 'results')}{END}{after}"
    if write:
        write_result(readme, new.encode())
    return new != text


def headline(folder: Path) -> str:
    """Return the table of claims and the pictures, as Markdown."""
    others = [label for label in saved_datasets(folder) if label not in (_HEADLINE, "all")]
    lines = ["", "| | claim | verdict | measured |", "|---|---|---|---|"]
    for row in claims_table(_HEADLINE, folder).to_dict("records"):
        verdict = row["verdict"] + _elsewhere(row, others, folder)
        lines.append(f"| {row['claim']} | {row['text']} | {verdict} | {_cell(row['claim'], folder)} |")
    lines += [
        "",
        f"Measured on the embedded scene{_named(others)}; [results/](results/README.md) has all of it.",
        "",
    ]
    for name, alt in _PICTURES.items():
        if (folder / "figures" / name).is_file():
            lines += [f"![{alt}](results/figures/{name})", ""]
    return "\n".join(lines) + "\n"


def _elsewhere(row: dict[str, str], others: list[str], folder: Path) -> str:
    """Return in which footage the verdict is another one."""
    verdicts = {label: _verdict(row["claim"], label, folder) for label in others}
    unlike = [
        f"{verdict} on {label}" for label, verdict in verdicts.items() if verdict not in ("", row["verdict"])
    ]
    return f" ({', '.join(unlike)})" if unlike else ""


def _verdict(claim: str, label: str, folder: Path) -> str:
    table = claims_table(label, folder).set_index("claim")
    return "" if not table.loc[claim, "notebook"] else str(table.loc[claim, "verdict"])


def _named(others: list[str]) -> str:
    return f", with verdicts also on {', '.join(others)} where they differ" if others else ""


def _cell(claim: str, folder: Path) -> str:
    """Return what was measured, one line for each condition."""
    table = read_verdicts(_HEADLINE, folder)
    rows = table[table["claim"] == claim].to_dict("records")
    found = (
        f"{row['condition']}: {row['measured']}" if row["condition"] else row["measured"] for row in rows
    )
    return "<br>".join(found).replace("|", "\\|")
