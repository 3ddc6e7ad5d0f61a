"""The page in JupyterLab: a real notebook, its kernel and its front end."""

import json
import os
import re
import subprocess
import sys
import time
from importlib.util import find_spec
from types import SimpleNamespace
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest

from tests.playground.browser.pictures import PATIENCE

pytestmark = [
    pytest.mark.dev,
    pytest.mark.browser,
    pytest.mark.skipif(
        not all(map(find_spec, ("jupyterlab", "nbformat", "anywidget", "ipykernel"))),
        reason="needs JupyterLab, its kernel and anywidget",
    ),
]

CELLS = [
    "from minnet.playground import Playground\nplayground = Playground(depth=4, width=16)\nplayground",
    "import os, time\nwhile not os.path.exists('wake'):\n    time.sleep(0.1)\nprint('slept')",
    "playground.close()\n"
    "import threading\n"
    "print('left:', [t.name for t in threading.enumerate() if 'playground' in t.name])",
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A JupyterLab of its own: ``lab.link("lab/tree/a.ipynb")`` is an address in it."""
    import nbformat

    tmp_path = tmp_path_factory.mktemp("lab")
    (tmp_path / "files").mkdir()
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    for name in ("a.ipynb", "b.ipynb"):
        nbformat.write(notebook, tmp_path / "files" / name)
    own = {
        name: str(tmp_path / name)
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    }
    log = tmp_path / "log"
    process = subprocess.Popen(
        [
            sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1",
            "--port=0",
            "--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
            f"--ServerApp.root_dir={tmp_path / 'files'}",
            f"--LabApp.user_settings_dir={tmp_path / 'settings'}",
            f"--LabApp.workspaces_dir={tmp_path / 'workspaces'}",
        ],
        stderr=log.open("w"), env=os.environ | own,
    )  # fmt: skip
    ends = time.monotonic() + PATIENCE
    while not (found := re.search(r"(http://127\.0\.0\.1:\d+)/lab\?token=(\w+)", log.read_text())):
        assert time.monotonic() < ends, log.read_text()
        assert process.poll() is None, log.read_text()
        time.sleep(0.1)
    yield SimpleNamespace(
        link=lambda path: f"{found[1]}/{path}?token={found[2]}", folder=tmp_path / "files"
    )
    process.terminate()
    process.wait(PATIENCE)


@pytest.fixture
def screen(new_page):
    """A page that agrees to whatever JupyterLab asks, as on a slow machine it does."""
    page = new_page(viewport={"width": 1440, "height": 1000})
    dialog = page.locator(".jp-Dialog")
    page.add_locator_handler(dialog, lambda: dialog.locator(".jp-mod-accept").first.click())
    return page


def run(page, i, until):
    """Run a cell by the keyboard; before the kernel is connected the keys are lost."""
    cell = page.locator(".jp-Notebook .jp-CodeCell").nth(i)

    def has_run():
        cell.locator(".cm-content").first.click()
        page.keyboard.press("Control+Enter")
        page.wait_for_timeout(1000)
        return cell.locator(".jp-InputPrompt").first.inner_text() != "[ ]:"

    until(has_run)


def test_a_notebook_in_jupyterlab(lab, screen, shoot, until):
    page = screen
    hosts, errors = set(), []
    page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(lab.link("lab/tree/a.ipynb"))
    run(page, 0, until)

    def steps():
        text = page.locator(".minnet-counter b").inner_text()
        return int(re.sub(r"\D", "", text))

    def at_rest():
        """Wait until the counter stands still, and return where: the last frame may be on its way."""

        def same_twice():
            seen = steps()
            page.wait_for_timeout(1000)
            return seen == steps() and (seen,)

        return until(same_twice)[0]

    def pressed(name):
        page.locator(f".minnet-primary[data-shows={name}]").click()

    def shows(name):
        page.locator(f".minnet-primary[data-shows={name}]").wait_for()

    page.locator(".minnet-counter b").wait_for()
    first = steps()
    until(lambda: steps() > first)
    shoot(page, "jupyterlab")
    assert page.locator(".minnet canvas").count() > 3

    # A control acts.
    pressed("pause")
    shows("play")
    still = at_rest()
    pressed("play")
    until(lambda: steps() > still)

    # Keys pressed in the page are not the notebook's, where b adds a cell.
    for place in (".minnet-run button:nth-child(3)", ".chart-loss .chart-stage", "[type=range]"):
        page.locator(f".minnet {place}").first.focus()
        for key in "bb":
            page.keyboard.press(key)
    page.wait_for_timeout(300)
    assert page.locator(".jp-Notebook .jp-CodeCell").count() == len(CELLS)

    # While a cell runs, frames keep coming; what is pressed then is done at its end at the latest.
    run(page, 1, until)
    page.get_by_text("[*]:").wait_for()
    begun = steps()
    until(lambda: steps() > begun)
    seen = steps()
    until(lambda: steps() > seen)
    pressed("pause")
    assert page.get_by_text("[*]:").is_visible()
    (lab.folder / "wake").touch()
    page.get_by_text("slept", exact=True).wait_for()
    shows("play")
    at_rest()
    assert page.locator(".minnet-banner").is_hidden()

    # Closing it takes the page away, and ends its threads.
    run(page, 2, until)
    page.get_by_text("left: []").wait_for()
    assert page.locator(".minnet").count() == 0
    assert hosts - {None} == {"127.0.0.1"}  # none: what an address has in itself
    assert errors == []
    page.close()


def test_a_kernel_that_is_gone_is_said(lab, screen, until):
    page = screen
    page.goto(lab.link("lab/workspaces/b/tree/b.ipynb"))
    run(page, 0, until)
    page.locator(".minnet-counter b").wait_for()

    def asked(method, path):
        with urlopen(Request(lab.link(path), method=method), timeout=PATIENCE) as answer:
            return answer.read()

    for kernel in json.loads(asked("GET", "api/kernels")):
        asked("DELETE", f"api/kernels/{kernel['id']}")
    page.locator(".minnet-banner").wait_for()
    page.close()
