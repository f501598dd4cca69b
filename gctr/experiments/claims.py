"""The ten claims that the suite decides, and what the notebooks' runs have found about them so far.

The paper is "ROI-based efficient video data processing for large-scale cloud storage in intelligent CCTV
environment", Int. J. of Engineering & Technology 7, from p. 151 (journal and page are certain; title, year 2018 and
authors Lee and Park are not verified).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from gctr.experiments.files import results_dir

HOLDS, FAILS, CONDITIONAL, NOT_MEASURED = "holds", "fails", "holds under conditions", "not measured yet"
VERDICTS = (HOLDS, FAILS, CONDITIONAL, NOT_MEASURED)
COLUMNS = ("claim", "verdict", "measured", "value", "low", "high", "unit", "n", "condition")
"""Columns of every ``{notebook}.{dataset}.claims.csv``."""
_NUMBERS = ("value", "low", "high", "n")
_TEXTS = {name: str for name in COLUMNS if name not in _NUMBERS}


@dataclass(frozen=True)
class Claim:
    """A claim; `paper` numbers the paper's own claim that it belongs to, None if only presumed there."""

    text: str
    paper: int | None


PAPER_CLAIMS = {
    1: "sending ROI only saves bandwidth and storage",
    2: "masked data is safe against a sniffer and against exposure of the cloud",
    3: "GCTR encrypts and decrypts faster than AES-CTR",
    4: "partial images can be handled bucket by bucket",
    5: "it suits real-time, high-volume streams",
}
"""The paper's own five claims."""
CLAIMS = {
    "H1": Claim("ROI-only sending cuts bandwidth", 1),
    "H2": Claim("background + objects need less storage", 1),
    "H3": Claim("the composed image is adequate", None),
    "H4": Claim("GCTR is faster than CTR", 3),
    "H5": Claim("partial access is cheaper", 4),
    "H6": Claim("one vector a bucket is safe", 2),
    "H7": Claim("s XOR ds gives fresh streams", 2),
    "H8": Claim("a sniffer cannot identify people", 2),
    "H9": Claim("the cloud cannot unmask", 2),
    "H10": Claim("it suits real-time, high-volume streams", 5),
}
"""What the suite decides, by name."""


def saving_verdict(low: float, high: float) -> str:
    """Return "holds" if all of a range of ratios, sent to whole, lies below 1, "fails" if nothing of it does."""
    return HOLDS if high < 1 else FAILS if low >= 1 else CONDITIONAL


def read_verdicts(dataset: str, folder: Path | None = None) -> pd.DataFrame:
    """Read every verdict that runs on `dataset` have saved.

    Parameters
    ----------
    dataset : str
        The label in the file names, as `gctr.experiments.dataset_label` gives it.
    folder : Path, optional
        Folder of results; default `gctr.experiments.results_dir`.

    Returns
    -------
    DataFrame
        Columns ``notebook`` and `COLUMNS`, in the order of notebooks; no rows if nothing was measured.
    """
    frames = []
    for path in sorted(((folder or results_dir()) / "tables").glob(f"*.{dataset}.claims.csv")):
        table = pd.read_csv(
            path, keep_default_na=False, dtype=_TEXTS, na_values={name: [""] for name in _NUMBERS}
        )
        frames.append(table.assign(notebook=path.name.split(".")[0]))
    columns = ["notebook", *COLUMNS]
    return pd.concat(frames, ignore_index=True)[columns] if frames else pd.DataFrame(columns=columns)


def saved_datasets(folder: Path | None = None) -> list[str]:
    """Return the labels of the footage that `folder` has results on, ``synthetic`` first."""
    labels = {
        path.stem.partition(".")[2] for path in ((folder or results_dir()) / "provenance").glob("[0-9]*.json")
    }
    return sorted(labels, key=lambda label: (label != "synthetic", label))


def combined(verdicts: list[str]) -> str:
    """Return the verdict on a claim that several measurements decide.

    Equal verdicts stand; where they differ, the claim holds under conditions; unmeasured ones are left out.
    """
    measured = {verdict for verdict in verdicts if verdict != NOT_MEASURED}
    if not measured:
        return NOT_MEASURED
    return measured.pop() if len(measured) == 1 else CONDITIONAL


def measurements(datasets: Sequence[str], folder: Path | None = None) -> pd.DataFrame:
    """Return every measurement behind the claims H1-H10, on several data sets, in the order of the claims.

    Parameters
    ----------
    datasets : sequence of str
        Labels, as `saved_datasets` gives them.
    folder : Path, optional
        As in `read_verdicts`.

    Returns
    -------
    DataFrame
        Columns claim, condition, dataset, verdict, value, low, high (confidence interval), unit, n (independent
        observations), measured, notebook. An interval that was not measured is empty.
    """
    frames = [read_verdicts(label, folder).assign(dataset=label) for label in datasets]
    columns = [
        "claim",
        "condition",
        "dataset",
        "verdict",
        "value",
        "low",
        "high",
        "unit",
        "n",
        "measured",
        "notebook",
    ]
    frames = [frame for frame in frames if len(frame)]
    if not frames:
        return pd.DataFrame(columns=columns)
    table = pd.concat(frames, ignore_index=True)[columns]
    claim = table["claim"].map(list(CLAIMS).index)
    first = table.groupby(["claim", "condition"], sort=False).ngroup()  # numbers them as they come
    order = pd.DataFrame({"claim": claim, "first": first}).sort_values(["claim", "first"], kind="stable")
    return table.loc[order.index].reset_index(drop=True)


def claims_table(dataset: str, folder: Path | None = None) -> pd.DataFrame:
    """Return the table H1-H10: one row for each claim, its verdict on `dataset` and the numbers behind it.

    Parameters
    ----------
    dataset, folder
        As in `read_verdicts`.

    Returns
    -------
    DataFrame
        Columns claim, text, paper ("1" to "5" or ""), verdict, measured, notebook.
    """
    verdicts = read_verdicts(dataset, folder)
    return pd.DataFrame([_claim_row(name, verdicts[verdicts["claim"] == name]) for name in CLAIMS])


def _claim_row(name: str, rows: pd.DataFrame) -> dict[str, str]:
    rows = rows[rows["verdict"] != NOT_MEASURED]
    paper = CLAIMS[name].paper
    return {
        "claim": name,
        "text": CLAIMS[name].text,
        "paper": "" if paper is None else str(paper),
        "verdict": combined(list(rows["verdict"])),
        "measured": "; ".join(_measurement(row) for row in rows.to_dict("records")),
        "notebook": ", ".join(dict.fromkeys(rows["notebook"])),
    }


def _measurement(row: dict) -> str:
    return f"{row['measured']} ({row['condition']})" if row["condition"] else str(row["measured"])
