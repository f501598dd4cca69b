"""A claim over all footage: the mean of its clips, with an interval that resamples clips.

One clip's interval speaks for that clip. What can be said about other footage rests on how clips differ, and there are
few of them: at five or six a percentile interval is too narrow, and they were chosen for being public, not by lot.
"""

import pandas as pd

from gctr.evaluation.statistics import bootstrap
from gctr.experiments.claims import VERDICTS

LEAST = 3
"""Clips below which nothing is pooled."""


def pool_clips(table: pd.DataFrame) -> pd.DataFrame:
    """Pool what was measured on several clips.

    Parameters
    ----------
    table : DataFrame
        As `gctr.experiments.measurements` returns it. A number that is the same on all clips was measured without
        footage and is left out.

    Returns
    -------
    DataFrame
        A row for each claim and condition with at least `LEAST` clips: claim, condition, ``mean`` of the clips' values
        with its 99 % interval ``low`` to ``high``, ``least`` and ``most`` of them, their unit, the number of ``clips``,
        and how many of them have which verdict.
    """
    rows = []
    measured = table.dropna(subset="value")
    for (claim, condition), clips in measured.groupby(["claim", "condition"], sort=False):
        if len(clips) < LEAST or clips["value"].nunique() == 1:
            continue
        mean, low, high, n = bootstrap(clips["value"], clips["dataset"])
        spread = {"least": clips["value"].min(), "most": clips["value"].max()}
        counts = {verdict: int((clips["verdict"] == verdict).sum()) for verdict in VERDICTS[:3]}
        about = {"claim": claim, "condition": condition, "mean": mean, "low": low, "high": high}
        rows.append(about | spread | {"unit": clips["unit"].iloc[0], "clips": n} | counts)
    return pd.DataFrame(rows)
