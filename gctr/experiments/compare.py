"""Compare two sets of results: the same files, the same verdicts, the same numbers within a stated tolerance.

Two numbers are the same if they differ by at most `RELATIVE` of the second plus `ABSOLUTE`: codecs and image
libraries may round otherwise on another machine. Numbers inside a text do not count, they repeat those of a column.
Of what depends on speed (marked ``timing`` when it was saved) only the verdict and the shape are compared. Figures
must exist and hold something; their bytes are not compared, since fonts and image libraries differ.

    python -m gctr.experiments.compare results build/ci/results synthetic
"""

import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

RELATIVE, ABSOLUTE = 0.02, 1e-6
_DIGITS = re.compile(r"[-+]?\d+(?:[.,]\d+)*(?:e[-+]?\d+)?")


def compare_results(expected: Path, found: Path, dataset: str) -> list[str]:
    """Return every difference between two folders of results on `dataset`, one line each; none if they agree.

    Parameters
    ----------
    expected, found : Path
        Folders such as ``results``; the provenance in `expected` says what depends on speed.
    dataset : str
        The label in the file names.
    """
    names, other = _files(expected, dataset), _files(found, dataset)
    differences = [f"{name}: missing" for name in sorted(names - other)]
    differences += [f"{name}: not expected" for name in sorted(other - names)]
    timing = _timing(expected, dataset)
    for name in sorted(names & other):
        if not (found / name).stat().st_size:
            differences.append(f"{name}: empty")
        elif name.endswith(".csv"):
            differences += [f"{name}: {what}" for what in _compare_tables(expected, found, name, timing)]
    return differences


def check_hashes(folder: Path) -> list[str]:
    """Return the files below `folder` that are not as the run that wrote them left them, by their provenance."""
    changed = []
    for path in sorted((folder / "provenance").glob("*.json")):
        for name, sha256 in json.loads(path.read_text(encoding="utf-8"))["files"].items():
            file = folder / name
            if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != sha256:
                changed.append(f"{name}: not the file that {path.name} tells of")
    return changed


def _files(folder: Path, dataset: str) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.glob(f"*/[0-9]*.{dataset}.*")}


def _timing(folder: Path, dataset: str) -> dict[str, Any]:
    """Return the columns of each table, and the claims, whose numbers depend on speed."""
    columns: dict[str, list[str]] = {}
    claims: set[str] = set()
    for path in (folder / "provenance").glob(f"*.{dataset}.json"):
        timing = json.loads(path.read_text(encoding="utf-8"))["timing"]
        columns |= timing["columns"]
        claims |= set(timing["claims"])
    return {"columns": columns, "claims": claims}


def _compare_tables(expected: Path, found: Path, name: str, timing: dict[str, Any]) -> list[str]:
    one, two = pd.read_csv(expected / name), pd.read_csv(found / name)
    if list(one.columns) != list(two.columns) or len(one) != len(two):
        return [f"{_shape(one)} expected, found {_shape(two)}"]
    skipped = timing["columns"].get(name, [])
    numbers_free = (
        one["claim"].isin(timing["claims"]) if name.endswith(".claims.csv") else np.zeros(len(one), bool)
    )
    differences = []
    for column in one.columns.difference(skipped, sort=False):
        unequal = ~_same(one[column], two[column])
        if column in ("value", "low", "high", "n"):
            unequal &= ~numbers_free
        differences += [
            f"row {row + 1}, {column}: {one[column][row]} expected, found {two[column][row]}"
            for row in np.flatnonzero(unequal)
        ]
    return differences


def _shape(table: pd.DataFrame) -> str:
    return f"{len(table)} rows of {', '.join(table.columns)}"


def _same(one: pd.Series, two: pd.Series) -> np.ndarray:
    """Return for each row whether the two values are the same, (n,) bool."""
    if pd.api.types.is_numeric_dtype(one) and pd.api.types.is_numeric_dtype(two):
        return np.isclose(two.astype(float), one.astype(float), RELATIVE, ABSOLUTE, equal_nan=True)
    return np.asarray(_words(one) == _words(two))


def _words(column: pd.Series) -> pd.Series:
    return column.fillna("").astype(str).map(lambda text: _DIGITS.sub("#", text))


def main(expected: str, found: str, dataset: str) -> int:
    """Print the differences and return the exit code: 0 if the two sets of results agree."""
    differences = check_hashes(Path(expected)) + compare_results(Path(expected), Path(found), dataset)
    for difference in differences:
        print(difference, file=sys.stderr)
    count = len(_files(Path(expected), dataset))
    print(f"results on {dataset}: {count} files compared, {len(differences)} differences")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
