"""A page of others, open in the same browser, that knows the server's address, its token even."""

import http.server
import os
import signal
import threading
import time

import pytest
from conftest import CHROMIUM

from minnet.playground.server import Server

pytestmark = [pytest.mark.browser, pytest.mark.dev]

#: Tries all that a page can send to another host; says what it got.
ATTACK = """async target => {
    const got = {};
    const body = JSON.stringify({do: "pause"});
    const tries = {
        json: {method: "POST", body, headers: {"Content-Type": "application/json"}},
        plain: {method: "POST", body, headers: {"Content-Type": "text/plain"}},
        blind: {method: "POST", body, mode: "no-cors"},
        beacon: {method: "POST", body, mode: "no-cors", keepalive: true, credentials: "include"},
        read: {method: "GET"},
    };
    for (const [name, options] of Object.entries(tries)) {
        try {
            const answer = await fetch(target + (name === "read" ? "" : "answer"), options);
            got[name] = answer.type === "opaque" ? "opaque" : [answer.status, await answer.text()];
        } catch { got[name] = "refused"; }
    }
    const loaded = (tag, attribute, address) => new Promise(resolve => {
        const element = document.createElement(tag);
        element.onload = () => resolve("loaded");
        element.onerror = () => resolve("refused");
        element[attribute] = address;
        document.body.append(element);
    });
    got.script = await loaded("script", "src", target + "playground.js");
    got.image = await loaded("img", "src", target);
    navigator.sendBeacon(target + "answer", new Blob([body], {type: "application/json"}));
    const form = document.createElement("form");
    Object.assign(form, {method: "post", action: target + "answer", enctype: "text/plain"});
    form.target = "inside";
    const field = document.createElement("input");
    Object.assign(field, {name: '{"do": "pause", "x": "', value: '"}'});
    form.append(field);
    const frame = document.createElement("iframe");
    frame.name = "inside";
    document.body.append(frame, form);
    form.submit();
    await new Promise(resolve => setTimeout(resolve, 500));
    return got;
}"""


class Noted:
    """A session that notes whether anything came through."""

    def __init__(self):
        self.messages = []

    def answer(self, message):
        self.messages.append(message)
        return {"none": True}


class Page(http.server.BaseHTTPRequestHandler):
    """The hostile page: it allows itself everything."""

    def do_GET(self):
        content = b"<!doctype html><title>A nice page</title><body>cats</body>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        pass


@pytest.fixture
def victim():
    server = Server(Noted())
    threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def hostile():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


def test_a_page_of_another_origin_reaches_nothing(chromium, victim, hostile):
    page = chromium.new_page()
    page.goto(hostile)
    got = page.evaluate(ATTACK, victim.address)
    assert len(got) == 7
    assert set(got.values()) == {"refused"}
    assert victim.session.messages == []
    # Nor is the page to be seen within another one, where a click could be stolen.
    page.evaluate(
        """address => {
            const frame = document.createElement("iframe");
            Object.assign(frame, {src: address, name: "framed"});
            document.body.append(frame);
        }""",
        victim.address,
    )
    page.wait_for_timeout(500)
    assert page.frame("framed").query_selector("[data-minnet-playground]") is None
    assert victim.session.messages == []
    page.close()


def test_a_name_of_others_that_leads_here_reaches_nothing(chromium, victim):
    """DNS rebinding: the hostile page's own name has become 127.0.0.1, so it asks within its origin."""
    browser = chromium.browser_type.launch(
        executable_path=CHROMIUM,
        args=["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP nice.example 127.0.0.1"],
    )
    page = browser.new_page()
    answer = page.goto(victim.address.replace("127.0.0.1", "nice.example"))
    assert answer.status == 403
    status = page.evaluate(
        """async () => (await fetch("answer", {method: "POST", body: '{"do": "pause"}',
                         headers: {"Content-Type": "application/json"}})).status"""
    )
    assert status == 403
    assert victim.session.messages == []
    browser.close()


def test_the_page_itself_breaks_no_rule_of_its_policy(open_page, until):
    said = []
    page = open_page(wait=False)
    page.on("console", lambda message: said.append(message.text))
    page.reload()
    page.locator(".minnet-counter b").wait_for()
    for view in page.locator(".minnet-tab").all():
        view.click()
        page.wait_for_timeout(300)
    for tool in page.locator(".minnet-head .minnet-tool").all()[:3]:
        tool.click()
        page.locator("dialog[open]").wait_for()
        page.keyboard.press("Escape")
    assert [text for text in said if "Content Security Policy" in text] == []


@pytest.mark.skipif(os.name == "nt", reason="processes are halted otherwise there")
def test_a_server_that_stands_still_is_gone_until_it_goes_on(open_page, start_server):
    server = start_server()
    page = open_page(address=server.address)
    server.process.send_signal(signal.SIGSTOP)
    page.locator(".minnet-banner:not([hidden])").wait_for(timeout=30_000)
    server.process.send_signal(signal.SIGCONT)
    page.locator(".minnet-banner").wait_for(state="hidden", timeout=30_000)
    step = page.inner_text(".minnet-counter b")
    ends = time.monotonic() + 20
    while page.inner_text(".minnet-counter b") == step:
        assert time.monotonic() < ends
        time.sleep(0.05)


def test_another_server_at_the_same_port_is_not_taken_for_its_own(open_page, start_server):
    server = start_server()
    page = open_page(address=server.address)
    server.kill()
    page.locator(".minnet-banner:not([hidden])").wait_for()
    start_server("--port", str(server.port))
    page.wait_for_timeout(2000)
    assert page.locator(".minnet-banner").is_visible()
