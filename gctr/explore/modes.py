"""Modes, bucket sizes and layouts on one raw frame: what travels, and what the cloud sees in it at once.

The cloud's quick look takes one vote for each byte of each vector, against the registered background
(`gctr.evaluation.attacks.posterior.vote`), the layout known. It is the first step of attack 3 in notebook
07_cryptanalysis, which recovers more.
"""

import numpy as np
from ipywidgets import Dropdown, IntSlider, SelectionSlider

from gctr.cipher import GctrParams
from gctr.evaluation.attacks.coincidence import coincide
from gctr.evaluation.attacks.known_background import keystream_slots, known_starts
from gctr.evaluation.attacks.posterior import Evidence, vote
from gctr.evaluation.attacks.schemes import MODES, encrypt, layout_seed
from gctr.evaluation.attacks.views import Frame, Octets, is_foreground
from gctr.explore.panel import Panel, Shot
from gctr.explore.pictures import beside, window

BLOCKS_A_BUCKET = (1, 2, 4, 10, 20, 50, 100)
"""Mean sizes of a bucket; 20 blocks are version 1's."""


def quick_look(sent: Octets, frame: Frame, plate: Octets, seed: bytes, params: GctrParams) -> Octets:
    """Return what the cloud sees of a ciphertext, (n,) uint8, with one vote for each byte of each vector.

    Parameters
    ----------
    sent : (n,) uint8
        Ciphertext without tags.
    frame : Frame
        Whose region says where it lies; its image is not looked at.
    plate : (H, W, 3) uint8
        BGR; the registered background.
    seed : bytes
        Places the buckets.
    params : GctrParams
    """
    known = frame.region.cut(plate)
    if params.buckets == params.group_size:  # one vote a vector: what it says is the plate
        return known
    slots = keystream_slots(known_starts(seed, sent.size, params), sent.size)
    evidence = Evidence(sent, known, slots, np.empty((0, 4), np.int32))
    return sent ^ vote(evidence).argmax(axis=1).astype(np.uint8)[slots]


def browse_modes(frame: Frame, plate: Octets, *, seed: int = 0) -> Panel:
    """Browse modes: a menu of modes, sliders for the mean bucket size and for the seed of key and layout.

    Parameters
    ----------
    frame : Frame
        A raw frame, as the paper's camera would send it.
    plate : (H, W, 3) uint8
        BGR; the registered background.
    seed : int
        At the start.
    """
    payload = frame.region.cut(frame.image)
    wanted = is_foreground(frame.image, plate) & frame.region.mask()
    near = window(frame.region.boxes, (plate.shape[1], plate.shape[0]), margin=0.4)

    def draw(mode: str, blocks: int, seed: int) -> Shot:
        params = GctrParams(buckets=GctrParams().group_size // blocks)
        sent = encrypt(mode, payload, seed, params=params)
        seen = frame.region.paste(quick_look(sent, frame, plate, layout_seed(mode, seed), params), plate)
        exact = float((seen == frame.image).all(axis=2)[wanted].mean())
        equal = coincide(sent).rate
        text = f"{mode}{'' if mode == 'ctr' else f', {blocks} blocks a bucket'}: " + (
            f"equal bytes one block apart {equal:.2%} (by chance {1 / 256:.2%}); "
            f"{exact:.0%} of foreground pixels exact at a quick look"
        )
        return Shot(
            beside([part[near] for part in (frame.image, frame.region.paste(sent, plate), seen)]), text
        )

    return Panel(
        draw,
        mode=Dropdown(options=MODES, value="gctr", description="mode"),
        blocks=SelectionSlider(options=BLOCKS_A_BUCKET, value=20, description="bucket"),
        seed=IntSlider(seed, 0, 99, description="seed"),
    )
