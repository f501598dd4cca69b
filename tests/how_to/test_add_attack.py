"""How to add an attack: a function from what the attacker sees to a score, its chance and a p-value.

An attack takes ciphertext (and what else its attacker has, as the registered background) and never a key. It says what
its score would be if every byte were drawn at random, and how probable a score as large is then. It runs on every
scheme: it must break the planted one, or it could not break anything, and must leave the controls alone, or its
chance is wrong. In gctr it has a module of its own in `gctr.evaluation.attacks`, and a cell in notebook
07_cryptanalysis that adds its table to the findings, which are corrected together (Holm, 0.01).

The example looks for equal neighbouring blocks. A mask of one colour makes them in the plaintext: under the paper's
mode the mask, meant to protect, shows where the face was.
"""

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.stats import binom

from gctr.evaluation.attacks import schemes
from gctr.evaluation.statistics import Findings
from gctr.vision.masking import hide_faces
from tests.evaluation.attacked import make_frame

HEAD = (40, 20, 72, 48)  # x0, y0, x1, y1 in the frame of tests/evaluation/attacked.py
CHANCE = 2.0**-128


# Step 1: the attack. What it returns has a null.
def repeat_blocks(ciphertext: NDArray[np.uint8]) -> tuple[int, int, float]:
    """Return how many blocks equal the one before them, of how many, and the one-sided p-value against chance."""
    blocks = ciphertext[: ciphertext.size // 16 * 16].reshape(-1, 16)
    equal = int((blocks[1:] == blocks[:-1]).all(axis=1).sum())
    pairs = max(len(blocks) - 1, 0)
    return equal, pairs, float(binom.sf(equal - 1, pairs, CHANCE))


# Step 2: its table, one row a mode; `mode` and `p_value` are the columns that `Findings` reads.
def repeat_table(payload: NDArray[np.uint8], modes, seed: int) -> pd.DataFrame:
    rows = []
    for mode in modes:
        equal, pairs, p_value = repeat_blocks(schemes.encrypt(mode, payload, seed))
        rows.append((mode, equal / pairs, p_value))
    return pd.DataFrame(rows, columns=["mode", "share", "p_value"])


@pytest.fixture(scope="module")
def payload() -> NDArray[np.uint8]:
    """Return the pixels of one person with a masked head, as a camera would send them uncompressed."""
    frame = make_frame()
    return frame.region.cut(hide_faces(frame.image, [HEAD])[0])


# Step 3: on known input, the score is what one counts by hand.
def test_the_score_is_what_was_planted():
    blocks = np.random.default_rng(0).integers(0, 256, (50, 16), np.uint8)
    blocks[7] = blocks[8] = blocks[6]
    blocks[30] = blocks[29]
    assert repeat_blocks(blocks.ravel())[:2] == (3, 49)
    assert repeat_blocks(blocks.ravel()[:9])[1:] == (0, 1.0)


# Step 4: it breaks the paper's mode and the planted one, and nothing else, all tests corrected together.
def test_the_papers_mode_shows_the_mask_and_the_controls_do_not(payload):
    findings = Findings()
    findings.add_rows("repeated blocks", repeat_table(payload, schemes.SCHEMES, 5), "share", "share", CHANCE)
    rejected = findings.table().set_index("mode")["rejected"]
    assert rejected["gctr"]
    assert rejected["weak"]
    assert not rejected[list(schemes.CONTROLS)].any()


# Step 5: under the null it stays silent, key after key.
def test_controls_are_not_rejected_for_any_of_many_keys(payload):
    tables = [repeat_table(payload, schemes.CONTROLS, seed) for seed in range(40)]
    assert (pd.concat(tables)["p_value"] > 0.01).all()


# What it shows: the mask's blocks, and few others, are those that repeat.
def test_what_repeats_is_the_mask(payload):
    sent = schemes.encrypt("gctr", payload, 5).reshape(-1, 16)
    repeats = (sent[1:] == sent[:-1]).all(axis=1)
    masked = (payload.reshape(-1, 16) == payload.reshape(-1, 16)[:, :1]).all(axis=1)
    assert repeats.sum() > 20
    assert masked[1:][repeats].mean() > 0.9
