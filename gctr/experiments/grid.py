"""Grids: the points at which notebooks run when a parameter is given several values.

On a command line the values of a parameter are parted by commas, or by semicolons where one value is itself a list:
``qp=22,26`` and ``noises=0,3;0,6`` are two points each. A text with a comma in it stands in quotes: ``'"a,b"'``.
Results at each point go to a folder of their own, ``results/grid/{name=value,…}``, and the tables of all points,
joined, to ``results/grid/tables``. Footage (``dataset``) needs no folder: every result's name has it already.
"""

import hashlib
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from gctr.experiments.files import dataset_label, provenance_path, read_provenance, write_result
from gctr.experiments.parameters import assign_parameters, check_known, declared_parameters


class Values(tuple):
    """Several values for one parameter: notebooks run at each, such as ``{"qp": Values([22, 26])}``."""


@dataclass(frozen=True)
class Point:
    """A notebook with the values of its parameters; `folder` is "" or, on a grid, the folder of its results."""

    path: Path
    values: dict[str, object]
    folder: str = ""

    @property
    def label(self) -> str:
        """Name of the footage in the names of results."""
        return dataset_label(str(self.values["dataset"]))

    def provenance(self, results: Path) -> Path:
        """Return where the record of its run stands."""
        return provenance_path(results, self.path.stem, self.label)


def points(
    notebooks: Sequence[Path], given: Mapping[str, object], *, again: Path | None = None
) -> list[Point]:
    """Return every point at which notebooks are to run, in the order of the notebooks and of the values.

    Parameters
    ----------
    notebooks : sequence of Path
    given : mapping
        Values by name, as `assign_parameters` takes them; text and `Values` may hold several for one name.
    again : Path, optional
        A folder of results: what is not given is as in the run that wrote them, and where there was none there is no
        point. By default it is as the notebook declares it.

    Raises
    ------
    ValueError
        If no notebook declares a name, or a value is not of its default's type.
    """
    check_known(notebooks, given)
    found = [point for path in notebooks for point in _points_of(path, given)]
    if again is None:
        return found
    return [_as_before(point, again) for point in found if point.provenance(again).is_file()]


def _points_of(path: Path, given: Mapping[str, object]) -> Iterator[Point]:
    defaults = declared_parameters(path)
    choices = {name: _choices(value, defaults[name]) for name, value in given.items() if name in defaults}
    swept = [name for name, values in choices.items() if len(values) > 1 and name != "dataset"]
    for combination in itertools.product(*choices.values()):
        values = assign_parameters([path], dict(zip(choices, combination, strict=True)))[path]
        yield Point(path, values, ",".join(f"{name}={_word(values[name])}" for name in swept))


def _as_before(point: Point, results: Path) -> Point:
    before, known = read_provenance(point.provenance(results))["parameters"], declared_parameters(point.path)
    return replace(point, values={k: v for k, v in before.items() if k in known} | point.values)


def _choices(value: object, default: object) -> Sequence[object]:
    if isinstance(value, Values):
        return value
    if not isinstance(value, str):
        return [value]
    if value[:1] == value[-1:] == '"' and len(value) > 1:
        return [value[1:-1]]
    return value.split(";" if isinstance(default, list | dict) else ",")


def _word(value: object) -> str:
    """Return a value as part of a folder's name; what had to be left out of it is told by a hash."""
    text = str(value).replace(" ", "")
    word = re.sub(r"[^A-Za-z0-9._+-]+", "-", text).strip("-")[:40]
    return word if word == text else f"{word}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def join_tables(ran: Sequence[Point], results: Path) -> list[Path]:
    """Join the tables that points on a grid have saved, each row with the values of what was varied, and return them.

    Parameters
    ----------
    ran : sequence of Point
        Those that came to their end.
    results : Path
        Folder that holds ``grid``.
    """
    parts: dict[str, list[pd.DataFrame]] = {}
    for point in ran:
        folder = results / "grid" / point.folder / "tables"
        for file in sorted(folder.glob(f"{point.path.stem}.{point.label}.*.csv")):
            table = pd.read_csv(file, keep_default_na=False, dtype=str)
            parts.setdefault(file.name, []).append(_with_varied(table, point))
    return [_write(results / "grid" / "tables" / name, tables) for name, tables in parts.items()]


def _with_varied(table: pd.DataFrame, point: Point) -> pd.DataFrame:
    varied = [pair.partition("=")[0] for pair in point.folder.split(",")]
    for name in reversed(varied):
        value = point.values[name]
        column = f"parameter_{name}" if name in table else name
        table.insert(0, column, str(value) if isinstance(value, list | dict) else value)
    return table


def _write(path: Path, tables: list[pd.DataFrame]) -> Path:
    text = pd.concat(tables, ignore_index=True).to_csv(index=False, lineterminator="\n")
    write_result(path, text.encode())
    return path
