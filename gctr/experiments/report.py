"""The report: one page that stands for itself, and every executed notebook as a page beside it.

``report/index.html`` holds its pictures, so it can be sent alone; its links to the notebooks' pages work where the
folder is. It says nothing of its own: claims, verdicts and numbers are the results', date and machine the provenance's.
"""

import base64
import html
import io
import json
import re
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from gctr._paths import PACKAGE
from gctr.experiments.claims import (
    CLAIMS,
    CONDITIONAL,
    FAILS,
    HOLDS,
    claims_table,
    measurements,
    saved_datasets,
)
from gctr.experiments.files import results_dir, write_result
from gctr.experiments.overview import number_text, paper_table, provenance_table
from gctr.experiments.parameters import find_notebooks, read_notebook

_BADGES = {HOLDS: "holds", FAILS: "fails", CONDITIONAL: "conditional"}
_FIGURES = {
    "H1": ("05_bandwidth", "rates", "Bytes of a frame against its quality inside the objects, by codec"),
    "H2": ("05_bandwidth", "storage", "What a day needs in storage, by the time in which something moves"),
    "H3": ("05_bandwidth", "composed", "A frame, and the same as the cloud composes it"),
    "H4": ("06_throughput", "ratios", "Speed against counter mode, by message size"),
    "H5": ("06_throughput", "access", "What it costs to decrypt a part alone"),
    "H6": ("07_cryptanalysis", "side-by-side", "One frame as it travels, and as attackers recover it"),
    "H7": ("07_cryptanalysis", "collisions", "Messages whose keystream was used before"),
    "H8": ("08_privacy_leakage", "rank1", "How often a masked face is named, by mask and by size"),
    "H9": ("01_pipeline", "cloud", "What the cloud holds, and what it composes of it"),
    "H10": ("02_roi", "live", "What a frame costs a live camera, stage by stage"),
}
"""The figure that stands beside each claim, and what it shows."""
_METHOD = """Each number comes out of a notebook that ran from its first cell to its last on footage with a known
checksum. Claims are the paper's own words taken apart into statements that a measurement can decide; a notebook makes
its verdict from the number it measured. Rivals are measured in the same run at their best setting, at equal quality
where quality is traded; timings alternate between rivals and are given as medians of ratios, measured while nothing
else ran. Intervals are bootstrapped over clips, identities or repetitions, never over frames; attacks are tested
against a null and corrected for their number. A claim on which measurements disagree holds under conditions."""
_BAR = re.compile(r"\d%\|.*\| \d+/\d+ \[")
_PAPER = """The paper: ROI-based efficient video data processing for large-scale cloud storage in intelligent CCTV
environment, International Journal of Engineering & Technology 7, from page 151 (title, year 2018 and authors Lee and
Park are not verified). It gives no numbers for its claims."""


# JupyterLab's page without what it would fetch from elsewhere: require.js, MathJax, Mermaid, the controls' renderer.
_PAGE = """{% extends 'lab/index.html.j2' %}
{% block html_head_js_requirejs %}{% endblock %}
{% block jupyter_widgets %}{% endblock %}
{% block html_head_js_mathjax %}{% endblock %}
{% block html_head_js_mermaidjs %}{% endblock %}
{% block html_head_css %}<style>
main { max-width: 66rem; margin: 0 auto; }
.jp-RenderedHTMLCommon { overflow-x: auto; } .jp-RenderedImage img { max-width: 100%; height: auto; }
.highlight pre { overflow-x: auto; } .jp-OutputArea-output pre { word-break: normal; overflow-wrap: anywhere; }
@media (max-width: 40rem) { body.jp-Notebook { padding: 0; } .jp-InputPrompt, .jp-OutputPrompt { display: none; } }
</style>{% endblock %}"""


