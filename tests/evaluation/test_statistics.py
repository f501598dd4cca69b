"""Holm, intervals and permutation tests against textbook numbers and against their own promises."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, spearmanr

from gctr.evaluation.statistics import (
    bootstrap,
    correlate_ranks,
    holm,
    permutation_test,
    proportion_interval,
    rank_p_value,
    roc_area,
    summarise,
    time_blocks,
)


def test_holm_stops_at_the_first_p_value_that_is_too_large():
    # 0.01 <= .05/4, 0.0167 >= .015 <= .05/3, 0.03 > .05/2: the fourth must not be rejected although 0.04 <= .05
    assert holm([0.01, 0.03, 0.04, 0.015], alpha=0.05).tolist() == [True, False, False, True]


@given(st.lists(st.floats(0, 1), max_size=20))
def test_holm_lies_between_bonferroni_and_no_correction(p_values):
    rejected = holm(p_values, alpha=0.05)
    for p, r in zip(p_values, rejected, strict=True):
        assert r or p > 0.05 / len(p_values)
        assert not r or p <= 0.05


def test_holm_refuses_what_is_no_p_value():
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm([0.5, 1.5])


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (3, 10), (10, 10), (17, 4000)])
def test_proportions_have_scipys_exact_interval(successes, trials):
    expected = binomtest(successes, trials).proportion_ci(0.99, method="exact")
    assert proportion_interval(successes, trials) == pytest.approx((expected.low, expected.high))


def test_impossible_proportions_are_refused():
    with pytest.raises(ValueError, match="successes"):
        proportion_interval(5, 4)


def test_bootstrap_resamples_clips_and_not_frames():
    # 1000 equal frames in each of two clips say no more than two numbers
    values, clips = np.repeat([0.0, 1.0], 1000), np.repeat(["a", "b"], 1000)
    by_clip, by_frame = bootstrap(values, clips), bootstrap(values, np.arange(2000), draws=200)
    assert (by_clip.low, by_clip.high, by_clip.n) == (0.0, 1.0, 2)
    assert by_frame.high - by_frame.low < 0.1


def test_bootstrap_of_one_clip_says_nothing_about_others():
    interval = bootstrap([1.0, 2.0], ["a", "a"])
    assert interval.value == 1.5
    assert (interval.low, interval.high) == (-np.inf, np.inf)


def test_bootstrap_covers_the_mean_as_often_as_it_says():
    rng = np.random.default_rng(0)
    hits = 0
    for k in range(100):
        clip_means = rng.normal(size=30)
        interval = bootstrap(
            np.repeat(clip_means, 5), np.repeat(np.arange(30), 5), level=0.9, draws=300, seed=k
        )
        hits += interval.low <= 0 <= interval.high
    assert 80 <= hits <= 97


def test_bootstrap_needs_a_cluster_for_every_value():
    with pytest.raises(ValueError, match="clusters"):
        bootstrap([1.0, 2.0], ["a"])


def test_time_blocks_are_contiguous_and_even():
    assert time_blocks(7, 3).tolist() == [0, 0, 0, 1, 1, 2, 2]
    assert time_blocks(2, 5).tolist() == [0, 1]


def test_rank_p_value_is_never_zero():
    assert rank_p_value(10, np.zeros(99)) == 0.01
    assert rank_p_value(0, np.zeros(99)) == 1.0


def test_permutation_test_is_not_fooled_by_two_slow_series():
    # independent random walks correlate strongly by accident; frame-wise permutation would reject nearly always
    rng = np.random.default_rng(1)
    rejected = 0
    for k in range(60):
        x, y = rng.normal(size=(2, 240)).cumsum(axis=1)
        detrended = [s - np.linspace(s[0], s[-1], s.size) for s in (x, y)]
        _, p = permutation_test(lambda a, b: float(np.corrcoef(a, b)[0, 1]), *detrended, draws=99, seed=k)
        rejected += p <= 0.05
    assert rejected <= 20


def test_permutation_test_finds_what_is_there():
    rng = np.random.default_rng(2)
    x = rng.normal(size=240)
    score, p = permutation_test(
        lambda a, b: float(np.corrcoef(a, b)[0, 1]), x, x + rng.normal(size=240), draws=999
    )
    assert score > 0.5
    assert p == 0.001


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=30))
def test_roc_area_is_the_share_of_ordered_pairs(pairs):
    score, positive = (np.array(column) for column in zip(*pairs, strict=True))
    if not 0 < positive.sum() < positive.size:
        return
    ordered = [(a > b) + (a == b) / 2 for a in score[positive] for b in score[~positive]]
    assert roc_area(score, positive) == pytest.approx(np.mean(ordered))


def test_rank_correlation_is_scipys():
    x, y = np.random.default_rng(0).integers(0, 9, (2, 40))
    assert correlate_ranks(x, y) == pytest.approx(spearmanr(x, y).statistic)
    assert correlate_ranks(np.ones(40), y) == 0.0


def test_several_clips_are_resampled_whole_and_of_one_its_frames():
    values = pd.Series([0.0, 0.0, 1.0, 1.0])
    assert summarise(values, pd.Series(["a", "a", "b", "b"]))[1:] == (0.0, 1.0, 2)
    assert summarise(values, pd.Series(["a"] * 4)) == bootstrap(values, range(4))
