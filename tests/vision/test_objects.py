"""FastestDet: its answer read as its makers read it, and people found in public footage."""

import os

import numpy as np
import pytest

from gctr.vision.objects import COCO, FastestDet, _decode


def read_cell_by_cell(grid, threshold):
    """The reading of the makers' own example, one cell at a time."""
    found = []
    for row, column in np.ndindex(grid.shape[1:]):
        cell = grid[:, row, column].astype(float)
        score = max(cell[0], 0) ** 0.6 * max(cell[5:].max(), 0) ** 0.4
        if score > threshold:
            x = (column + np.tanh(cell[1])) / grid.shape[2]
            y = (row + np.tanh(cell[2])) / grid.shape[1]
            w, h = 1 / (1 + np.exp(-cell[3])), 1 / (1 + np.exp(-cell[4]))
            found.append((x - w / 2, y - h / 2, x + w / 2, y + h / 2, score, int(cell[5:].argmax())))
    return np.array(found).reshape(-1, 6)


@pytest.mark.parametrize("shape", [(85, 22, 22), (8, 3, 5), (8, 5, 3)])
@pytest.mark.parametrize("threshold", [0.0, 0.5, 2.0])
def test_the_grid_is_read_as_its_makers_do(shape, threshold):
    grid = np.random.default_rng(1).uniform(-0.2, 1, shape).astype(np.float32)
    boxes, scores, classes = _decode(grid, threshold)
    expected = read_cell_by_cell(grid, threshold)
    np.testing.assert_allclose(np.column_stack([boxes, scores, classes]), expected, atol=1e-6)


def test_the_classes_are_coco_s():
    assert (len(COCO), len(set(COCO)), COCO[0], COCO[2], COCO[-1]) == (80, 80, "person", "car", "toothbrush")


def test_missing_weights_say_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match="gctr datasets fetch fastestdet"):
        FastestDet(tmp_path / "none.onnx")


def test_people_are_found_in_public_footage():
    if not os.environ.get("GCTR_DATA"):
        pytest.skip("GCTR_DATA is not set: weights and footage are not here; CI sets it")
    from gctr.datasets import load, model_path
    from gctr.vision.tracks import iou_matrix

    detector, clip = FastestDet(model_path("fastestdet")), load("pets2009-s2l1").head(401)
    found = people = 0
    for k, frame in enumerate(clip):
        if k % 50:
            continue
        boxes = clip.truth.boxes.query("frame == @k")[["x0", "y0", "x1", "y1"]]
        iou = iou_matrix(boxes.to_numpy(), detector.find_people(frame))
        found, people = found + int((iou.max(axis=1, initial=0) > 0.5).sum()), people + len(boxes)
        height, width = frame.shape[:2]
        for detection in detector.detect(frame):
            x0, y0, x1, y1 = detection.xyxy
            assert 0 <= x0 < x1 <= width
            assert 0 <= y0 < y1 <= height
            assert detection.label in COCO
            assert 0.5 < detection.score <= 1
    assert found / people > 0.6  # 0.8 over the whole clip
