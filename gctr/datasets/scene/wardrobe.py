"""What a walker wears: garments, colours that go together, hair, stature."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gctr.datasets.scene import shade
from gctr.datasets.scene.anatomy import Part, parts_of
from gctr.datasets.scene.faces import Person

# BGR in full light. Muted, as people in the street wear them, with a few stronger tops.
_TOPS = (
    (74, 62, 52), (58, 58, 62), (96, 82, 60), (44, 44, 48), (92, 104, 112), (150, 152, 154), (70, 84, 66),
    (120, 92, 62), (66, 72, 132), (58, 60, 110), (100, 138, 160), (172, 176, 178), (140, 118, 86), (86, 66, 92),
    (72, 120, 150),
)  # fmt: skip
_BOTTOMS = (
    (84, 64, 48), (62, 52, 44), (46, 44, 44), (104, 88, 72), (84, 96, 108), (116, 132, 146), (54, 60, 62),
)  # fmt: skip
_SHIRTS = ((206, 206, 204), (196, 178, 158), (150, 160, 196), (90, 90, 92), (176, 196, 204))
_SHOES = ((34, 36, 40), (42, 52, 70), (150, 154, 156), (52, 50, 50))
_PACKS = ((50, 48, 46), (52, 66, 98), (88, 76, 50), (60, 78, 64))

_MATERIALS = ("skin", "face", "hair", "top", "bottom", "legs", "shoe", "collar", "pack", "pocket")
_INDEX = {name: row for row, name in enumerate(_MATERIALS)}


@dataclass(frozen=True)
class Look:
    """A dressed walker: parts, materials (a row each, its columns as in `shade`), hair style, build."""

    parts: list[Part]
    materials: NDArray[np.float32]
    hair: float
    slim: bool

    @property
    def index(self) -> dict[str, int]:
        """Row of each material by name."""
        return _INDEX


def _pick(rng: np.random.Generator, colours: tuple) -> NDArray[np.float64]:
    colour = np.array(colours[rng.integers(len(colours))], float)
    return np.clip(colour * rng.uniform(0.9, 1.12) + rng.normal(0, 4, 3), 12, 235)


def _row(
    colour: NDArray,
    second: NDArray | None = None,
    folds: float = 0.0,
    pattern: int = 0,
    period: float = 0.1,
    gloss: float = 0.0,
) -> list[float]:
    return [*colour, *(colour if second is None else second), folds, pattern, period, gloss]


def dress(rng: np.random.Generator, person: Person) -> Look:
    """Choose garments for `person`, whose photographs give skin and hair."""
    look = _garments(rng, person)
    materials = _materials(rng, person, knit_only=look["short_sleeves"])
    return Look(parts_of(look), materials, person.hair_style, look["slim"])


def _garments(rng: np.random.Generator, person: Person) -> dict:
    """Choose the build, where the person does not say, and what is worn."""
    slim = person.slim if person.slim is not None else bool(rng.random() < 0.4)
    warm = rng.random() < 0.35
    bottom = "skirt" if person.slim and rng.random() < 0.5 else "trousers"
    return {
        "slim": slim,
        "bottom": bottom,
        "short_sleeves": bool(rng.random() < 0.3 and not warm),
        "coat": bool(warm and bottom == "trousers"),
        "pack": bool(rng.random() < 0.22),
        "bag": bool(rng.random() < 0.25),
        "hair": person.hair_style,
    }


def _materials(rng: np.random.Generator, person: Person, *, knit_only: bool) -> NDArray[np.float32]:
    """Choose colours, patterns and folds: a row a material."""
    top, low, shirt = _pick(rng, _TOPS), _pick(rng, _BOTTOMS), _pick(rng, _SHIRTS)
    knit = knit_only or rng.random() < 0.35
    pattern = (
        int(rng.choice([shade.UNI, shade.STRIPES, shade.PLAID], p=[0.65, 0.2, 0.15])) if knit else shade.UNI
    )
    stripe = np.clip(top * 0.7 + 40, 0, 235)
    opening = 1.60 if knit else float(rng.uniform(1.12, 1.38))  # height at which the lapels meet
    pack, skin, hair = _pick(rng, _PACKS), person.skin, person.hair
    legs = skin if rng.random() < 0.5 else np.array([48.0, 46, 48])
    rows = {
        "skin": _row(skin, folds=0.02, gloss=6),
        "face": _row(skin, folds=0.015, gloss=6),
        "hair": _row(hair, folds=0.40, gloss=26),
        "top": _row(top, stripe if pattern else shirt, 0.30, pattern, 0.09 if pattern else opening),
        "bottom": _row(low, folds=0.24),
        "legs": _row(legs, folds=0.03),
        "shoe": _row(_pick(rng, _SHOES), gloss=22),
        "collar": _row(top * 0.92 if knit else shirt, folds=0.05),
        "pack": _row(pack, folds=0.10, gloss=5),
        "pocket": _row(pack * 0.8, folds=0.10, gloss=5),
    }
    return np.array([rows[name] for name in _INDEX], np.float32)
