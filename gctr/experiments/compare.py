"""Compare two sets of results: the same files, the same verdicts, the same numbers within a stated tolerance.

Two numbers are the same if they differ by at most `RELATIVE` of the first plus `ABSOLUTE`: codecs and image
libraries may round otherwise on another machine. Numbers inside a text do not count, they repeat those of a column.
Of what depends on speed (marked ``timing`` when it was saved) only the verdict and the shape are compared. Figures
must exist and hold something; their bytes are not compared, since fonts and image libraries differ.

With the tolerance `EXACT`, for two runs on the same versions, every number, text and figure must be the same, save
what was marked ``timing`` or ``varies`` when it was saved.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from gctr.experiments.files import file_sha256, read_provenance

RELATIVE, ABSOLUTE = 0.02, 1e-6
_OF_SPEED = ("measured", "value", "low", "high", "n")
_KEY_COLUMNS = 4
_DIGITS = re.compile(r"[-+]?\d+(?:[.,]\d+)*(?:e[-+]?\d+)?")


class Tolerance(NamedTuple):
    """How far two numbers may be apart: `relative` of the first plus `absolute`."""

    relative: float = RELATIVE
    absolute: float = ABSOLUTE

    def __str__(self) -> str:
        return f"{self.relative:.3g} of the number + {self.absolute:.3g}" if any(self) else "none"


DEFAULT, EXACT = Tolerance(), Tolerance(0, 0)


@dataclass(frozen=True)
class _Speed:
    """What depends on speed: columns by table, claims, figures."""

    columns: dict[str, list[str]]
    claims: set[str]
    figures: set[str]


def compare_results(first: Path, second: Path, dataset: str, tolerance: Tolerance = DEFAULT) -> list[str]:
    """Return every difference between two folders of results on `dataset`, one line each; none if they agree.

    Parameters
    ----------
    first, second : Path
        Folders such as ``results``; the provenance in both says what depends on speed.
    dataset : str
        The label in the file names.
    tolerance : Tolerance
        `EXACT` compares figures too.
    """
    names, other = result_files(first, dataset), result_files(second, dataset)
    differences = [f"{name}: missing in the second" for name in sorted(names - other)]
    differences += [f"{name}: missing in the first" for name in sorted(other - names)]
    speed = _of_speed(first, second, dataset)
    for name in sorted(names & other):
        differences += [
            f"{name}{what}" for what in _compare_files(first / name, second / name, name, speed, tolerance)
        ]
    return differences


def result_files(folder: Path, dataset: str) -> set[str]:
    """Return the files of results on `dataset`, relative to `folder`."""
    return {path.relative_to(folder).as_posix() for path in folder.glob(f"*/[0-9]*.{dataset}.*")}


def check_hashes(folder: Path, dataset: str = "*") -> list[str]:
    """Return the files below `folder` that are not as the run that wrote them left them, by their provenance."""
    changed = []
    for path in sorted((folder / "provenance").glob(f"*.{dataset}.json")):
        for name, sha256 in read_provenance(path)["files"].items():
            if not (folder / name).is_file() or file_sha256(folder / name) != sha256:
                changed.append(f"{name}: not the file that {path.name} tells of")
    return changed


def explain(first: Path, second: Path, dataset: str) -> list[str]:
    """Return how two sets of results were made differently: data, parameters, versions, machine, one line each."""
    told = []
    for path in sorted((first / "provenance").glob(f"*.{dataset}.json")):
        other = second / "provenance" / path.name
        if other.is_file():
            told += [
                f"{path.name.split('.')[0]}: {what}"
                for what in _explained(read_provenance(path), read_provenance(other))
            ]
    return told


def _explained(one: dict[str, Any], two: dict[str, Any]) -> Iterator[str]:
    for kind in ("dataset", "parameters", "versions", "machine", "commit"):
        was, now = one.get(kind) or {}, two.get(kind) or {}
        for name in sorted(was.keys() | now.keys()):
            if was.get(name) != now.get(name):
                yield f"{kind} {name} {was.get(name)} → {now.get(name)}"


def _of_speed(first: Path, second: Path, dataset: str) -> _Speed:
    """Return what either folder's provenance marks as depending on speed."""
    speed = _Speed({}, set(), set())
    for folder in (second, first):
        for path in (folder / "provenance").glob(f"*.{'*' if dataset == 'all' else dataset}.json"):
            timing = read_provenance(path)["timing"]
            speed.columns.update(timing["columns"])
            speed.claims.update(timing["claims"])
            speed.figures.update(timing.get("figures", []))
    return speed


def _compare_files(one: Path, two: Path, name: str, speed: _Speed, tolerance: Tolerance) -> Iterator[str]:
    if not two.stat().st_size:
        yield ": empty in the second"
    elif name.endswith(".csv"):
        yield from _compare_tables(pd.read_csv(one), pd.read_csv(two), name, speed, tolerance)
    elif tolerance == EXACT and _may_not_vary(name, speed) and one.read_bytes() != two.read_bytes():
        yield ": another picture"


def _may_not_vary(name: str, speed: _Speed) -> bool:
    return name.startswith("figures/") and name.rsplit(".", 1)[0] not in speed.figures


def _compare_tables(
    one: pd.DataFrame, two: pd.DataFrame, name: str, speed: _Speed, tolerance: Tolerance
) -> Iterator[str]:
    if list(one.columns) != list(two.columns) or len(one) != len(two):
        yield f": was {_shape(one)}, is {_shape(two)}"
        return
    skipped = speed.columns.get(name, [])
    is_claims = "claim" in one.columns
    free = one["claim"].isin(speed.claims) if is_claims else np.zeros(len(one), bool)
    for column in one.columns.difference(skipped, sort=False):
        unequal = ~_same(one[column], two[column], tolerance)
        if column in _OF_SPEED:
            unequal &= ~free
        for row in map(int, np.flatnonzero(unequal)):
            told = _told(one[column][row], two[column][row], tolerance)
            yield f", row {row + 1}{_key(one, row, column, skipped)}: {column} {told}"


def _shape(table: pd.DataFrame) -> str:
    return f"{len(table)} rows of {', '.join(table.columns)}"


def _key(table: pd.DataFrame, row: int, column: str, skipped: list[str]) -> str:
    """Return the words that tell a row from others, such as " (H.264, noise)"."""
    words = [
        name for name in table if name not in (column, *skipped) and pd.api.types.is_string_dtype(table[name])
    ]
    values = [str(table[name][row]) for name in words[:_KEY_COLUMNS] if pd.notna(table[name][row])]
    return f" ({', '.join(value for value in values if len(value) < 40)})" if values else ""


def _told(was: object, now: object, tolerance: Tolerance) -> str:
    text = f"was {was}, is {now}"
    numbers = isinstance(was, int | float | np.number) and isinstance(now, int | float | np.number)
    if not numbers or not was:
        return text
    apart = abs(float(now) - float(was)) / abs(float(was))  # type: ignore[arg-type]
    return f"{text}; {apart:.2g} of it apart, allowed {tolerance}"


def _same(one: pd.Series, two: pd.Series, tolerance: Tolerance) -> np.ndarray:
    """Return for each row whether the two values are the same, (n,) bool."""
    if pd.api.types.is_numeric_dtype(one) and pd.api.types.is_numeric_dtype(two):
        return np.isclose(two.astype(float), one.astype(float), *tolerance, equal_nan=True)
    texts = [column.fillna("").astype(str) for column in (one, two)]
    if tolerance != EXACT:
        texts = [text.str.replace(_DIGITS, "#", regex=True) for text in texts]
    return np.asarray(texts[0] == texts[1])
