"""Panels without a browser: the picture follows the controls, shows what it says, and stays within bounds.

`test_browser.py` opens the same panels in JupyterLab.
"""

import statistics
import time

import cv2
import numpy as np
import pytest
from ipywidgets import IntSlider

from gctr.datasets import Clip
from gctr.datasets.synthetic import synthetic_clip
from gctr.evaluation.attacks import suite
from gctr.evaluation.exposure import observe
from gctr.explore import (
    CellHistory,
    Panel,
    PartyHistory,
    Shot,
    browse_cells,
    browse_masks,
    browse_modes,
    browse_parties,
)
from gctr.explore.masks import style_of
from gctr.explore.pictures import GAP, beside, fade, window
from gctr.explore.thumbnails import Thumbnails
from gctr.parties.camera import Camera, CameraSettings, Observation
from gctr.parties.cloud import Cloud
from gctr.parties.keyfile import new_key
from gctr.parties.surveillance import Surveillance
from gctr.vision.masking import KINDS, SOLID_BGR, MaskStyle
from gctr.vision.running import RunningBackground


@pytest.fixture(scope="module")
def clip() -> Clip:
    drawn = synthetic_clip(n_frames=60, empty_seconds=0.4)
    return Clip.from_array("scene", drawn.read(), drawn.fps, drawn.truth)


@pytest.fixture(scope="module")
def plate(clip: Clip) -> np.ndarray:
    return clip.truth.background


@pytest.fixture(scope="module")
def seen(clip: Clip, plate: np.ndarray) -> list[Observation]:
    return observe(list(clip.timed()), plate, CameraSettings())


@pytest.fixture(scope="module")
def cell_history(clip: Clip, plate: np.ndarray) -> CellHistory:
    cell_history, model = CellHistory(), RunningBackground(plate)
    for frame in cell_history.record(clip, model):
        model.find_cells(frame)
    return cell_history


@pytest.fixture(scope="module")
def raw(clip: Clip) -> suite.Footage:
    return suite.prepare(clip, 1)


def picture(panel: Panel) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(panel.jpeg, np.uint8), cv2.IMREAD_COLOR)


# --- the panel -------------------------------------------------------------------------------------------------


def grey(level: int) -> Shot:
    return Shot(np.full((8, 8, 3), level, np.uint8), f"level <{level}>")


def test_a_control_redraws_the_picture_and_its_caption() -> None:
    panel = Panel(grey, level=IntSlider(10, 0, 255))
    before = panel.jpeg
    panel.controls["level"].value = 200
    assert panel.jpeg != before
    assert abs(picture(panel).mean() - 200) < 2
    assert panel.shot.caption == "level <200>"
    assert "level &lt;200&gt;" in panel._caption.value


