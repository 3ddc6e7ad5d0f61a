"""A page of somebody else, open in the same browser, tries all that a page can to reach the playground.

Each way is first tried on a server that allows it, so that what does not reach the playground is refused,
and not merely broken.
"""

import http.client
import json
import os
import signal
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import pytest

from tests.playground.browser.pictures import assert_drawn

pytestmark = pytest.mark.browser

EVIL = {"do": "change", "experiment": {"depth": 1, "data": "xor"}}

# What a page can do with an address; each says "read" where it learned something of the answer.
WAYS = """
let body = "";
const read = async (answer) =>
    (answer.type !== "opaque" && (await answer.text()).length ? "read" : "not read");
const loaded = (tag, attribute, url, more = {}) => new Promise((resolve) => {
    const element = Object.assign(document.createElement(tag), more);
    element.onload = () => resolve("read");
    element.onerror = () => resolve("not read");
    element[attribute] = url;
    document.body.append(element);
});
const framed = (url) => new Promise((resolve) => {
    const frame = document.createElement("iframe");
    window.addEventListener("message", ({source}) => source === frame.contentWindow && resolve("read"));
    frame.onload = () => setTimeout(() => resolve("not read"), 2000);
    frame.src = url;
    document.body.append(frame);
});
const posted = (url, enctype) => new Promise((resolve) => {
    const frame = Object.assign(document.createElement("iframe"), {name: `answer${Math.random()}`});
    document.body.append(frame);
    const form = Object.assign(document.createElement("form"),
        {action: url, method: "post", enctype, target: frame.name});
    const plain = [body.slice(0, -1) + ',"x":"', '"}'];
    const [name, value] = enctype === "text/plain" ? plain : ["message", body];
    form.append(Object.assign(document.createElement("input"), {name, value}));
    document.body.append(form);
    frame.onload = () => setTimeout(() => resolve("sent"), 100);
    form.submit();
});
const socket = (url) => new Promise((resolve) => {
    const opened = new WebSocket(url.replace("http", "ws"));
    opened.onopen = () => resolve("read");
    opened.onerror = () => resolve("not read");
});
const events = (url) => new Promise((resolve) => {
    const source = new EventSource(url);
    source.onopen = () => resolve("read");
    source.onerror = () => (source.close(), resolve("not read"));
});
const post = (page, more) => fetch(page + "answer", {method: "POST", body, ...more}).then(read);
const ways = {
    get: (page) => fetch(page + "index.html").then(read),
    "get, not to be read": (page) => fetch(page + "index.html", {mode: "no-cors"}).then(read),
    post: (page) => post(page, {headers: {"Content-Type": "application/json"}}),
    "post, plain": (page) => post(page, {}),
    "post, credentials": (page) => post(page, {credentials: "include"}),
    "post, not to be read": (page) => post(page, {mode: "no-cors"}),
    beacon: async (page) => (navigator.sendBeacon(page + "answer",
        new Blob([body], {type: "text/plain"})), "sent"),
    image: (page) => loaded("img", "src", page + "image.svg"),
    script: (page) => loaded("script", "src", page + "playground.js", {type: "text/javascript"}),
    module: (page) => loaded("script", "src", page + "playground.js", {type: "module"}),
    style: (page) => loaded("link", "href", page + "playground.css", {rel: "stylesheet"}),
    frame: (page) => framed(page + "index.html"),
    "form, plain": (page) => posted(page + "answer", "text/plain"),
    "form, encoded": (page) => posted(page + "answer", "application/x-www-form-urlencoded"),
    socket, events,
};
window.attack = async ([page, message]) => {
    const said = {};
    body = JSON.stringify(message);
    for (const [name, way] of Object.entries(ways)) said[name] = await way(page).catch(() => "refused");
    await new Promise((resolve) => setTimeout(resolve, 300)); // what is on its way
    return said;
};
"""


class Hostile(BaseHTTPRequestHandler):
    """The other page at /, and a server that allows all elsewhere, and notes what reaches it."""

    def do_GET(self):
        kinds = {
            "/": "text/html",
            "svg": "image/svg+xml",
            ".js": "text/javascript",
            "css": "text/css",
        }
        kind = kinds.get(self.path[-3:] if self.path != "/" else "/", "text/html")
        content = {
            "/": f"<!doctype html><body><script>{WAYS}</script>",
            "svg": '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>',
        }
        page = '<script>parent.postMessage("here", "*")</script>' if kind == "text/html" else "/**/"
        self.reply(content.get("/" if self.path == "/" else self.path[-3:], page), kind)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.arrived.append(body)
        self.reply("taken", "text/plain")

    def do_OPTIONS(self):
        self.reply("", "text/plain")

    def reply(self, content, kind):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Access-Control-Allow-Origin", self.headers.get("Origin", "*"))
        self.send_header("Access-Control-Allow-Credentials", "true")
        self.send_header("Access-Control-Allow-Headers", "content-type")
        self.end_headers()
        self.wfile.write(content.encode())

    def log_message(self, *_):
        pass


