"""Run a test on every AES backend that this machine has."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import pytest

from gctr.cipher import aes

every_backend = pytest.mark.parametrize("backend", aes.available_backends())


@contextmanager
def using(backend: str) -> Iterator[None]:
    """Force a backend; usable around one hypothesis example."""
    with mock.patch.dict(os.environ, {aes.ENVIRONMENT: backend}):
        yield
