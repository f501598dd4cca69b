"""Footage: the synthetic scene, registered public sets with checksums, and adapters for a user's own files."""

from gctr.datasets.clip import BOX_COLUMNS, FACE_COLUMNS, Clip, Frame, Truth, box_table

__all__ = ["BOX_COLUMNS", "FACE_COLUMNS", "Clip", "Frame", "Truth", "box_table"]
