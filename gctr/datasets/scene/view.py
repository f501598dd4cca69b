"""The camera of the synthetic scene and the sun above it.

World axes in metres: x to the right, y up from the ground, z away from the camera, which stands at x = z = 0.
The camera is a level pinhole with a shifted sensor (as a lens of the shift type gives), so that verticals
stay vertical.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

HEIGHT = 2.15  # metres above the ground
FOCAL = 800 / 360  # in frame heights: a horizontal angle of view of 44 degrees at 16:9
HORIZON = 0.2  # of the frame's height, from the top

# Towards the sun: left, above, behind the camera. The third component counts away from the camera, like z.
SUN = np.array([-0.60, 0.66, -0.45]) / np.linalg.norm([-0.60, 0.66, -0.45])


@dataclass(frozen=True)
class View:
    """Pinhole projection for frames of `width` x `height` pixels."""

    width: int
    height: int

    @property
    def focal(self) -> float:
        """Pixels a metre at one metre."""
        return FOCAL * self.height

    @property
    def horizon(self) -> float:
        """Row of the horizon."""
        return HORIZON * self.height

    def project(self, xyz: NDArray[np.floating]) -> NDArray[np.floating]:
        """Project (..., 3) world points to (..., 2) pixels."""
        scale = self.focal / xyz[..., 2]
        u = self.width / 2 + xyz[..., 0] * scale
        return np.stack([u, self.horizon + (HEIGHT - xyz[..., 1]) * scale], axis=-1)

    def ground(self, u: NDArray[np.floating], v: NDArray[np.floating]) -> tuple[NDArray, NDArray]:
        """Return the ground's x and z seen at the pixels (u, v) below the horizon."""
        z = HEIGHT * self.focal / np.maximum(v - self.horizon, 1e-3)
        return (u - self.width / 2) * z / self.focal, z

    def half_width(self, z: float) -> float:
        """Half the width, in metres, of what is seen at depth `z`."""
        return self.width / 2 * z / self.focal


def on_ground(xyz: NDArray[np.floating]) -> NDArray[np.floating]:
    """Drop (..., 3) points along the sun's rays on to the ground."""
    return xyz - xyz[..., 1:2] / SUN[1] * SUN
