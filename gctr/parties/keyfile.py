"""Key files: one key each, secrets readable by their owner alone.

A key file is text: a line that says what the key is for, and 64 hexadecimal digits. The purpose is checked when the
file is read, so that the unmask key cannot be handed to the cloud by mistake. ``store`` and ``unmask`` are shared
secrets; ``unmask-private`` and ``unmask-public`` are a pair (X25519, RFC 7748) whose public half is no secret.
"""

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from gctr._files import sync_folder, write_whole

Purpose = Literal["store", "unmask", "unmask-private", "unmask-public"]

_TEXT = re.compile(rf"gctr ({'|'.join(get_args(Purpose))}) key, format 1\n([0-9a-f]{{64}})\n")


class KeyFileError(ValueError):
    """A key file that is missing, damaged, for another purpose, or readable by others."""


@dataclass(frozen=True)
class Key:
    """256 bits and what they are for. Its `repr` tells the purpose only."""

    purpose: Purpose
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) != 32:
            raise KeyFileError(f"a {self.purpose} key has 32 bytes, not {len(self.secret)}")


def new_key(purpose: Purpose) -> Key:
    """Return a key from the operating system's generator. Of a pair, make the private half and take `public_of`."""
    if purpose == "unmask-public":
        raise KeyFileError("a public key comes from its private key")
    return Key(purpose, os.urandom(32))  # any 32 bytes are an X25519 private key (RFC 7748, 5)


def public_of(key: Key) -> Key:
    """Return the public half of a private unmask key."""
    if key.purpose != "unmask-private":
        raise KeyFileError(f"the {key.purpose} key has no public half")
    return Key(
        "unmask-public", X25519PrivateKey.from_private_bytes(key.secret).public_key().public_bytes_raw()
    )


def write_key(path: Path, key: Key) -> None:
    """Write a new key file with mode 0600. An existing file is never overwritten.

    Raises
    ------
    KeyFileError
        If the file exists.
    """
    write_secret(path, _text(key))


def write_public(path: Path, key: Key) -> None:
    """Write a public key to a new file that everybody may read.

    Raises
    ------
    KeyFileError
        If the key is a secret, or the file exists.
    """
    if key.purpose != "unmask-public":
        raise KeyFileError(f"the {key.purpose} key is a secret, not to be published")
    if path.exists():
        raise KeyFileError(f"{path} exists and keys are not overwritten: move it away first")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, _text(key), mode=0o644)


def write_secret(path: Path, content: bytes) -> None:
    """Write a new file with mode 0600, whole or not at all. KeyFileError if it exists: nothing is overwritten."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        # The mode is given at creation: no moment exists at which others could open the file.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise KeyFileError(f"{path} exists and keys are not overwritten: move it away first") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        sync_folder(path.parent)  # what is sealed under a key is lost with it
    except BaseException:  # a full disk must not leave half a key behind
        path.unlink(missing_ok=True)
        raise


def read_secret(path: Path, what: str) -> bytes:
    """Read a file that only its owner may read.

    Raises
    ------
    KeyFileError
        If it is missing, or readable by group or others.
    """
    return _read(path, what, private=True)


def read_key(path: Path, *purposes: Purpose) -> Key:
    """Read a key file that must be for one of `purposes`.

    Raises
    ------
    KeyFileError
        If it is missing, damaged, for another purpose, or secret and readable by group or others. Its content is
        never quoted.
    """
    text = _read(path, f"{purposes[0]} key", private=purposes != ("unmask-public",))
    match = _TEXT.fullmatch(text.decode("ascii", errors="replace"))
    if match is None:
        raise KeyFileError(f"{path} is not a gctr key file, or damaged: take it from where the key was made")
    purpose: Purpose = next(known for known in get_args(Purpose) if known == match[1])
    if purpose not in purposes:
        raise KeyFileError(f"{path} holds the {purpose} key where the {purposes[0]} key is needed")
    return Key(purpose, bytes.fromhex(match[2]))


def read_or_make_key(path: Path, purpose: Purpose) -> Key:
    """Read a key file, or write a new one where there is none."""
    if not path.exists():
        write_key(path, new_key(purpose))
    return read_key(path, purpose)


def _text(key: Key) -> bytes:
    return f"gctr {key.purpose} key, format 1\n{key.secret.hex()}\n".encode()


def _read(path: Path, what: str, *, private: bool) -> bytes:
    try:
        with path.open("rb") as file:
            # The mode of the very file that is read: nobody can exchange it in between.
            mode, content = os.fstat(file.fileno()).st_mode, file.read(1 << 20)
    except OSError as error:
        raise KeyFileError(f"cannot read the {what} {path}: {error.strerror}") from None
    if private and os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyFileError(
            f"{path} can be read by others: chmod 600 it, and change the key if others may have seen it"
        )
    return content
