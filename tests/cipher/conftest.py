"""Throw away compiled kernels that are older than any source of theirs.

Numba's cache notices a change of the file that a function stands in, not of the functions and the IR that it calls.
"""

from pathlib import Path

import gctr.cipher

FOLDER = Path(gctr.cipher.__file__).parent
CHANGED = max(path.stat().st_mtime for path in FOLDER.glob("*.py"))

for index in FOLDER.glob("__pycache__/*.nbi"):
    if index.stat().st_mtime < CHANGED:
        index.unlink(missing_ok=True)
