"""Loops of `gctr.evaluation.attacks.posterior`: votes, labels and Gibbs sweeps over the bytes of a message."""

import numpy as np
from numba import njit

CENTRE = 511  # of a table over differences -511..511


@njit(cache=True, nogil=True)
def vote_kernel(ciphertext, plate, slots, ratio, scores):
    """Add each byte's log-likelihood ratios to its slot's 256 scores."""
    for i in range(ciphertext.size):
        row, c = scores[slots[i]], np.int64(ciphertext[i])
        near = ratio[CENTRE - np.int64(plate[i]) :]
        for v in range(256):
            row[v] += near[v ^ c]


@njit(cache=True, nogil=True)
def label_kernel(x, plate, links, z, noise, potts, draws):
    """Draw each pixel's label, background or not, given its bytes and its neighbours' labels."""
    for p in range(z.size):
        odds = np.float32(0.0)
        for ch in range(3):
            odds += noise[CENTRE + np.int64(x[3 * p + ch]) - np.int64(plate[3 * p + ch])] + np.float32(5.545)
        for n in range(links.shape[1]):
            j = links[p, n]
            if j >= 0:
                odds += potts if z[j] else -potts
        z[p] = draws[p] < 1 / (1 + np.exp(-odds))


@njit(cache=True, nogil=True)
def _neighbours(i, ciphertext, plate, slots, links, x, z, sure, still, moving, colour, q):
    """Add to q[a] what the four neighbours say of byte i being a, each as loud as its own slot is sure."""
    p, ch = i // 3, i % 3
    u, w = (ch + 1) % 3, (ch + 2) % 3
    for n in range(links.shape[1]):
        pj = np.int64(links[p, n])
        if pj < 0:
            continue
        j = 3 * pj + ch
        both = z[p] and z[pj]
        shift = np.int64(plate[i]) - np.int64(plate[j]) if both else 0
        pair, tint = (still[n] if both else moving[n]), colour[n]
        first = np.int64(x[3 * p + u]) - np.int64(x[3 * pj + u])
        second = np.int64(x[3 * p + w]) - np.int64(x[3 * pj + w])
        if slots[j] == slots[i]:  # the neighbour changes with the same unknown
            mask = np.int64(ciphertext[i]) ^ np.int64(ciphertext[j])
            for a in range(256):
                d = CENTRE + a - (a ^ mask)
                q[a] += pair[d - shift] + tint[d - first] + tint[d - second]
        else:
            start, loud = CENTRE - np.int64(x[j]), sure[slots[j]] ** 2
            t0, t1, t2 = pair[start - shift :], tint[start - first :], tint[start - second :]
            for a in range(256):
                q[a] += loud * (t0[a] + t1[a] + t2[a])


@njit(cache=True, nogil=True)
def _draw(s, temperature, u, marginal, keep):
    """Return a value drawn with probability proportional to exp(temperature * s), and the largest probability."""
    top, total = s.max(), np.float32(0.0)
    for v in range(256):
        s[v] = np.exp((s[v] - top) * temperature)
        total += s[v]
    if keep:
        for v in range(256):
            marginal[v] += s[v] / total
    left, v = u * total - s[0], 0
    while left >= 0 and v < 255:
        v += 1
        left -= s[v]
    return v, np.float32(1.0) / total


@njit(cache=True, nogil=True)
def sweep_kernel(
    ciphertext, plate, slots, order, first, links, x, z,
    noise, still, moving, colour, temperature, step, draws, marginals, sure, keep,
):  # fmt: skip
    """Draw every slot's value in turn, given all others; x is kept at ciphertext XOR vector.

    A slot that is all but certain is visited one sweep in four: those in doubt need the time.
    """
    s, q = np.empty(256, np.float32), np.empty(256, np.float32)
    for k in range(first.size - 1):
        if sure[k] > 0.999 and (step + k) % 4:
            continue
        s[:] = 0
        for t in range(first[k], first[k + 1]):
            i = np.int64(order[t])
            q[:] = 0
            if z[i // 3]:
                q[:] = noise[CENTRE - np.int64(plate[i]) : CENTRE - np.int64(plate[i]) + 256]
            _neighbours(i, ciphertext, plate, slots, links, x, z, sure, still, moving, colour, q)
            c = np.int64(ciphertext[i])
            for v in range(256):
                s[v] += q[v ^ c]
        vector, sure[k] = _draw(s, temperature, draws[k], marginals[k], keep)
        for t in range(first[k], first[k + 1]):
            x[order[t]] = ciphertext[order[t]] ^ vector
