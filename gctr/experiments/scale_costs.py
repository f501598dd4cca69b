"""From one camera to ten thousand: measured costs of a camera multiplied, with the arithmetic in the table.

Limits: linear. That holds where cameras do not share anything but the clouds they are spread over, each cloud with a
disk and an index of its own; it says nothing of what balances, replicates and watches them. The clients' share of TLS
runs on the same cores as the cloud in the measurement, so the number of clouds is rather too high than too low.
"""

from typing import NamedTuple

import pandas as pd

DAY = 86_400


class Cost(NamedTuple):
    """A cost of one camera: a value for each observation, its unit, and how many units of `total` one camera's is."""

    what: str
    observed: pd.Series
    unit: str
    factor: float
    total: str
    arithmetic: str


def extrapolate(
    loads: pd.DataFrame,
    rows: pd.DataFrame,
    *,
    segment_s: float,
    cameras: int = 10_000,
    busy: float = 0.1,
    days: float = 30,
) -> pd.DataFrame:
    """Multiply what one camera costs.

    Parameters
    ----------
    loads : DataFrame
        From `gctr.evaluation.load.ingest`: what the cloud spends; only its largest number of cameras counts.
    rows : DataFrame
        From `gctr.experiments.scale.sweep`: what a camera spends; failed rows are left out.
    segment_s : float
        Seconds of film in one segment of `loads`.
    cameras : int
    busy : float
        Share of the time in which something moves; only then is anything sent that counts.
    days : float
        For which segments are kept.

    Returns
    -------
    DataFrame
        `quantity`; `low`, `per_camera`, `high`: least, median and most of all observations, in `unit`; `arithmetic`;
        `total_low`, `total`, `total_high` in `total_unit`.
    """
    loads = loads[loads["cameras"] == loads["cameras"].max()]
    film = loads["times_real_time"] * loads["wall_s"]
    rate = loads["megabytes"] / loads["cameras"] / film
    done = rows[rows["error"] == ""]
    clouds = 1 / (loads["cameras"] * loads["times_real_time"])
    n, share = f"x {cameras:,}", f"x {busy:g} busy"
    costs = [
        Cost("processor of the camera", done["cpu_s"] / done["film_s"], "cores", cameras, "cores", n),
        Cost("processor of the cloud", loads["cores_per_camera"], "cores", cameras, "cores", n),
        Cost("clouds like the one measured", clouds, "clouds", cameras, "clouds", n),
        Cost("segments", 1 / segment_s + 0 * film, "1/s", cameras, "1/s", n),
        Cost("network, all busy", rate * 8, "Mbit/s", cameras / 1e3, "Gbit/s", f"{n} / 1,000"),
        Cost("stored a day", rate * DAY / 1e3, "GB", busy * cameras / 1e3, "TB", f"{n} {share} / 1,000"),
        Cost(
            f"stored for {days:g} days",
            rate * DAY / 1e3,
            "GB a day",
            busy * cameras * days / 1e6,
            "PB",
            f"{n} {share} x {days:g} / 1,000,000",
        ),
    ]
    return pd.DataFrame([_row(cost) for cost in costs])


def _row(cost: Cost) -> dict[str, float | str]:
    low, middle, high = (float(v) for v in (cost.observed.min(), cost.observed.median(), cost.observed.max()))
    return {
        "quantity": cost.what,
        "low": low,
        "per_camera": middle,
        "high": high,
        "unit": cost.unit,
        "arithmetic": f"{middle:.3g} {cost.arithmetic}",
        "total_low": low * cost.factor,
        "total": middle * cost.factor,
        "total_high": high * cost.factor,
        "total_unit": cost.total,
    }
