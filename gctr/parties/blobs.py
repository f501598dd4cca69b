"""Where the cloud keeps messages: immutable files named by the SHA-256 of what they hold.

In a folder a file is written beside its place, synced and renamed, and its folder is synced: it is whole or not there,
also after a power cut. Everywhere else (``s3://bucket/prefix`` and what else fsspec opens) one object is put in one
request, which such stores make visible whole.

S3 goes through ``obstore`` (the extra ``gctr[s3]``), which takes keys and endpoint from the usual ``AWS_*`` variables.
"""

import hashlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from gctr._files import write_whole
from gctr.parties.store import StoreError, StoreFailed, clear_errors

_ABANDONED = 600  # seconds after which a temporary file cannot belong to a writer that still lives


class Blobs(Protocol):
    """A place for immutable files. Names come from `blob_name` alone, never from a message."""

    def put(self, name: str, data: bytes) -> None:
        """Keep `data`; when this returns it survives a crash. The same name again is the same data."""
        ...

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        """Return what is kept, or a part of it, unchecked."""
        ...

    def delete(self, name: str) -> None:
        """Forget a file, or one that is not there."""
        ...

    def names(self) -> Iterator[str]:
        """Yield the names of all whole files, in no order."""
        ...

    def written(self, name: str) -> float:
        """Return when a file was written, in seconds since 1970."""
        ...

    def sweep(self) -> int:
        """Remove what interrupted writers left; return how many files."""
        ...


def blob_name(data: bytes) -> str:
    """Return the file name of a message: its SHA-256."""
    return f"{hashlib.sha256(data).hexdigest()}.msg"


def read_checked(blobs: Blobs, name: str) -> bytes:
    """Return a file whose content has the hash that it is named by.

    Raises
    ------
    StoreError
        If it is lost or damaged; what is damaged is never delivered.
    """
    data = blobs.read(name)
    if blob_name(data) != name:
        raise StoreError(f"{name} is damaged on disk: restore it from a copy, or run 'gctr cloud repair'")
    return data


def open_blobs(location: str | Path, options: Mapping[str, Any] | None = None) -> Blobs:
    """Open the place that a path or an fsspec URL names.

    Raises
    ------
    StoreError
        If no installed library opens the URL, or the folder cannot be made.
    """
    if isinstance(location, Path) or "://" not in location:
        return FolderBlobs(Path(location))
    return RemoteBlobs(location, options or {})


class FolderBlobs:
    """Files in one folder of a local disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with clear_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)

    def put(self, name: str, data: bytes) -> None:
        with clear_errors(self._folder):
            write_whole(self._folder / name, data)

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        try:
            with (self._folder / name).open("rb") as file:
                file.seek(start)
                return file.read(-1 if stop is None else stop - start)
        except OSError as error:
            raise StoreError(f"the store lost {name}: {error.strerror}; restore it from a copy") from None

    def delete(self, name: str) -> None:
        with clear_errors(self._folder):
            (self._folder / name).unlink(missing_ok=True)

    def names(self) -> Iterator[str]:
        return (path.name for path in self._folder.glob("*.msg"))

    def written(self, name: str) -> float:
        return (self._folder / name).stat().st_mtime

    def sweep(self) -> int:
        # By age: another process may be writing one of them now.
        old = [p for p in self._folder.glob("*.part") if time.time() - p.stat().st_mtime > _ABANDONED]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)


class RemoteBlobs:
    """Objects under an fsspec URL."""

    def __init__(self, url: str, options: Mapping[str, Any]) -> None:
        import fsspec

        protocol, _, path = url.partition("://")
        self._root = path.rstrip("/")
        self._url = url
        try:
            _prefer_obstore(protocol)
            self._files = fsspec.filesystem(protocol, **options)
        except (ImportError, ValueError) as error:
            raise StoreError(f"cannot open {protocol}:// for the store: {error}; try gctr[s3]") from None

    def put(self, name: str, data: bytes) -> None:
        try:
            self._files.pipe_file(f"{self._root}/{name}", data)
        except Exception as error:  # every fsspec library has errors of its own
            raise StoreFailed(f"{self._url} took nothing: {_first_line(error)}; send it again") from None

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        try:
            part = {} if (start, stop) == (0, None) else {"start": start, "end": stop}
            return self._files.cat_file(f"{self._root}/{name}", **part)
        except FileNotFoundError:
            raise StoreError(f"the store lost {name}: {self._url} has no such object") from None
        except Exception as error:
            raise StoreFailed(f"{self._url} did not answer: {_first_line(error)}; ask again") from None

    def delete(self, name: str) -> None:
        try:
            self._files.rm_file(f"{self._root}/{name}")
        except FileNotFoundError:
            return
        except Exception as error:
            raise StoreFailed(f"{self._url} did not delete: {_first_line(error)}") from None

    def names(self) -> Iterator[str]:
        found = self._files.find(self._root)
        return (name for name in (path.rsplit("/", 1)[-1] for path in found) if name.endswith(".msg"))

    def written(self, name: str) -> float:
        try:
            return self._files.modified(f"{self._root}/{name}").timestamp()
        except Exception:  # not every library knows; the time of repair is late enough to keep the message
            return time.time()

    def sweep(self) -> int:
        return 0  # an object is put whole or not at all


def _prefer_obstore(protocol: str) -> None:
    if protocol not in ("s3", "gs", "az"):
        return
    from obstore.fsspec import register

    register(protocol)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
