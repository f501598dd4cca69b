"""What `datasets/registry.toml` says: public sets and models, where they come from, how they are verified."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from typing import Literal

import msgspec

from gctr._paths import share
from gctr.datasets.clip import DatasetError

Layout = Literal["synthetic", "video", "video+mot", "pictures", "faces", "model"]


class DataFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One file of a set.

    Parameters
    ----------
    path : str
        Its place in a `GCTR_DATA` folder and in the cache.
    size : int
        Bytes, roughly what a download costs.
    sha256 : str, optional
        Checksum of the file itself; or else
    tree_sha256 : str, optional
        `Tree.digest` of the files that match `members` below the folder `folder`.
    folder, source_folder : str, optional
        The set's folder in the local archive, and in the publisher's where that holds more than the set.
    members : tuple of str
        Patterns (`fnmatch`) of the files that belong to the set, relative to its folder.
    url : str, optional
        The public address. Without one, `by_hand` says how the file is had.
    package, package_folder : str, optional
        An installed package that carries the set, and where in it.
    optional : bool
        Not needed to load the set; verified if it is there, never downloaded.
    """

    path: str
    size: int
    sha256: str | None = None
    tree_sha256: str | None = None
    folder: str | None = None
    source_folder: str | None = None
    members: tuple[str, ...] = ("*",)
    url: str | None = None
    by_hand: str | None = None
    package: str | None = None
    package_folder: str = ""
    optional: bool = False

    @property
    def checksum(self) -> str:
        """The expected SHA-256 of the file or of its tree, in hex."""
        return self.sha256 or self.tree_sha256 or ""


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One data set or model of the registry.

    Parameters
    ----------
    title, truth, licence, citation, homepage : str
        For people: what it is, what is known to be true about it, under which terms, whom to cite, where.
    layout : str
        Which adapter reads it; ``pictures`` are sequences in the layout of CDnet, SBI or MOT, or pictures alone.
    fps : float, optional
        Frames a second where the set, a folder of pictures, does not say.
    files : tuple of DataFile
    name : str
        The registry's name for it.
    """

    title: str
    layout: Layout
    licence: str
    citation: str = ""
    homepage: str = ""
    truth: str = "none"
    fps: float | None = None
    files: tuple[DataFile, ...] = ()
    name: str = ""

    @property
    def size(self) -> int:
        """Bytes of the needed files."""
        return sum(file.size for file in self.files if not file.optional)


class Registry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`datasets/registry.toml`."""

    datasets: dict[str, Entry]
    models: dict[str, Entry]


def parse_registry(text: bytes) -> Registry:
    """Read a registry; DatasetError says what in it is wrong."""
    try:
        registry = msgspec.toml.decode(text, type=Registry)
    except msgspec.DecodeError as error:
        raise DatasetError(f"the dataset registry is damaged: {error}") from error
    named = {
        kind: {name: msgspec.structs.replace(entry, name=name) for name, entry in entries.items()}
        for kind, entries in (("datasets", registry.datasets), ("models", registry.models))
    }
    return Registry(**named)


@cache
def load_registry() -> Registry:
    """Return the registry that belongs to this copy of gctr."""
    return parse_registry((share("datasets") / "registry.toml").read_bytes())


def entry(name: str) -> Entry:
    """Return the data set or model called `name`; DatasetError names what there is."""
    known = {**load_registry().datasets, **load_registry().models}
    if name in known:
        return known[name]
    close = get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(sorted(known))}"
    raise DatasetError(f"there is no data set or model {name!r}; {hint}")
