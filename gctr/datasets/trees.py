"""Files below a folder, on disk or inside a zip archive, read one by one without unpacking.

A data set is verified by its *content*: `Tree.digest` depends on member names and bytes alone, so the
publisher's archive, a repacked one and an unpacked folder all have the same digest.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

from gctr.datasets.clip import DatasetError

MAX_MEMBER = 2**28
"""Largest file that is read out of an archive, in bytes (256 MiB): an archive may claim anything."""


@dataclass(frozen=True)
class Tree:
    """A folder of files.

    Parameters
    ----------
    path : Path
        A folder, or a zip archive.
    inside : str
        With an archive: the folder in it, as a POSIX path; "" is its top.
    """

    path: Path
    inside: str = ""

    def names(self, patterns: Sequence[str] = ("*",)) -> list[str]:
        """Return the sorted POSIX paths below this folder that match one of `patterns` (`fnmatch`)."""
        prefix = f"{self.inside}/" if self.inside else ""
        below = (name[len(prefix) :] for name in self._all_names() if name.startswith(prefix))
        return sorted(name for name in below if any(fnmatchcase(name, pattern) for pattern in patterns))

    def read(self, name: str) -> bytes:
        """Return a file's content; DatasetError if it is not there, or in an archive damaged or above `MAX_MEMBER`."""
        try:
            if self.path.is_dir():
                return (self.path / name).read_bytes()
            return _read_member(_archive(*_identity(self.path)), f"{self.inside}/{name}".lstrip("/"))
        except (
            OSError,
            KeyError,
            zipfile.BadZipFile,
            zlib.error,
            RuntimeError,
            NotImplementedError,  # zipfile's, for a compression that it cannot read
        ) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise DatasetError(f"cannot read {name} in {self}: {reason}; get the data again") from error

    def below(self, folder: str) -> Tree:
        """Return the folder that ends in `folder`, wherever it lies in this one.

        Raises
        ------
        DatasetError
            If there is none or more than one.
        """
        found = set(_folders_ending_in(folder, self.names()))
        if len(found) != 1:
            raise DatasetError(f"{self} holds {len(found) or 'no'} folder(s) {folder!r}; it should hold one")
        return self._at(found.pop())

    def descend(self) -> Tree:
        """Return the only folder at the top, where there is nothing beside it: archives often wrap one."""
        tops = {name.partition("/")[::2] for name in self.names()}
        folders = {top for top, _ in tops}
        if len(folders) == 1 and all(rest for _, rest in tops):
            return self._at(folders.pop()).descend()
        return self

    def digest(self, patterns: Sequence[str] = ("*",)) -> str:
        """Return SHA-256, in hex, over every matching file's name, a zero byte, its content's SHA-256."""
        total = hashlib.sha256()
        for name in self.names(patterns):
            total.update(name.encode() + b"\0" + hashlib.sha256(self.read(name)).digest())
        return total.hexdigest()

    def _at(self, folder: str) -> Tree:
        if self.path.is_dir():
            return Tree(self.path / folder)
        return Tree(self.path, f"{self.inside}/{folder}".strip("/"))

    def _all_names(self) -> Iterable[str]:
        if self.path.is_dir():
            return (p.relative_to(self.path).as_posix() for p in self.path.rglob("*") if p.is_file())
        try:
            return (n for n in _archive(*_identity(self.path)).namelist() if not n.endswith("/"))
        except (OSError, zipfile.BadZipFile) as error:
            raise DatasetError(f"{self.path} is neither a folder nor a whole zip archive: {error}") from error

    @property
    def name(self) -> str:
        """The folder's name, or the archive's where it is the archive's top."""
        top = self.path.name if self.path.is_dir() else self.path.stem
        return self.inside.rpartition("/")[2] or top

    def __str__(self) -> str:
        return str(self.path / self.inside)


def _folders_ending_in(folder: str, names: Iterable[str]) -> Iterable[str]:
    for name in names:
        at = f"/{name}".find(f"/{folder}/")
        if at >= 0:
            yield name[: at + len(folder)]


def _read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    info = archive.getinfo(name)
    if info.file_size > MAX_MEMBER:
        raise zipfile.BadZipFile(f"it claims {info.file_size} bytes, {MAX_MEMBER} are read at most")
    return archive.read(info)


def _identity(path: Path) -> tuple[Path, int, int, int]:
    """Return what an open archive is kept under: a changed file, or a forked process, opens it anew."""
    stat = path.stat()
    return path, stat.st_mtime_ns, stat.st_size, os.getpid()


@lru_cache(maxsize=16)
def _archive(path: Path, mtime_ns: int, size: int, pid: int) -> zipfile.ZipFile:
    return zipfile.ZipFile(path)


def close_archives() -> None:
    """Close the archives that are kept open, so that one may be deleted."""
    _archive.cache_clear()
