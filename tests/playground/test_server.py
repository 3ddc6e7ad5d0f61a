"""The page's server, asked by http.client and by bare sockets: who is answered, and with what."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest

from minnet.playground import serve
from minnet.playground.server import HOST, LONGEST_MESSAGE, STATIC, Server

TOKEN = "test-token-0123"
JSON = {"Content-Type": "application/json"}


class Echo:
    """A session that says what it was asked, and notes it."""

    def __init__(self):
        self.messages = []

    def answer(self, message):
        self.messages.append(message)
        if message.get("ask") == "frame":
            return bytes(range(256))
        if message.get("ask") == "trouble":
            raise RuntimeError("a fault of the session")
        return {"said": message}


@contextmanager
def running(session, **options):
    server = Server(session, token=TOKEN, **options)
    thread = threading.Thread(target=server.serve_forever, args=[0.02], daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def server():
    with running(Echo()) as server:
        yield server


def ask(server, path, *, method="GET", body=None, headers=(), token=TOKEN):
    """Return status, headers and content of the answer to one request."""
    connection = http.client.HTTPConnection(HOST, server.server_address[1], timeout=600)
    try:
        connection.request(method, f"/{token}/{path}" if token else path, body, dict(headers))
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def post(server, message, headers=(), path="answer", **options):
    body = message if isinstance(message, bytes) else json.dumps(message)
    return ask(server, path, method="POST", body=body, headers=JSON | dict(headers), **options)


def spoken(server, *lines, body=b""):
    """Return all that is sent back to a request as it is written, until the server hangs up."""
    with socket.create_connection(server.server_address, timeout=600) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while part := connection.recv(65536):
            received += part
    return received


# ---- what is served


def test_the_page_and_all_that_it_loads(server):
    status, headers, page = ask(server, "")
    assert status == 200
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert page == (STATIC / "index.html").read_bytes()
    for name in re.findall(rb'(?:src|href)="([^"]+)"', page):
        if not name.startswith(b"data:"):
            assert ask(server, name.decode())[0] == 200
    assert ask(server, "?lang=de")[2] == page
    assert ask(server, "texts/en.json")[1]["Content-Type"] == "application/json"
    assert ask(server, "playground.js")[1]["Content-Type"] == "text/javascript; charset=utf-8"


def test_the_page_by_an_address_without_its_last_slash(server):
    status, headers, _ = ask(server, f"/{TOKEN}", token=None)
    assert (status, headers["Location"]) == (308, f"/{TOKEN}/")


def test_files_come_zipped_to_who_takes_that(server):
    import gzip

    _, headers, content = ask(server, "playground.js", headers={"Accept-Encoding": "gzip, br"})
    assert headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(content) == (STATIC / "playground.js").read_bytes()


def test_messages_are_answered_as_json_and_as_bytes(server):
    status, headers, content = post(server, {"ask": "state", "n": [1.5, "ü"]})
    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert json.loads(content) == {"said": {"ask": "state", "n": [1.5, "ü"]}}
    status, headers, content = post(server, {"ask": "frame"})
    assert (status, headers["Content-Type"]) == (200, "application/octet-stream")
    assert content == bytes(range(256))


def test_one_connection_serves_many_messages(server):
    connection = http.client.HTTPConnection(HOST, server.server_address[1], timeout=600)
    for i in range(20):
        connection.request("POST", f"/{TOKEN}/answer", json.dumps({"ask": i}), JSON)
        assert json.load(connection.getresponse()) == {"said": {"ask": i}}
        if i == 0:
            same = connection.sock
    assert connection.sock is same
    connection.close()


def test_a_request_that_hangs_keeps_nobody_waiting(server):
    with socket.create_connection(server.server_address) as hanging:
        hanging.sendall(f"POST /{TOKEN}/answer HTTP/1.1\r\nHost: {HOST}\r\nConte".encode())
        assert post(server, {"ask": "state"})[0] == 200


def test_a_fault_of_the_session_is_one_sentence_and_the_next_message_is_answered(server, caplog):
    status, _, content = post(server, {"ask": "trouble"})
    assert status == 500
    assert json.loads(content) == {"error": "minnet failed: its terminal says how"}
    assert "a fault of the session" in caplog.text
    assert post(server, {"ask": "state"})[0] == 200


# ---- who is refused

REFUSED_HOSTS = [
    "evil.example", "evil.example:{port}", "127.0.0.1.evil.example:{port}", "localhost.evil.example",
    "evil.example#127.0.0.1", "127.0.0.1@evil.example", "127.0.0.1:{port}, evil.example", "127.0.0.2", "",
]  # fmt: skip


@pytest.mark.parametrize("host", REFUSED_HOSTS)
def test_a_foreign_host_is_refused(server, host):
    named = {"Host": host.format(port=server.server_address[1])}
    for answer in (
        ask(server, "", headers=named),
        ask(server, "playground.js", headers=named),
        post(server, {"do": "pause"}, named),
    ):
        assert answer[0] == 403
        assert set(json.loads(answer[2])) == {"error"}
    assert server.session.messages == []


def test_a_browser_with_another_token_is_told_what_to_do(server):
    takes = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    status, headers, page = ask(server, "", headers=takes, token="A" * len(TOKEN))
    assert (status, headers["Content-Type"]) == (403, "text/html; charset=utf-8")
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert b"open the one that its terminal has printed" in " ".join(page.decode().split()).encode()
    assert TOKEN.encode() not in page
    # Whoever is of another page learns nothing of it.
    for more in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
        assert ask(server, "", headers=takes | more)[1]["Content-Type"] == "application/json"


def test_no_host_and_two_hosts_are_refused(server):
    for hosts in ([], [f"Host: {HOST}", "Host: evil.example"], [f"Host: {HOST}", f"Host: {HOST}"]):
        assert spoken(server, f"GET /{TOKEN}/ HTTP/1.1", *hosts).startswith(b"HTTP/1.1 403")
    assert b"<html" not in spoken(server, f"GET /{TOKEN}/")  # the language before HTTP/1.0


def test_this_machine_by_its_other_name_and_through_a_tunnel(server):
    for host in ("localhost", "localhost:8888", "127.0.0.1:8888"):
        assert ask(server, "", headers={"Host": host})[0] == 200
        assert post(server, {}, {"Host": host, "Origin": f"http://{host}"})[0] == 200


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example", "null", "", "http://127.0.0.1", "http://127.0.0.1:1",
        "http://localhost:{port}",
        "https://127.0.0.1:{port}", "file://",
    ],
)  # fmt: skip
def test_a_foreign_origin_is_refused(server, origin):
    origin = origin.format(port=server.server_address[1])
    for method in ("GET", "POST", "OPTIONS", "PUT"):
        headers = JSON | {"Origin": origin}
        answer = ask(server, "answer", method=method, body="{}", headers=headers)
        assert answer[0] == 403
        assert "Access-Control-Allow-Origin" not in answer[1]
    assert server.session.messages == []


def test_its_own_origin_is_answered(server):
    assert post(server, {}, {"Origin": server.address.removesuffix(f"/{TOKEN}/")})[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "/", "/answer", "/index.html", "/wrong/", "/wrong/answer", f"/{TOKEN}x/", f"/{TOKEN[:-1]}/",
        f"/x/{TOKEN}/", f"/?{TOKEN}/", "*", f"http://{HOST}/{TOKEN}/", "/é/", "//",
    ],
)  # fmt: skip
def test_without_the_token_nothing_is_answered(server, path):
    path = path.encode().decode("latin-1")
    for method in ("GET", "POST"):
        answer = spoken(
            server, f"{method} {path} HTTP/1.1", f"Host: {HOST}", *(f"{k}: {v}" for k, v in JSON.items()),
            "Content-Length: 2", body=b"{}",
        )  # fmt: skip
        assert answer.startswith(b"HTTP/1.1 403")
    assert server.session.messages == []


def test_tokens_are_drawn():
    servers = [Server(Echo()) for _ in range(5)]
    tokens = {server.token for server in servers}
    for server in servers:
        server.server_close()
    assert len(tokens) == 5
    assert all(len(token) >= 22 for token in tokens)  # 128 bits


@pytest.mark.parametrize(
    "path",
    [
        "../server.py", "%2e%2e/server.py", "..%2fserver.py", "texts/../../server.py", "/etc/passwd",
        "..\\server.py", "./index.html", "texts/", "texts", "index.html%00.js", "page/package.json",
        "INDEX.HTML",
    ],
)  # fmt: skip
def test_no_other_file_is_sent(server, path):
    answer = spoken(server, f"GET /{TOKEN}/{path} HTTP/1.1", f"Host: {HOST}")
    assert answer.startswith(b"HTTP/1.1 404")


def test_other_methods_are_refused(server):
    for method in ("PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH"):
        assert ask(server, "answer", method=method, body="{}", headers=JSON)[0] == 501


@pytest.mark.parametrize(
    "type_", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_what_a_form_of_another_page_can_send_is_refused(server, type_):
    assert post(server, {"do": "pause"}, {"Content-Type": type_})[0] == 415
    assert server.session.messages == []


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"1", b"null", b'"do"', b"\xff\xfe", b"[" * 20000, b'{"a":' * 9000, b"9" * 5000,
        b"{'do': 'play'}",
    ],
)  # fmt: skip
def test_what_is_no_object_is_refused_in_one_sentence(server, body):
    status, _, content = post(server, body)
    assert (status, json.loads(content)) == (400, {"error": "a message must be one JSON object"})
    assert server.session.messages == []


def test_the_size_of_a_message_is_bounded_before_it_is_read(server):
    head = [f"POST /{TOKEN}/answer HTTP/1.1", f"Host: {HOST}", "Content-Type: application/json"]
    for length in (LONGEST_MESSAGE + 1, 10**9 - 1):
        answer = spoken(server, *head, f"Content-Length: {length}")
        assert answer.startswith(b"HTTP/1.1 413")
    for lines in (
        [], ["Content-Length: -1"], ["Content-Length: 1e3"], ["Content-Length: " + "9" * 30],
        ["Content-Length: 2", "Content-Length: 3"], ["Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", "Content-Length: 2"],
    ):  # fmt: skip
        assert spoken(server, *head, *lines).startswith(b"HTTP/1.1 411"), lines
    assert server.session.messages == []
    longest = {"a": "x" * (LONGEST_MESSAGE - 9)}
    assert post(server, longest)[0] == 200


def test_a_body_cut_short_is_not_taken_for_a_message(server):
    head = [f"POST /{TOKEN}/answer HTTP/1.1", f"Host: {HOST}", "Content-Type: application/json"]
    answer = spoken(server, *head, "Content-Length: 30", body=b'{"do": "pause"}')
    assert not answer.startswith(b"HTTP/1.1 200")
    assert server.session.messages == []


def test_what_a_refused_request_carries_is_not_taken_for_the_next(server):
    inner = f"POST /{TOKEN}/answer HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n"
    inner = (inner + "Content-Length: 2\r\n\r\n{}").encode()
    for outer in ("Host: evil.example", f"Host: {HOST}\r\nContent-Type: text/plain"):
        head = [f"POST /{TOKEN}/answer HTTP/1.1", outer, f"Content-Length: {len(inner)}"]
        assert spoken(server, *head, body=inner).count(b"HTTP/1.1") == 1
    spoken(
        server,
        f"GET /{TOKEN}/ HTTP/1.1",
        f"Host: {HOST}",
        f"Content-Length: {len(inner)}",
        body=inner,
    )
    assert server.session.messages == []


def test_every_answer_allows_nothing_of_other_hosts_and_is_not_kept(server):
    for _, headers, _ in (
        ask(server, ""),
        ask(server, "playground.js"),
        ask(server, "none"),
        ask(server, "", token="wrong"),
        post(server, {}),
        post(server, b"?"),
    ):
        policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert policy["frame-ancestors"] == policy["form-action"] == policy["base-uri"] == "'none'"
        assert set(" ".join(policy.values()).split()) <= {"'none'", "'self'", "data:", "blob:"}
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "Python" not in headers["Server"]


def test_it_listens_on_no_other_address(server):
    assert server.server_address[0] == HOST
    for other in ("127.0.0.2", "::1", socket.gethostname()):
        try:
            found = socket.getaddrinfo(other, server.server_address[1], type=socket.SOCK_STREAM)
        except OSError:
            continue  # a machine without that name
        for family, kind, protocol, _, address in found:
            if address[0] == HOST:
                continue
            with socket.socket(family, kind, protocol) as connection:
                assert connection.connect_ex(address) != 0


# ---- serve, and the command


@pytest.mark.parametrize(
    ("given", "error", "sentence"),
    [
        ({"port": -1}, ValueError, "port must be a whole number of at least 0 and at most 65535, got -1"),
        ({"port": 65536}, ValueError, "port must be a whole .* at most 65535, got 65536"),
        ({"port": "80"}, ValueError, "port must be .* got '80'"),
        ({"open_browser": "no"}, ValueError, "open_browser must be True or False, got 'no'"),
        ({"budget": 0}, ValueError, "budget must be .* got 0"),
        ({"token": "short"}, ValueError, "token must be 8 to 100 letters, digits, - and _, got 'short'"),
        ({"token": "../../../../etc"}, ValueError, "token must be 8 to 100"),
        ({"token": 12345678}, TypeError, "token must be a text, got 12345678"),
        ({"address": 5}, TypeError, "address must be a text, got 5"),
        ({"address": "somewhere"}, ValueError, "address must be .* got 'somewhere'"),
        ({"address": "http://127.0.0.1:80/x/?a=b"}, ValueError, "address must be that of a page"),
        ({"depth": 99}, ValueError, "depth must be a whole number .* got 99"),
        ({"deepness": 3}, ValueError, "deepness"),
    ],
)  # fmt: skip
def test_what_serve_cannot_do_is_said_in_one_sentence(given, error, sentence):
    before = set(threading.enumerate())
    with pytest.raises(error, match=sentence) as caught:
        serve(**{"open_browser": False, **given})
    assert "\n" not in str(caught.value)
    frames = [entry for entry in caught.traceback if "/minnet/" in str(entry.path)]
    assert len(frames) <= 4
    new = set(threading.enumerate()) - before
    assert not [thread for thread in new if thread.name.startswith("minnet playground")]


def test_a_port_in_use_is_said_in_one_sentence(server):
    port = server.server_address[1]
    with pytest.raises(OSError, match=rf"^port {port} is in use: take another, or 0 for any"):
        serve(port=port, open_browser=False)


def command(*arguments, **options):
    # Tests that run in the background of a shell ignore Ctrl-C, and so would what they start.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "minnet.playground", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )
    finally:
        signal.signal(signal.SIGINT, before)


def told(process):
    """Return the address that the command prints, its port and its token."""
    line = process.stdout.readline()
    found = re.fullmatch(
        r"The playground is at (http://127\.0\.0\.1:(\d+)/([\w-]+)/\S*) until Ctrl-C\.\n", line
    )
    assert found, line + process.stderr.read()
    return found[1], int(found[2]), found[3]


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is sent otherwise there")
def test_the_command_serves_a_training_until_ctrl_c(tmp_path):
    link = "http://127.0.0.1:1/of-another/#view=play&depth=7&activation=relu"
    with command("--no-browser", link, cwd=tmp_path) as process:
        address, port, token = told(process)
        assert address == f"http://127.0.0.1:{port}/{token}/#view=play&depth=7&activation=relu"
        connection = http.client.HTTPConnection(HOST, port, timeout=600)

        def answered(message):
            connection.request("POST", f"/{token}/answer", json.dumps(message), JSON)
            return connection.getresponse().read()

        seen, steps = None, []
        while len(steps) < 3:
            asked = {"ask": "frame", "after": seen, "wait": 2, "points": None}
            frame = answered(asked)
            if not frame.startswith(b"{"):
                header = json.loads(frame[4 : 4 + int.from_bytes(frame[:4], "little")])
                seen = [header["generation"], header["version"]]
                steps.append(header["step"])
        assert steps == sorted(set(steps))
        assert "error" in json.loads(answered({"do": "change", "experiment": {"depth": -1}}))
        asks = threading.Thread(target=lambda: answered({"ask": "frame", "after": seen, "wait": 2}))
        json.loads(answered({"do": "pause"}))
        asks.daemon = True
        asks.start()  # what waits for an answer holds nothing up
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=600)
    assert (process.returncode, out, err) == (0, "\nThe playground has ended.\n", "")


def test_the_command_says_in_one_line_what_it_cannot_do(server):
    for arguments, sentence in (
        (["--port", str(server.server_address[1])], f"port {server.server_address[1]} is in use"),
        (["somewhere"], "address must be that of a page"),
    ):
        with command("--no-browser", *arguments) as process:
            out, err = process.communicate(timeout=600)
        assert (process.returncode, out) == (1, "")
        assert err.startswith(f"python -m minnet.playground: {sentence}")
        assert err.count("\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="the script below is one of a Unix shell")
def test_the_command_opens_a_browser_at_the_address(tmp_path):
    browser = tmp_path / "browser"
    browser.write_text(
        f'#!/bin/sh\necho "$1" > {tmp_path}/part && mv {tmp_path}/part {tmp_path}/opened\n'
    )
    browser.chmod(0o755)
    with command(
        "--token", "a-token-of-mine", env=os.environ | {"BROWSER": str(browser)}
    ) as process:
        address, _, token = told(process)
        until = time.monotonic() + 600
        while not (tmp_path / "opened").exists() and time.monotonic() < until:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=600)
    assert (tmp_path / "opened").read_text() == address + "\n"
    assert token == "a-token-of-mine"


def test_importing_minnet_opens_nothing_of_it():
    program = (
        "import minnet, sys; assert not [name for name in sys.modules if 'playground' in name]"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