def write_page(executed: Path, build: Path) -> Path:
    """Write the executed notebook as a page that needs nothing else, and return its path.

    Limit: formulas in TeX stay as they were written; the suite's own notebooks have none.
    """
    from nbconvert import HTMLExporter  # slow to import, and needed only when notebooks run

    page = build / "report" / f"{executed.stem}.html"
    exporter = HTMLExporter(raw_template=_PAGE, embed_images=True)
    shown = exporter.default_config["NbConvertBase"]["display_data_priority"]
    # Controls need a kernel: a page shows their text, and the picture above them.
    exporter.config["NbConvertBase"]["display_data_priority"] = [
        kind for kind in shown if "widget" not in kind
    ]
    clean = io.StringIO(json.dumps(_without_progress(read_notebook(executed))))
    body, _ = exporter.from_file(clean, {"metadata": {"name": executed.stem}})
    write_result(page, body.encode())
    return page


def _without_progress(notebook: dict[str, Any]) -> dict[str, Any]:
    """Return the notebook without its progress bars, which a page would show as they began, at 0 %."""
    for cell in notebook["cells"]:
        if "outputs" in cell:
            cell["outputs"] = [
                shown for shown in cell["outputs"] if not _BAR.search(str(shown.get("data", "")))
            ]
    return notebook


def write_index(build: Path) -> Path:
    """Write ``report/index.html`` over all results and all executed notebooks that `build` holds; return its path."""
    executed = sorted((build / "notebooks").glob("*.ipynb"))
    labels = {path.stem.split(".")[1] for path in executed} | set(saved_datasets()) - {"all"}
    datasets = sorted(labels, key=lambda name: (name != "synthetic", name))
    page = build / "report" / "index.html"
    write_result(page, _document(datasets, executed).encode())
    return page


