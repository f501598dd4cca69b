"""What the documents say is so: what they name exists, what they quote stands there, what they tell to run runs."""

import ast
import importlib
import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from gctr.cli import app

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "results/README.md", "datasets/README.md"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
NOT_OF_THE_TREE = ("build/", "cloud/", "camera/", "keys/", "models/")  # made by running, or the user's own


@pytest.fixture(params=DOCUMENTS)
def document(request: pytest.FixtureRequest) -> str:
    return (ROOT / request.param).read_text("utf-8")


def prose(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def quoted(text: str) -> list[str]:
    return re.findall(r"`([^`\n]+)`", prose(text))


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def resolve(dotted: str) -> object:
    """Import as much of a dotted name as is a module, and follow attributes for the rest."""
    parts = dotted.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for part in parts[end:]:
            found = getattr(found, part)
        return found
    raise ModuleNotFoundError(dotted)


# --- names -----------------------------------------------------------------------------------------------------


def test_links_lead_somewhere(document: str, request: pytest.FixtureRequest) -> None:
    folder = (ROOT / request.node.callspec.params["document"]).parent
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", document) if "://" not in link]
    assert [link for link in links if not (folder / link).exists()] == []


def test_paths_that_are_named_exist(document: str, request: pytest.FixtureRequest) -> None:
    own = (ROOT / request.node.callspec.params["document"]).parent
    names = [name for name in quoted(document) if re.fullmatch(r"[\w.-]+(/[\w.-]+)*/?", name) and "/" in name]
    bases = (ROOT, ROOT / "gctr", own)
    gone = [
        name for name in names if not any((b / f"{name}{end}").exists() for b in bases for end in ("", ".py"))
    ]
    assert [name for name in gone if not name.startswith(NOT_OF_THE_TREE)] == []


def test_modules_and_functions_that_are_named_exist(document: str) -> None:
    for name in quoted(document):
        if re.fullmatch(r"gctr(\.\w+)+", name):
            resolve(name)


def paragraphs() -> Iterator[tuple[str, list[str]]]:
    """Yield each folder of gctr with what ARCHITECTURE.md names in its paragraph."""
    section = (ROOT / "ARCHITECTURE.md").read_text("utf-8").split("## The folders")[1].split("\n## ")[0]
    for paragraph in section.split("\n\n"):
        head = re.match(r"\*\*`gctr/(\w+)`\*\*", paragraph)
        if head:
            yield head[1], quoted(paragraph)[1:]


def public_names(folder: Path) -> set[str]:
    """Return the modules and packages below a folder and what they define at the top."""
    names = set()
    for path in folder.rglob("*.py"):
        body = ast.parse(path.read_text("utf-8")).body
        names |= {path.stem, path.parent.name} | {
            node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)
        }
    return names


def test_the_map_has_every_folder_and_names_what_is_in_it() -> None:
    described = dict(paragraphs())
    folders = {path.parent.name for path in (ROOT / "gctr").glob("*/__init__.py")}
    assert set(described) == folders
    modes = {"ctr", "gctr", "bucket_ctr", "bucket_gcm", "gctr …"}
    for folder, names in described.items():
        known = public_names(ROOT / "gctr" / folder) | modes
        assert [name for name in names if name not in known] == [], folder


def test_the_readme_lists_every_notebook() -> None:
    listed = re.findall(r"\]\(notebooks/(\w+)\.ipynb\)", (ROOT / "README.md").read_text("utf-8"))
    assert listed == [path.stem for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]


def test_the_changelog_begins_with_this_version() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text("utf-8")
    versions = re.findall(r"^## (\S+)", changes, re.MULTILINE)
    assert versions[0].strip("[]") == PROJECT["version"]
    assert importlib.import_module("gctr").__version__ == PROJECT["version"]


# --- quotations and commands -----------------------------------------------------------------------------------


def test_contributing_quotes_its_examples_word_for_word() -> None:
    sections = (ROOT / "CONTRIBUTING.md").read_text("utf-8").split("\n### ")[1:]
    examples = {path.name for path in (ROOT / "tests" / "how_to").glob("test_add_*.py")}
    assert {name for section in sections for name in re.findall(r"test_add_\w+\.py", section)} == examples
    for section in sections:
        for block in blocks(section, "python"):
            (name,) = set(re.findall(r"tests/how_to/test_add_\w+\.py", section))
            plain = re.sub(r"^ +", "", block, flags=re.MULTILINE)
            lines = re.sub(r"^ +", "", (ROOT / name).read_text("utf-8"), flags=re.MULTILINE)
            assert plain in lines, f"{name} does not hold:\n{block}"


