"""How figures and tables look: one matplotlib style for papers, byte-stable SVG and PNG, four digits of a number shown.

Colours are Okabe and Ito's, which people with any common colour blindness tell apart. Widths are those of a
two-column paper. Bytes are stable on one version of matplotlib and OpenCV (those in ``constraints.txt``).

References
----------
Okabe, M. and Ito, K. (2008), "Color Universal Design".
"""

import base64
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import cv2
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike, NDArray

COLUMN = 3.5
"""Width of one column of a paper, in inches."""
PAGE = 7.16
"""Width of both columns, in inches."""
COLOURS = {
    "blue": "#0072B2",
    "vermillion": "#D55E00",
    "green": "#009E73",
    "purple": "#CC79A7",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "black": "#000000",
}
"""Okabe and Ito's colours in the order in which lines take them."""
STYLE: dict[Any, Any] = {
    "figure.figsize": (COLUMN, 2.4),
    "figure.constrained_layout.use": True,
    "figure.dpi": 144,
    "savefig.dpi": 200,
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "axes.prop_cycle": plt.cycler(color=list(COLOURS.values())),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.5,
    "image.composite_image": False,
    "image.cmap": "cividis",
    "svg.hashsalt": "gctr",
}
_PHOTO = re.compile(rb'xlink:href="data:image/png;base64,\n([^"]+)"([^>]*?)id="photo')


def use_style() -> None:
    """Make `STYLE` the style of every figure drawn from now on; `gctr.experiments.start` calls it.

    Tables show numbers as `short_number` writes them and texts whole; what is saved has its own digits.
    """
    plt.rcParams.update(STYLE)
    pd.set_option("display.float_format", short_number, "display.max_colwidth", None)


def short_number(value: float) -> str:
    """Return a number as a table shows it: four digits, and whole from a thousand on, such as 0.9784 or 12,046."""
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e9 else f"{value + 0.0:.4g}"  # no "-0"


def photo_grid(shape: Sequence[int], rows: int, columns: int) -> tuple[Figure, NDArray[np.object_]]:
    """Return a figure a page wide for photographs under titles, and its Axes, (rows, columns).

    Parameters
    ----------
    shape : (H, W, ...) int
        Of each photograph, in pixels; the figure is as high as they need.
    rows, columns : int
    """
    height = rows * (PAGE / columns * shape[0] / shape[1] + 0.18)
    return plt.subplots(rows, columns, figsize=(PAGE, height), squeeze=False)


def show_photo(ax: Axes, image: NDArray[np.uint8], title: str = "") -> None:
    """Show a photograph in `ax`, without ticks, in a hairline that shows where it ends on white paper.

    An SVG then holds it as JPEG at the printed size, not as PNG.

    Parameters
    ----------
    ax : Axes
        Where to draw. One photograph for each Axes.
    image : uint8 array (H, W, 3) BGR, or (H, W) grey
    title : str
        Text above it.
    """
    rgb = image[..., ::-1] if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
    shown = ax.imshow(rgb)
    shown.set_gid(f"photo-{ax.figure.axes.index(ax) + 1}")
    ax.set(xticks=[], yticks=[], title=title)
    ax.spines[:].set(visible=True, color="#aaaaaa", linewidth=0.4)
    ax.grid(False)


def show_boxes(ax: Axes, boxes: ArrayLike, colour: str = "vermillion") -> None:
    """Draw boxes, (N, 4) xyxy in pixels, over a photograph in `ax`; `colour` is a name of `COLOURS`."""
    for x0, y0, x1, y1 in np.asarray(boxes).reshape(-1, 4):
        frame = Rectangle((x0 - 0.5, y0 - 0.5), x1 - x0, y1 - y0, fill=False)
        frame.set(edgecolor=COLOURS[colour], linewidth=0.8)
        ax.add_patch(frame)


def svg_bytes(figure: Figure) -> bytes:
    """Return `figure` as SVG, the same bytes each time; its photographs (`show_photo`) are JPEG."""
    buffer = io.BytesIO()
    fixed: dict[Any, Any] = {"svg.hashsalt": "gctr", "image.composite_image": False}
    with plt.rc_context(fixed), _settled(figure):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return _PHOTO.sub(_as_jpeg, buffer.getvalue())


def png_bytes(figure: Figure) -> bytes:
    """Return `figure` as PNG, without date or version in it."""
    buffer = io.BytesIO()
    with _settled(figure):
        figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


@contextmanager
def _settled(figure: Figure) -> Iterator[None]:
    """Hold the layout still: it depends, in the last digits, on how often the figure was drawn before."""
    engine = figure.get_layout_engine()
    for _ in range(3):
        figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for ax in figure.axes:
        ax.set_position(np.round(ax.get_position(original=True).bounds, 6).tolist())
        ax.set_in_layout(True)
    try:
        yield
    finally:
        figure.set_layout_engine(engine or "none")


def _as_jpeg(found: re.Match[bytes]) -> bytes:
    png = np.frombuffer(base64.b64decode(found[1]), np.uint8)
    photo = np.asarray(cv2.imdecode(png, cv2.IMREAD_COLOR))
    _, coded = cv2.imencode(".jpg", photo, [cv2.IMWRITE_JPEG_QUALITY, 85])
    jpeg = base64.b64encode(coded.tobytes())
    return b'xlink:href="data:image/jpeg;base64,' + jpeg + b'"' + found[2] + b'id="photo'
