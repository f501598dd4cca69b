"""The registered plates that a camera remembers, in one folder, each with the message that registered it.

A camera that starts again takes up the plate that held at its next segment, so that what follows is coded as what
went before, and a run that is repeated over the same footage meets the same plates. The message is kept as it was
sent: sent again, the cloud takes it as the duplicate that it is.

Limits: plates are kept for ever; one takes about a megabyte at 1080p.
"""

import re
from pathlib import Path

import msgspec
from msgspec import Struct

from gctr._files import write_whole
from gctr.vision.coding import decode_still, encode_still
from gctr.vision.plate import Plate


class PlateError(ValueError):
    """A remembered plate that is damaged, or that this encoder codes differently from when it was registered."""


class Registered(Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """One version: the segment from which it holds, the plate (lossless WebP) and its digest, and its message."""

    version: int
    since: int
    digest: str
    still: bytes
    message: bytes

    def plate(self) -> Plate:
        """Return the plate; PlateError if its pixels are not those that were registered."""
        plate = Plate(decode_still(self.still), self.version)
        if plate.digest != self.digest:
            raise PlateError(f"background {self.version} is damaged: use a new camera and folder")
        return plate


class PlateBook:
    """The plates of one camera, oldest first; `folder` is made where it does not exist."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        paths = (path for path in folder.iterdir() if re.fullmatch(r"\d{6}\.plate", path.name))
        self.registered = [_read(path) for path in sorted(paths)]

    def holding(self, sequence: int) -> Registered | None:
        """Return the version that holds at a segment; None if there was none yet."""
        return next((one for one in reversed(self.registered) if one.since <= sequence), None)

    def add(self, plate: Plate, message: bytes, since: int) -> None:
        """Remember a version; when this returns it is on the disk."""
        one = Registered(plate.version, since, plate.digest, encode_still(plate.image), message)
        write_whole(self._folder / f"{plate.version:06d}.plate", msgspec.msgpack.encode(one))
        self.registered.append(one)


def _read(path: Path) -> Registered:
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=Registered)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise PlateError(f"{path} is damaged: restore it, or use a new camera and folder") from None