def commands(text: str) -> list[list[str]]:
    """Return what a document tells to run: lines of its shell blocks, and `gctr …`, `make …` in its prose."""
    lines = [line for block in blocks(text, "sh") for line in block.splitlines()]
    told = [*lines, *quoted(text)]
    words = [shlex.split(line, comments=True) for line in told if "'" not in line]
    return [command for command in words if command and command[0] in ("gctr", "make") and "…" not in command]


def test_commands_that_are_told_exist(document: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for program, *words in commands(document):
        if program == "make":
            assert [word for word in words if "=" not in word and word not in targets] == []
            continue
        group, options = get_command(app), set()
        while words and words[0] in getattr(group, "commands", {}):
            group = group.commands[words.pop(0)]
        assert not hasattr(group, "commands") or not words or words[0].startswith("-"), words
        options = {
            name for parameter in group.params for name in (*parameter.opts, *parameter.secondary_opts)
        }
        wanted = {word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)}
        assert wanted <= options | {"--help", "-h"}, f"gctr {group.name}: {sorted(wanted - options)}"


def test_the_first_example_of_the_readme_works() -> None:
    (example,) = blocks((ROOT / "README.md").read_text("utf-8"), "python")
    told: dict[str, object] = {}
    exec(example, told)
    assert told["frame"].shape == (360, 640, 3)  # type: ignore[attr-defined]


# --- containers, hooks, reference ------------------------------------------------------------------------------


def dockerfile() -> list[list[str]]:
    text = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
    return [line.split() for line in text.splitlines() if line and not line.startswith("#")]


def test_the_container_has_a_python_that_ci_tests_and_runs_what_the_makefile_knows() -> None:
    steps = {name: words for name, *words in dockerfile()}
    version = re.fullmatch(r"python:(\d\.\d+)-slim-\w+", steps["FROM"][0])
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8"))
    assert version
    assert version[1] in workflow["jobs"]["ci"]["strategy"]["matrix"]["python"]
    assert PROJECT["requires-python"] == f">={version[1]}"
    assert steps["USER"] != ["root"]
    makefile = (ROOT / "Makefile").read_text("utf-8")
    told = [
        json.loads(" ".join(steps["CMD"])),
        *(words[0:2] for name, *words in dockerfile() if words[0] == "make"),
    ]
    assert [command for command in told if f"\n{command[1]}:" not in makefile] == []


def test_the_container_copies_files_that_exist() -> None:
    for name, *words in dockerfile():
        if name == "COPY":
            *sources, _ = [word for word in words if not word.startswith("--")]
            assert [source for source in sources if not (ROOT / source).exists()] == []


def test_the_development_container_is_built_from_the_dockerfile() -> None:
    folder = ROOT / ".devcontainer"
    told = json.loads((folder / "devcontainer.json").read_text("utf-8"))
    assert (folder / told["build"]["dockerfile"]).resolve() == ROOT / "Dockerfile"
    assert (folder / told["build"]["context"]).resolve() == ROOT
    assert f"useradd --create-home --uid 1000 {told['remoteUser']}" in (ROOT / "Dockerfile").read_text(
        "utf-8"
    )


def test_hooks_run_what_make_lint_runs() -> None:
    recipe = (ROOT / "Makefile").read_text("utf-8").split("\nlint:")[1].split("\n\n")[0]
    wanted = [line.removesuffix(" notebooks/*.ipynb") for line in re.findall(r"\$\(BIN\)/(.+)", recipe)]
    (local,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"]
    assert [hook["entry"] for hook in local["hooks"]] == wanted
    assert {hook["language"] for hook in local["hooks"]} == {"system"}


def test_the_reference_has_a_page_for_every_public_module(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "docs" / "build.py", tmp_path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    pages = {path.relative_to(tmp_path).with_suffix("").as_posix() for path in tmp_path.rglob("*.html")}
    sources = (path.relative_to(ROOT).with_suffix("").as_posix() for path in (ROOT / "gctr").rglob("*.py"))
    public = {
        path.removesuffix("/__init__") for path in sources if "/_" not in path.removesuffix("/__init__")
    }
    assert pages == public | {"index"}
    assert "grow_boxes" in (tmp_path / "gctr" / "vision" / "masking.html").read_text("utf-8")
