"""Necessary, never sufficient: the statistics with which image ciphers are often called secure.

Entropy, chi-square, correlation of adjacent bytes, NPCR and UACI under a changed key, and key sensitivity. Broken
modes pass them: they look at one byte, or one pair of bytes, at a time. They appear to show that, and for nothing else.

NPCR and UACI are taken between two ciphertexts under keys that differ in one bit. Taken between two plaintexts that
differ in one pixel they are nearly zero for every stream cipher, secure or not.

References: Wu, Noonan & Agaian (2011), "NPCR and UACI randomness tests for image encryption",
Cyber Journals, JSAT, 31-38 (critical values); Shannon (1948); Wilks (1938), "The large-sample distribution of the
likelihood ratio for testing composite hypotheses" (the limit of entropy).
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2, norm

Octets = NDArray[np.uint8]
_TOP = 255


def measure_randomness(encrypt: Callable[[bytes], Octets], key: bytes, alpha: float = 0.01) -> pd.DataFrame:
    """Run the panel.

    Parameters
    ----------
    encrypt : callable
        From a key to the (n,) uint8 ciphertext of one fixed payload.
    key : bytes
    alpha : float
        Level of the tests that have one.

    Returns
    -------
    DataFrame
        `statistic`, `value`, `wanted` (in words) and `passes`.
    """
    first, second = encrypt(key), encrypt(bytes([key[0] ^ 1]) + key[1:])
    n = first.size
    counts = np.bincount(first, minlength=256)
    squares = float(((counts - n / 256) ** 2).sum() / (n / 256))
    npcr, uaci = npcr_uaci(first, second)
    floor, (low, high) = npcr_critical(n, alpha), uaci_critical(n, alpha)
    adjacent = float(np.corrcoef(first[1:], first[:-1])[0, 1])
    least = entropy_critical(n, alpha)
    limit = float(norm.isf(alpha / 2) / np.sqrt(n - 1))
    flipped = float(np.unpackbits(first ^ second).mean())
    tolerance = float(norm.isf(alpha / 2) / 2 / np.sqrt(8 * n))
    rows = [
        ("entropy (bits a byte)", entropy(first), f"above {least:.4f}", entropy(first) > least),
        (
            "chi-square, 255 degrees",
            squares,
            f"below {chi2.isf(alpha, 255):.0f}",
            squares < chi2.isf(alpha, 255),
        ),
        ("correlation of adjacent bytes", adjacent, f"within ±{limit:.4f}", abs(adjacent) < limit),
        ("NPCR, key bit changed (%)", 100 * npcr, f"above {100 * floor:.3f}", npcr > floor),
        ("UACI, key bit changed (%)", 100 * uaci, f"{100 * low:.3f} to {100 * high:.3f}", low < uaci < high),
        ("bits flipped by a key bit", flipped, f"0.5 ± {tolerance:.5f}", abs(flipped - 0.5) < tolerance),
    ]
    return pd.DataFrame(rows, columns=["statistic", "value", "wanted", "passes"]).astype({"passes": bool})


def entropy(data: Octets) -> float:
    """Return the Shannon entropy of the bytes' histogram, 0 to 8 bits."""
    share = np.bincount(data, minlength=256) / max(data.size, 1)
    share = share[share > 0]
    return float(-(share * np.log2(share)).sum())


def entropy_critical(n: int, alpha: float) -> float:
    """Return the entropy, in bits, above which `n` random bytes lie but for a share `alpha` of all tries.

    What is missing to 8 bits is, times 2 n ln 2, the likelihood ratio statistic, in the limit chi-square with 255
    degrees. A fixed limit such as 7.99 would reject every cipher on messages below some 20 kB.
    """
    return float(8 - chi2.isf(alpha, 255) / (2 * n * np.log(2)))


def npcr_uaci(first: Octets, second: Octets) -> tuple[float, float]:
    """Return the share of bytes that differ and the mean absolute difference over 255."""
    if first.size != second.size or not first.size:
        raise ValueError("NPCR and UACI compare two ciphertexts of one size, at least one byte")
    difference = np.abs(first.astype(np.int16) - second)
    return float((difference > 0).mean()), float(difference.mean() / _TOP)


def npcr_critical(n: int, alpha: float) -> float:
    """Return Wu et al.'s lower critical value of NPCR for `n` bytes."""
    return float((_TOP - norm.isf(alpha) * np.sqrt(_TOP / n)) / (_TOP + 1))


def uaci_critical(n: int, alpha: float) -> tuple[float, float]:
    """Return Wu et al.'s lower and upper critical values of UACI for `n` bytes."""
    mean = (_TOP + 2) / (3 * _TOP + 3)
    variance = (_TOP + 2) * (_TOP**2 + 2 * _TOP + 3) / (18 * (_TOP + 1) ** 2 * _TOP * n)
    half = norm.isf(alpha / 2) * np.sqrt(variance)
    return float(mean - half), float(mean + half)
