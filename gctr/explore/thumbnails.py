"""Frames of a clip kept for browsing, in bounded memory however long the clip is."""

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


class Thumbnails:
    """Every n-th frame of a stream, small, as JPEG; n doubles whenever more than `most` are held.

    Parameters
    ----------
    most : int
        Frames held at most.
    width : int
        Wider frames are scaled down to this many pixels.

    Limits: pictures are for looking at; JPEG changes their pixels.
    """

    def __init__(self, most: int = 100, width: int = 640) -> None:
        self._most, self._width, self._step = most, width, 1
        self._kept: dict[int, bytes] = {}

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def numbers(self) -> list[int]:
        """The numbers of the frames that are held, in order."""
        return sorted(self._kept)

    def wants(self, number: int) -> bool:
        """Return whether frame `number` would be held: ask before drawing one."""
        return number % self._step == 0

    def add(self, number: int, image: Image) -> None:
        """Hold frame `number`, (H, W, 3) uint8 BGR, if its turn has come."""
        if not self.wants(number):
            return
        height, width = image.shape[:2]
        if width > self._width:
            size = (self._width, round(height * self._width / width))
            image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        self._kept[number] = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()
        while len(self._kept) > self._most:
            self._step *= 2
            self._kept = {k: data for k, data in self._kept.items() if self.wants(k)}

    def last_up_to(self, number: int) -> int:
        """Return the number of the last frame held up to `number`; of the first one for earlier numbers.

        Raises
        ------
        ValueError
            If nothing is held.
        """
        if not self._kept:
            raise ValueError("no frame is held yet: run the cells before this one")
        return max((k for k in self._kept if k <= number), default=min(self._kept))

    def __getitem__(self, number: int) -> Image:
        """Return the frame `last_up_to` a number, (H, W, 3) uint8 BGR."""
        data = np.frombuffer(self._kept[self.last_up_to(number)], np.uint8)
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
