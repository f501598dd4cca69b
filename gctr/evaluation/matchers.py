"""Face matchers for attacks on masks: eigenfaces, Fisherfaces, and an embedding net where its weights are at hand.

Eigenfaces (Turk & Pentland 1991, whitened cosine) and Fisherfaces (Belhumeur, Hespanha & Kriegman 1997) are trained by
the attacker on what he has; a net brings its own training. Own code, because it is a screen of linear algebra; the
oracle of the tests is the generalised eigenvalue problem that defines Fisher's criterion.

Limits: linear matchers are weak on large changes of pose, so a mask that they do not break may still leak to a
stronger attacker; a mask that they break is broken.
"""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float64]
Matcher = Callable[[Vectors, NDArray, Vectors], Vectors]
"""Takes gallery (N, d), its identities (N,), probes (M, d); returns similarities (M, N)."""

SIDE = 32
"""Side in pixels at which linear matchers look at a face."""


def as_vectors(images: list[NDArray[np.uint8]]) -> Vectors:
    """Return faces as rows: grey, `SIDE` x `SIDE`, (N, SIDE * SIDE) float64."""
    greys = [image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) for image in images]
    small = [cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for grey in greys]
    return np.stack(small).reshape(len(images), -1).astype(np.float64)


def eigenfaces(gallery: Vectors, identities: NDArray, probes: Vectors) -> Vectors:
    """Whitened principal components of the gallery (80 at most), cosine similarity; a `Matcher`."""
    mean, basis, spread = _principal(gallery, 80)
    project = basis.T / np.maximum(spread, 1e-9)[None]
    return _cosine((probes - mean) @ project, (gallery - mean) @ project)


def fisherfaces(gallery: Vectors, identities: NDArray, probes: Vectors) -> Vectors:
    """Linear discriminants after principal components, cosine similarity; a `Matcher`."""
    names = np.unique(identities)
    mean, basis, _ = _principal(gallery, max(1, min(len(gallery) - len(names), 120)))
    coded = (gallery - mean) @ basis.T
    project = basis.T @ discriminants(coded, identities)
    return _cosine((probes - mean) @ project, (gallery - mean) @ project)


def discriminants(vectors: Vectors, identities: NDArray) -> Vectors:
    """Return the (d, n) directions that maximise scatter between over scatter within classes.

    There are n = classes - 1 of them, fewer where classes coincide: beyond the rank of their scatter a direction says
    nothing of them and is whatever the processor's rounding makes it.
    """
    names, index = np.unique(identities, return_inverse=True)
    means = np.stack([vectors[index == k].mean(axis=0) for k in range(len(names))])
    within = vectors - means[index]
    scatter = within.T @ within
    # Shrinkage: there are few images.
    scatter += np.eye(len(scatter)) * max(1e-6, 1e-2 * np.trace(scatter) / len(scatter))
    between = means[index] - vectors.mean(axis=0)
    values, axes = np.linalg.eigh(scatter)
    white = axes / np.sqrt(values)
    _, ratios, right = np.linalg.svd(between @ white, full_matrices=False)
    rank = min(len(names) - 1, int((ratios > 1e-9 * max(ratios[0], 1.0)).sum()))
    return white @ right[:rank].T


class Embedding:
    """A face net on OpenCV's dnn, cosine similarity of its outputs.

    Parameters
    ----------
    weights : path
        ONNX, input (1, 3, 112, 112) RGB scaled by `mean` and `std` (ImageNet's): MobileFaceNet as registered.
    """

    mean = np.array([0.485, 0.456, 0.406])
    std = np.array([0.229, 0.224, 0.225])

    def __init__(self, weights: str | Path) -> None:
        self._net = cv2.dnn.readNetFromONNX(str(weights))

    def embed(self, images: list[NDArray[np.uint8]]) -> Vectors:
        """Return (N, d) unit vectors of faces, (h, w) grey or (h, w, 3) BGR."""
        return np.stack([self._one(image) for image in images])

    def _one(self, image: NDArray[np.uint8]) -> Vectors:
        bgr = image if image.ndim == 3 else cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
        rgb = cv2.resize(bgr, (112, 112), interpolation=cv2.INTER_CUBIC)[..., ::-1] / 255.0
        blob = ((rgb - self.mean) / self.std).transpose(2, 0, 1)[None].astype(np.float32)
        self._net.setInput(np.ascontiguousarray(blob))
        vector = np.asarray(self._net.forward()).ravel().astype(np.float64)
        return vector / max(float(np.linalg.norm(vector)), 1e-12)


def cosine_matcher(gallery: Vectors, identities: NDArray, probes: Vectors) -> Vectors:
    """Cosine similarity of vectors that are embeddings already; a `Matcher`."""
    return _cosine(probes, gallery)


def _principal(vectors: Vectors, components: int) -> tuple[Vectors, Vectors, Vectors]:
    mean, values, axes = _axes(np.ascontiguousarray(vectors).tobytes(), vectors.shape[1])
    keep = max(1, min(components, int((values > 1e-6 * max(values[0], 1.0)).sum())))
    return mean, axes[:keep], values[:keep] / np.sqrt(len(vectors))


@lru_cache(maxsize=4)  # one gallery meets every mask and every matcher; its axes cost most
def _axes(data: bytes, columns: int) -> tuple[Vectors, Vectors, Vectors]:
    vectors = np.frombuffer(data, np.float64).reshape(-1, columns)
    mean = vectors.mean(axis=0)
    _, values, axes = np.linalg.svd(vectors - mean, full_matrices=False)
    return mean, values, axes


def _cosine(a: Vectors, b: Vectors) -> Vectors:
    norms = np.linalg.norm(a, axis=1)[:, None] * np.linalg.norm(b, axis=1)[None]
    # Rounded, so that faces that are equal to the attacker are equal here, and no last bit tells them apart.
    return np.round(np.divide(a @ b.T, norms, out=np.zeros(norms.shape), where=norms > 1e-6), 9)
