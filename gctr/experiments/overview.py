"""The claims at a glance: verdicts as a figure, the paper's five claims, and the runs behind them."""

import json
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gctr.experiments.claims import (
    CLAIMS,
    CONDITIONAL,
    FAILS,
    HOLDS,
    NOT_MEASURED,
    PAPER_CLAIMS,
    read_verdicts,
)
from gctr.experiments.figures import COLOURS, PAGE
from gctr.experiments.files import results_dir

# Told apart by shape as well as by colour.
_MARKS = {
    HOLDS: ("o", COLOURS["green"]),
    CONDITIONAL: ("D", COLOURS["orange"]),
    FAILS: ("X", COLOURS["vermillion"]),
    NOT_MEASURED: ("_", "#999999"),
}


def paper_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return the paper's five claims, each with the verdict that follows from those on its parts.

    Parameters
    ----------
    table : DataFrame
        As `gctr.experiments.claims_table` returns it.

    Returns
    -------
    DataFrame
        Columns paper ("1" to "5"), text, verdict, parts (such as "H1: holds, H2: not measured yet").
    """
    return pd.DataFrame([_paper_row(str(number), text, table) for number, text in PAPER_CLAIMS.items()])


def _paper_row(number: str, text: str, table: pd.DataFrame) -> dict[str, str]:
    parts = table[table["paper"] == number]
    listed = ", ".join(f"{row.claim}: {row.verdict}" for row in parts.itertuples())
    return {"paper": number, "text": text, "verdict": _conjunction(list(parts["verdict"])), "parts": listed}


def _conjunction(verdicts: list[str]) -> str:
    """Return the verdict on a claim that holds only if every part does: the worst known, "holds" only if all hold."""
    return next(worst for worst in (FAILS, NOT_MEASURED, CONDITIONAL, HOLDS) if worst in verdicts)


def verdict_figure(table: pd.DataFrame) -> Figure:
    """Draw the table of claims: a line for each claim, its verdict as a mark, and what was measured.

    Parameters
    ----------
    table : DataFrame
        As `gctr.experiments.claims_table` returns it. Limit: a measurement of more than two lines is cut short
        here; the table has it whole.
    """
    figure, ax = plt.subplots(figsize=(PAGE, 0.29 * len(table) + 0.3))
    for x, heading in ((0.05, "claim"), (0.4, "verdict"), (0.59, "measured")):
        ax.text(x, -0.85, heading, va="center", fontsize=6.5, color="#666666")
    for row, claim in enumerate(table.to_dict("records")):
        _draw_row(ax, row, claim)
    ax.set(xlim=(0, 1), ylim=(len(table) - 0.4, -1.2))
    ax.axis("off")
    return figure


def _draw_row(ax: Axes, row: int, claim: dict[str, str]) -> None:
    ax.axhline(row + 0.5, color="#dddddd", linewidth=0.5)
    ax.text(0, row, claim["claim"], va="center", weight="bold")
    ax.text(0.05, row, claim["text"], va="center")
    _draw_mark(ax, 0.38, row, claim["verdict"], 6)
    ax.text(0.4, row, claim["verdict"], va="center")
    lines = textwrap.wrap(claim["measured"], 58, max_lines=2, placeholder=" …")
    ax.text(0.59, row, "\n".join(lines), va="center", fontsize=6.5)


def provenance_table(dataset: str, folder: Path | None = None) -> pd.DataFrame:
    """Return one row for each notebook run on `dataset`: the claims it decides, and where its results come from.

    Parameters
    ----------
    dataset, folder
        As in `gctr.experiments.read_verdicts`.

    Returns
    -------
    DataFrame
        Columns notebook, claims, date, commit, data (start of its sha256), cpu, seconds.
    """
    folder = folder or results_dir()
    verdicts = read_verdicts(dataset, folder)
    records = [
        json.loads(path.read_text("utf-8"))
        for path in sorted((folder / "provenance").glob(f"*.{dataset}.json"))
    ]
    return pd.DataFrame([_provenance_row(record, verdicts) for record in records])


def _provenance_row(record: dict, verdicts: pd.DataFrame) -> dict[str, object]:
    decided = set(verdicts.loc[verdicts["notebook"] == record["notebook"], "claim"])
    commit = record["commit"] or {"hash": "", "dirty": False}
    return {
        "notebook": record["notebook"],
        "claims": ", ".join(name for name in CLAIMS if name in decided),
        "date": record["date"],
        "commit": commit["hash"][:10] + (" and changes" if commit["dirty"] else ""),
        "data": (record["dataset"]["sha256"] or "")[:10],
        "cpu": record["machine"]["cpu"],
        "seconds": record["run_seconds"],
    }


# --- on all footage --------------------------------------------------------------------------------------------


def matrix_figure(table: pd.DataFrame) -> Figure:
    """Draw every measurement of every claim on every footage: verdict, number, confidence interval.

    Parameters
    ----------
    table : DataFrame
        As `gctr.experiments.measurements` returns it: a line of the figure for each claim and condition, a column for
        each data set; what a line's numbers count is the `unit` of its first. Limit: readable up to six data sets.
    """
    labels = list(dict.fromkeys(table["dataset"]))
    lines = list(dict.fromkeys(zip(table["claim"], table["condition"], strict=True)))
    units = table.groupby(["claim", "condition"], sort=False)["unit"].first()
    figure, ax = plt.subplots(figsize=(PAGE, 0.25 * len(lines) + 0.65))
    ax.text(_UNIT, -0.95, "the number", va="center", fontsize=6.5, color="#444444")
    edges = np.linspace(_LEFT, 1, len(labels) + 1)
    for label, x in zip(labels, edges, strict=False):
        ax.text(x, -0.95, "-\n".join(label.rsplit("-", 1)), va="center", fontsize=6.5, color="#444444")
    for row, (claim, condition) in enumerate(lines):
        _draw_line(ax, row, claim, condition, first=row == 0 or lines[row - 1][0] != claim)
        ax.text(_UNIT, row, units[claim, condition], _CONDITION)
    for found in table.to_dict("records"):
        _draw_measurement(
            ax,
            edges[labels.index(found["dataset"])],
            lines.index((found["claim"], found["condition"])),
            found,
        )
    _draw_key(ax, len(lines) + 0.25)
    ax.set(xlim=(0, 1), ylim=(len(lines) + 0.7, -1.5))
    ax.axis("off")
    return figure


_UNIT, _LEFT = 0.303, 0.438  # where the column of units begins, and where those of the data sets
_CONDITION = {"va": "center", "fontsize": 5.5, "color": "#666666"}


def _draw_line(ax: Axes, row: int, claim: str, condition: str, first: bool) -> None:
    if first:
        ax.axhline(row - 0.5, color="#bbbbbb", linewidth=0.5)
        ax.text(0, row, claim, va="center", weight="bold", fontsize=7)
        ax.text(0.045, row - 0.2 * bool(condition), CLAIMS[claim].text, va="center", fontsize=6.5)
    ax.text(0.045, row + 0.22 * first, textwrap.shorten(condition, 48, placeholder=" …"), _CONDITION)


def _draw_measurement(ax: Axes, x: float, row: int, found: dict) -> None:
    interval = not (pd.isna(found["low"]) or pd.isna(found["high"]))
    number = "" if pd.isna(found["value"]) else _short(found["value"])
    _draw_mark(ax, x + 0.006, row, found["verdict"], 4.5)
    ax.text(x + 0.018, row - 0.2 * interval, number, va="center", fontsize=6)
    if interval:
        ax.text(x + 0.018, row + 0.22, "–".join(map(_brief, (found["low"], found["high"]))), _CONDITION)


def _brief(value: float) -> str:
    return f"{value:.3g}" if abs(value) >= 0.1 else f"{value:.2g}"


def _draw_mark(ax: Axes, x: float, y: float, verdict: str, size: float) -> None:
    marker, colour = _MARKS[verdict]
    ax.plot(x, y, marker, color=colour, markersize=size, markeredgewidth=1 if marker == "_" else 0)


def _draw_key(ax: Axes, row: float) -> None:
    for x, verdict in zip((0.0, 0.1, 0.32, 0.42), _MARKS, strict=True):
        _draw_mark(ax, x + 0.008, row, verdict, 4.5)
        ax.text(x + 0.022, row, verdict, va="center", fontsize=6)
    ax.text(0.6, row, "below a number its interval; in H1 the range of what was measured", _CONDITION)


def number_text(found: Mapping[str, Any]) -> str:
    """Return a measurement's number, unit and interval, such as "0.973 SSIM [0.97, 0.98]"; "" if it has none."""
    value, low, high = (found[name] for name in ("value", "low", "high"))
    if pd.isna(value):
        return ""
    unit = "" if found["unit"] in ("1", "") else f" {found['unit']}"
    interval = "" if pd.isna(low) or pd.isna(high) else f" [{_short(low)}, {_short(high)}]"
    return f"{_short(value)}{unit}{interval}"


def _short(value: float) -> str:
    """Return three digits, and whole numbers from a thousand on: 2070, never 2.07e+03."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"