class Displayed:
    """What IPython was asked to show: (kind, data, display id)."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shown: list[tuple[str, object, str | None]] = []
        for name in ("display", "update_display"):
            monkeypatch.setattr(
                f"gctr.explore.panel.{name}",
                lambda data, display_id, name=name: self.shown.append((name, data.data, display_id)),
            )
        monkeypatch.setattr(
            "gctr.explore.panel.publish_display_data", lambda data: self.shown.append(("below", data, None))
        )


def test_the_first_picture_is_an_output_of_its_own_that_controls_replace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = Displayed(monkeypatch)
    panel = Panel(grey, level=IntSlider(10, 0, 255))
    panel.controls["level"].value = 20  # not shown yet: nothing to replace
    panel._ipython_display_()
    static, below = out.shown
    assert static[:2] == ("display", panel.jpeg)
    assert "application/vnd.jupyter.widget-view+json" in below[1]
    assert below[1]["text/plain"].startswith("level <20>\n")
    panel.controls["level"].value = 30
    assert out.shown[-1] == ("update_display", panel.jpeg, static[2])


# --- pictures ------------------------------------------------------------------------------------------------


def test_pictures_beside_each_other_keep_their_proportions() -> None:
    row = beside([np.zeros((40, 30, 3), np.uint8), np.zeros((20, 50, 3), np.uint8)])
    assert row.shape == (40, 30 + GAP + 100, 3)


def test_fading_leaves_what_is_kept() -> None:
    image = np.full((4, 4, 3), 100, np.uint8)
    keep = np.eye(4, dtype=bool)
    faded = fade(image, keep)
    assert (faded[keep] == 100).all() and (faded[~keep] > 200).all()


def test_a_window_stays_inside_the_picture() -> None:
    rows, columns = window([(0, 0, 10, 10), (80, 20, 100, 60)], (100, 60), margin=1.0)
    assert (rows, columns) == (slice(0, 60), slice(60, 100))
    assert window(np.empty((0, 4)), (100, 60)) == (slice(0, 60), slice(0, 100))


@pytest.mark.parametrize("n", [1, 99, 100, 101, 1000])
def test_the_thumbnails_are_bounded_and_evenly_spread(n: int) -> None:
    thumbnails = Thumbnails(most=100, width=16)
    for k in range(n):
        thumbnails.add(k, np.full((12, 32, 3), k % 256, np.uint8))
    steps = set(np.diff(thumbnails.numbers).tolist())
    assert len(thumbnails) <= 100 and (n <= 100 or len(thumbnails) >= 50)
    assert thumbnails.numbers[0] == 0 and len(steps) <= 1
    last = thumbnails.numbers[-1]
    assert thumbnails[last].shape == (6, 16, 3)
    assert abs(thumbnails[last].mean() - last % 256) < 2
    assert np.array_equal(thumbnails[n + 50], thumbnails[last])


def test_no_thumbnail_says_what_to_do() -> None:
    with pytest.raises(ValueError, match="run the cells before"):
        Thumbnails()[0]


# --- the four panels -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recorded(clip: Clip, tmp_path_factory: pytest.TempPathFactory) -> tuple[PartyHistory, list[Observation]]:
    store, unmask = new_key("store"), new_key("unmask")
    cloud = Cloud(tmp_path_factory.mktemp("cloud"), store)
    camera = Camera(store, unmask, CameraSettings(segment_frames=30))
    cloud.put(camera.register(clip))
    party_history, observed = PartyHistory(), []
    sent = list(camera.run(clip.timed(), cloud, inspect=lambda s: observed.extend(party_history.camera(s))))
    party_history.sniffer((30 * s.sequence, cloud.segment("cam-1", s.sequence)) for s in sent)
    surveillance = Surveillance(cloud, store, unmask)
    assert len(list(party_history.watch("cloud", surveillance.watch("cam-1")))) == 60
    assert (
        len(list(party_history.watch("surveillance system", surveillance.watch("cam-1", unmask=True)))) == 60
    )
    cloud.close()
    return party_history, observed


@pytest.fixture(scope="module")
def party_history(recorded: tuple[PartyHistory, list[Observation]]) -> PartyHistory:
    return recorded[0]


def test_each_party_sees_what_it_may(recorded: tuple[PartyHistory, list[Observation]], clip: Clip) -> None:
    party_history, seen = recorded
    found = {k: [c.xyxy for c in o.covers if c.reason == "found"] for k, o in enumerate(seen)}
    at = max((k for k in found if found[k]), key=lambda k: len(found[k]))
    panel = browse_parties(party_history, frame=at)
    pictures = {}
    for party in panel.controls["view"].options:
        panel.controls["view"].value = party
        pictures[party] = picture(panel)
        assert party in panel.shot.caption
    for x0, y0, x1, y1 in found[at]:
        inner = np.s_[y0 + 3 : y1 - 3, x0 + 3 : x1 - 3]
        assert np.abs(pictures["cloud"][inner].astype(int) - SOLID_BGR).max() < 24
        assert cv2.PSNR(pictures["surveillance system"][inner], clip.read()[at][inner]) > 28
    assert np.abs(np.corrcoef(pictures["sniffer"][:-1].ravel(), pictures["sniffer"][1:].ravel())[0, 1]) < 0.1


def test_the_party_follows_the_slider(party_history: PartyHistory) -> None:
    panel = browse_parties(party_history, frame=0)
    before = panel.jpeg
    panel.controls["frame"].value = 50
    assert panel.jpeg != before and panel.shot.caption.startswith("frame 50, ")


def test_an_empty_history_says_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"history\.camera"):
        browse_parties(PartyHistory())
    with pytest.raises(ValueError, match=r"history\.record"):
        browse_cells(CellHistory(), (640, 360))


def share(panel: Panel) -> float:
    return float(panel.shot.caption.split("%")[0].split()[-1])


def test_default_thresholds_show_what_the_model_sends(
    cell_history: CellHistory, clip: Clip, plate: np.ndarray
) -> None:
    panel, model = browse_cells(cell_history, clip.resolution_wh, frame=59), RunningBackground(plate)
    for frame in clip:
        cells = model.find_cells(frame)
    assert cells.any()
    assert share(panel) == pytest.approx(100 * cells.mean(), abs=0.06)


def test_a_clip_whose_small_pictures_are_of_other_proportions_is_shown_whole() -> None:
    """1000 x 570 pixels are held as 640 x 365, which scaled back to 570 rows has 999 columns."""
    cell_history, empty = CellHistory(), np.full((570, 1000, 3), 90, np.uint8)
    model = RunningBackground(empty)
    for frame in cell_history.record([empty] * 2, model):
        model.find_cells(frame)
    assert picture(browse_cells(cell_history, (1000, 570))).shape == (570, 1000, 3)


def test_higher_thresholds_send_less(cell_history: CellHistory, clip: Clip) -> None:
    panel = browse_cells(cell_history, clip.resolution_wh, frame=59)
    for name in ("start", "go_on", "smallest"):
        panel.controls[name].value = 1
    shares = []
    for name in ("smallest", "go_on", "start"):
        shares.append(share(panel))
        panel.controls[name].value = panel.controls[name].max
    shares.append(share(panel))
    assert shares == sorted(shares, reverse=True) and shares[0] > shares[-1]


def test_masks_change_with_kind_and_strength(seen: list[Observation], plate: np.ndarray) -> None:
    panel = browse_masks(seen, plate, frame=59)
    assert len(seen[59].faces)
    pictures = set()
    for kind in KINDS:
        panel.controls["kind"].value = kind
        pictures.add(panel.jpeg)
        assert panel.controls["strength"].disabled is (kind not in ("pixelate", "blur"))
    assert len(pictures) == len(KINDS)
    panel.controls["kind"].value, sharp = "blur", []
    for strength in (1, 5, 10):
        panel.controls["strength"].value = strength
        x0, y0, x1, y1 = max(seen[59].faces.tolist(), key=lambda b: (b[2] - b[0]) * (b[3] - b[1]))
        sharp.append(cv2.Laplacian(panel.shot.image[y0 + 2 : y1 - 2, x0 + 2 : x1 - 2], cv2.CV_64F).var())
    assert sharp == sorted(sharp, reverse=True)


def test_strength_five_is_the_default_mask() -> None:
    default = MaskStyle("pixelate")
    middle = style_of("pixelate", 5)
    assert (middle.cells, middle.sigma) == (default.cells, default.sigma)
    assert style_of("pixelate", 10).cells == 1


def exact(panel: Panel) -> int:
    return int(panel.shot.caption.split("; ")[1].split("%")[0])


def test_larger_buckets_show_more_and_the_repaired_modes_nothing(raw: suite.Footage) -> None:
    panel = browse_modes(raw.chosen[0], raw.plate, seed=1)
    found = []
    for blocks in (1, 10, 100):
        panel.controls["blocks"].value = blocks
        found.append(exact(panel))
    assert found[0] == 0 and found[2] > 20 and found == sorted(found)
    for mode in ("ctr", "bucket_ctr", "bucket_gcm"):
        panel.controls["mode"].value = mode
        assert exact(panel) == 0


def test_another_seed_moves_the_buckets(raw: suite.Footage) -> None:
    panel = browse_modes(raw.chosen[0], raw.plate)
    before = panel.jpeg
    panel.controls["seed"].value = 7
    assert panel.jpeg != before


# --- every control ---------------------------------------------------------------------------------------------


@pytest.fixture
def panels(
    party_history: PartyHistory,
    cell_history: CellHistory,
    clip: Clip,
    seen: list[Observation],
    plate: np.ndarray,
    raw: suite.Footage,
) -> dict[str, Panel]:
    return {
        "parties": browse_parties(party_history),
        "cells": browse_cells(cell_history, clip.resolution_wh, frame=59),
        "masks": browse_masks(seen, plate, frame=59),
        "modes": browse_modes(raw.chosen[0], raw.plate),
    }


def test_every_control_changes_its_picture(panels: dict[str, Panel]) -> None:
    """`pytest tests/explore -k every_control -s` prints the median and the longest redraw of each."""
    for name, panel in panels.items():
        for control, widget in panel.controls.items():
            values = list(widget.options) if hasattr(widget, "options") else range(widget.min, widget.max + 1)
            times, shown, first = [], {panel.jpeg}, widget.value
            for value in [value for value in [*values][:12] if value != first]:
                times.append(redraw_ms(widget, value))
                shown.add(panel.jpeg)
            widget.value = first
            assert len(shown) > 1, f"{name}: {control} moves nothing"
            print(f"{name:8} {control:9} {statistics.median(times):4.0f} ms, at most {max(times):4.0f}")


def redraw_ms(widget: object, value: object) -> float:
    began = time.perf_counter()
    widget.value = value
    return 1000 * (time.perf_counter() - began)
