"""Downloads into the cache: all or nothing, verified, from the registry's one address."""

from __future__ import annotations

import tempfile
import zipfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pooch

from gctr.datasets.clip import DatasetError
from gctr.datasets.registry import DataFile
from gctr.datasets.store import Place, cache_folder
from gctr.datasets.trees import Tree, close_archives

TIMEOUT_S = 30


def download(file: DataFile, *, progress: bool = True) -> Place:
    """Download `file` into the cache and return its place there.

    Of a publisher's archive that holds more than the set, only the set is kept.

    Raises
    ------
    DatasetError
        If the registry has no address for it (the message says how it is had), the address does not answer, the
        transfer breaks off, the bytes are not those that the registry expects, or the disk is full. Nothing
        is left in the cache then.
    """
    if file.url is None:
        raise DatasetError(f"{file.path} is not downloaded. {file.by_hand or ''}")
    target = cache_folder() / file.path
    fetch = _download_archive if file.tree_sha256 else _download_file
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as responses:
            fetch(file, file.url, target, _downloader(progress, responses))
    except (OSError, ValueError) as error:  # what requests raises is an OSError
        raise DatasetError(
            f"downloading {file.path} from {file.url} failed: {error}; try again later, or put the file into a "
            "folder named by GCTR_DATA"
        ) from error
    return Place("cache", target)


def _downloader(progress: bool, responses: ExitStack) -> pooch.HTTPDownloader:
    def close_later(response: Any, **_: Any) -> None:
        responses.callback(response.close)

    # pooch itself leaves the connection open when a transfer fails.
    return pooch.HTTPDownloader(progressbar=progress, timeout=TIMEOUT_S, hooks={"response": close_later})


def _download_file(file: DataFile, url: str, target: Path, downloader: pooch.HTTPDownloader) -> None:
    pooch.retrieve(url, f"sha256:{file.sha256}", fname=target.name, path=target.parent, downloader=downloader)


def _download_archive(file: DataFile, url: str, target: Path, downloader: pooch.HTTPDownloader) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".download-") as folder:
        archive, part = Path(folder) / "archive.zip", Path(folder) / "part.zip"
        downloader(url, str(archive), None)
        try:
            tree = Tree(archive).below(file.source_folder or file.folder or "")
            found = tree.digest(file.members)
            if found != file.tree_sha256:
                raise DatasetError(f"its content has SHA-256 {found}, expected is {file.tree_sha256}")
            _repack(tree, file, part)
        finally:
            close_archives()
        part.replace(target)


def _repack(tree: Tree, file: DataFile, part: Path) -> None:
    # Pictures do not shrink further: stored, not deflated.
    with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as packed:
        for name in tree.names(file.members):
            packed.writestr(zipfile.ZipInfo(f"{file.folder}/{name}"), tree.read(name))
