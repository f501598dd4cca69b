"""A run of a notebook: what it saves, and the provenance that is saved with it.

Works the same in JupyterLab and under papermill. Files, all written whole or not at all:

- ``tables/{notebook}.{dataset}.{name}.csv``: numbers with six significant digits, rows in the order given;
- ``figures/{notebook}.{dataset}.{name}.svg`` and ``.png``, animated strips as ``.webp``;
- ``tables/{notebook}.{dataset}.claims.csv``: the verdicts on H1-H10;
- ``provenance/{notebook}.{dataset}.json``: brought up to date with every file saved.

Limit: one process runs a notebook on one dataset at a time; of two, the last to write wins, file by file.
"""

import hashlib
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from gctr.experiments import provenance
from gctr.experiments.claims import CLAIMS, COLUMNS, VERDICTS
from gctr.experiments.figures import png_bytes, svg_bytes, use_style
from gctr.experiments.files import (
    check_name,
    dataset_label,
    provenance_path,
    results_dir,
    without_paths,
    write_result,
)
from gctr.experiments.parameters import declared_parameters, notebooks_dir
from gctr.experiments.strip import strip_bytes


class HasChecksum(Protocol):
    """Footage that knows its checksum: a `gctr.datasets.Clip`."""

    @property
    def sha256(self) -> str | None:
        """SHA-256 of the data in hexadecimal, None if it has no end (a live camera)."""


@dataclass
class Run:
    """One run of a notebook on a dataset; `start` makes it."""

    notebook: str
    dataset: str
    folder: Path
    record: dict[str, object]
    _began: float = field(default_factory=time.monotonic)
    _verdicts: dict[tuple[str, str], dict[str, object]] = field(default_factory=dict)
    _files: dict[str, str] = field(default_factory=dict)
    _timing_columns: dict[str, list[str]] = field(default_factory=dict)
    _timing_claims: set[str] = field(default_factory=set)
    _varying_figures: set[str] = field(default_factory=set)

    def save_table(self, table: pd.DataFrame, name: str, timing: Iterable[str] = ()) -> pd.DataFrame:
        """Save `table` as CSV and return it, so that the notebook shows it.

        Parameters
        ----------
        table : DataFrame
            Its index is saved only if it has a name.
        name : str
            Lower-case letters, digits, ``-`` and ``_``.
        timing : iterable of str
            Columns that depend on the machine's speed; when results are compared these may differ.
        """
        if check_name(name, "table") == "claims":
            raise ValueError("the table 'claims' is written by save_verdict; choose another name")
        marked = list(timing)
        if unknown := sorted(set(marked) - set(table.columns)):
            raise ValueError(f"table {name!r} has no column {', '.join(unknown)} to mark as timing")
        self._save_csv(table, name, marked)
        return table

    def save_figure(self, figure: Figure, name: str, *, varies: bool = False) -> None:
        """Save `figure` as SVG and PNG; the notebook shows it by itself.

        Parameters
        ----------
        figure : Figure
        name : str
            Lower-case letters, digits, ``-`` and ``_``.
        varies : bool
            Whether it shows what is new in each run, speed or bytes under fresh keys; otherwise the same inputs
            give the same bytes.
        """
        check_name(name, "figure")
        self._varying_figures |= {f"figures/{self._stem(name)}"} if varies else set()
        self._write(f"figures/{self._stem(name)}.svg", svg_bytes(figure))
        self._write(f"figures/{self._stem(name)}.png", png_bytes(figure))

    def save_strip(self, pictures: Mapping[str, NDArray[np.uint8]], name: str) -> None:
        """Save pictures, (H, W, 3) uint8 BGR each, as an animated strip (`strip`); keys are their captions."""
        self._write(f"figures/{self._stem(check_name(name, 'figure'))}.webp", strip_bytes(pictures))

    def save_verdict(
        self,
        claim: str,
        verdict: str,
        measured: str,
        *,
        value: float | None = None,
        low: float | None = None,
        high: float | None = None,
        unit: str = "",
        n: int | None = None,
        condition: str = "",
        timing: bool = False,
    ) -> pd.DataFrame:
        """Save what this run found about a claim; return it beside the claim, for the notebook to show.

        A claim may have several verdicts, one for each `condition`.

        Parameters
        ----------
        claim : str
            "H1" to "H10".
        verdict : str
            "holds", "fails", "holds under conditions" or "not measured yet".
        measured : str
            The finding in words, its numbers formatted by code from what was measured.
        value, low, high : float, optional
            The number that decides, and its confidence interval.
        unit : str
            What these three count, as one reads it behind the number: "frames/s", "of whole frames' bytes",
            or "1" where a bare number says it.
        n : int, optional
            How many independent observations stand behind it.
        condition : str
            Under which it was measured, such as "live x264, 36 dB".
        timing : bool
            Whether the numbers depend on the machine's speed; a comparison then looks at the verdict only.

        Raises
        ------
        ValueError
            If the claim or the verdict is not one of those listed.
        """
        if claim not in CLAIMS or verdict not in VERDICTS:
            known = f"claims are {', '.join(CLAIMS)}; verdicts {', '.join(VERDICTS)}"
            raise ValueError(f"no such claim and verdict: {claim!r}, {verdict!r}; {known}")
        values = (claim, verdict, measured, value, low, high, unit, n, condition)
        self._verdicts[claim, condition] = dict(zip(COLUMNS, values, strict=True))
        table = pd.DataFrame(list(self._verdicts.values()), columns=list(COLUMNS)).astype({"n": "Int64"})
        self._timing_claims |= {claim} if timing else set()
        self._save_csv(table, "claims", [])
        return pd.DataFrame(
            {"claim": [claim], "text": CLAIMS[claim].text, "verdict": verdict, "measured": measured}
        )

    def across(self) -> "Run":
        """Return a run that files what it saves under ``all``, for results on several data sets at once."""
        record = self.record | {"dataset": {"name": "all", "sha256": None}}
        return Run(self.notebook, "all", self.folder, record)

    def _save_csv(self, table: pd.DataFrame, name: str, timing: list[str]) -> None:
        named = any(level is not None for level in table.index.names)
        text = table.to_csv(index=named, float_format="%.6g", lineterminator="\n")
        if timing:
            self._timing_columns[self._csv(name)] = timing
        self._write(self._csv(name), text.encode())

    def _write(self, relative: str, content: bytes) -> None:
        write_result(self.folder / relative, content)
        self._files[relative] = hashlib.sha256(content).hexdigest()
        record = self.record | {
            "run_seconds": round(time.monotonic() - self._began, 1),
            "timing": {
                "columns": self._timing_columns,
                "claims": sorted(self._timing_claims),
                "figures": sorted(self._varying_figures),
            },
            "files": self._files,
        }
        text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
        write_result(provenance_path(self.folder, self.notebook, self.dataset), text.encode())

    def _stem(self, name: str) -> str:
        return f"{self.notebook}.{self.dataset}.{name}"

    def _csv(self, name: str) -> str:
        return f"tables/{self._stem(name)}.csv"


