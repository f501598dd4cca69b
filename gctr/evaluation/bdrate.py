"""Rates compared at equal quality: the rate at a given quality, and Bjontegaard's delta rate.

Both interpolate the logarithm of the rate over quality by a monotone cubic (PCHIP; Fritsch & Carlson 1980),
the form that JVET and AOM use, since Bjontegaard's own polynomial (VCEG-M33, 2001) may overshoot. Nothing is
extrapolated.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import PchipInterpolator


def rate_at(rates: ArrayLike, quality: ArrayLike, at: float) -> float:
    """Return the rate at quality `at`, nan outside the measured range.

    Parameters
    ----------
    rates, quality : (N,) float
        N >= 2 points of one curve, in any order; rates positive, quality distinct (dB).
    at : float
        Quality.
    """
    curve, low, high = _curve(rates, quality)
    return float(np.exp(curve(at))) if low <= at <= high else float("nan")


def bd_rate(rates: ArrayLike, quality: ArrayLike, rates_ref: ArrayLike, quality_ref: ArrayLike) -> float:
    """Return how much more rate a curve needs than the reference at equal quality, as a fraction (-0.3: 30 %
    less).

    The mean is taken over the qualities that both curves cover; nan if there are none.
    """
    curve, low, high = _curve(rates, quality)
    other, low_ref, high_ref = _curve(rates_ref, quality_ref)
    low, high = max(low, low_ref), min(high, high_ref)
    if low >= high:
        return float("nan")
    return float(np.exp((curve.integrate(low, high) - other.integrate(low, high)) / (high - low)) - 1)


def _curve(rates: ArrayLike, quality: ArrayLike) -> tuple[PchipInterpolator, float, float]:
    r, q = np.asarray(rates, dtype=float), np.asarray(quality, dtype=float)
    if r.shape != q.shape or r.size < 2:
        raise ValueError("a rate curve needs at least two points, a rate and a quality each")
    if not np.isfinite(q).all():
        raise ValueError(
            "a rate curve needs finite qualities: take frames in which something moves, coded with loss"
        )
    order = np.argsort(q)
    return PchipInterpolator(q[order], np.log(r[order])), float(q.min()), float(q.max())
