"""The stopwatch: that contenders do the same work, alternate, and are summarised rightly. No speed is asserted."""

import numpy as np
import pandas as pd
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from gctr.cipher import ctr_xor
from gctr.cipher.aes import available_backends
from gctr.evaluation import throughput, throughput_profile
from gctr.evaluation.throughput import measure, ratio, ratios_by_setting, summarise
from gctr.evaluation.throughput_access import batch_contenders, measure_access
from gctr.evaluation.throughput_check import COLUMNS, _judged
from gctr.evaluation.throughput_contenders import KEY, SEED, SLACK, contenders
from gctr.evaluation.throughput_figures import size_label
from gctr.evaluation.throughput_mode import ablation, block_differences, keystreams

SAME_STREAM = ("ctr", "OpenSSL CTR", "PyCryptodome CTR")


def buffers(size: int) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(size + SLACK).astype(np.uint8), np.zeros(size + SLACK, np.uint8)


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize("name", SAME_STREAM)
def test_ctr_of_all_makers_is_the_same_work(name: str, fresh: bool) -> None:
    src, dst = buffers(1000)
    contenders(fresh_context=fresh)[name](src, dst, 1000)()
    expected = Cipher(algorithms.AES(KEY), modes.CTR(SEED)).encryptor().update(src[:1000].tobytes())
    assert dst[:1000].tobytes() == expected


@pytest.mark.parametrize("name", list(contenders()))
def test_every_contender_covers_the_whole_message(name: str) -> None:
    src, dst = buffers(4096)
    result = contenders()[name](src, dst, 4096)()
    written = dst[:4096] if dst.any() else np.frombuffer(result, np.uint8)
    assert written.size >= 4096
    assert name == "memcpy" or not np.array_equal(written[-64:], src[4032:4096])
    assert np.array_equal(src[:4096], np.arange(4096).astype(np.uint8)), "the source is left alone"


def test_aeads_return_their_tag() -> None:
    src, dst = buffers(100)
    for name in ("OpenSSL GCM", "ChaCha20-Poly1305"):
        assert len(contenders()[name](src, dst, 100)()) == 100 + 16


def test_batches_of_all_makers_are_the_same_work() -> None:
    results = {}
    for name, maker in batch_contenders(500).items():
        src, dst = buffers(2000)
        maker(src, dst, 2000)()
        results[name] = dst[:2000].tobytes()
    calls, batch = results["ctr_xor, a call a message"], results["ctr_xor_batch"]
    assert calls == batch == results["OpenSSL CTR, a context a message"]
    assert results["gctr_xor, a call a message"] == results["gctr_xor_batch"]


def test_a_sample_begins_after_a_run_of_its_own() -> None:
    """Whoever ran before has left other memory in the caches: 16 MiB of gctr took twice as long after a xor."""
    order: list[str] = []

    def clock() -> float:
        order.append("clock")
        return 0.0

    throughput._loop(lambda: order.append("run"), 2, clock)
    assert order == ["run", "clock", "run", "run", "clock"]


@pytest.mark.parametrize("threads", [1, 2])
def test_measure_alternates_and_counts(threads: int) -> None:
    order = []

    def maker(name: str):
        return lambda src, dst, n: lambda: order.append((name, n))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(throughput, "SAMPLE_SECONDS", 0.0)
        table = measure({"a": maker("a"), "b": maker("b")}, 32, repeats=4, threads=threads)
    assert table.groupby("contender").size().to_dict() == {"a": 4, "b": 4}
    runs = 2 * threads  # one before the clock, one that counts
    timed = [name for name, n in order if n == 32][-8 * runs :: runs]
    assert timed == ["a", "b", "b", "a"] * 2, "each repetition begins with another contender"
    assert np.allclose(table["gb_per_s"], threads * 32 / table["seconds"] / 1e9)


def samples(fast: list[float], slow: list[float]) -> pd.DataFrame:
    rows = [("fast", 64, "copy", 1, i, s) for i, s in enumerate(fast)]
    rows += [("slow", 64, "copy", 1, i, s) for i, s in enumerate(slow)]
    table = pd.DataFrame(rows, columns=["contender", "size", "place", "threads", "repeat", "seconds"])
    return table.assign(gb_per_s=64 / table["seconds"] / 1e9)


def test_ratio_compares_within_a_repetition() -> None:
    """A machine that slows down to a tenth halfway through changes neither the ratio nor its interval."""
    fast, slow = [1.0] * 10 + [10.0] * 10, [2.0] * 10 + [20.0] * 10
    assert tuple(ratio(samples(fast, slow), "fast", "slow")) == (2.0, 2.0, 2.0, 20)
    table = ratios_by_setting(samples(fast, slow), "fast", "slow")
    assert table[["place", "threads", "size", "ratio"]].values.tolist() == [["copy", 1, 64, 2.0]]


def test_ratio_s_interval_shows_disagreement() -> None:
    found = ratio(samples([1.0] * 20, [1.0, 3.0] * 10), "fast", "slow")
    assert found.low == 1.0 and found.high == 3.0


