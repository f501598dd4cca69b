"""Who holds which unmask key, in files: the camera's sealer, the surveillance system's ring, rotation.

``unmask.key`` is the shared key of epoch 0, ``unmask.1.key`` of epoch 1, and so on: `rotate` makes the next, the camera
seals under the last. Keys of past epochs open past footage: move them away from the camera, and delete one to leave its
epoch's faces masked for good. ``recipient.pub``, where it is there, goes before them: the camera then holds no secret,
and every start of it is an epoch of its own.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from gctr.parties.grants import is_grant, read_grant
from gctr.parties.keyfile import Key, KeyFileError, new_key, read_key, read_or_make_key, write_key
from gctr.parties.keys import KeyRing, Opener, PatchSealer
from gctr.parties.ledger import NonceLedger

RECIPIENT = "recipient.pub"
_EPOCH_FILE = re.compile(r"unmask(?:\.([1-9][0-9]{0,8}))?\.key")


def camera_sealer(keys: Path, ledger: NonceLedger, camera: str) -> PatchSealer:
    """Return what a camera seals with, from a folder of keys; a shared key is made where there is none.

    Raises
    ------
    KeyFileError, LedgerError
        If a key is unfit or the ledger cannot be written.
    """
    if (keys / RECIPIENT).exists():
        public = read_key(keys / RECIPIENT, "unmask-public")
        return PatchSealer(public, ledger.next_epoch(camera), ledger)
    epoch = max(dict(_epoch_files(keys)), default=0)
    return PatchSealer(read_or_make_key(_epoch_file(keys, epoch), "unmask"), epoch, ledger)


def rotate(keys: Path) -> Path:
    """Make the shared key of the next epoch; return its file. Earlier keys stay, for the footage of their epochs."""
    if (keys / RECIPIENT).exists():
        raise KeyFileError(f"{keys} holds a public key: every start of the camera is a new epoch already")
    epochs = dict(_epoch_files(keys))
    if not epochs:
        raise KeyFileError(f"{keys} holds no unmask key to rotate: the camera's first start makes one")
    path = _epoch_file(keys, max(epochs) + 1)
    write_key(path, new_key("unmask"))
    return path


def read_opener(path: Path, private: Path | None = None) -> Opener:
    """Read what unmasks: a grant, a private key, or shared keys.

    Parameters
    ----------
    path : Path
        A grant's file or a key's. Beside an ``unmask.key`` the keys of other epochs are read too.
    private : Path, optional
        The private key to which a grant is made out.

    Raises
    ------
    KeyFileError, GrantError
        If it is missing or unfit, damaged or expired.
    """
    if is_grant(path):
        return read_grant(path, read_key(private, "unmask-private") if private else None)
    key = read_key(path, "unmask", "unmask-private")
    if key.purpose == "unmask" and _EPOCH_FILE.fullmatch(path.name):
        return KeyRing(_ring(path.parent))
    return KeyRing(key)


def _ring(keys: Path) -> dict[int, Key]:
    return {epoch: read_key(path, "unmask") for epoch, path in _epoch_files(keys)}


def _epoch_files(keys: Path) -> Iterator[tuple[int, Path]]:
    for path in sorted(keys.glob("unmask*.key")):
        if match := _EPOCH_FILE.fullmatch(path.name):
            yield int(match[1] or 0), path


def _epoch_file(keys: Path, epoch: int) -> Path:
    return keys / (f"unmask.{epoch}.key" if epoch else "unmask.key")
