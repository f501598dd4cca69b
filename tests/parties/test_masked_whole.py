"""What a camera paints over: masks that depend on pixels are made of the whole box, not of the strips that are sent."""

import numpy as np

from gctr.datasets.synthetic import synthetic_clip
from gctr.evaluation.exposure import observe
from gctr.parties.observer import CameraSettings
from gctr.vision.masking import MaskStyle, paint

from .conftest import NoFaces


def test_a_mosaic_is_as_coarse_as_the_whole_mask():
    clip = synthetic_clip(n_walkers=4, empty_seconds=0.0, n_frames=25, fps=8.0)
    seen = observe(clip.timed(), clip.truth.background, CameraSettings(mask="pixelate"), NoFaces())
    masked = [frame for frame in seen if frame.covers]
    assert sum(len(frame.faces) - len(frame.covers) for frame in masked) > 10  # strips: heads are round
    for frame in masked:
        whole = paint(frame.captured, [cover.xyxy for cover in frame.covers], MaskStyle("pixelate"))
        np.testing.assert_array_equal(frame.objects[frame.region], whole[frame.region])
