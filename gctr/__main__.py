"""`python -m gctr`: the command line."""

from gctr.cli import app

app(prog_name="gctr")
