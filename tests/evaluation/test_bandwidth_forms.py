"""Fills, hints, detectors, targets: on a scene whose objects are known, and on tables made by hand."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from gctr.datasets import Clip, Truth
from gctr.datasets.clip import box_table
from gctr.evaluation import alternatives
from gctr.evaluation.agreement import compare
from gctr.evaluation.bandwidth import ladders
from gctr.evaluation.bandwidth_figures import draw_ratios
from gctr.evaluation.conditions import noise_surface
from gctr.evaluation.latency import coding_times
from gctr.evaluation.material import prepare
from gctr.evaluation.targets import BOUNDS, main, targets
from gctr.vision.encoders import FULL, ROI, to_i420


@pytest.fixture(scope="module")
def clip():
    """A textured object walks over a textured scene for 20 frames, with truth."""
    rng = np.random.default_rng(12)
    scene = rng.integers(60, 180, (16, 24, 3)).repeat(8, axis=0).repeat(8, axis=1).astype(np.uint8)
    texture = rng.integers(0, 2, (56, 24, 1)) * np.uint8(200) + np.uint8(20)
    frames = np.stack([scene] * 20)
    for k, frame in enumerate(frames):
        frame[40:96, 10 + 4 * k : 34 + 4 * k] = texture
    rows = [(k, 1, 10 + 4 * k, 40, 34 + 4 * k, 96, "person", None) for k in range(20)]
    return Clip.from_array("walker", frames, 25.0, Truth(boxes=box_table(rows), background=scene))


@pytest.fixture(scope="module")
def material(clip):
    return prepare(clip)


def test_every_fill_shows_the_objects_and_only_composed_ones_pay_for_a_mask(material):
    rows = {fill: alternatives.measure_fill(material, fill, 22) for fill in alternatives.FILLS}
    quality = [row["psnr_object"] for row in rows.values()]
    assert min(quality) > 34
    assert max(quality) - min(quality) < 1.5
    assert min(row["psnr_outside"] for row in rows.values()) > 34  # grey never shows
    masks = {
        fill: row["metadata_per_frame"] - rows["plate"]["metadata_per_frame"] for fill, row in rows.items()
    }
    assert masks["grey"] == pytest.approx(masks["last coded"], abs=1)  # packets' lengths take a byte or two
    assert 0 < masks["grey"] < 60


def test_hints_move_quality_from_the_rest_to_the_objects(material):
    none, strong = (alternatives.measure_hints(material, outside, 24) for outside in (0.0, 0.3))
    before, after = (row["psnr_object"] - row["psnr_outside"] for row in (none, strong))
    assert after > before + 2


def test_noise_makes_the_objects_share_smaller(clip):
    surface = noise_surface(clip, [0.0, 6.0], [22]).set_index("noise")["ratio"]
    assert surface[6.0] < surface[0.0]


def test_times_are_of_both_forms(material):
    table = coding_times(material, {"live H.264": 24, "AV1 with fixed offsets": 30}, frames=6, rounds=1)
    assert table["times"].to_numpy() == pytest.approx((table["roi_ms"] / table["full_ms"]).to_numpy())


def test_the_plan_has_every_form_at_its_encoders_qualities():
    plan = ladders({"live": [1], "H.264": [2], "H.265": [3], "AV1": [4]})
    assert set(plan) == {("full", form) for form in FULL} | {("ROI", form) for form in ROI}
    assert plan["ROI", "live H.264 with trellis"] == [1]
    assert plan["full", "H.264"] == [2]
    assert plan["ROI", "AV1 with fixed offsets"] == [4]
    assert set(ROI) < set(FULL)


def test_detections_are_counted_kept_and_new():
    pictures = [to_i420(np.full((32, 32, 3), level, np.uint8)) for level in (20, 120, 220)]
    boxes = {0: [[0, 0, 10, 10], [20, 20, 30, 30]], 1: [[0, 0, 10, 9]], 2: [[0, 5, 10, 15], [1, 1, 9, 9]]}
    detect = lambda image: np.array(boxes[int(image.mean()) // 90], float)  # noqa: E731
    assert compare(detect, pictures[:1], pictures[1:2]) == {"n": 2, "kept": 0.5, "new": 0.0}
    assert compare(detect, pictures[1:2], pictures[2:]) == {"n": 1, "kept": 1.0, "new": 1.0}
    assert np.isnan(compare(lambda image: np.empty((0, 4)), pictures, pictures)["kept"])


def made_rates(scale):
    """Curves in which the ROI needs `scale` of the full frame's bytes at every quality."""
    rows = [
        (noise, kind, form, rate * (scale if kind == "ROI" else 1), quality)
        for noise in (0.0, 3.0)
        for kind, forms in (("full", BOUNDS), ("ROI", BOUNDS))
        for form in forms
        for rate, quality in ((1000.0, 34.0), (2000.0, 38.0))
    ]
    return pd.DataFrame(rows, columns=["noise", "kind", "form", "bytes_per_frame", "psnr_object"])


def test_targets_set_measured_beside_bound(tmp_path, capsys):
    table = targets(made_rates(0.5)).set_index(["noise", "form"])
    assert table["ratio"].dropna().to_numpy() == pytest.approx(0.5)
    assert table.loc[(0.0, "live H.264"), "holds"]
    assert not table.loc[(3.0, "live H.264"), "holds"]
    assert table.loc[(0.0, "AV1 with fixed offsets"), "holds"] is None
    for scale, status in ((0.2, 0), (0.5, 1)):
        made_rates(scale).to_csv(tmp_path / "rates.csv")
        assert main(str(tmp_path / "rates.csv")) == status
    assert "bound" in capsys.readouterr().out


def test_the_last_target_is_the_best_against_the_strongest():
    rates = made_rates(0.5)
    rates.loc[(rates["form"] == "H.265") & (rates["kind"] == "full"), "bytes_per_frame"] *= 0.9
    rates.loc[(rates["form"] == "AV1") & (rates["kind"] == "ROI"), "bytes_per_frame"] *= 0.8
    last = targets(rates).groupby("noise").tail(1)
    assert last["against"].tolist() == ["strongest: H.265"] * 2 and last["form"].tolist() == ["AV1"] * 2
    assert last["ratio"].to_numpy() == pytest.approx(0.5 * 0.8 / 0.9)
    assert last["holds"].tolist() == [True, True]


def test_no_strongest_whole_frames_where_a_rival_was_not_measured():
    rates = made_rates(0.5)
    table = targets(rates[(rates["form"] != "H.264") | (rates["noise"] == 0)])
    assert table.loc[table["against"].str.startswith("strongest"), "noise"].tolist() == [0]


def test_the_figure_of_ratios_names_rivals_and_leaves_out_what_was_not_reached():
    rows = [
        (0.0, "ROI", "AV1", "AV1", 0.6),
        (3.0, "ROI", "AV1", "AV1", 0.4),
        (0.0, "stills", "JPEG", "MJPEG", 0.2),
        (0.0, "ROI", "H.264", "H.264", np.nan),
    ]
    figure = draw_ratios(pd.DataFrame(rows, columns=["noise", "kind", "form", "against", "ratio"]))
    (ax,) = figure.axes
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "AV1 (ROI)",
        "JPEG (stills) against MJPEG",
    ]
    clean, noisy, _ = ([*line.get_xydata().tolist()] for line in ax.lines)
    assert clean == [[0.6, 0], [0.2, 1]] and noisy == [[0.4, 0]]
    plt.close(figure)
