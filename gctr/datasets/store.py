"""Where footage lies on this machine, and whether it is what the registry says.

A file is looked for, in this order, in the installed package that carries it, in the folders that `GCTR_DATA`
names (a local mirror; several are parted by `os.pathsep`), and in the cache (`GCTR_CACHE`, or the user's cache
folder). What is found there is verified; if it is wrong, that is an error and not a reason to look further.
Only what is found nowhere is downloaded, into the cache.

`GCTR_PREFER_DATA=1` passes over installed packages.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Literal

import pooch

from gctr.datasets.clip import DatasetError
from gctr.datasets.registry import DataFile, Entry
from gctr.datasets.trees import Tree

Where = Literal["package", "mirror", "cache"]


@dataclass(frozen=True)
class Place:
    """Where a file of the registry was found; `path` is the file, or the folder that stands for an archive."""

    where: Where
    path: Path

    def tree(self, file: DataFile) -> Tree:
        """Return the set's folder, wherever it lies in an archive or folder found here."""
        top = Tree(self.path)
        if self.where == "package" or file.folder is None or self.path.name == file.folder:
            return top
        return top.below(file.folder)


def mirrors() -> list[Path]:
    """Return the folders named by `GCTR_DATA`; DatasetError if one of them is no folder."""
    folders = [Path(text) for text in os.environ.get("GCTR_DATA", "").split(os.pathsep) if text.strip()]
    for folder in folders:
        if not folder.is_dir():
            raise DatasetError(f"GCTR_DATA names {folder}, which is not a folder; correct or unset it")
    return folders


def cache_folder() -> Path:
    """Return the folder that downloads go to; it need not exist yet."""
    return Path(os.environ.get("GCTR_CACHE") or pooch.os_cache("gctr"))


def find(file: DataFile, layout: str) -> Place | None:
    """Return where `file` lies, unverified, or None."""
    if file.package and not os.environ.get("GCTR_PREFER_DATA"):
        carried = _in_package(file.package, file.package_folder)
        return Place("package", carried) if carried else None
    for path in _candidates(file, layout):
        if path.exists():
            return Place("mirror", path)
    cached = cache_folder() / file.path
    return Place("cache", cached) if cached.exists() else None


def _candidates(file: DataFile, layout: str) -> Iterator[Path]:
    """Yield the paths at which a mirror may hold `file`, an archive also unpacked."""
    for mirror in mirrors():
        folders = [mirror, mirror / "models", mirror.parent / "models"] if layout == "model" else [mirror]
        for folder in folders:
            yield folder / file.path
            if file.folder:
                yield folder / Path(file.path).with_suffix("")
                yield folder / file.folder


def _in_package(package: str, folder: str) -> Path | None:
    # By path and not by import: the package may need what is not installed, and running it is not wanted.
    try:
        path = Path(str(distribution(package).locate_file(folder)))
    except PackageNotFoundError:
        return None
    return path if path.exists() else None


def verify(file: DataFile, place: Place) -> None:
    """Check `place` against the registry's checksum.

    Raises
    ------
    DatasetError
        If it differs: names the file, the expected and the found SHA-256.
    """
    found = checksum(file, place)
    if found != file.checksum:
        kind = "content" if file.tree_sha256 else "file"
        raise DatasetError(
            f"{place.path} is not the {kind} it should be: SHA-256 expected {file.checksum}, found {found}; "
            f"{_REMEDY[place.where]}"
        )


_REMEDY = {
    "cache": "remove it and get it again",
    "mirror": "put the right one into the folder that GCTR_DATA names, or unset GCTR_DATA",
    "package": "install the package again, or set GCTR_PREFER_DATA=1 and name a folder that holds the set in GCTR_DATA",
}


def checksum(file: DataFile, place: Place) -> str:
    """Return the SHA-256 of what lies at `place`, in hex: of its content where the registry says so."""
    if file.tree_sha256:
        return place.tree(file).digest(file.members)
    return file_sha256(place.path)


def file_sha256(path: Path) -> str:
    """Return a file's SHA-256 in hex; remembered as long as its size and time stay."""
    stat = path.stat()
    return _file_sha256(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=64)
def _file_sha256(path: Path, mtime_ns: int, size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class FileState:
    """One file of a set: where it is (None: nowhere) and what is wrong with it ("" if nothing)."""

    file: DataFile
    place: Place | None
    fault: str = ""


@dataclass(frozen=True)
class Report:
    """State of a data set or model on this machine; `str` of it is one line for people.

    Parameters
    ----------
    name : str
    files : tuple of FileState
    """

    name: str
    files: tuple[FileState, ...]

    @property
    def ok(self) -> bool | None:
        """True: all needed files are here and right; False: one is wrong; None: one is not here."""
        if any(state.fault for state in self.files):
            return False
        return None if self.missing else True

    @property
    def missing(self) -> list[str]:
        """Needed files that are not here."""
        return [s.file.path for s in self.files if s.place is None and not s.file.optional]

    @property
    def paths(self) -> list[Path]:
        """Where the files that are here lie."""
        return [state.place.path for state in self.files if state.place]

    def __str__(self) -> str:
        if faults := [state.fault for state in self.files if state.fault]:
            return "wrong: " + "; ".join(faults)
        if self.missing:
            return f"not here: {', '.join(self.missing)} (gctr datasets fetch {self.name})"
        return "right: " + (", ".join(map(str, self.paths)) or "made by gctr itself")


def report(entry: Entry) -> Report:
    """Find and verify every file of `entry`; a fault is noted, not raised."""
    return Report(entry.name, tuple(_state(file, entry.layout) for file in entry.files))


def _state(file: DataFile, layout: str) -> FileState:
    place = find(file, layout)
    if place is None:
        return FileState(file, None)
    try:
        verify(file, place)
    except (DatasetError, OSError) as error:
        return FileState(file, place, str(error))
    return FileState(file, place)
