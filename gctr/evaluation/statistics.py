"""Tests and intervals that the attacks share: Holm's correction, bootstrap by cluster, exact proportions.

Footage is not independent from frame to frame. What is resampled is therefore always whole clips or identities, or,
inside one clip, whole stretches of time (`time_blocks`); such an interval speaks for that clip alone.

References: Holm (1979), Scand. J. Statistics 6, 65-70; Clopper & Pearson (1934), Biometrika 26, 404-413; Künsch
(1989), Annals of Statistics 17, 1217-1241 (bootstrap of blocks); Phipson & Smyth (2010), SAGMB 9, 39 (a permutation
p-value is never zero).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import beta, rankdata

ALPHA = 0.01
"""Level of all tests of the suite, family-wise."""


class Interval(NamedTuple):
    """A statistic and its confidence interval; `n` independent observations stand behind it."""

    value: float
    low: float
    high: float
    n: int


def holm(p_values: ArrayLike, alpha: float = ALPHA) -> NDArray[np.bool_]:
    """Return which hypotheses Holm's step-down procedure rejects at family-wise level `alpha`.

    Raises
    ------
    ValueError
        If a p-value does not lie in 0 to 1.
    """
    p = np.asarray(p_values, float)
    if p.size and not ((p >= 0) & (p <= 1)).all():
        raise ValueError("p-values lie between 0 and 1")
    order = np.argsort(p, kind="stable")
    steps = p[order] <= alpha / np.arange(p.size, 0, -1)
    rejected = np.zeros(p.size, bool)
    rejected[order] = np.logical_and.accumulate(steps)
    return rejected


def proportion_interval(successes: int, trials: int, level: float = 1 - ALPHA) -> tuple[float, float]:
    """Return the exact (Clopper-Pearson) interval of a proportion of independent trials; 0 to 1 without any."""
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes in {trials} trials")
    tail = (1 - level) / 2
    low = float(beta.ppf(tail, successes, trials - successes + 1)) if successes else 0.0
    high = float(beta.ppf(1 - tail, successes + 1, trials - successes)) if successes < trials else 1.0
    return low, high


def bootstrap(
    values: ArrayLike,
    clusters: ArrayLike,
    *,
    statistic: Callable[[NDArray[np.float64]], float] = np.mean,
    level: float = 1 - ALPHA,
    draws: int = 2000,
    seed: int = 0,
) -> Interval:
    """Return a statistic of `values` with its percentile interval, resampling whole clusters.

    Parameters
    ----------
    values, clusters : (n,) array-like
        Observations, and the clip, identity or stretch of time that each belongs to.
    statistic : callable
        Of an array of values.
    level, draws, seed
        Of the interval and the resampling.

    Returns
    -------
    Interval
        With infinite bounds where there are fewer than two clusters: nothing can be said about other footage.
    """
    x, labels = np.asarray(values, float), np.asarray(clusters)
    if not x.size or x.shape != labels.shape:
        raise ValueError("bootstrap takes as many clusters as values, and at least one")
    names = np.unique(labels)
    if len(names) < 2:
        return Interval(float(statistic(x)), -np.inf, np.inf, len(names))
    members = [x[labels == name] for name in names]
    rng = np.random.default_rng(seed)
    picks = rng.integers(0, len(names), (draws, len(names)))
    if statistic is np.mean:  # sums and counts of the clusters are enough, fifty times faster
        sums, counts = np.array([(part.sum(), len(part)) for part in members]).T
        drawn = sums[picks].sum(axis=1) / counts[picks].sum(axis=1)
    else:
        drawn = [statistic(np.concatenate([members[k] for k in pick])) for pick in picks]
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(statistic(x)), float(low), float(high), len(names))


def time_blocks(n: int, blocks: int) -> NDArray[np.int64]:
    """Return the number of the stretch of time that each of `n` observations in order belongs to."""
    return np.arange(n) * min(blocks, max(n, 1)) // max(n, 1)


def rank_p_value(observed: float, null: ArrayLike) -> float:
    """Return the share of null scores at least as large, the observed one counted in: (b + 1) / (m + 1)."""
    scores = np.asarray(null, float)
    return float((np.sum(scores >= observed) + 1) / (scores.size + 1))


def permutation_test(
    score: Callable[[NDArray[np.float64], NDArray[np.float64]], float],
    x: ArrayLike,
    y: ArrayLike,
    *,
    blocks: int = 12,
    draws: int = 1999,
    seed: int = 0,
) -> tuple[float, float]:
    """Return score(x, y) of two series and its p-value when whole stretches of `y` are put in random order.

    Inside a stretch both series keep their own memory; a permutation of single frames would find anything.
    """
    a, b = np.asarray(x, float), np.asarray(y, float)
    observed = float(score(a, b))
    stretches = np.array_split(b, min(blocks, len(b)))
    rng = np.random.default_rng(seed)
    null = []
    for _ in range(draws):
        order = rng.permutation(len(stretches))
        shuffled = np.concatenate([stretches[k] for k in order])
        null.append(score(a, np.roll(shuffled, rng.integers(len(b)))))
    return observed, rank_p_value(observed, null)


def roc_area(score: ArrayLike, positive: ArrayLike) -> float:
    """Return the area under the ROC curve: the chance that a positive scores above a negative; ties count half.

    Raises
    ------
    ValueError
        Without a positive or without a negative.
    """
    true = np.asarray(positive, bool)
    n, m = int(true.sum()), int((~true).sum())
    if not n or not m:
        raise ValueError("a ROC curve needs positives and negatives")
    return float((rankdata(score)[true].sum() - n * (n + 1) / 2) / (n * m))


def correlate_ranks(x: ArrayLike, y: ArrayLike) -> float:
    """Return Spearman's rank correlation, 0 where one side does not vary."""
    a, b = (rankdata(side) - (np.size(side) + 1) / 2 for side in (x, y))
    norm = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / norm) if norm else 0.0


class Findings:
    """Collects one line a test; `table` corrects them together."""

    def __init__(self) -> None:
        self._rows: list[tuple[str, str, str, float, float, float]] = []

    def add(self, attack: str, mode: str, measure: str, score: float, null: float, p_value: float) -> None:
        """Note a score, what it would be by chance, and the p-value of its test."""
        self._rows.append((attack, mode, measure, score, null, p_value))

    def add_rows(self, attack: str, table: pd.DataFrame, measure: str, score: str, null: str | float) -> None:
        """Note each row of a table with a `p_value`; `measure` and `null` name columns, or stand for themselves."""
        for row in table.to_dict("records"):
            chance = row[null] if isinstance(null, str) else null
            self.add(
                attack,
                row.get("mode", "every mode"),
                str(row.get(measure, measure)),
                row[score],
                chance,
                row["p_value"],
            )

    def table(self) -> pd.DataFrame:
        """Return all findings; `rejected` says where chance is rejected by Holm's procedure at 0.01."""
        table = pd.DataFrame(self._rows, columns=["attack", "mode", "measure", "score", "null", "p_value"])
        return table.assign(rejected=holm(table["p_value"]))


def summarise(values: pd.Series, clips: pd.Series) -> Interval:
    """Return a mean with its 99 % interval: by clip where there are several.

    Else by observation, for that clip alone: frames must then lie far apart, as those that `views.spread` chooses.
    """
    return bootstrap(values, clips if clips.nunique() > 1 else np.arange(len(values)))
