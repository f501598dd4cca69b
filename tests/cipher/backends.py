"""Run a test on every AES backend that this machine has."""

import pytest

from gctr.cipher.aes import available_backends

every_backend = pytest.mark.parametrize("backend", available_backends())
