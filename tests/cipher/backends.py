"""Run a test on every AES backend that this machine has."""

import pytest

from gctr.cipher.aes import available_backends, forced

every_backend = pytest.mark.parametrize("backend", available_backends())
using = forced  # usable around one hypothesis example, which a fixture is not
