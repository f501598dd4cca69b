"""Kinds of mask and their strength, on the frames of a camera."""

import os
from collections.abc import Sequence

from ipywidgets import Dropdown, IntSlider

from gctr.explore.panel import Panel, Shot
from gctr.explore.pictures import Image, beside, fit_height, window
from gctr.parties.camera import Observation
from gctr.vision.masking import KINDS, Kind, MaskStyle, paint

HEIGHT = 360
"""Rows of the picture."""


def style_of(kind: Kind, strength: int, key: bytes = bytes(16)) -> MaskStyle:
    """Return a mask of a strength from 1, weak, to 10; 5 is the default of each kind.

    A mosaic's cells halve, and a blur's width doubles, with every second step; the other kinds have no strength.
    """
    factor = 2 ** ((strength - 5) / 2)
    return MaskStyle(kind, cells=max(1, round(8 / factor)), sigma=0.2 * factor, key=key)


def browse_masks(seen: Sequence[Observation], plate: Image, *, frame: int = 0) -> Panel:
    """Browse masks: a slider for the frame, a menu of kinds and a slider for the strength.

    Parameters
    ----------
    seen : sequence of Observation
        What the camera made of each frame (`gctr.evaluation.exposure.observe`).
    plate : (H, W, 3) uint8
        BGR; the registered background, for silhouettes.
    frame : int
        Shown first.
    """
    key = os.urandom(16)  # for scrambling

    def draw(frame: int, kind: Kind, strength: int) -> Shot:
        style, boxes = style_of(kind, strength, key), seen[frame].faces
        masked = paint(seen[frame].captured, boxes, style, plate)
        near = masked[window(boxes, (masked.shape[1], masked.shape[0]))]
        return Shot(
            beside([fit_height(masked, HEIGHT), near]),
            f"frame {frame}: {len(boxes)} boxes masked, {kind}{_strength_in_words(style)}",
        )

    panel = Panel(
        draw,
        frame=IntSlider(frame, 0, len(seen) - 1, description="frame"),
        kind=Dropdown(options=KINDS, value="pixelate", description="mask"),
        strength=IntSlider(5, 1, 10, description="strength"),
    )
    panel.controls["kind"].observe(
        lambda change: setattr(panel.controls["strength"], "disabled", not _has_strength(change["new"])),
        names="value",
    )
    return panel


def _has_strength(kind: Kind) -> bool:
    return kind in ("pixelate", "blur")


def _strength_in_words(style: MaskStyle) -> str:
    if style.kind == "pixelate":
        return f", {style.cells} cells along a box's shorter side"
    return f", sigma {style.sigma:.2f} of the shorter side" if style.kind == "blur" else ""
