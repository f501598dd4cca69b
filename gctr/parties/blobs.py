"""Where the cloud keeps messages: immutable files named by the SHA-256 of what they hold.

In a folder a file is written beside its place, synced and renamed, and its folder is synced: it is whole or not there,
also after a power cut. Everywhere else (``s3://bucket/prefix`` and what else fsspec opens) one object is put in one
request, which such stores make visible whole.

S3 goes through ``obstore`` (the extra ``gctr[s3]``), which takes keys and endpoint from the usual ``AWS_*`` variables.
"""

import hashlib
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
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
        except FileNotFoundError:
            raise StoreError(
                f"the store lost {name}: there is no such file; restore it from a copy"
            ) from None
        except OSError as error:  # too many open files, a disk that fails: that says nothing about the file
            raise StoreFailed(f"{name} cannot be read: {error.strerror}; ask again") from None

    def delete(self, name: str) -> None:
        with clear_errors(self._folder):
            (self._folder / name).unlink(missing_ok=True)

    def names(self) -> Iterator[str]:
        return (path.name for path in self._folder.glob("*.msg"))

    def written(self, name: str) -> float:
        return (self._folder / name).stat().st_mtime

    def sweep(self) -> int:
        swept = 0
        for path in self._folder.glob("*.part"):
            # By age: another process may be writing it now, or has just renamed it.
            with suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > _ABANDONED:
                    path.unlink()
                    swept += 1
        return swept


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
        with self._clear("took nothing", "send it again"):
            self._files.pipe_file(f"{self._root}/{name}", data)

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        part = {} if (start, stop) == (0, None) else {"start": start, "end": stop}
        try:
            with self._clear("did not answer", "ask again"):
                return self._files.cat_file(f"{self._root}/{name}", **part)
        except FileNotFoundError:
            raise StoreError(f"the store lost {name}: {self._url} has no such object") from None

    def delete(self, name: str) -> None:
        with suppress(FileNotFoundError), self._clear("did not delete", "try again"):
            self._files.rm_file(f"{self._root}/{name}")

    def names(self) -> Iterator[str]:
        with self._clear("did not list its objects", "ask again"):
            found = self._files.find(self._root)
        return (name for name in (path.rsplit("/", 1)[-1] for path in found) if name.endswith(".msg"))

    def written(self, name: str) -> float:
        try:
            return self._files.modified(f"{self._root}/{name}").timestamp()
        except Exception:  # not every library knows; the time of repair is late enough to keep the message
            return time.time()

    def sweep(self) -> int:
        return 0  # an object is put whole or not at all

    @contextmanager
    def _clear(self, what: str, advice: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise
        except Exception as error:  # every fsspec library has errors of its own
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
            raise StoreFailed(f"{self._url} {what}: {reason}; {advice}") from None


def _prefer_obstore(protocol: str) -> None:
    if protocol not in ("s3", "gs", "az"):
        return
    from obstore.fsspec import register

    register(protocol)
