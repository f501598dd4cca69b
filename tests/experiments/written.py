"""Notebooks written for a test."""

import json
from pathlib import Path

PARAMETERS = 'dataset = "synthetic"\nslope = 2\nsigmas = [0.5, 1.0]\nfast: bool = False'
SAVING = [
    "import sys\nimport matplotlib.pyplot as plt\nimport numpy as np\nimport pandas as pd\n"
    "from gctr.experiments import show_photo, start",
    'run = start("20_saves", globals())',
    'run.save_table(pd.DataFrame({"x": [1, 2], "y": [slope / 3, 1e9]}), "line")',
    "figure, (left, right) = plt.subplots(1, 2)\nleft.plot([0, 1], [0, slope])\n"
    'left.set(xlabel="time / s", ylabel="way / m")\nshow_photo(right, np.full((90, 160, 3), (0, 0, 255), np.uint8))',
    'run.save_figure(figure, "line")',
    'run.save_verdict("H1", "holds", f"slope {slope}", value=slope, condition="here")',
    'pd.Series({"interpreter": sys.executable})',
]


def write_notebook(folder: Path, name: str, sources: list[str], parameters: str = PARAMETERS) -> Path:
    def code(source: str, **metadata: object) -> dict:
        plain = {"cell_type": "code", "execution_count": None, "outputs": [], "id": str(len(cells))}
        return plain | {"metadata": metadata, "source": source}

    cells: list[dict] = [
        {"cell_type": "markdown", "id": "h", "metadata": {}, "source": f"# About {name}\n\nIt is <so>."}
    ]
    cells.append(code(parameters, tags=["parameters"]))
    for source in sources:
        cells.append(code(source))
    path = folder / f"{name}.ipynb"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


def outputs(executed: Path) -> str:
    """Return the outputs of an executed notebook's cells."""
    return json.dumps([cell.get("outputs") for cell in json.loads(executed.read_text())["cells"]])
