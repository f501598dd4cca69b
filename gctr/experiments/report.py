"""The report: every executed notebook as a page, and an index that links them under the table of claims."""

import html
from pathlib import Path
from typing import Any

from gctr.experiments.claims import CONDITIONAL, FAILS, HOLDS, claims_table
from gctr.experiments.files import results_dir, write_result
from gctr.experiments.parameters import read_notebook

_BADGES = {HOLDS: "holds", FAILS: "fails", CONDITIONAL: "conditional"}
_STYLE = """
:root { color-scheme: light; --ink: #1c2430; --faint: #667085; --line: #e4e7ec; }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); max-width: 62rem; }
body { margin: 3rem auto; padding: 0 1.5rem; }
h1 { font-size: 1.9rem; margin-bottom: .2rem; } h2 { margin-top: 2.5rem; }
p.lead, .faint { color: var(--faint); }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; vertical-align: top; padding: .45rem .7rem .45rem 0; }
th, td { border-bottom: 1px solid var(--line); }
.badge { border-radius: .6rem; padding: .1rem .6rem; white-space: nowrap; }
.badge { background: #eef0f3; color: var(--faint); }
.holds { background: #d9f2e6; color: #00573f; } .fails { background: #fbe0d2; color: #8a3d00; }
.conditional { background: #fdf0d0; color: #6f4c00; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(18rem, 1fr)); gap: 1.2rem; }
.card { border: 1px solid var(--line); border-radius: .6rem; padding: 1rem; }
.card { color: inherit; text-decoration: none; }
.card:hover { border-color: #0072b2; } .card h3 { margin: 0 0 .3rem; }
.card p { margin: .3rem 0; font-size: .92rem; }
.card img { width: 100%; height: 9rem; object-fit: contain; }
"""


def write_page(executed: Path, build: Path) -> Path:
    """Write the executed notebook as a page of its own, pictures included, and return the page's path."""
    from nbconvert import HTMLExporter  # slow to import, and needed only when notebooks run

    page = build / "report" / f"{executed.stem}.html"
    body, _ = HTMLExporter(template_name="lab", embed_images=True).from_filename(str(executed))
    write_result(page, body.encode())
    return page


def write_index(build: Path) -> Path:
    """Write ``report/index.html`` over all executed notebooks that `build` holds, and return its path."""
    executed = sorted((build / "notebooks").glob("*.ipynb"))
    datasets = sorted(
        {path.stem.split(".")[1] for path in executed}, key=lambda name: (name != "synthetic", name)
    )
    sections = [
        _section(name, [path for path in executed if path.stem.endswith(f".{name}")], build)
        for name in datasets
    ]
    page = build / "report" / "index.html"
    write_result(page, _document("\n".join(sections)).encode())
    return page


def _document(body: str) -> str:
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>gctr: results</title><style>{_STYLE}</style></head><body>
<h1>gctr: results</h1>
<p class="lead">Privacy-preserving CCTV: ROI transmission, reversible face masking and GCTR-AES, measured.</p>
{body}
</body></html>
"""


def _section(dataset: str, executed: list[Path], build: Path) -> str:
    cards = "\n".join(_card(path, build) for path in executed)
    return (
        f"<h2>Dataset: {html.escape(dataset)}</h2>\n{_claims(dataset)}\n<div class='cards'>\n{cards}\n</div>"
    )


def _claims(dataset: str) -> str:
    rows = (
        f"<tr><td>{row.claim}</td><td>{html.escape(row.text)}</td>"
        f"<td><span class='badge {_BADGES.get(row.verdict, '')}'>{row.verdict}</span></td>"
        f"<td>{html.escape(row.measured)}</td></tr>"
        for row in claims_table(dataset).itertuples()
    )
    head = "<tr><th></th><th>Claim</th><th>Verdict</th><th>Measured</th></tr>"
    return f"<table>{head}{''.join(rows)}</table><p></p>"


def _card(path: Path, build: Path) -> str:
    notebook = read_notebook(path)
    title, claim = _heading(notebook, path.stem)
    record = notebook["metadata"].get("papermill", {})
    failed = "<span class='badge fails'>failed</span>" if record.get("exception") else ""
    seconds = f"{record.get('duration') or 0:.0f} s"
    return (
        f"<a class='card' href='{path.stem}.html'>{_thumbnail(path.stem, build)}<h3>{html.escape(title)}</h3>"
        f"<p>{html.escape(claim)}</p><p class='faint'>{path.stem.split('.')[0]}, {seconds} {failed}</p></a>"
    )


def _heading(notebook: dict[str, Any], fallback: str) -> tuple[str, str]:
    """Return title and claim out of the header cell: its H1 and the paragraph below it."""
    sources = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown"]
    header = next((source for source in sources if source.startswith("# ")), f"# {fallback}")
    paragraphs = [part.replace("\n", " ") for part in header.split("\n\n")]
    return paragraphs[0].removeprefix("# "), paragraphs[1] if len(paragraphs) > 1 else ""


def _thumbnail(stem: str, build: Path) -> str:
    figures = sorted((results_dir() / "figures").glob(f"{stem}.*.png"))
    if not figures:
        return ""
    write_result(build / "report" / "figures" / figures[0].name, figures[0].read_bytes())
    return f"<img src='figures/{figures[0].name}' alt=''>"
