"""What every test shares."""

import pytest
from hypothesis import settings


def pytest_configure(config: pytest.Config) -> None:
    """Acknowledge that gctr is insecure; tests/cipher asserts that it warns."""
    config.addinivalue_line("filterwarnings", "ignore::gctr.cipher.InsecureModeWarning")


# A busy machine is no fault: no example has a time limit.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
