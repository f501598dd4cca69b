"""The ratios that the suite promises, measured: ``python -m gctr.evaluation.throughput --check``.

They are for one thread, AES-128, on a CPU with VAES on 512 bits; on another CPU the table says so and judges nothing.
"""

import argparse
import statistics
import subprocess
import sys

import pandas as pd

from gctr.cipher import aes
from gctr.evaluation.throughput import clock_ghz, measure, ratio
from gctr.evaluation.throughput_access import batch_contenders
from gctr.evaluation.throughput_contenders import contenders

CACHED, HUGE, MESSAGE = 1 << 20, 256 << 20, 10_000  # bytes
MESSAGES = 400  # in a batch
PEERS = ("memcpy", "xor constant", "gctr", "ctr", "OpenSSL CTR", "PyCryptodome CTR")
COLUMNS = ["what", "setting", "ratio", "low", "high", "bound", "verdict"]


def check(repeats: int = 41, huge_repeats: int = 9) -> pd.DataFrame:
    """Measure every promised ratio.

    Parameters
    ----------
    repeats, huge_repeats : int
        Repetitions in cache, and at 256 MiB.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`: the ratio's median over repetitions with its 99 % interval, and "holds" or "fails" by the
        median; rows without a bound are for comparison.
    """
    rows = [*_in_cache(repeats), *_huge(huge_repeats), *_batches(repeats), *_threads(repeats), *_first_call()]
    return pd.DataFrame([_judged(row) for row in rows], columns=COLUMNS)


def _judged(row: tuple) -> tuple:
    what, _, value, _, _, bound = row
    if bound is None:
        return *row, ""
    meets = value < bound if what.startswith("seconds") else value >= bound
    return *row, "holds" if meets else "fails"


def _in_cache(repeats: int) -> list[tuple]:
    makers = {name: maker for name, maker in contenders().items() if name in PEERS}
    rows = []
    for in_place in (False, True):
        samples = measure(makers, CACHED, repeats=repeats, in_place=in_place)
        where = f"1 MiB, {'in place' if in_place else 'copy'}"
        rows += [
            ("ctr / OpenSSL CTR", where, *ratio(samples, "ctr", "OpenSSL CTR")[:3], 2.2),
            ("ctr / PyCryptodome CTR", where, *ratio(samples, "ctr", "PyCryptodome CTR")[:3], 5.5),
            ("gctr / ctr", where, *ratio(samples, "gctr", "ctr")[:3], 1.4),
            ("ceiling of it: xor constant / ctr", where, *ratio(samples, "xor constant", "ctr")[:3], None),
        ]
    return rows


def _huge(repeats: int) -> list[tuple]:
    makers = {name: maker for name, maker in contenders().items() if name in ("memcpy", "gctr", "ctr")}
    samples = measure(makers, HUGE, repeats=repeats)
    return [
        (f"{name} / memcpy", "256 MiB, copy", *ratio(samples, name, "memcpy")[:3], 0.95)
        for name in ("ctr", "gctr")
    ]


def _batches(repeats: int) -> list[tuple]:
    samples = measure(batch_contenders(MESSAGE), MESSAGES * MESSAGE, repeats=repeats)
    peer = "OpenSSL CTR, a context a message"
    names = ("ctr_xor_batch", "gctr_xor_batch", "bucket_ctr_xor_batch")
    return [
        (f"{name} / {peer}", f"{MESSAGES} of 10 kB", *ratio(samples, name, peer)[:3], 5.0) for name in names
    ]


def _threads(repeats: int) -> list[tuple]:
    """Two threads against one, in cache; best against best, because only then were both cores free."""
    makers = {name: maker for name, maker in contenders().items() if name in ("gctr", "ctr")}
    rates = [
        measure(makers, CACHED, repeats=repeats, in_place=True, threads=threads, wall=True)
        for _ in range(5)
        for threads in (1, 2)
    ]
    best = pd.concat(rates).groupby(["contender", "threads"])["gb_per_s"].max()
    where = "1 MiB each, in place"
    return [
        (f"{name}, 2 threads / 1", where, best[name, 2] / best[name, 1], None, None, 1.8) for name in makers
    ]


def _first_call() -> list[tuple]:
    """CPU seconds of the import, and of the first call after it with the kernels in numba's cache."""
    call = "z = bytes(16); gctr.cipher.ctr_xor(z, z, z)"
    steps: list[tuple[str, str, str, float | None]] = [
        ("seconds to import gctr", "pass", "import gctr", 0.5),
        ("seconds to import gctr.cipher, numba and SciPy", "pass", "import gctr.cipher", None),
        ("seconds to the first answer", "import gctr.cipher", call, 0.3),
    ]
    rows = []
    for what, before, timed, bound in steps:
        code = f"import time; {before}; t = time.process_time(); {timed}; print(time.process_time() - t)"
        command = [sys.executable, "-c", code]
        runs = [float(subprocess.run(command, capture_output=True, check=True).stdout) for _ in range(7)]
        rows.append((what, "warm", statistics.median(runs), min(runs), max(runs), bound))
    return rows


def main() -> None:
    """Print the promised ratios; exit with 1 if one fails on a CPU that they are for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="measure the promised ratios")
    parser.add_argument("--repeats", type=int, default=41, help="repetitions in cache (default 41)")
    options = parser.parse_args()
    if not options.check:
        parser.print_help()
        return
    table = check(options.repeats)
    print(table.to_string(index=False, float_format="{:.2f}".format, na_rep=""))
    print(f"backend {aes.backend()}, clock {clock_ghz():.2f} GHz; ratios are medians with 99 % intervals")
    if aes.available_backends()[0] != "vaes512":
        print("This CPU has no VAES on 512 bits: the bounds are not for it.")
    elif (table["verdict"] == "fails").any():
        sys.exit(1)
