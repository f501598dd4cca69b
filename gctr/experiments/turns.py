"""Turns: notebooks run side by side, but a cell that measures time has the machine for itself.

Each notebook holds a turn for as long as it runs. A turn is shared, or, while a cell with the tag ``alone`` runs,
exclusive: such a cell begins when every other notebook has come to the end of its cell, and the others wait until it
is done. A waiting exclusive turn goes before new shared ones, so it waits for one cell of each other notebook at most.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

ALONE = "alone"
"""Tag of a cell that measures time."""


class Turns:
    """Shared and exclusive turns of the notebooks that run now (a readers-writer lock that prefers the writer)."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._shared = 0
        self._alone = False
        self._waiting = 0

    @contextmanager
    def notebook(self) -> Iterator["Turn"]:
        """Hold a shared turn inside the block; the `Turn` changes it for a cell."""
        turn = Turn(self)
        turn.take(alone=False)
        try:
            yield turn
        finally:
            turn.leave()

    def enter(self, alone: bool) -> None:
        """Wait for a turn."""
        with self._changed:
            if alone:
                self._waiting += 1
                self._changed.wait_for(lambda: not self._alone and not self._shared)
                self._waiting -= 1
                self._alone = True
            else:
                self._changed.wait_for(lambda: not self._alone and not self._waiting)
                self._shared += 1

    def leave(self, alone: bool) -> None:
        """Give a turn back."""
        with self._changed:
            if alone:
                self._alone = False
            else:
                self._shared -= 1
            self._changed.notify_all()


class Turn:
    """The turn of one notebook."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._held: bool | None = None

    def take(self, *, alone: bool) -> None:
        """Give back the turn held and wait for the next, for the cell that comes."""
        self.leave()
        self._turns.enter(alone)
        self._held = alone

    def leave(self) -> None:
        """Give back the turn held, if one is."""
        held, self._held = self._held, None
        if held is not None:
            self._turns.leave(held)
