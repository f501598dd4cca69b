"""What one party may ask of the cloud: so many requests and bytes a second, so much memory at once."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from gctr.parties.messages import MAX_MESSAGE


@dataclass(frozen=True)
class Limits:
    """The cloud's limits; the defaults carry 20 busy 1080p cameras on two cores.

    `requests` and `bytes` are a second and a party, with a burst of `burst_s` seconds' worth (at least one message);
    `memory` are bytes of all bodies being received at once; `body_timeout` and `idle_timeout` are seconds;
    `headers` are the bytes of a request's line and headers; `connections` are open at once.
    """

    requests: float = 200.0
    bytes: float = 32e6
    burst_s: float = 4.0
    memory: int = 256 << 20
    body_timeout: float = 30.0
    idle_timeout: int = 30
    headers: int = 16 << 10
    connections: int = 256


class TokenBucket:
    """A bucket for each party that fills with time and empties with use."""

    def __init__(
        self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic, most: int = 100_000
    ) -> None:
        self._rate, self._burst, self._clock, self._most = rate, burst, clock, most
        self._levels: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def wait(self, party: str, cost: float) -> float:
        """Take `cost`; return 0, or the seconds after which it could be taken. Nothing is taken then."""
        now = self._clock()
        with self._lock:
            level, then = self._levels.get(party, (self._burst, now))
            level = min(self._burst, level + (now - then) * self._rate)
            enough = level >= min(cost, self._burst)
            self._levels[party] = (level - cost if enough else level, now)
            if len(self._levels) > self._most:  # parties are few; this bounds memory all the same
                self._levels.clear()
        return 0.0 if enough else (min(cost, self._burst) - level) / self._rate


class Budget:
    """Bytes that all requests together may hold."""

    def __init__(self, size: int) -> None:
        self._free, self._lock = size, threading.Lock()

    def take(self, size: int) -> bool:
        """Reserve `size` bytes if they are free."""
        with self._lock:
            if size > self._free:
                return False
            self._free -= size
            return True

    def give_back(self, size: int) -> None:
        """Free what was taken."""
        with self._lock:
            self._free += size


class Gate:
    """All limits of one running cloud."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.requests = TokenBucket(limits.requests, limits.requests * limits.burst_s)
        self.bytes = TokenBucket(limits.bytes, max(limits.bytes * limits.burst_s, MAX_MESSAGE))
        self.memory = Budget(limits.memory)
