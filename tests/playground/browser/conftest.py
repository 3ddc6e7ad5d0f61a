"""The page in Chromium, driven by Playwright, on a server of its own process.

Each page is watched: an error in it, or a request to another host than 127.0.0.1, fails the test.
Pictures go to build/screenshots, for eyes.
"""

import re
import shutil
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.playground.browser.pictures import PATIENCE

if find_spec("playwright") is None:
    collect_ignore_glob = ["*.py"]

ROOT = Path(__file__).parents[3]
SCREENSHOTS = ROOT / "build" / "screenshots"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
# Chromium's own calls are none of the page's.
_QUIET = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
# The browser reaches this machine alone: all passes with the network off. One foreign name leads here,
# as a hostile name server could have it.
_HOSTS = "--host-resolver-rules=MAP foreign.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"

# A message to the page's session, from the page.
_ASK = """async message => {
    const answer = await fetch(new URL("answer", location.href.split("#")[0]), {
        method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(message)});
    return answer.json(); }"""


@pytest.fixture(scope="session")
def chromium():
    """The browser, without a window."""
    from playwright.sync_api import sync_playwright

    if CHROMIUM is None:
        pytest.skip("there is no Chromium here")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*_QUIET.split(), _HOSTS]
        )
        yield browser
        browser.close()


class RunningServer:
    """`python -m minnet.playground` as a process."""

    def __init__(self, *arguments):
        self.arguments = arguments
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "minnet.playground", "--no-browser", *self.arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        line = self.process.stdout.readline()
        self.link = re.search(r"http://127\.0\.0\.1:\d+/\S*", line)[0]
        self.address = self.link.split("#")[0]
        self.port = urlsplit(self.address).port
        self.token = urlsplit(self.address).path.strip("/")

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture(scope="module")
def server():
    """A server for all tests of a module: the address of each says its experiment."""
    running = RunningServer()
    yield running
    running.kill()


@pytest.fixture
def start_server():
    """Starts servers for one test: ``start_server("--port", "8000")``."""
    running = []

    def start(*arguments):
        running.append(RunningServer(*arguments))
        return running[-1]

    yield start
    for one in running:
        one.kill()


@pytest.fixture
def new_page(chromium):
    """Opens pages without an address, which an error in them does not fail: ``new_page(viewport=...)``."""
    pages = []

    def open_one(**options):
        page = chromium.new_page(**options)
        page.set_default_timeout(1000 * PATIENCE)
        pages.append(page)
        return page

    yield open_one
    for page in pages:
        page.close()


@pytest.fixture
def open_page(chromium, server):
    """Opens pages: ``open_page("#depth=3", width=390, dark=True)``; its first frame is drawn.

    ``script`` is run in the page before its own.
    """
    contexts, errors, requests = [], [], []

    def open_one(
        state="",
        *,
        address=None,
        width=1440,
        height=900,
        dark=False,
        calm=False,
        playing=True,
        wait=True,
        script=None,
    ):
        context = chromium.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce" if calm else "no-preference",
            has_touch=width < 600,
            permissions=["clipboard-read", "clipboard-write"],
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(1000 * PATIENCE)
        if script:
            page.add_init_script(script)
        page.on("pageerror", lambda error: errors.append(str(error)))
        # What the policy of the server's answers refuses comes here, too.
        page.on(
            "console",
            lambda message: "policy" in message.text.lower() and errors.append(message.text),
        )
        page.on("request", lambda request: requests.append(request.url))
        page.goto((address or server.address) + state)
        if playing is not None:  # another test may have left it as it likes
            page.evaluate(_ASK, {"do": "play" if playing else "pause"})
        if wait:
            page.locator(".minnet-counter b").wait_for()
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert not errors
    hosts = {urlsplit(url).hostname for url in requests if not url.startswith(("data:", "blob:"))}
    assert hosts <= {"127.0.0.1"}


@pytest.fixture
def page(open_page):
    """The page with the server's own experiment."""
    return open_page()


@pytest.fixture
def shoot(request):
    """Keeps a picture of a page: ``shoot(page, "phone")``."""

    def keep(page, name):
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SCREENSHOTS / f"{request.node.path.stem[5:]}_{name}.png")

    return keep


@pytest.fixture
def state_of():
    """What the session of a page says: ``state_of(page)["experiment"]``."""

    return lambda page: page.evaluate(_ASK, {"ask": "state"})


@pytest.fixture
def until():
    """Waits until something is as it must be: ``until(lambda: counter() > 3)``; returns what it then was.

    What changes by itself is asked for once in a condition, and used as it was returned: a second
    question may have another answer.
    """

    def wait(condition):
        ends, looks = time.monotonic() + PATIENCE, 0
        while not (value := condition()):
            looks += 1  # of which there are few where all stood still
            assert time.monotonic() < ends or looks < 100, "it did not become true"
            time.sleep(0.03)
        return value

    return wait
