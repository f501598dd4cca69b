"""How well moving objects are found: pixels by the CDnet protocol, box area and people by MOT truth, share sent.

CDnet (Goyette et al., CVPRW 2012): label 255 is positive, 0 and 50 (shadow) are negative, 85 and 170 do not
count; only the evaluated frames and the area of ROI.bmp do. Counts are summed over frames before precision
and recall.

All models look at a clip in one pass. ``python -m gctr.evaluation.roi_check`` prints what is promised beside what
is measured.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gctr.datasets import Clip, check, model_path
from gctr.vision.background import BackgroundModel, KnnBackground, Mog2Background
from gctr.vision.objects import Detection, FastestDet
from gctr.vision.roi import cells_to_mask, clean_cells, count_cells
from gctr.vision.running import CELL, CLOSING, RunningBackground

MISSED = 0.3  # an object of whose box less is covered counts as missed
Image = NDArray[np.uint8]


class Cleaned:
    """A background model whose pixels get the clean-up that ours get: a median of 5 x 5, then a closing of 7 x 7.

    Parameters
    ----------
    model : BackgroundModel
        Typically one of OpenCV's: as they come they leave specks and holes, which is no property of the model.
    """

    def __init__(self, model: BackgroundModel) -> None:
        self._model = model

    def apply(self, frame: Image, held: NDArray[np.int32] | None = None) -> NDArray[np.bool_]:
        """See `BackgroundModel.apply`."""
        found = cv2.medianBlur(self._model.apply(frame, held).view(np.uint8), 5)
        return np.asarray(cv2.morphologyEx(found, cv2.MORPH_CLOSE, CLOSING)).view(bool)

    def plate(self) -> Image:
        """See `BackgroundModel.plate`."""
        return self._model.plate()


def contenders(plate: Image) -> dict[str, BackgroundModel]:
    """Return the models that are compared, all started from `plate`, (H, W, 3) uint8 BGR.

    OpenCV's come with their defaults, and MOG2 also cleaned up at `var_threshold` 16, its default, and 36: of 16, 36
    and 64 the one is best on the synthetic scene, the other on cdnet-highway and IBMtest2.
    """
    return {
        "running average": RunningBackground(plate),
        "MOG2": Mog2Background(plate),
        "MOG2, cleaned": Cleaned(Mog2Background(plate)),
        "MOG2 36, cleaned": Cleaned(Mog2Background(plate, var_threshold=36.0)),
        "KNN": KnnBackground(plate),
    }


class Comparison(NamedTuple):
    """What `compare_models` measures; a table is empty where the clip lacks the truth for it.

    `pixels`: by model, precision, recall, f1 and the share of the frame found. `boxes`: by model, recall of truth box
    area, the share of the frame sent in cells of 8 pixels, missed (boxes less than 30 % covered), boxes in all.
    `coverage`: every truth box, columns model, frame, track_id, area (pixels), covered (share). `shares`: the share
    of each frame that is sent, a column a model.
    """

    pixels: pd.DataFrame
    boxes: pd.DataFrame
    coverage: pd.DataFrame
    shares: pd.DataFrame


def compare_models(clip: Clip, models: Mapping[str, BackgroundModel]) -> Comparison:
    """Run `models` over a clip in one pass and compare what they find with its truth."""
    truth, by_frame = clip.truth, _grouped(clip)
    tallies, judged = {name: _Tally() for name in models}, False
    for k, frame in enumerate(clip):
        labels = truth.mask(k) if truth.mask and _counts(clip, k) else None
        judged |= labels is not None
        for name, model in models.items():
            foreground = model.apply(frame)
            tallies[name].add_sent(k, sent_mask(model, foreground), by_frame.get(k))
            if labels is not None:
                tallies[name].add_pixels(foreground, labels, truth.roi)
    coverage = pd.concat({name: tally.coverage() for name, tally in tallies.items()}, names=["model"])
    return Comparison(
        _table({name: tally.pixels() for name, tally in tallies.items()} if judged else {}),
        _table({name: tally.boxes() for name, tally in tallies.items()} if by_frame else {}),
        coverage.reset_index("model").reset_index(drop=True),
        pd.DataFrame({name: tally.sent for name, tally in tallies.items()}).rename_axis("frame"),
    )


def name_objects(frame: Image) -> list[Detection] | str:
    """Return what FastestDet sees in an (H, W, 3) uint8 BGR frame, or a sentence where its weights are not here."""
    if not check("fastestdet").ok:
        return "FastestDet's weights are not here: gctr datasets fetch fastestdet"
    return FastestDet(model_path("fastestdet")).detect(frame)


def roi_shares(frames: Iterable[Image], models: Mapping[str, BackgroundModel]) -> pd.DataFrame:
    """Return the share of each frame that is sent, a column a model."""
    rows = [{n: sent_mask(m, m.apply(frame)).mean() for n, m in models.items()} for frame in frames]
    return pd.DataFrame(rows).rename_axis("frame")


def step_exposure(frames: Iterable[Image], steps: Mapping[int, int]) -> Iterator[Image]:
    """Yield `frames`, (H, W, 3) uint8 BGR, brighter by ``steps[k]`` grey levels (negative: darker) from frame k on."""
    level = 0
    for k, frame in enumerate(frames):
        level = steps.get(k, level)
        yield np.clip(frame.astype(np.int16) + level, 0, 255).astype(np.uint8) if level else frame


def sent_mask(model: BackgroundModel, foreground: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return what would be sent, (H, W) bool in cells of 8 x 8, with one clean-up for all models."""
    if isinstance(model, RunningBackground):
        cells = model.cells
    else:
        cells = clean_cells(count_cells(foreground, CELL), 7, 20, 4, 1)
    return cells_to_mask(cells, CELL, foreground.shape)


