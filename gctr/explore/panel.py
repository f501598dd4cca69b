"""A picture and the controls that redraw it.

The picture is an output of its own that the kernel replaces (`update_display`), not a widget: so it is saved with the
notebook, in colour and in every viewer, while the controls need a kernel.

Limits: controls answer while the kernel is idle. The saved picture is the one that was shown last.
"""

import html
from collections.abc import Callable
from typing import Any, NamedTuple
from uuid import uuid4

import cv2
import ipywidgets as widgets
import numpy as np
from IPython.display import Image, display, publish_display_data, update_display
from numpy.typing import NDArray

_QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 90]


class Shot(NamedTuple):
    """What is shown for one setting of the controls: `image`, (H, W, 3) uint8 BGR, and a `caption` in words."""

    image: NDArray[np.uint8]
    caption: str


class Panel:
    """A picture above its caption and controls; the last line of a cell shows it.

    Parameters
    ----------
    draw : callable
        Takes the controls' values by name and returns a `Shot`; called at once, and at each change.
    **controls : ipywidgets.Widget
        Widgets with a `value`, by the name under which `draw` takes it.

    Attributes
    ----------
    controls : dict of str to Widget
    shot : Shot
        What is shown.
    jpeg : bytes
        The picture as it was sent to the browser.

    Examples
    --------
    >>> from ipywidgets import IntSlider
    >>> grey = Panel(lambda level: Shot(np.full((2, 2, 3), level, np.uint8), f"{level}"), level=IntSlider(7))
    >>> grey.controls["level"].value = 9
    >>> grey.shot.caption
    '9'
    """

    def __init__(self, draw: Callable[..., Shot], **controls: widgets.Widget) -> None:
        self.controls = controls
        self._draw = draw
        self._shown_as: str | None = None
        self._caption = widgets.HTML()
        self._box = widgets.VBox([self._caption, *controls.values()])
        for control in controls.values():
            control.observe(self._redraw, names="value")
        self._redraw()

    def _redraw(self, _change: object = None) -> None:
        self.shot = self._draw(**{name: control.value for name, control in self.controls.items()})
        self.jpeg = cv2.imencode(".jpg", self.shot.image, _QUALITY)[1].tobytes()
        self._caption.value = html.escape(self.shot.caption)
        if self._shown_as:
            update_display(Image(self.jpeg, format="jpeg"), display_id=self._shown_as)

    def _ipython_display_(self) -> None:
        self._shown_as = self._shown_as or uuid4().hex
        display(Image(self.jpeg, format="jpeg"), display_id=self._shown_as)
        publish_display_data(self._below())

    def _below(self) -> dict[str, Any]:
        """Return caption and controls; their text is what a reader without a kernel sees."""
        text = f"{self.shot.caption}\n(run this cell in JupyterLab to change {', '.join(self.controls)})"
        return self._box._repr_mimebundle_() | {"text/plain": text}
