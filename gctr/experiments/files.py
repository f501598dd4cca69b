"""Where results and reports go, how their files are named, how they are written: whole or not at all."""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gctr._files import write_whole
from gctr._paths import ROOT

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


def _home() -> Path:
    """Return the checkout that this gctr belongs to, else (installed from a wheel) the working directory."""
    return ROOT if (ROOT / "pyproject.toml").is_file() else Path.cwd()


def results_dir() -> Path:
    """Return the folder of results: the one that ``GCTR_RESULTS`` names, else ``results`` of the checkout."""
    return Path(os.environ.get("GCTR_RESULTS") or _home() / "results").absolute()


def build_dir() -> Path:
    """Return the folder of executed notebooks and the report, ``build`` of the checkout; git ignores it.

    Results that ``GCTR_RESULTS`` sends elsewhere have a folder of their own in it: what is up to date in one place
    need not be so in another.
    """
    results, home = results_dir(), _home()
    if results == home / "results":
        return home / "build"
    return home / "build" / f"results-{hashlib.sha256(str(results).encode()).hexdigest()[:8]}"


def check_name(name: str, what: str) -> str:
    """Return `name` if it can be part of a result's file name.

    Raises
    ------
    ValueError
        If it has anything but lower-case letters, digits, ``-`` and ``_``.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"{what} {name!r}: use lower-case letters, digits, '-' and '_' only")
    return name


def dataset_label(dataset: str) -> str:
    """Return the short name by which results of `dataset` are filed.

    A registry name stands for itself, a file or folder gives its stem, an address gives its scheme and eight
    hexadecimal digits of a hash: neither folders, nor hosts, nor passwords reach a result.

    Examples
    --------
    >>> dataset_label("pets2009-s2l1"), dataset_label("/footage/Gate 3.mp4")
    ('pets2009-s2l1', 'gate-3')
    """
    scheme, mark, address = dataset.partition("://")
    if mark:
        without_login = address.rpartition("@")[2]
        return f"{scheme.lower()}-{hashlib.sha256(without_login.encode()).hexdigest()[:8]}"
    stem = re.sub(r"[^a-z0-9_]+", "-", Path(dataset).stem.lower()).strip("-_")
    if not stem:
        raise ValueError(f"dataset {dataset!r} has no letter or digit to name its results by")
    return stem


def without_paths(parameters: Mapping[str, object]) -> dict[str, object]:
    """Return `parameters` with every path cut to its file name and every address to its `dataset_label`."""
    return {name: _without_path(value) for name, value in parameters.items()}


def _without_path(value: object) -> object:
    if isinstance(value, list | tuple):
        return [_without_path(item) for item in value]
    if not isinstance(value, str):
        return value
    if "://" in value:
        return dataset_label(value)
    return Path(value).name if value.startswith(("/", "~", ".")) or "\\" in value else value


def provenance_path(results: Path, notebook: str, dataset: str) -> Path:
    """Return where the record of a notebook's run stands; `dataset` is a label, as `dataset_label` gives it."""
    return results / "provenance" / f"{notebook}.{dataset}.json"


def read_provenance(path: Path) -> dict[str, Any]:
    """Return the record of a run.

    Raises
    ------
    ValueError
        If it is damaged.
    """
    try:
        record = json.loads(path.read_text("utf-8"))
        return record | {name: record[name] for name in ("parameters", "timing", "files")}
    except (ValueError, KeyError, TypeError):
        raise ValueError(
            f"{path} is no whole record of a run: run its notebook again, with --force"
        ) from None


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_result(path: Path, content: bytes) -> None:
    """Write `content` to `path` whole or not at all, for everybody to read, making folders as needed.

    A file that holds it already is left as it is.

    Raises
    ------
    OSError
        If the disk is full or the folder cannot be written; the old file is then untouched.
    """
    if path.is_file() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content, mode=0o644)
