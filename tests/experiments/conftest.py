"""A workshop: folders of notebooks and results, and a run in this process."""

import json
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import pytest

from gctr import experiments
from tests.experiments.written import write_notebook

matplotlib.use("agg")


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory):
    """Folders of notebooks and results, and a kernel `python3` that does not work, as a machine may have one."""
    home = tmp_path_factory.mktemp("workshop")
    rogue = home / "jupyter" / "kernels" / "python3"
    rogue.mkdir(parents=True)
    spec = {"argv": ["no-such-python", "{connection_file}"], "display_name": "rogue", "language": "python"}
    (rogue / "kernel.json").write_text(json.dumps(spec))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GCTR_RESULTS", str(home / "results"))
        patch.setenv("GCTR_NOTEBOOKS", str(home / "notebooks"))
        patch.setenv("JUPYTER_PATH", str(home / "jupyter"))
        patch.setenv("MPLBACKEND", "agg")
        patch.setenv("PYTHONWARNINGS", "error")
        yield home


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> experiments.Run:
    """A run in this process, as in JupyterLab."""
    monkeypatch.setenv("GCTR_RESULTS", str(tmp_path / "results"))
    monkeypatch.setenv("GCTR_NOTEBOOKS", str(tmp_path / "notebooks"))
    write_notebook(tmp_path / "notebooks", "20_saves", [])
    values = {"dataset": "synthetic", "slope": 7, "sigmas": [0.5, 1.0], "fast": False}
    with plt.rc_context():
        yield experiments.start("20_saves", values)
    plt.close("all")
