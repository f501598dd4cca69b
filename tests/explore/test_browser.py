"""The controls in a real JupyterLab, in Chromium: open, run all cells, move them, see the picture change.

Needs Chromium on the path, and is skipped without it; `make test`, and so `.ci/run`, runs it where there is one.
Notebooks run with small parameters. `pytest tests/explore/test_browser.py -s --basetemp=DIR` prints how long the
browser waited for each new picture and leaves screenshots in DIR.
"""

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import nbformat
import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
MINUTES = 60_000  # milliseconds

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the path (apt-get install chromium)")

SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},  # every output stays in the page
    "docmanager-extension/plugin": {"autosave": False},
}
SMALL: dict[str, dict[str, object]] = {
    "01_pipeline": {"n_frames": 60, "segment_frames": 30, "network_frames": 10},
    "02_roi": {"n_frames": 60, "shown": 50, "speed_wh": (640, 360), "speed_frames": 3},
    "03_masking": {"n_frames": 60, "stretches": 1},
    "07_cryptanalysis": {"n_frames": 80, "attacked_frames": 1, "sweeps": 4},
}


class Lab(NamedTuple):
    """A running JupyterLab: its address, token and folder."""

    url: str
    token: str
    folder: Path


def copy_small(name: str, folder: Path) -> None:
    """Copy a notebook with small values in its parameters cell."""
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    cell = notebook.cells[1]
    for parameter, value in SMALL[name].items():
        cell.source, found = re.subn(
            rf"^{parameter} = .*$", f"{parameter} = {value!r}", cell.source, flags=re.M
        )
        assert found == 1, f"{name} has no parameter {parameter}"
    nbformat.write(notebook, folder / f"{name}.ipynb")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def environment(home: Path) -> dict[str, str]:
    for name, values in SETTINGS.items():
        path = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    own = {f"JUPYTER_{kind}_DIR": str(home / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")}
    own |= {
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "spaces"),
    }
    own |= {"GCTR_RESULTS": str(home / "results"), "GCTR_NOTEBOOKS": str(ROOT / "notebooks")}
    return {**os.environ, **own, "IPYTHONDIR": str(home / "ipython"), "PYTHONWARNINGS": ""}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    home, folder = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("notebooks")
    for name in SMALL:
        copy_small(name, folder)
    port, token = free_port(), secrets.token_hex(16)
    options = [
        "--no-browser",
        "--allow-root",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--ServerApp.port_retries=0",
    ]
    options += [f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={folder}"]
    command = [sys.executable, "-m", "jupyterlab", *options]
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(command, cwd=folder, env=environment(home), stdout=log, stderr=log)
        try:
            made = Lab(f"http://127.0.0.1:{port}", token, folder)
            wait_until(lambda: answers(made, server, home / "log"), 90)
            yield made
        finally:
            server.terminate()  # it ends its kernels first
            server.wait(30)


def answers(lab: Lab, server: subprocess.Popen, log: Path) -> bool:
    assert server.poll() is None, log.read_text()
    try:
        with urllib.request.urlopen(f"{lab.url}/api/status?token={lab.token}", timeout=5) as reply:
            return reply.status == 200
    except OSError:
        return False


def wait_until(holds: Callable[[], bool], seconds: float, every: float = 0.2) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(every)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # Chromium's sandbox does not work for root in a container; the only pages are this machine's own.
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    page.set_default_timeout(0.5 * MINUTES)
    yield page
    page.close()


def run_all(page: Page, lab: Lab, name: str) -> None:
    """Open a notebook as its reader does, run all its cells and wait for the last."""
    page.goto(f"{lab.url}/lab/workspaces/{name}/tree/{name}.ipynb?token={lab.token}", timeout=2 * MINUTES)
    expect(page.locator(".jp-Notebook .jp-CodeCell").first).to_be_visible(timeout=2 * MINUTES)
    # Before its kernel is there JupyterLab drops the request, or asks for a kernel.
    expect(page.get_by_role("button", name=re.compile(r"\| Idle"))).to_be_visible(timeout=2 * MINUTES)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    prompts = page.locator(".jp-CodeCell .jp-InputArea-prompt")
    expect(prompts.first).not_to_have_text(re.compile(r"\[ \]"))
    wait_until(lambda: "*" not in "".join(prompts.all_inner_texts()), 300)
    texts = prompts.all_inner_texts()
    assert not tracebacks(page)
    assert all(re.fullmatch(r"\[\d+\]:", text.strip()) for text in texts), texts


def tracebacks(page: Page) -> list[str]:
    """Return the errors that cells ended with; JupyterLab shows them as it shows what is written to stderr."""
    written = page.locator('[data-mime-type="application/vnd.jupyter.stderr"]')
    return written.filter(has_text="Traceback (most recent call last)").all_inner_texts()


def panel_of(page: Page) -> Locator:
    panel = page.locator(".jp-CodeCell").filter(has=page.locator(".widget-box, .jupyter-widgets"))
    expect(panel).to_have_count(1)
    panel.scroll_into_view_if_needed()
    return panel


class Watcher:
    """Looks at the one picture of a panel and waits for the next."""

    def __init__(self, panel: Locator, name: str) -> None:
        self.picture, self.name = panel.locator(".jp-RenderedImage img"), name
        expect(self.picture).to_have_count(1)
        self.last = self.source()

    def source(self) -> str:
        source = self.picture.get_attribute("src") or ""
        assert source.startswith("data:image/jpeg;base64,")
        return source

    def changed(self, what: str, act: Callable[[], object]) -> None:
        """Do something and wait until another picture stands in the same place."""
        began = time.perf_counter()
        act()
        wait_until(lambda: self.source() != self.last, 20, every=0.01)
        print(f"{self.name}: {what}: another picture within {1000 * (time.perf_counter() - began):.0f} ms")
        self.last = self.source()
        expect(self.picture).to_have_count(1)
        assert self.picture.evaluate("image => image.complete && image.naturalWidth > 100")


def press(panel: Locator, number: int, key: str) -> Callable[[], None]:
    return lambda: panel.locator(".noUi-handle").nth(number).press(key)


def drag(panel: Locator, number: int, to: float) -> Callable[[], None]:
    """Click into a slider's track, at a share of its length: the handle goes there."""

    def act() -> None:
        track = panel.locator(".noUi-base").nth(number)
        box = track.bounding_box()
        assert box is not None
        track.click(position={"x": to * box["width"], "y": box["height"] / 2}, force=True)

    return act


def choose(panel: Locator, value: str) -> Callable[[], object]:
    return lambda: panel.locator("select").select_option(value)


def click(panel: Locator, name: str) -> Callable[[], None]:
    return lambda: (
        panel.get_by_role("button", name=name).or_(panel.locator(f'button:text-is("{name}")')).first.click()
    )


def actions(name: str, panel: Locator) -> dict[str, Callable[[], object]]:
    return {
        "01_pipeline": {
            "frame": press(panel, 0, "ArrowLeft"),
            "sniffer": click(panel, "sniffer"),
            "cloud": click(panel, "cloud"),
            "surveillance system": click(panel, "surveillance system"),
        },
        "02_roi": {
            "frame": press(panel, 0, "ArrowLeft"),
            "go on": drag(panel, 2, 0.3),
            "start": drag(panel, 1, 0.02),  # which pulls the other down with it
        },
        "03_masking": {
            "frame": press(panel, 0, "ArrowLeft"),
            "strength": press(panel, 1, "ArrowRight"),
            "blur": choose(panel, "blur"),
            "solid": choose(panel, "solid"),
        },
        "07_cryptanalysis": {
            "bucket": press(panel, 0, "ArrowRight"),
            "seed": press(panel, 1, "ArrowRight"),
            "ctr": choose(panel, "ctr"),
        },
    }[name]


@pytest.mark.parametrize("name", SMALL)
def test_controls_move_the_picture(lab: Lab, page: Page, name: str) -> None:
    run_all(page, lab, name)
    panel = panel_of(page)
    watcher = Watcher(panel, name)
    panel.screenshot(path=lab.folder / f"{name}-0.png")
    for number, (what, act) in enumerate(actions(name, panel).items(), 1):
        watcher.changed(what, act)
        panel.screenshot(path=lab.folder / f"{name}-{number}.png")
    assert not tracebacks(page)