def _document(datasets: Sequence[str], executed: Sequence[Path]) -> str:
    style = (PACKAGE / "experiments" / "report.css").read_text("utf-8")
    links = "".join(f"<a href='#{name}'>{_text(name)}</a>" for name in [*datasets, "method"])
    sections = "\n".join(
        _section(name, [path for path in executed if path.stem.endswith(f".{name}")]) for name in datasets
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>gctr: ten claims, measured</title><style>{style}</style></head><body>
<header><h1>Ten claims, measured</h1>
<p class="lead">A camera that sends masked objects only, a cloud that composes the picture and cannot unmask, and
GCTR-AES, the mode proposed for it: what holds, what fails, and by how much.</p><nav>{links}</nav></header>
{_strip()}{_everywhere(datasets)}
{sections}
<section id="method"><h2>Method</h2><p>{_METHOD}</p><p class="faint">{_PAPER}</p></section>
</body></html>
"""


def _text(text: object) -> str:
    return html.escape(str(text))


def _strip() -> str:
    name = "01_pipeline.synthetic.strip.webp"
    return _figure(
        name, "One frame: captured, cut to its objects, masked, composed in the cloud, unmasked.", "strip"
    )


def _everywhere(datasets: Sequence[str]) -> str:
    """Return the headline table: a row for each claim, a column for each footage."""
    tables = {label: claims_table(label).set_index("claim") for label in datasets}
    rows = [
        [
            claim,
            _text(CLAIMS[claim].text),
            *(_badge(str(tables[label].loc[claim, "verdict"])) for label in datasets),
        ]
        for claim in CLAIMS
    ]
    return f"<section class='verdicts'><h2>Verdicts</h2>{_table(['', 'claim', *map(_text, datasets)], rows)}</section>"


def _section(label: str, executed: Sequence[Path]) -> str:
    claims = claims_table(label)
    numbers = measurements([label])
    cards = "\n".join(
        _claim(row, numbers[numbers["claim"] == row["claim"]], label) for row in claims.to_dict("records")
    )
    paper = [
        [row.paper, _text(row.text), _badge(row.verdict), _text(row.parts)]
        for row in paper_table(claims).itertuples()
    ]
    return f"""<section id="{label}"><h2>Measured on {_text(label)}</h2>
{cards}
<h3>The paper's five claims</h3>{_table(["", "claim", "verdict", "follows from"], paper)}
<h3>Notebooks</h3>{_notebooks(executed, label)}
<h3>Provenance</h3>{_provenance(label)}</section>"""


def _claim(row: dict[str, str], numbers: pd.DataFrame, label: str) -> str:
    notebook, name, caption = _FIGURES[row["claim"]]
    lines = [
        [
            _text(found["condition"]),
            _badge(found["verdict"]),
            f"<b>{_text(number_text(found))}</b>",
            _text(found["measured"]),
            _count(found["n"]),
        ]
        for found in numbers.to_dict("records")
    ]
    table = _table(["condition", "verdict", "number", "measured", "n"], lines) if lines else ""
    figure = _figure(f"{notebook}.{label}.{name}.png", f"{caption} ({notebook}).") if lines else ""
    heading = f"<h3>{row['claim']} <span>{_text(row['text'])}</span> {_badge(row['verdict'])}</h3>"
    return f"<article>{heading}<div class='claim'><div>{table}</div>{figure}</div></article>"


def _count(n: float) -> str:
    return "" if pd.isna(n) else f"{n:.0f}"


def _badge(verdict: str) -> str:
    return f"<span class='badge {_BADGES.get(verdict, '')}'>{_text(verdict)}</span>"


def _table(head: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of cells that are HTML already."""
    heading = "".join(f"<th>{cell}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<div class='scroll'><table><tr>{heading}</tr>{body}</table></div>"


def _figure(name: str, caption: str, kind: str = "") -> str:
    """Return a saved figure inside the page; nothing if it was not saved."""
    path = results_dir() / "figures" / name
    if not path.is_file():
        return ""
    data = base64.b64encode(path.read_bytes()).decode()
    image = f"<img alt='{_text(caption)}' src='data:image/{path.suffix[1:]};base64,{data}'>"
    return f"<figure class='{kind}'>{image}<figcaption>{_text(caption)}</figcaption></figure>"


def _notebooks(executed: Sequence[Path], label: str) -> str:
    ran = {path.stem: path for path in executed}
    rows = []
    for path in ran.values() or [p.with_name(f"{p.stem}.{label}.ipynb") for p in find_notebooks()]:
        notebook = (
            read_notebook(path)
            if path.stem in ran
            else read_notebook(path.with_name(f"{path.stem.split('.')[0]}.ipynb"))
        )
        title, claim = _heading(notebook, path.stem)
        failed = (
            " <span class='badge fails'>failed</span>"
            if notebook["metadata"].get("papermill", {}).get("exception")
            else ""
        )
        link = f"<a href='{path.stem}.html'>{_text(title)}</a>" if path.stem in ran else _text(title)
        rows.append([path.stem.split(".")[0], link + failed, _text(claim)])
    return _table(["notebook", "title", "in a sentence"], rows)


def _heading(notebook: dict[str, Any], fallback: str) -> tuple[str, str]:
    """Return title and claim out of the header cell: its H1 and the paragraph below it."""
    sources = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown"]
    header = next((source for source in sources if source.startswith("# ")), f"# {fallback}")
    paragraphs = [part.replace("\n", " ") for part in header.split("\n\n")]
    return paragraphs[0].removeprefix("# "), paragraphs[1] if len(paragraphs) > 1 else ""


def _provenance(label: str) -> str:
    table = provenance_table(label)
    if table.empty:
        return "<p>No run has saved anything.</p>"
    rows = [[_text("" if pd.isna(cell) else cell) for cell in row] for row in table.itertuples(index=False)]
    return _table(map(_text, table.columns), rows) + _machine(label)


def _machine(label: str) -> str:
    record = json.loads(min((results_dir() / "provenance").glob(f"*.{label}.json")).read_text("utf-8"))
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    machine = ", ".join(f"{name} {value}" for name, value in record["machine"].items())
    return f"<p class='faint'>{_text(textwrap.shorten(machine, 400))}. {_text(versions)}.</p>"
