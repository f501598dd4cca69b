"""A small scene to attack: a textured ground with camera noise and one person, halved in colour as cameras do."""

import cv2
import numpy as np

from gctr.evaluation.attacks.views import Frame, Region

HEIGHT, WIDTH = 96, 128
BOX = np.array([[32, 16, 80, 80]], np.int32)


def as_camera(image: np.ndarray) -> np.ndarray:
    """Return the (H, W, 3) BGR image as a decoder gives it: colour at half resolution."""
    return cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420), cv2.COLOR_YUV2BGR_I420)


def make_plate(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    ground = cv2.resize(rng.integers(60, 180, (12, 16, 3)).astype(np.uint8), (WIDTH, HEIGHT))
    return as_camera(cv2.add(ground, rng.integers(0, 12, (HEIGHT, WIDTH, 1), np.uint8).repeat(3, axis=2)))


def make_frame(number: int = 0, box: np.ndarray = BOX) -> Frame:
    """Return a frame with a person in about a third of the box, and noise everywhere."""
    rng = np.random.default_rng([1, number])
    x0, y0, x1, y1 = box[0].tolist()
    body = cv2.resize(rng.integers(0, 255, (6, 3, 3)).astype(np.uint8), ((x1 - x0) // 2, (y1 - y0) * 3 // 4))
    image = make_plate().astype(int)
    top, left = y0 + (y1 - y0) // 8, x0 + (x1 - x0) // 4
    image[top : top + body.shape[0], left : left + body.shape[1]] = body
    image += np.rint(rng.normal(0, 1.5, (HEIGHT, WIDTH, 1))).astype(int)
    return Frame(number, as_camera(image.clip(0, 255).astype(np.uint8)), Region.of(box, (HEIGHT, WIDTH)))
