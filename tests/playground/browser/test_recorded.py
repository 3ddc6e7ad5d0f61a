"""A page of recordings, as the documentation has them: files alone, given out by any server."""

import re
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from minnet.playground.recording import record
from minnet.playground.server import STATIC

pytestmark = [pytest.mark.browser, pytest.mark.dev]

STEPS = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500]
RUNS = [
    ("Just right", "Each layer passes on what it gets.", {"depth": 6, "width": 16}),
    ("Too small", "Nothing arrives at the end.", {"depth": 6, "width": 16, "gain": 0.1}),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The address of a folder with the page, its files and a recording."""
    folder = tmp_path_factory.mktemp("site")
    for name in ("playground.js", "playground.css"):
        shutil.copy(STATIC / name, folder)
    for name, file in (("index.html", "runs.bin"), ("missing.html", "none.bin")):
        (folder / name).write_text(
            '<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="playground.css">'
            f'<h1>A page of others</h1><div data-minnet-playground data-recording="{file}"></div>'
            '<script type="module" src="playground.js"></script>'
        )
    record(folder / "runs.bin", RUNS, STEPS)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


# Each step that the page counts, written down when it changes: a test may look too late.
_NOTE = """window.counted = [];
new MutationObserver(() => {
    const step = document.querySelector(".minnet-counter b")?.textContent.replace(/\\D/g, "");
    if (step && Number(step) !== window.counted.at(-1)) window.counted.push(Number(step));
}).observe(document, {childList: true, subtree: true, characterData: true});"""


def test_recordings_play_stop_and_are_chosen(site, new_page, until, shoot):
    page = new_page(viewport={"width": 1280, "height": 900})
    page.add_init_script(_NOTE)
    hosts, errors = set(), []
    page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(site)

    def step():
        return int(re.sub(r"\D", "", page.locator(".minnet-counter b").inner_text()))

    player = page.locator(".minnet-player")
    slider, choice = player.locator("input"), player.locator("select")
    button = page.locator(".minnet-primary")

    # It plays by itself, through all of its steps, and stops at the end.
    page.locator(".minnet-counter b").wait_for()
    until(lambda: step() == STEPS[-1])
    counted = page.evaluate("window.counted")
    assert counted == sorted(set(counted) & set(STEPS))
    assert len(counted) > 2
    page.locator(".minnet-primary[data-shows=play]").wait_for()
    assert player.locator("p").inner_text() == RUNS[0][1]
    shoot(page, "end")

    # The slider goes anywhere, back, too.
    slider.fill("3")
    until(lambda: step() == STEPS[3])
    assert slider.get_attribute("aria-valuetext") == f"frame 4 of {len(STEPS)}"
    page.keyboard.press("ArrowRight")
    until(lambda: step() == STEPS[4])

    # Play goes on from there; from the end it begins anew.
    button.click()
    until(lambda: step() > STEPS[4])
    until(lambda: step() == STEPS[-1])
    page.locator(".minnet-primary[data-shows=play]").wait_for()
    page.evaluate("window.counted = []")
    button.click()
    until(lambda: page.evaluate("window.counted.some(step => step < 500)"))

    assert page.locator(".chart-phase .chart-message").is_hidden()

    # Another recording begins at its start, with its own curves.
    choice.select_option(RUNS[1][0])
    until(lambda: player.locator("p").inner_text() == RUNS[1][1])
    until(lambda: step() == STEPS[-1])
    shoot(page, "too_small")

    # What only a session can do is not offered; nothing is asked of other hosts.
    assert page.locator(".minnet-control").count() == 0
    assert page.get_by_role("button", name="Diagnose").count() == 0
    assert hosts - {None} == {"127.0.0.1"}
    assert errors == []
    page.close()


def test_on_a_phone_it_fits(site, new_page, shoot):
    page = new_page(viewport={"width": 390, "height": 844}, has_touch=True)
    page.goto(site)
    page.locator(".minnet-counter b").wait_for()
    shoot(page, "phone")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()


def test_a_recording_that_is_not_there_is_said(site, new_page):
    page = new_page()
    page.goto(site + "missing.html")
    page.get_by_text("The recording cannot be shown: none.bin: 404").wait_for()
    page.close()
