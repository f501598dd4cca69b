"""What each party keeps in its own folder, and how the cloud's is made.

``gctr cloud init HERE`` makes three folders, to be carried to three machines. The unmask key is in none of them: the
camera makes it, and it goes to the surveillance system by a way that is not the cloud.

=================  ========================================================================================
cloud/             index.sqlite, blobs/, settings.json, parties.json (hashed tokens), store.key, cert.pem, key.pem
camera/            store.key, cert.pem, enrol.token; later camera.token, unmask.key, plates/, spool/
surveillance/      store.key, cert.pem, surveillance.token; unmask.key is put here by hand
=================  ========================================================================================
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from gctr._files import write_whole
from gctr.parties.cloud import Cloud, Stages
from gctr.parties.keyfile import new_key, read_key, read_secret, write_key, write_secret
from gctr.parties.store import StoreError
from gctr.parties.tls import LOOPBACK, write_certificate
from gctr.parties.tokens import Parties, Role


class CloudSettings(Struct, forbid_unknown_fields=True):
    """Where a cloud's files are: beside its index (None), or an fsspec URL."""

    blobs: str | None = None
    format: Literal[1] = 1


def init(folder: Path, *, hosts: Sequence[str] = LOOPBACK, blobs: str | None = None) -> None:
    """Make the folders of cloud, camera and surveillance system: keys, certificate, tokens.

    Raises
    ------
    StoreError
        If the folder holds a cloud already; nothing is overwritten.
    """
    cloud, camera, surveillance = (folder / name for name in ("cloud", "camera", "surveillance"))
    if cloud.exists():
        raise StoreError(f"{cloud} exists already: choose another folder, or move it away")
    for party in (cloud, camera, surveillance):
        party.mkdir(parents=True)
        party.chmod(0o700)
    write_key(cloud / "store.key", new_key("store"))
    certificate, _ = write_certificate(cloud, hosts)
    for party in (camera, surveillance):
        write_key(party / "store.key", read_key(cloud / "store.key", "store"))
        shutil.copy(certificate, party / "cert.pem")
    invite(cloud, "enrolment-1", "enrol", camera / "enrol.token")
    invite(cloud, "surveillance", "surveillance", surveillance / "surveillance.token")
    write_whole(cloud / "settings.json", msgspec.json.encode(CloudSettings(blobs)) + b"\n")


def invite(cloud: Path, name: str, role: Role, file: Path) -> None:
    """Write a new party's token into a file of mode 0600; the cloud keeps its hash alone."""
    write_secret(file, Parties(cloud / "parties.json").issue(name, role).encode() + b"\n")


def open_cloud(folder: Path, stages: Stages | None = None) -> Cloud:
    """Open the cloud of a folder that `init` made.

    Raises
    ------
    StoreError
        If there is none.
    """
    try:
        settings = msgspec.json.decode((folder / "settings.json").read_bytes(), type=CloudSettings)
    except FileNotFoundError:
        raise StoreError(f"{folder} holds no cloud: make one with 'gctr cloud init'") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StoreError(f"{folder / 'settings.json'} is damaged ({error}): restore it") from None
    key = read_key(folder / "store.key", "store")
    return Cloud(folder, key, blobs=settings.blobs, stages=stages)


def read_token(path: Path) -> str:
    """Return the token in a file of mode 0600; the cloud judges it."""
    return read_secret(path, "token").decode("ascii", errors="replace").strip()[:200]