def test_summary_is_median_and_quartiles() -> None:
    row = summarise(samples([1, 2, 3, 4, 5], [1, 1, 1, 1, 1])).set_index("contender").loc["fast"]
    rates = 64 / np.array([1, 2, 3, 4, 5]) / 1e9
    assert row["median"] == pytest.approx(np.median(rates)) and row["n"] == 5
    assert [row["q25"], row["q75"]] == pytest.approx(np.quantile(rates, [0.25, 0.75]))


def test_access_reads_what_it_must() -> None:
    table = (
        measure_access(20_000, {"part": 1000}, repeats=3)
        .groupby("contender")[["fetched", "aes_blocks"]]
        .max()
    )
    assert table.loc["ctr", "fetched"] == table.loc["gctr", "fetched"] == 1000
    assert 63 <= table.loc["ctr", "aes_blocks"] <= 64 and table.loc["gctr", "aes_blocks"] < 20
    assert table.loc["bucket_gcm", "fetched"] > 1000


def test_judgement() -> None:
    rows = [
        ("a / b", "x", 2.0, 1.9, 2.1, 1.5),
        ("a / b", "y", 1.0, 0.9, 1.1, 1.5),
        ("roof", "z", 3.0, 3.0, 3.0, None),
    ]
    rows += [
        ("seconds to the first answer", "", 0.2, 0.1, 0.3, 0.3),
        ("seconds to the first answer", "", 0.4, 0, 1, 0.3),
    ]
    table = pd.DataFrame([_judged(row) for row in rows], columns=COLUMNS)
    assert table["verdict"].tolist() == ["holds", "fails", "", "holds", "fails"]


def test_ablation_counts_what_a_reading_repeats() -> None:
    table = ablation(16_000, repeats=3).set_index("reading")
    assert table.loc["100 buckets a group", "aes_calls"] == pytest.approx(64)
    assert table.loc["100 buckets a group", "repeated"] == 0
    assert table.loc["version 1", "repeated"] == pytest.approx(950 / 999)
    assert table.loc["1 bucket a group", "longest"] == 1600


def test_block_differences_cancel_the_vector() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (20, 80), dtype=np.uint8)
    stream = keystreams(1600)["gctr"].reshape(frame.shape)
    cancelled = block_differences(frame ^ stream) == block_differences(frame)
    assert cancelled.reshape(-1, 16).all(axis=1).sum() == 100 - 5
    assert np.array_equal(ctr_xor(KEY, SEED, frame) ^ frame, ctr_xor(KEY, SEED, np.zeros_like(frame)))


def test_size_labels() -> None:
    assert [size_label(x) for x in (64, 16384, 1 << 20, 1 << 30)] == ["64 B", "16 KiB", "1 MiB", "1 GiB"]


needs_aes = pytest.mark.skipif(
    available_backends() == ("library",), reason="needs AES instructions; CI's x86 machines have them"
)


@needs_aes
def test_the_profile_s_kernels_do_a_stage_more_each() -> None:
    found = {}
    for name, maker in throughput_profile.kernels().items():
        src, dst = np.zeros(3200 + SLACK, np.uint8), np.full(3200 + SLACK, 7, np.uint8)
        maker(src, dst, 3200)()
        found[name] = dst[:3200]
    assert (found["nothing"] == 7).all() and not found["one vector"].any(), "its vector is zero"
    counter = (1 << 64 | 2).to_bytes(16, "big")
    assert found["ctr kernel"].tobytes() == ctr_xor(KEY, counter, bytes(3200))
    blocks = found["gctr kernel"].reshape(-1, 16)
    first = found["ctr kernel"].reshape(-1, 16)[0]
    assert np.array_equal(blocks[0], first), "the first vector is the first id's encryption"
    assert len(np.unique(blocks, axis=0)) == 10, "five vectors a group"


@needs_aes
def test_stages_are_differences_of_one_repetition(monkeypatch) -> None:
    """A repetition in which the machine is three times slower makes every stage three times longer, no more."""
    seconds = {
        "nothing": 1,
        "one vector": 3,
        "given vectors": 4,
        "given ids": 6,
        "gctr kernel": 7,
        "gctr": 10,
    }
    seconds |= {"ctr kernel": 13, "ctr": 15}

    def measure(makers, size, repeats, in_place):
        rows = [(name, k, s * slow) for k, slow in enumerate((1, 1, 3)) for name, s in seconds.items()]
        assert set(makers) == set(seconds) and size == 1600
        return pd.DataFrame(rows, columns=["contender", "repeat", "seconds"])

    monkeypatch.setattr(throughput_profile, "measure", measure)
    table = throughput_profile.stages(1700, repeats=3)
    found = {key: (rows["ns_a_group"] / 1e9).tolist() for key, rows in table.groupby(["place", "mode"])}
    assert found["copy", "gctr"] == pytest.approx([2, 1, 2, 1, 4, 10])
    assert found["in place", "ctr"] == pytest.approx([2, 10, 3, 15])
