"""The manual: every command explains itself, and loading it costs no numeric library."""

import subprocess
import sys

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from gctr.cli import app
from gctr.vision.painters import KINDS


def commands(group, path=()):
    for name, command in group.commands.items():
        yield (*path, name), command
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))


COMMANDS = dict(commands(get_command(app)))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_and_option_explains_itself(path):
    command = COMMANDS[path]
    assert command.help or getattr(command, "callback", None) is None
    for parameter in command.params:
        assert parameter.name == "help" or parameter.help, f"{path}: {parameter.name} says nothing"
    assert CliRunner().invoke(app, [*path, "--help"]).exit_code == 0


def test_the_help_on_masks_names_every_kind():
    (kind,) = [option for option in COMMANDS["mask",].params if option.name == "kind"]
    assert [name for name in KINDS if name not in kind.help] == []


def test_the_manual_fits_eighty_columns():
    text = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "80", "NO_COLOR": "1"}).output
    assert "gctr unmask DIR -o out.mkv" in text
    assert max(map(len, text.splitlines())) <= 80


def test_help_loads_neither_numpy_nor_opencv():
    code = "import sys, gctr.cli; print([m for m in ('numpy', 'cv2', 'av', 'numba', 'pandas') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
