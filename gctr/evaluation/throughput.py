"""How fast the modes are, beside the libraries and beside what the machine allows.

Every figure is a ratio or a rate of runs that alternate: each repetition goes once through all contenders, beginning
with another one, and a ratio compares runs of the same repetition; before each comes a run that is not timed, so that
nobody pays for what another has left in the caches. What is timed is what a caller pays: checks, hashing
of the seed, layout and key schedule are inside. One thread is timed by the CPU's clock, so that other programs on the
machine cost it cache and memory but not turns; several threads by the wall's.

``python -m gctr.evaluation.throughput --check`` measures the ratios that this suite promises and says which hold.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray
from tqdm.auto import tqdm

from gctr.cipher.aes import available_backends, forced
from gctr.evaluation.statistics import Interval, bootstrap
from gctr.evaluation.throughput_contenders import COPY_ONLY, SLACK, Maker, Octets, Run, contenders

LINE = 64  # bytes of a cache line
SAMPLE_SECONDS = 5e-4  # a sample repeats a short run until it is this long


def measure(
    makers: Mapping[str, Maker],
    size: int,
    *,
    repeats: int = 15,
    in_place: bool = False,
    threads: int = 1,
    wall: bool = False,
) -> pd.DataFrame:
    """Time every contender on messages of one size, alternating.

    Parameters
    ----------
    makers : mapping of name to Maker
    size : int
        Bytes a message.
    repeats : int
        Repetitions; each is one row a contender.
    in_place : bool
        Whether the output replaces the input, which halves the memory touched; contenders that cannot (memcpy, and
        the AEADs, which allocate what they return) then read the same memory and write elsewhere.
    threads : int
        Each has memory of its own; the rate is of all together.
    wall : bool
        Time one thread by the wall's clock too.

    Returns
    -------
    DataFrame
        Columns ``contender``, ``size``, ``place``, ``threads``, ``repeat``, ``seconds`` (a message of every thread)
        and ``gb_per_s`` (10**9 bytes a second).
    """
    memory = [_memory(size, in_place) for _ in range(threads)]
    runs = {name: [maker(*pair, size) for pair in memory] for name, maker in makers.items()}
    counts = {name: _repetitions(several[0]) for name, several in runs.items()}
    rows, names = [], list(runs)
    with ThreadPoolExecutor(threads) as pool:
        for repeat in range(repeats):
            first = repeat % len(names)
            for name in names[first:] + names[:first]:
                seconds = _timed(pool, runs[name], counts[name], wall or threads > 1)
                rows.append((name, size, "in place" if in_place else "copy", threads, repeat, seconds))
    table = pd.DataFrame(rows, columns=["contender", "size", "place", "threads", "repeat", "seconds"])
    return table.assign(gb_per_s=threads * size / table["seconds"] / 1e9)


def _memory(size: int, in_place: bool) -> tuple[Octets, Octets]:
    """Return source and target, shared by all contenders so that none finds the cache emptied by another.

    Both begin at a cache line, as the frames of a video decoder do.
    """
    src = _aligned(size + SLACK)
    return src, src if in_place else _aligned(size + SLACK)


def _aligned(size: int) -> Octets:
    memory = np.full(size + LINE, 0x5A, np.uint8)
    return memory[-memory.ctypes.data % LINE :][:size]


def _repetitions(run: Run) -> int:
    run()
    began = time.perf_counter()
    run()
    return max(1, int(SAMPLE_SECONDS / (time.perf_counter() - began)))


def _timed(pool: ThreadPoolExecutor, runs: list[Run], count: int, wall: bool) -> float:
    clock = time.perf_counter if wall else time.thread_time
    if len(runs) == 1:
        return _loop(runs[0], count, clock) / count
    barrier = Barrier(len(runs))
    return max(pool.map(lambda run: _loop(run, count, clock, barrier), runs)) / count


def _loop(run: Run, count: int, clock: Callable[[], float], barrier: Barrier | None = None) -> float:
    run()  # so that it finds the caches as it leaves them itself, not as whoever ran before did
    if barrier:
        barrier.wait()
    began = clock()
    for _ in range(count):
        run()
    return clock() - began


def sweep(
    sizes: Iterable[int],
    *,
    repeats: int = 15,
    places: Iterable[bool] = (False, True),
    threads: Iterable[int] = (1,),
    fresh_context: bool = False,
    progress: bool = True,
) -> pd.DataFrame:
    """`measure` all contenders over message sizes, in and out of place (all but `COPY_ONLY`), by numbers of threads."""
    settings = [(size, place, n) for n in threads for place in places for size in sizes]
    makers = contenders(fresh_context=fresh_context)
    inside = {name: maker for name, maker in makers.items() if name not in COPY_ONLY}
    tables = [
        measure(inside if place else makers, size, repeats=repeats, in_place=place, threads=n)
        for size, place, n in tqdm(settings, desc="sizes", disable=not progress)
    ]
    return pd.concat(tables, ignore_index=True)


def sweep_backends(sizes: Iterable[int], *, repeats: int = 15, in_place: bool = True) -> pd.DataFrame:
    """`measure` our modes on every AES backend of this CPU; the column ``backend`` names it."""
    ours = {name: maker for name, maker in contenders().items() if name in ("gctr", "ctr", "bucket_ctr")}
    tables = []
    for backend in available_backends():
        with forced(backend):
            for size in sizes:
                table = measure(ours, size, repeats=repeats, in_place=in_place)
                tables.append(table.assign(backend=backend))
    return pd.concat(tables, ignore_index=True)


def summarise(
    samples: pd.DataFrame, by: Iterable[str] = ("contender", "size", "place", "threads")
) -> pd.DataFrame:
    """Return median, quartiles, best and number of samples of ``gb_per_s`` for each setting."""
    grouped = samples.groupby(list(by), sort=False, observed=True)["gb_per_s"]
    quartiles = grouped.quantile([0.25, 0.5, 0.75]).unstack()
    quartiles.columns = ["q25", "median", "q75"]
    return quartiles[["median", "q25", "q75"]].assign(best=grouped.max(), n=grouped.size()).reset_index()


def ratio(samples: pd.DataFrame, faster: str, slower: str) -> Interval:
    """Return the median over repetitions of how many times faster one contender was, with its 99 % interval.

    Parameters
    ----------
    samples : DataFrame
        Of `measure`, of one setting.
    """
    times = samples.pivot_table(index="repeat", columns="contender", values="seconds")
    ratios = (times[slower] / times[faster]).dropna().to_numpy()
    return bootstrap(ratios, np.arange(ratios.size), statistic=_median)


def _median(values: NDArray[np.float64]) -> float:
    return float(np.median(values))


def ratios_by_setting(samples: pd.DataFrame, faster: str, slower: str) -> pd.DataFrame:
    """`ratio` of two contenders for each place, number of threads and size."""
    rows = [
        (*setting, *ratio(group, faster, slower))
        for setting, group in samples.groupby(["place", "threads", "size"], sort=False)
    ]
    return pd.DataFrame(rows, columns=["place", "threads", "size", "ratio", "low", "high", "n"])


def clock_ghz(repeats: int = 9) -> float:
    """Return the clock rate under load, from a chain of shifts and xors of one cycle each (so it is on x86)."""
    steps, best = 500_000, np.inf
    _chain(steps)
    for _ in range(repeats):
        began = time.thread_time()
        _chain(steps)
        best = min(best, time.thread_time() - began)
    return 6 * steps / best / 1e9


@njit(cache=True)
def _chain(steps):
    x = np.uint64(88172645463325252)
    for _ in range(steps):
        x ^= x << np.uint64(13)
        x ^= x >> np.uint64(7)
        x ^= x << np.uint64(17)
    return x


if __name__ == "__main__":
    from gctr.evaluation.throughput_check import main

    main()
