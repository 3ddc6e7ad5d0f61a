"""The documentation's recordings are played without a kernel: from files, from any folder of a server."""

import functools
import http.server
import threading
from pathlib import Path

import pytest

pytest.importorskip("sphinx")
pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[3]
PAGE = """\
Two recordings
==============

.. playground:: zeros

   random: They learn.
   zeros: They learn nothing.

.. container:: far

   Below the first screen.

.. playground:: trap
   :view: steps

   glorot: A blackboard.

.. playground-paper::

.. playground-lessons::

.. playground-controls::
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A site in a folder of its own, with a page in a folder of it."""
    from sphinx.cmd.build import main

    source = tmp_path_factory.mktemp("docs")
    (source / "deep").mkdir()
    (source / "deep" / "index.rst").write_text(PAGE)
    (source / "index.rst").write_text("Home\n====\n\n.. toctree::\n\n   deep/index\n")
    (source / "far.css").write_text(".far { height: 2000px; }")
    (source / "conf.py").write_text(
        f"import sys\nsys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'docs/_extensions')!r}]\n"
        f"extensions = ['playground']\nhtml_static_path = [{str(ROOT / 'docs/_static')!r}, 'far.css']\n"
        "html_css_files = ['far.css']\nhtml_theme = 'basic'\n"
    )
    assert main(["-q", "-W", "-b", "html", str(source), str(source / "site")]) == 0
    return source / "site"


@pytest.fixture
def served(site):
    """The site's address, in a folder of a server's."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    handler = functools.partial(Quiet, directory=site.parent)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/site"
        server.shutdown()


def wait_for_loss(recording, beginning):
    """Wait until the picture of the loss says what it is at the last step."""
    said = f"at step 560 training {beginning}"
    recording.locator(f'figure.chart-loss canvas[aria-label*="{said}"]').wait_for()


@pytest.mark.parametrize("where", ["file", "server"])
def test_a_recording_is_played_when_it_is_seen(new_page, site, served, shoot, where):
    address = site.as_uri() if where == "file" else served
    page = new_page(viewport={"width": 1000, "height": 800})
    errors, requests = [], []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(f"{address}/deep/index.html")

    first, second, third = page.locator(".recorded-playground").all()
    wait_for_loss(first, "0.1")
    first.get_by_role("combobox").select_option("All 0")
    first.get_by_text("They learn nothing.").wait_for()
    wait_for_loss(first, "0.69")

    assert second.locator(".minnet").count() == 0
    assert not any("trap" in url for url in requests)
    second.scroll_into_view_if_needed()
    second.get_by_role("button", name="Next", exact=True).click()
    second.locator(".bb-matrix:visible").first.wait_for()
    third.scroll_into_view_if_needed()
    third.get_by_text("Sigmoid: activations through training").first.wait_for()
    shoot(page, f"played_from_{where}")

    page.close()
    assert not errors
    assert all(url.startswith((f"{address}/", "data:")) for url in requests)


def test_lessons_and_controls_are_those_of_the_page(site):
    text = (site / "deep" / "index.html").read_text()
    assert text.count("lesson=") == 8
    assert "Bring the loss below 40 % of the best constant within 2,000 steps." in text
    assert "glorot_uniform" in text


def test_pages_without_a_recording_load_nothing_of_it(site):
    assert "playground.js" in (site / "deep" / "index.html").read_text()
    assert "playground.js" not in (site / "index.html").read_text()
