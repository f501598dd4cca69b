"""The figures of notebook 03 on few faces and on none."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from gctr.evaluation.exposure import detected_faces, exposure, summarise
from gctr.evaluation.exposure_figures import around, draw_bare, draw_exposed, largest_face, most_exposed

FRAMES = [np.full((48, 64, 3), k, np.uint8) for k in range(3)]


def faces(*rows: tuple[int, ...]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["frame", "x0", "y0", "x1", "y1"])


def test_the_largest_face_is_found_in_its_frame():
    image, box = largest_face(faces((0, 0, 0, 8, 8), (2, 20, 10, 40, 30), (1, 3, 3, 12, 12)), FRAMES)
    assert image is FRAMES[2] and box == (20, 10, 40, 30)
    assert around(image, box).shape == (45, 50, 3)


def test_without_faces_an_example_still_lies_in_the_picture():
    image, (x0, y0, x1, y1) = largest_face(faces(), FRAMES)
    assert image is FRAMES[0]
    assert 0 <= x0 < x1 <= 64 and 0 <= y0 < y1 <= 48


@pytest.mark.parametrize(
    ("shares", "label", "height"),
    [([0.0, 0.5, 0.1, 0.9], "tool: 2 of 4 exposed", [90, 90, 50, 10, 0]), ([], "tool: 0 of 0 exposed", [])],
)
def test_the_curve_falls_from_the_worst_face_and_the_legend_counts(shares, label, height):
    figure = draw_exposed({"tool": pd.Series(shares, dtype=float)})
    figure.draw_without_rendering()
    line, *_ = figure.axes[0].lines
    assert line.get_label() == label
    assert np.nan_to_num(line.get_ydata(), nan=-1).tolist() == (height or [-1])
    if height:
        assert line.get_xdata().tolist() == [12.5, 25, 50, 75, 100]
    plt.close(figure)


def test_the_most_exposed_faces_are_shown_as_seen_and_as_sent():
    seen = [SimpleNamespace(captured=frame, objects=frame + 100) for frame in FRAMES]
    table = faces((0, 8, 8, 16, 16), (1, 20, 10, 40, 30), (2, 30, 20, 42, 32), (2, 0, 0, 9, 9))
    bare = most_exposed(table, pd.Series([0.2, 0.3, 0.9, 0.25]), count=2)
    assert bare["frame"].tolist() == [2, 1] and bare["share"].tolist() == [0.9, 0.3]
    shown = []
    plt.close(
        draw_bare(bare, seen, lambda ax, image, title: shown.append((title, image[0, 0, 0], image.shape)))
    )
    assert shown == [
        ("frame 2", 2, (30, 30, 3)),
        ("90 % seen", 102, (30, 30, 3)),
        ("frame 1", 1, (45, 50, 3)),
        ("30 % seen", 101, (45, 50, 3)),
    ]
    assert most_exposed(table, pd.Series([0.2, 0.0, 0.1, 0.2])).empty


def test_a_clip_without_faces_gives_a_table_of_numbers():
    found = detected_faces(FRAMES, SimpleNamespace(detect=lambda image: np.empty((0, 5))))
    assert list(found) == ["frame", "track_id", "x0", "y0", "x1", "y1"] and found.empty
    assert (found["x1"] - found["x0"]).describe()["count"] == 0
    assert summarise(found, exposure(found, []))["exposed"] == 0
