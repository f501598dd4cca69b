"""Who sees what of a frame: camera, sniffer, cloud, surveillance system."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from ipywidgets import SelectionSlider, ToggleButtons

from gctr.evaluation.pipeline import as_image, face_boxes, stages
from gctr.explore.panel import Panel, Shot
from gctr.explore.pictures import SKY, Image, beside, outline
from gctr.explore.thumbnails import Thumbnails
from gctr.parties.camera import Observation
from gctr.parties.surveillance import Shown

CAPTIONS = {
    "camera": "what the camera finds (orange: objects, blue: faces), and what it sends: objects, faces or heads masked",
    "sniffer": "the message that carries this frame's segment, its first bytes as grey levels",
    "cloud": "what the cloud composes of background and objects; it cannot lift the masks",
    "surveillance system": "the same, the faces put back with the unmask key",
}
"""The parties, and what is shown of each."""


class PartyHistory:
    """What each party saw while a pipeline ran, thinned out so that memory stays bounded.

    Limits: frames are held as small JPEGs, about a hundred for each party, whatever the clip's length.
    """

    def __init__(self) -> None:
        self.thumbnails = {party: Thumbnails() for party in CAPTIONS}
        self._n = 0

    def camera(self, segment: Sequence[Observation]) -> Sequence[Observation]:
        """Hold what the camera sees of a segment and return it: part of the function given as `inspect`."""
        for observation in segment:
            if self.thumbnails["camera"].wants(self._n):
                self.thumbnails["camera"].add(self._n, _inside_camera(observation))
            self._n += 1
        return segment

    def sniffer(self, messages: Iterable[tuple[int, bytes]]) -> None:
        """Hold the beginnings of (first frame's number, message), as a sniffer may."""
        for first, message in messages:
            self.thumbnails["sniffer"].add(
                first, np.repeat(as_image(message, rows=144)[..., None], 3, axis=2)
            )

    def watch(self, party: str, frames: Iterable[Shown]) -> Iterator[Shown]:
        """Yield delivered frames unchanged, and hold them as what `party` sees."""
        for shown in frames:
            self.thumbnails[party].add(shown.number, shown.image)
            yield shown


def _inside_camera(observation: Observation) -> Image:
    found = outline(observation.captured, [track.xyxy for track in observation.tracks])
    return beside(
        [outline(found, face_boxes(observation), SKY), stages(observation)["faces or heads masked"]]
    )


def browse_parties(history: PartyHistory, *, frame: int = 0) -> Panel:
    """Browse a run: a slider for the frame and a button for each party.

    Parameters
    ----------
    history : PartyHistory
        Filled while the pipeline ran.
    frame : int
        Shown first, or the last one held before it.

    Raises
    ------
    ValueError
        If the history is empty.
    """
    numbers = history.thumbnails["camera"].numbers
    if not numbers:
        raise ValueError(
            "the history holds no frame yet: hand history.camera to Camera.run as `inspect` first"
        )
    first = history.thumbnails["camera"].last_up_to(frame)

    def draw(frame: int, view: str) -> Shot:
        return Shot(history.thumbnails[view][frame], f"frame {frame}, {view}: {CAPTIONS[view]}")

    seen = [party for party, held in history.thumbnails.items() if len(held)]
    return Panel(
        draw,
        frame=SelectionSlider(options=numbers, value=first, description="frame"),
        view=ToggleButtons(options=seen, description="view", style={"button_width": "auto"}),
    )
