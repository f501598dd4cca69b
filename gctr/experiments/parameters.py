"""The notebooks and their parameters: which there are, what each declares, whether a given value fits.

papermill only warns of a parameter that a notebook does not declare; here that is an error, before anything runs.
The type of a parameter is that of its default.
"""

import ast
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gctr._paths import share


def notebooks_dir() -> Path:
    """Return the folder of notebooks: the one that ``GCTR_NOTEBOOKS`` names, else that of gctr."""
    return Path(os.environ.get("GCTR_NOTEBOOKS") or share("notebooks")).absolute()


def find_notebooks(names: Sequence[str] | None = None) -> list[Path]:
    """Return the notebooks to run, in the order of their numbers.

    Parameters
    ----------
    names : sequence of str, optional
        ``02_roi``, or just ``02``; default all.

    Raises
    ------
    ValueError
        If there is no such notebook; the message lists those there are.
    """
    known = {path.stem: path for path in sorted(notebooks_dir().glob("[0-9][0-9]_*.ipynb"))}
    chosen = [_matching(name, list(known)) for name in names or known]
    return [known[name] for name in sorted(set(chosen))]


def _matching(name: str, known: list[str]) -> str:
    stem = Path(name).name.removesuffix(".ipynb")
    found = [other for other in known if stem == other or other.startswith(f"{stem}_")]
    if len(found) != 1:
        raise ValueError(f"no notebook {name!r}; there are: {', '.join(known) or 'none'}")
    return found[0]


def read_notebook(path: Path) -> dict[str, Any]:
    """Return the notebook as the JSON it is (nbformat 4); the library of that name takes a second to import.

    Raises
    ------
    ValueError
        If there is no such file, or it is no notebook.
    """
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        return notebook | {"cells": [{"metadata": {}, "source": "", **cell} for cell in notebook["cells"]]}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{path.name}: no readable notebook of that name in {path.parent.name}/") from error


def metadata(path: Path) -> dict[str, Any]:
    """Return what a notebook says of itself to the runner: its metadata ``gctr``.

    ``reads``: patterns of results that it reads, ``{dataset}`` standing for the label; it runs after the others.
    ``uses``: modules of gctr that it runs by other means than importing them.
    """
    return read_notebook(path).get("metadata", {}).get("gctr", {})


def declared_parameters(path: Path) -> dict[str, object]:
    """Return the names and default values in the cell that is tagged ``parameters``.

    Raises
    ------
    ValueError
        If the file is no notebook, has no such cell, or sets anything there but a literal.
    """
    cells = read_notebook(path)["cells"]
    tagged = ["".join(cell["source"]) for cell in cells if "parameters" in cell["metadata"].get("tags", [])]
    if not tagged:
        raise ValueError(f"{path.name}: no cell has the tag 'parameters'")
    try:
        return dict(_literal(statement) for statement in ast.parse(tagged[0]).body)
    except (ValueError, SyntaxError) as error:
        raise ValueError(f"{path.name}: the parameters cell may only hold name = literal") from error


def _literal(statement: ast.stmt) -> tuple[str, object]:
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            return name, ast.literal_eval(value)
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            return name, ast.literal_eval(value)
    raise ValueError("not a plain assignment")


def assign_parameters(
    notebooks: Sequence[Path], given: Mapping[str, object]
) -> dict[Path, dict[str, object]]:
    """Return for each notebook the values it gets: those given whose names it declares, in its types.

    Parameters
    ----------
    notebooks : sequence of Path
        The notebooks that will run.
    given : mapping
        Values by name. Text, as from a command line, is read as what the default is: ``"8"`` as 8, ``"1,3"``
        as a list.

    Raises
    ------
    ValueError
        If none of the notebooks declares a name, or a value is not of its default's type.
    """
    return {
        path: {name: _fitting(name, names[name], value) for name, value in given.items() if name in names}
        for path, names in check_known(notebooks, given).items()
    }


def check_known(notebooks: Sequence[Path], given: Mapping[str, object]) -> dict[Path, dict[str, object]]:
    """Return what each notebook declares; ValueError if none of them declares a name that is given."""
    declared = {path: declared_parameters(path) for path in notebooks}
    unknown = sorted(set(given) - {name for names in declared.values() for name in names})
    if unknown:
        known = "; ".join(f"{path.stem}: {', '.join(names)}" for path, names in declared.items())
        raise ValueError(f"unknown parameter {', '.join(unknown)}; known are {known}")
    return declared


def _fitting(name: str, default: object, value: object) -> object:
    if isinstance(value, str) and not isinstance(default, str):
        value = _parsed(value, default)
    if isinstance(default, float) and type(value) is int:
        value = float(value)
    if isinstance(default, list) and isinstance(value, tuple):
        value = list(value)
    if not _fits(default, value):
        kind = type(default).__name__
        raise ValueError(
            f"parameter {name} takes a value of type {kind}, like {default!r}; {value!r} is not one"
        )
    return value


def _fits(default: object, value: object) -> bool:
    if default is None:
        return True
    if isinstance(default, list) and isinstance(value, list) and default:
        return all(_fits(default[0], item) for item in value)
    return type(value) is type(default) or (isinstance(default, float) and type(value) is int)


def _parsed(text: str, default: object) -> object:
    words = {"true": True, "false": False, "none": None}
    try:
        value = words[text.lower()] if text.lower() in words else ast.literal_eval(text)
        return [value] if isinstance(default, list) and not isinstance(value, list | tuple) else value
    except (ValueError, SyntaxError):
        return [item.strip() for item in text.split(",")] if isinstance(default, list) else text
