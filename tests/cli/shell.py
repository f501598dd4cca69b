"""gctr as a shell runs it."""

import re

from typer.testing import CliRunner

from gctr.cli import app


def gctr(*words: object, code: int = 0) -> str:
    """Run a command, check its exit code and return what it said, each stretch of white space as one space."""
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == code, result.output
    return re.sub(r"\s+", " ", result.output)
