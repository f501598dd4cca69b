"""The parameters of a synthetic scene, read from `datasets/scenes/*.toml` and checked."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields, replace
from typing import Any

from gctr._paths import share
from gctr.datasets.clip import DatasetError
from gctr.datasets.scene.faces import FaceSource, face_source
from gctr.datasets.scene.sensor import compressor
from gctr.datasets.scene.walks import Walk


@dataclass(frozen=True)
class SceneParams:
    """What a synthetic clip is made from; `gctr.datasets.synthetic.synthetic_clip` explains each field."""

    scene: str = "default"
    seed: int = 2018
    n_frames: int = 250
    resolution_wh: tuple[int, int] = (640, 360)
    fps: float = 25.0
    n_walkers: int = 6
    face_px: tuple[float, float] = (16.0, 60.0)
    faces: Any = "orl"
    photos_per_track: int = 3
    empty_seconds: float = 1.0
    noise_sigma: float = 1.5
    chroma_noise: float = 0.4
    compression: str = "jpeg:92"
    brightness: float = 1.0
    warmth: float = 0.0
    shadow: float = 0.42
    drift: float = 0.02
    cloud_depth: float = 0.10
    cloud_at: float = 0.62
    exposure_step: tuple[int, float] | None = None
    walks: tuple[Walk, ...] = ()
    face_source: FaceSource = field(init=False, compare=False)

    def __post_init__(self) -> None:
        self._check()
        compressor(self.compression)
        object.__setattr__(self, "face_source", face_source(self.faces))

    def _check(self) -> None:
        width, height = self.resolution_wh
        small, large = self.face_px
        rules = (
            (
                160 <= width <= 3840 and 90 <= height <= 2160 and width % 2 == height % 2 == 0,
                f"resolution_wh {self.resolution_wh}: 160x90 to 3840x2160, even",
            ),
            (self.seed >= 0, f"seed {self.seed}: not negative"),
            (self.n_frames >= 1, f"n_frames {self.n_frames}: at least 1"),
            (0 < self.fps <= 240, f"fps {self.fps}: above 0, at most 240"),
            (0 <= self.n_walkers <= 60, f"n_walkers {self.n_walkers}: 0 to 60"),
            (11 <= small <= large <= 90, f"face_px {self.face_px}: 11 <= smallest <= largest <= 90"),
            (1 <= self.photos_per_track <= 10, f"photos_per_track {self.photos_per_track}: 1 to 10"),
            (0 <= self.noise_sigma <= 64, f"noise_sigma {self.noise_sigma}: 0 to 64 levels"),
            (0 <= self.chroma_noise <= 2, f"chroma_noise {self.chroma_noise}: 0 to 2 times noise_sigma"),
            (0.02 <= self.brightness <= 1.5, f"brightness {self.brightness}: 0.02 to 1.5"),
            (-1 <= self.warmth <= 1, f"warmth {self.warmth}: -1 to 1"),
            (0 <= self.shadow <= 0.9, f"shadow {self.shadow}: 0 to 0.9"),
            (0 <= self.drift <= 0.3, f"drift {self.drift}: 0 to 0.3"),
            (0 <= self.cloud_depth <= 0.6, f"cloud_depth {self.cloud_depth}: 0 to 0.6"),
            (self.empty_seconds >= 0, f"empty_seconds {self.empty_seconds}: not negative"),
            (
                self.exposure_step is None or len(self.exposure_step) == 2,
                f"exposure_step {self.exposure_step}: (frame, levels)",
            ),
            (
                all(isinstance(walk, Walk) for walk in self.walks),
                "walks: a tuple of gctr.datasets.scene.walks.Walk",
            ),
        )
        for holds, message in rules:
            if not holds:
                raise DatasetError(f"scene parameter {message}")


def scene_names() -> list[str]:
    """Return the names of the scenes that come with gctr, sorted."""
    return sorted(path.stem for path in (share("datasets") / "scenes").glob("*.toml"))


def _names(kind: type) -> list[str]:
    return [f.name for f in fields(kind) if f.init and f.name != "scene"]


def _walk(table: dict[str, Any], scene: str) -> Walk:
    unknown = sorted(set(table) - set(_names(Walk)))
    if unknown:
        raise DatasetError(
            f"scene {scene!r}: a walk has no parameter {unknown[0]!r}; it has {', '.join(_names(Walk))}"
        )
    path = tuple((float(across), float(face)) for across, face in table["path"])
    return Walk(**{**table, "path": path})


def _read(scene: str) -> dict[str, Any]:
    """Read a scene's file on top of the one that it says it is `like`."""
    if scene not in scene_names():
        raise DatasetError(f"no synthetic scene {scene!r}; there are {', '.join(scene_names())}")
    table = tomllib.loads((share("datasets") / "scenes" / f"{scene}.toml").read_text(encoding="utf-8"))
    table.pop("description", None)
    base = table.pop("like", None)
    return table if base is None else {**_read(base), **table}


def load_params(scene: str, overrides: dict[str, Any]) -> SceneParams:
    """Read a scene's file and put `overrides` in place of what it says.

    Raises
    ------
    DatasetError
        If there is no such scene or parameter, or a value lies outside its range.
    """
    table = _read(scene)
    walks = tuple(_walk(walk, scene) for walk in table.pop("walks", []))
    values = {"walks": walks, **table, **{k: v for k, v in overrides.items() if v is not None}}
    unknown = sorted(set(values) - set(_names(SceneParams)))
    if unknown:
        raise DatasetError(f"no scene parameter {unknown[0]!r}; there are {', '.join(_names(SceneParams))}")
    for name in ("resolution_wh", "face_px", "exposure_step"):
        if isinstance(values.get(name), list):
            values[name] = tuple(values[name])
    try:
        return replace(SceneParams(scene=scene), **values)
    except DatasetError:
        raise
    except (TypeError, ValueError) as error:
        raise DatasetError(f"a scene parameter has the wrong type or length: {error}") from error
