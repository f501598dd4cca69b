"""Which files of gctr a notebook runs: its imports followed through the package, for telling whether it is stale.

Code is read and never imported. An import inside a function counts, and so does a module named in a string that a
process of its own is started with. A name that a package only passes on, such as ``from gctr.experiments import
start``, leads to the module that defines it: changing a neighbour does not make the notebook stale. What a notebook
starts by the command line it names in its metadata, ``{"gctr": {"uses": ["gctr.cli.camera"]}}``.

Limit: a module that is found only by a name put together while running is not seen.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from gctr._paths import PACKAGE

_MODULE = re.compile(r"\bgctr(?:\.\w+)+")


def files_behind(sources: list[str], uses: list[str]) -> dict[str, Path]:
    """Return the files of gctr that pieces of code import, directly or not, by their path from the top.

    Parameters
    ----------
    sources : list of str
        Code cells. What is no Python (a magic) counts for nothing.
    uses : list of str
        Names of further modules.
    """
    reached: set[str] = set()
    ahead = {module for name in uses for module in _resolved(name, "")}
    for source in sources:
        ahead |= _imported(_parsed(source), "gctr")
    while ahead:
        reached |= ahead
        ahead = {name for module in ahead for name in _imports(module)} - reached
    files = {module: path for module in sorted(reached) if (path := _path(module))}
    return {path.relative_to(PACKAGE.parent).as_posix(): path for path in files.values()}


@cache
def _path(module: str) -> Path | None:
    stem = PACKAGE.joinpath(*module.split(".")[1:])
    package = stem / "__init__.py"
    return package if package.is_file() else plain if (plain := stem.with_suffix(".py")).is_file() else None


def _parsed(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError:
        return ast.Module([], [])


@cache
def _tree(module: str) -> ast.Module:
    path = _path(module)
    return _parsed(path.read_text("utf-8")) if path else ast.Module([], [])


def _imports(module: str) -> set[str]:
    path = _path(module)
    inside = module if path and path.name == "__init__.py" else module.rpartition(".")[0]
    return _imported(_tree(module), inside)


def _imported(tree: ast.Module, package: str) -> set[str]:
    return {module for node in ast.walk(tree) for module in _imported_by(node, package)}


def _imported_by(node: ast.AST, package: str) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            for alias in names:
                yield from _resolved(alias.name, "")
        case ast.ImportFrom(names=names):
            for alias in names:
                yield from _resolved(_base(node, package), alias.name)
        case ast.Assign() | ast.Call():
            yield from _named(node)


def _base(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    above = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*above, *([node.module] if node.module else [])])


def _named(node: ast.AST) -> Iterator[str]:
    """Yield modules that strings below `node` name whole; docstrings stand below neither assignment nor call."""
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield from (name for name in _MODULE.findall(part.value) if _path(name))


def _resolved(base: str, name: str) -> Iterator[str]:
    """Yield the module that ``from base import name`` reads, or ``import base`` if `name` is empty."""
    if base.partition(".")[0] != "gctr" or not (path := _path(base)):
        return
    if name and _path(f"{base}.{name}"):
        yield f"{base}.{name}"
    elif name and path.name == "__init__.py" and (origin := _passed_on(base).get(name)):
        yield from _resolved(*origin)
    else:
        yield base


@cache
def _passed_on(package: str) -> dict[str, tuple[str, str]]:
    """Return where the names come from that a package imports at its top level."""
    found = (node for node in _tree(package).body if isinstance(node, ast.ImportFrom))
    return {
        alias.asname or alias.name: (_base(node, package), alias.name)
        for node in found
        for alias in node.names
    }