def start(notebook: str, parameters: Mapping[str, object], clip: HasChecksum | None = None) -> Run:
    """Begin a run: set the figures' style and note machine, versions, commit, dataset and parameters.

    Parameters
    ----------
    notebook : str
        The notebook's name without ``.ipynb``.
    parameters : mapping
        Values of what the parameters cell declares, ``dataset`` among them. A notebook passes ``globals()``:
        only the declared names are kept.
    clip : Clip, optional
        The footage, whose sha256 is noted.

    Examples
    --------
    In a notebook: ``run = start("02_roi", globals(), clip)``, then ``run.save_table(table, "recall")``,
    ``run.save_figure(figure, "recall")``, ``run.save_verdict("H1", "holds", f"{ratio:.2f}", value=ratio)``.
    """
    check_name(notebook, "notebook")
    declared = declared_parameters(notebooks_dir() / f"{notebook}.ipynb")
    missing = sorted(set(declared) - set(parameters))
    if missing:
        raise ValueError(
            f"notebook {notebook}: no value for {', '.join(missing)}; run its parameters cell first"
        )
    values = without_paths({name: parameters[name] for name in declared})
    use_style()
    dataset = dataset_label(str(parameters["dataset"]))
    record: dict[str, object] = {
        "notebook": notebook,
        "dataset": {"name": dataset, "sha256": clip.sha256 if clip else None},
        "parameters": values,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": provenance.commit(),
        "machine": provenance.machine(),
        "versions": provenance.versions(),
    }
    return Run(notebook, dataset, results_dir(), record)
