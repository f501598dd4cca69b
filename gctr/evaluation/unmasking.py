"""What comes back when a mask is lifted, and what the way back costs in bytes.

Faces are sealed without loss and come back byte for byte; what was masked for want of a face is sealed as video
(`gctr.vision.tiles`), which is how the camera codes all that it does not mask, and comes back as that.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gctr.parties.keyfile import new_key
from gctr.parties.keys import open_patches, seal_patches
from gctr.parties.messages import Header, SealedPatch
from gctr.parties.observer import EXACT, CameraSettings, Exact, Observation
from gctr.vision.coding import encode_segment
from gctr.vision.masking import reveal_faces
from gctr.vision.tiles import Tile

_SEGMENT = CameraSettings().segment_frames


def check_unmasking(observations: Sequence[Observation]) -> dict[str, int | float]:
    """Seal what is under every mask, open it, put it back on the masked pictures; compare with what the camera saw.

    Returns
    -------
    dict
        `patches`, `pixels` and `bytes_that_differ` of the exact ones; `coded_pixels` of the others, and the mean
        difference of their bytes in grey levels, `coded_error`.
    """
    key = new_key("unmask")
    patches = pixels = wrong = coded = error = 0
    for header, part in _segments(observations):
        opened = open_patches(key, header, seal_patches(key, header, _tiles(part)))
        for k, seen in enumerate(part):
            revealed = reveal_faces(seen.objects, opened.get(k, []))
            for (x0, y0, x1, y1), _, exact in opened.get(k, []):
                apart = revealed[y0:y1, x0:x1].astype(int) - seen.captured[y0:y1, x0:x1]
                if exact:
                    patches += 1
                    pixels += apart.size // 3
                    wrong += int((apart != 0).sum())
                else:
                    coded += apart.size // 3
                    error += int(np.abs(apart).sum())
    counts = {"patches": patches, "pixels": pixels, "bytes_that_differ": wrong, "coded_pixels": coded}
    return counts | {"coded_error": error / max(3 * coded, 1)}


def sealed_sizes(observations: Sequence[Observation], plate: NDArray[np.uint8]) -> pd.DataFrame:
    """Return what sealing costs, beside the masked objects' own video: columns `what`, `exact`, `bytes_a_frame`.

    Sealed bytes include padding, nonce and tag. `exact` is what comes back byte for byte: `CameraSettings.exact`.
    """
    key, frames = new_key("unmask"), max(1, len(observations))
    sizes: dict[Exact, int] = dict.fromkeys(EXACT, 0)
    video = 0
    for header, part in _segments(observations):
        packets = encode_segment(plate, (seen.objects for seen in part)).packets
        video += sum(map(len, packets))
        for exact in EXACT:
            sizes[exact] += sum(map(_bytes, seal_patches(key, header, _tiles(part, exact))))
    rows = [("masked objects, video", "", video)] + [("sealed", exact, size) for exact, size in sizes.items()]
    return pd.DataFrame(
        [{"what": what, "exact": exact, "bytes_a_frame": round(size / frames)} for what, exact, size in rows]
    )


def _bytes(patch: SealedPatch) -> int:
    return len(patch.nonce) + len(patch.ciphertext)


def _segments(observations: Sequence[Observation]) -> Iterator[tuple[Header, Sequence[Observation]]]:
    for number, first in enumerate(range(0, len(observations), _SEGMENT)):
        part = observations[first : first + _SEGMENT]
        size = (part[0].captured.shape[1], part[0].captured.shape[0])
        yield (
            Header("segment", "cam-1", 0, number, first, len(part), 1, size, "bucket_gcm", bytes(16), 1),
            part,
        )


def _tiles(part: Sequence[Observation], exact: Exact = "faces") -> dict[int, list[Tile]]:
    """Return patches by track; as the camera cut them for ``faces``, its default."""
    tiles: dict[int, list[Tile]] = {}
    for k, seen in enumerate(part):
        for track_id, patches in seen.patches.items():
            for patch in patches:
                kept = patch if exact == "faces" else patch._replace(exact=exact == "all")
                tiles.setdefault(track_id, []).append((k, kept))
    return tiles
