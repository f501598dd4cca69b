"""How to add a mask: write a painter, give it a line in `gctr.vision.painters.PAINTERS`.

A painter gets one box of original pixels and returns what hides them. Everything else comes with the line in the
table: `MaskStyle` knows the name, hiding and revealing are exact, the camera paints it before coding, `gctr mask
--kind` takes it, and notebook 08_privacy_leakage measures what it leaks.
"""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from gctr.cli import app
from gctr.datasets import load_faces
from gctr.evaluation.leakage import mask_faces, take_faces
from gctr.parties.camera import CameraSettings
from gctr.vision.masking import hide_faces, reveal_faces
from gctr.vision.painters import KINDS, PAINTERS, SOLID_BGR, MaskInput, MaskStyle

FACES = [(8, 4, 40, 44), (30, 20, 62, 48)]  # x0, y0, x1, y1; they overlap


# Step 1: the painter. It depends on no pixel of the face, so it can leak nothing but the box.
def stripes(box: MaskInput, style: MaskStyle) -> NDArray[np.uint8]:
    """Return dark and grey stripes of two pixels, in place of a face."""
    cover = np.full_like(box.pixels, SOLID_BGR)
    cover[np.arange(len(cover)) // 2 % 2 == 0] = 0
    return cover


# Step 2: its line. In gctr it stands in painters.py; a test takes it out again.
@pytest.fixture(autouse=True)
def line_in_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PAINTERS, "stripes", stripes)


@pytest.fixture
def image() -> NDArray[np.uint8]:
    return np.random.default_rng(3).integers(0, 256, (64, 72, 3), np.uint8)


# Step 3: the tests that any mask must pass. tests/vision/test_masking.py runs the first for every kind in the table.
def test_what_is_hidden_comes_back_byte_for_byte(image):
    masked, patches = hide_faces(image, FACES, MaskStyle("stripes"))
    assert not np.array_equal(masked, image)
    assert np.array_equal(reveal_faces(masked, patches), image)


def test_nothing_of_the_face_is_left_and_nothing_else_is_touched(image):
    masked, _ = hide_faces(image, FACES, MaskStyle("stripes"))
    other, _ = hide_faces(image[::-1], FACES, MaskStyle("stripes"))
    inside = np.zeros(image.shape[:2], bool)
    for x0, y0, x1, y1 in FACES:
        inside[y0:y1, x0:x1] = True
    assert np.array_equal(masked[inside], other[inside])
    assert np.array_equal(masked[~inside], image[~inside])


# Step 4: what it leaks. Two people under it look the same; under a mosaic they do not.
def test_two_people_look_alike_under_it():
    people = dict(load_faces("orl-faces"))  # one picture of each
    images = take_faces([*people.items()][:4], 48).images
    striped, mosaic = mask_faces(images, MaskStyle("stripes")), mask_faces(images, MaskStyle("pixelate"))
    assert all(np.array_equal(face, striped[0]) for face in striped)
    assert not any(np.array_equal(face, mosaic[0]) for face in mosaic[1:])


# What came with the line.
def test_the_camera_and_the_shell_know_it(tmp_path):
    assert "stripes" in KINDS
    assert CameraSettings(mask="stripes").mask == "stripes"
    photograph, out = tmp_path / "empty.png", tmp_path / "masked.png"
    cv2.imwrite(str(photograph), np.full((48, 64, 3), 128, np.uint8))
    done = CliRunner().invoke(app, ["mask", str(photograph), "-o", str(out), "--kind", "stripes"])
    assert done.exit_code == 0, done.output
    refused = CliRunner().invoke(app, ["mask", str(photograph), "-o", str(out), "--kind", "dots"])
    assert refused.exit_code == 2
