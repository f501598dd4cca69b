"""Slow, obvious twin of the running average's kernel: Python integers, one pixel at a time."""

import numpy as np


def update(luma, mean, deviation, learn, black, white, floor, spread, counts):
    """Do in place what `gctr.vision.running._update_kernel` does."""
    counts[:] = 0
    for y, x in np.ndindex(luma.shape):
        m, s = int(mean[y, x]), int(deviation[y, x])
        known = min(max(m, int(black)), int(white))
        step = int(luma[y, x]) * 128 - known
        far = abs(step)
        counts[y // 8, x // 8] += far > max(int(floor), s * 2**spread)
        if learn[y // 8, x // 8]:
            mean[y, x] = m + (step + 16) // 32
            deviation[y, x] = s + (min(far, 16 * 128) - s + 16) // 32


def clean(counts, weak, strong, min_cells, margin):
    """Do what `gctr.vision.roi.clean_cells` does, by flood fill."""
    rows, columns = counts.shape
    todo = {(int(y), int(x)) for y, x in np.argwhere(counts >= weak)}
    cells = np.zeros(counts.shape, dtype=bool)
    while todo:
        component = grown = {todo.pop()}
        while grown:
            grown = {(y + dy, x + dx) for y, x in grown for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & todo
            todo -= grown
            component = component | grown
        if len(component) < min_cells or not any(counts[p] >= strong for p in component):
            continue
        for y, x in component:
            cells[max(0, y - margin) : y + margin + 1, max(0, x - margin) : x + margin + 1] = True
    return cells[:rows, :columns]
