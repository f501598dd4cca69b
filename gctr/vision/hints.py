"""What FFmpeg's filters do to pictures before an encoder sees them: averaging noise away over time, and hints
of where objects are.

`denoise` is what a whole-frame encoder would be given by a careful camera: FFmpeg's *atadenoise*, an average of
a pixel over neighbouring frames as long as it stays alike, so that noise goes and motion stays. `hint` attaches
regions of interest (FFmpeg's *addroi*), which libx264 and libvpx-vp9 turn into finer and coarser quantisers;
nothing is removed from the picture.

Limits: `denoise` looks half its window ahead, so it is not live; hints need adaptive quantisation switched on.
"""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import cast

import av
import av.filter
import numpy as np
from numpy.typing import ArrayLike, NDArray

I420 = NDArray[np.uint8]


def denoise(pictures: Iterable[I420], *, frames: int = 17, strength: float = 0.04) -> Iterator[I420]:
    """Yield the pictures averaged over time where they do not change.

    Parameters
    ----------
    pictures : iterable of (3 H / 2, W) uint8
        I420.
    frames : int
        Length of the average, odd, 5 to 129.
    strength : float
        Change of a pixel, as a share of the full range, above which it is not averaged; 0 to 0.3.
    """
    options = ":".join([f"s={frames}", *(f"{plane}a={strength}:{plane}b={4 * strength}" for plane in "012")])
    graph = None
    for index, picture in enumerate(pictures):
        frame = _frame(picture, index)
        if graph is None:
            graph = _graph(frame, [("atadenoise", options)])
        graph.push(frame)
        yield from _pull(graph)
    if graph is not None:
        graph.push(None)
        yield from _pull(graph)


def hint(picture: I420, index: int, boxes: ArrayLike, outside: float, *, fps: int = 10) -> av.VideoFrame:
    """Return picture number `index` as a frame that tells the encoder to code all but `boxes` coarsely.

    Parameters
    ----------
    picture : (3 H / 2, W) uint8
        I420.
    index : int
        Its time stamp.
    boxes : (N, 4) int
        xyxy of the objects.
    outside : float
        Change of the quantiser elsewhere, as a share of its range, 0 to 1.
    fps : int
        Frames a second of the encoder, whose clock counts pictures.
    """
    rows = np.asarray(boxes, dtype=int).reshape(-1, 4)
    regions = [f"x={x0}:y={y0}:w={x1 - x0}:h={y1 - y0}:qoffset=0" for x0, y0, x1, y1 in rows.tolist()]
    regions.append(f"x=0:y=0:w=iw:h=ih:qoffset={outside}")  # of overlapping regions the first one counts
    graph = _graph(frame := _frame(picture, index), [("addroi", region) for region in regions])
    graph.push(frame)
    hinted = cast(av.VideoFrame, graph.pull())
    # The filter's own clock ticks faster than the encoder's: rounded to that, two pictures would get one time.
    hinted.pts, hinted.time_base = index, Fraction(1, fps)
    return hinted


def _frame(picture: I420, index: int) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="yuv420p")
    frame.pts = index
    return frame


def _graph(frame: av.VideoFrame, filters: list[tuple[str, str]]) -> av.filter.Graph:
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 25)
    )
    graph.link_nodes(
        source, *(graph.add(name, options) for name, options in filters), graph.add("buffersink")
    )
    graph.configure()
    return graph


def _pull(graph: av.filter.Graph) -> Iterator[I420]:
    while True:
        try:
            yield np.asarray(graph.pull().to_ndarray(), dtype=np.uint8)
        except (av.BlockingIOError, av.EOFError):
            return
