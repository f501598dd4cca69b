"""What every test shares."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Acknowledge that gctr is insecure; tests/cipher asserts that it warns."""
    config.addinivalue_line("filterwarnings", "ignore::gctr.cipher.InsecureModeWarning")