def pixel_counts(
    foreground: NDArray[np.bool_], labels: NDArray[np.uint8], area: NDArray[np.bool_] | None = None
) -> NDArray[np.int64]:
    """Return true positives, false positives, false negatives of one frame, (3,) int64.

    Parameters
    ----------
    foreground : (H, W) bool
    labels : (H, W) uint8
        CDnet's.
    area : (H, W) bool, optional
        Evaluated pixels.
    """
    counted = (labels != 85) & (labels != 170)
    counted = counted if area is None else counted & area
    truth = (labels == 255) & counted
    hits = foreground & truth
    return np.array(
        [hits.sum(), (foreground & counted & ~truth).sum(), (truth & ~foreground).sum()], np.int64
    )


def f_measure(counts: NDArray[np.int64]) -> dict[str, float]:
    """Return precision, recall and F1 of summed counts; nan where nothing counts."""
    tp, fp, fn = (float(v) for v in counts)
    with np.errstate(invalid="ignore"):
        precision, recall = np.divide([tp, tp], [tp + fp, tp + fn])
        return {"precision": precision, "recall": recall, "f1": float(np.divide(2 * tp, 2 * tp + fp + fn))}


@dataclass
class _Tally:
    """What one model found so far."""

    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(3, np.int64))
    found: list[float] = field(default_factory=list)
    sent: list[float] = field(default_factory=list)
    covered: list[tuple[int, int, int, float]] = field(default_factory=list)

    def add_pixels(
        self, foreground: NDArray[np.bool_], labels: NDArray[np.uint8], area: NDArray[np.bool_] | None
    ) -> None:
        self.counts += pixel_counts(foreground, labels, area)
        self.found.append(float(foreground.mean()))

    def add_sent(self, k: int, sent: NDArray[np.bool_], boxes: pd.DataFrame | None) -> None:
        self.sent.append(float(sent.mean()))
        self.covered += [(k, *row) for row in _coverage(sent, boxes)]

    def pixels(self) -> dict[str, float]:
        return f_measure(self.counts) | {"share": float(np.mean(self.found))}

    def coverage(self) -> pd.DataFrame:
        return pd.DataFrame(self.covered, columns=["frame", "track_id", "area", "covered"])

    def boxes(self) -> dict[str, float]:
        table = self.coverage()
        recall = float((table["area"] * table["covered"]).sum() / table["area"].sum())
        missed = int((table["covered"] < MISSED).sum())
        return {"recall": recall, "share": float(np.mean(self.sent)), "missed": missed, "boxes": len(table)}


def _table(rows: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    return pd.DataFrame(rows).T.rename_axis("model")


def _counts(clip: Clip, k: int) -> bool:
    return clip.truth.evaluated is None or k in clip.truth.evaluated


def _grouped(clip: Clip) -> dict[int, pd.DataFrame]:
    boxes = clip.truth.boxes
    return {} if boxes is None else {int(str(k)): part for k, part in boxes.groupby("frame")}


def _coverage(sent: NDArray[np.bool_], boxes: pd.DataFrame | None) -> Iterable[tuple[int, int, float]]:
    if boxes is None:
        return
    height, width = sent.shape
    corners = boxes[["x0", "y0", "x1", "y1"]].round().clip(lower=0).astype(int).to_numpy()
    for track_id, (x0, y0, x1, y1) in zip(boxes["track_id"], corners, strict=True):
        part = sent[y0 : min(y1, height), x0 : min(x1, width)]
        if part.size:
            yield int(track_id), part.size, float(part.mean())
