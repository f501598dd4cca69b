"""The panel against published critical values, and against ciphers that it must and that it cannot tell."""

import numpy as np
import pytest

from gctr.cipher import GctrParams, ctr_xor, gctr_xor
from gctr.evaluation.randomness import (
    entropy,
    entropy_critical,
    measure_randomness,
    npcr_critical,
    npcr_uaci,
    uaci_critical,
)

KEY, SEED = bytes(range(32)), bytes(range(16))


@pytest.mark.parametrize(
    ("side", "npcr", "low", "high"),
    # Wu, Noonan & Agaian (2011), tables for 8-bit grey images, alpha = 0.01
    [(256, 99.5527, 33.2255, 33.7016), (512, 99.5810, 33.3445, 33.5826), (1024, 99.5952, 33.4040, 33.5231)],
)
def test_critical_values_are_those_of_wu_et_al(side, npcr, low, high):
    assert 100 * npcr_critical(side * side, 0.01) == pytest.approx(npcr, abs=1e-4)
    assert tuple(100 * v for v in uaci_critical(side * side, 0.01)) == pytest.approx((low, high), abs=1e-4)


def test_entropy_of_known_histograms():
    assert entropy(np.zeros(100, np.uint8)) == 0
    assert entropy(np.arange(256, dtype=np.uint8)) == 8
    assert entropy(np.array([0, 1] * 50, np.uint8)) == 1


@pytest.mark.parametrize("n", [4_000, 10_000, 100_000])
def test_random_bytes_fall_below_the_limit_of_entropy_as_often_as_it_says(n):
    rng = np.random.default_rng(5)
    low = sum(entropy(rng.integers(0, 256, n, np.uint8)) < entropy_critical(n, 0.05) for _ in range(1000))
    assert 25 <= low <= 110  # 50 in the limit, somewhat more on short samples


def test_npcr_and_uaci_of_complements():
    data = np.zeros(10, np.uint8)
    assert npcr_uaci(data, ~data) == (1.0, 1.0)
    assert npcr_uaci(data, data) == (0.0, 0.0)


def test_ctr_passes_all():
    data = np.zeros(1 << 18, np.uint8)
    assert measure_randomness(lambda key: ctr_xor(key, SEED, data), KEY).passes.all()


def test_a_mode_that_gives_one_keystream_to_every_message_passes_all_the_same():
    data = np.zeros(1 << 18, np.uint8)
    params = GctrParams(buckets=100)
    panel = measure_randomness(lambda key: gctr_xor(key, SEED, data, params=params), KEY)
    assert panel.passes.all()
    first = gctr_xor(KEY, SEED, data, params=params)
    assert np.array_equal(first, gctr_xor(KEY, SEED, data.copy(), params=params))


def test_plain_pictures_fail():
    data = np.tile(np.arange(64, dtype=np.uint8), 4096)
    assert not measure_randomness(lambda key: data, KEY).passes.any()
