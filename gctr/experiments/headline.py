"""The headline: what README.md says of the results, written from `results` between two markers.

Verdicts and numbers are those on the synthetic scene, which everybody can make again; where other footage has another
verdict the table says so.
"""

from pathlib import Path

import pandas as pd

from gctr._paths import ROOT
from gctr.experiments.claims import claims_table, read_verdicts, saved_datasets
from gctr.experiments.files import read_provenance, write_result

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
    elsewhere = {label: claims_table(label, folder).set_index("claim") for label in others}
    measured = read_verdicts(_HEADLINE, folder)
    lines = ["", "| | claim | verdict | measured |", "|---|---|---|---|"]
    for row in claims_table(_HEADLINE, folder).to_dict("records"):
        verdict = row["verdict"] + _unlike(row, elsewhere)
        found = _cell(measured[measured["claim"] == row["claim"]])
        lines.append(f"| {row['claim']} | {row['text']} | {verdict} | {found} |")
    lines += [
        "",
        f"Measured on the embedded scene{_named(others)}; [results/](results/README.md) has all of it.",
        *_made(folder),
        "",
    ]
    for name, alt in _PICTURES.items():
        if (folder / "figures" / name).is_file():
            lines += [f"![{alt}](results/figures/{name})", ""]
    return "\n".join(lines) + "\n"


def _unlike(row: dict[str, str], elsewhere: dict[str, pd.DataFrame]) -> str:
    """Return on which footage the verdict is another one."""
    found = {label: table.loc[row["claim"]] for label, table in elsewhere.items()}
    unlike = [
        f"{other['verdict']} on {label}"
        for label, other in found.items()
        if other["notebook"] and other["verdict"] != row["verdict"]
    ]
    return f" ({', '.join(unlike)})" if unlike else ""


def _named(others: list[str]) -> str:
    return f", with verdicts also on {', '.join(others)} where they differ" if others else ""


def _made(folder: Path) -> list[str]:
    """Return on what the numbers were made, as the provenance of all notebooks on the scene has it."""
    paths = sorted((folder / "provenance").glob(f"*.{_HEADLINE}.json"))
    records = [read_provenance(path) for path in paths]
    facts = {
        "processor": [
            f"{record['machine']['cpu']}, {record['machine']['cores']} cores" for record in records
        ],
        "Python": [record["versions"]["python"] for record in records],
        "commit": [f"`{record['commit']['hash'][:7]}`" for record in records if record["commit"]],
        "data": [
            f"`{record['dataset']['sha256'][:12]}`" for record in records if record["dataset"]["sha256"]
        ],
    }
    told = "; ".join(f"{name} {', '.join(dict.fromkeys(values))}" for name, values in facts.items() if values)
    return [f"Made with: {told}; versions of all libraries are in `results/provenance`."] if told else []


def _cell(verdicts: pd.DataFrame) -> str:
    """Return what was measured, one line for each condition."""
    rows = verdicts.to_dict("records")
    found = (
        f"{row['condition']}: {row['measured']}" if row["condition"] else row["measured"] for row in rows
    )
    return "<br>".join(found).replace("|", "\\|")
