"""Controls for JupyterLab: a picture that follows sliders, from what a notebook has already computed.

Each ``browse_…`` function returns a `Panel`, which a cell shows as its last line. The picture comes first, as an
ordinary JPEG output, and the controls below it; in a live kernel the controls replace the picture, and where a notebook
is run without anybody watching, or read later, the first picture stands there as any figure does.
"""

from gctr.explore.cells import CellHistory, browse_cells
from gctr.explore.masks import browse_masks
from gctr.explore.modes import browse_modes
from gctr.explore.panel import Panel, Shot
from gctr.explore.parties import PartyHistory, browse_parties

__all__ = [
    "CellHistory",
    "Panel",
    "PartyHistory",
    "Shot",
    "browse_cells",
    "browse_masks",
    "browse_modes",
    "browse_parties",
]
