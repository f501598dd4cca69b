"""Experiments: notebooks that run, and the tables, figures and verdicts that they save with their provenance.

A notebook says ``run = start("02_roi", globals(), clip)`` and then ``run.save_table``, ``run.save_figure``,
``run.save_verdict``; the files are the same in JupyterLab and under `run_notebooks`.
"""

from gctr.experiments.claims import (
    CLAIMS,
    VERDICTS,
    claims_table,
    measurements,
    read_verdicts,
    saved_datasets,
    saving_verdict,
)
from gctr.experiments.figures import COLOURS, COLUMN, PAGE, photo_grid, show_boxes, show_photo, use_style
from gctr.experiments.files import build_dir, dataset_label, results_dir
from gctr.experiments.overview import matrix_figure, paper_table, provenance_table, verdict_figure
from gctr.experiments.parameters import declared_parameters, notebooks_dir
from gctr.experiments.provenance import describe_machine
from gctr.experiments.run import Run, start
from gctr.experiments.runner import Outcome, Summary, run_notebooks

__all__ = [
    "CLAIMS",
    "COLOURS",
    "COLUMN",
    "PAGE",
    "VERDICTS",
    "Outcome",
    "Run",
    "Summary",
    "build_dir",
    "claims_table",
    "dataset_label",
    "declared_parameters",
    "describe_machine",
    "matrix_figure",
    "measurements",
    "notebooks_dir",
    "paper_table",
    "photo_grid",
    "provenance_table",
    "read_verdicts",
    "results_dir",
    "run_notebooks",
    "saved_datasets",
    "saving_verdict",
    "show_boxes",
    "show_photo",
    "start",
    "use_style",
    "verdict_figure",
]