@contextmanager
def serving():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hostile)
    server.daemon_threads, server.arrived = True, []
    threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
    yield server, f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def hostile(chromium):
    """The other page, and the server that allows all."""
    with serving() as (_, home), serving() as (lax, allowed):
        context = chromium.new_context()
        page = context.new_page()
        page.goto(home)
        yield page, lax, allowed
        context.close()


def test_another_page_reaches_nothing_with_and_without_the_token(
    open_page, until, server, state_of, hostile
):
    page = open_page("#data=moons&depth=3&width=8")
    assert_drawn(page, until)
    other, lax, allowed = hostile
    said = other.evaluate("given => attack(given)", [allowed, EVIL])
    could = {name for name, what in said.items() if what == "read"}
    assert {
        "get",
        "post",
        "post, credentials",
        "image",
        "script",
        "module",
        "style",
        "frame",
    } <= could
    until(lambda: sum('"depth":1' in unquote(body) for body in lax.arrived) >= 7)

    before = state_of(page)
    root = f"http://127.0.0.1:{server.port}/"
    for address in (root + server.token + "/", root + "A" * len(server.token) + "/", root):
        said = other.evaluate("given => attack(given)", [address, EVIL])
        assert "read" not in said.values(), said
        assert said["post"] == said["post, plain"] == said["get"] == "refused"
    after = state_of(page)
    assert after["experiment"] == before["experiment"]
    assert after["generation"] == before["generation"]
    # It is not that nothing answers any more.
    assert_drawn(page, until)


def test_a_name_bound_to_this_machine_by_others_opens_nothing(chromium, server):
    """Rebinding: the browser believes that foreign.test is at 127.0.0.1."""
    context = chromium.new_context()
    page = context.new_page()
    with serving() as (running, _):
        port = running.server_address[1]
        assert page.goto(f"http://foreign.test:{port}/").status == 200  # the name does lead here
    answer = page.goto(f"http://foreign.test:{server.port}/{server.token}/")
    assert answer.status == 403
    assert page.locator(".minnet").count() == 0
    asked = """async () => (await fetch("answer", {method: "POST", body: '{"do": "pause"}',
        headers: {"Content-Type": "application/json"}})).status"""
    assert page.evaluate(asked) == 403  # of its own origin, as the browser takes it
    assert page.goto(server.address).status == 200
    page.locator(".minnet-counter b").wait_for()
    context.close()


@pytest.mark.parametrize(
    ("host", "origin", "token"),
    [
        ("foreign.test", None, True),
        (None, "http://foreign.test", True),
        (None, "null", True),
        (None, None, "A" * 22),
        (None, None, ""),
    ],
)
def test_what_the_command_serves_refuses_strangers(server, host, origin, token):
    own = f"127.0.0.1:{server.port}"
    folder = {True: f"/{server.token}", "": ""}.get(token, f"/{token}")

    def post(host, origin, folder):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        headers = {"Content-Type": "application/json", "Host": host}
        headers |= {"Origin": origin} if origin else {}
        connection.request("POST", f"{folder}/answer", json.dumps({"ask": "state"}), headers)
        answer = connection.getresponse()
        status, said = answer.status, json.loads(answer.read())
        connection.close()
        return status, said

    status, said = post(host or own, origin, folder)
    assert status == 403
    assert set(said) == {"error"}
    assert post(own, f"http://{own}", f"/{server.token}")[0] == 200


@pytest.mark.skipif(os.name == "nt", reason="processes are halted otherwise there")
def test_a_server_that_stands_still_is_gone_until_it_goes_on(open_page, start_server, until):
    server = start_server()
    page = open_page(address=server.address)
    server.process.send_signal(signal.SIGSTOP)
    page.locator(".minnet-banner:not([hidden])").wait_for()
    server.process.send_signal(signal.SIGCONT)
    page.locator(".minnet-banner").wait_for(state="hidden")
    step = page.inner_text(".minnet-counter b")
    until(lambda: page.inner_text(".minnet-counter b") != step)


def test_another_server_at_the_same_port_is_not_taken_for_its_own(open_page, start_server):
    server = start_server()
    page = open_page(address=server.address)
    server.kill()
    page.locator(".minnet-banner:not([hidden])").wait_for()
    start_server("--port", str(server.port))
    page.wait_for_timeout(2000)
    assert page.locator(".minnet-banner").is_visible()
