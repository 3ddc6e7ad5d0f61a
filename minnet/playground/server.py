"""The page's server: that of the standard library, for this machine alone.

It listens on 127.0.0.1. The address has a random token as its first folder, so that whatever the page asks
for, by relative addresses, carries it; nobody else knows it. What names another host (a page of others
whose name was bound to 127.0.0.1), comes from another origin (a page of others that posts to this one) or
has no token is refused before anything of it is read. Files are those of a fixed list, read once; messages
are JSON of a bounded size, and :class:`~minnet.playground.session.Session` checks what they say.
"""

import contextlib
import errno
import gzip
import hmac
import json
import logging
import os
import re
import secrets
import socketserver
import sys
import threading
import webbrowser
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import quote

from minnet.common.checks import check_flag, check_text, check_whole
from minnet.common.entry import entry
from minnet.playground.experiment import Experiment
from minnet.playground.session import Session

__all__ = ["HOST", "STATIC", "Server", "serve"]

#: The only address that is listened on.
HOST = "127.0.0.1"

#: The built front end.
STATIC = Path(__file__).with_name("static")

#: The longest message, in bytes: the longest of the page has some hundreds.
LONGEST_MESSAGE = 65536

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
}

#: With every answer. Nothing is kept by a browser: after an upgrade it has no old page.
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src 'self' data: blob:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

#: What somebody sees whose address has another token: that of a server that has ended, most of the time.
_WRONG_ADDRESS = "elsewhere.html"

_NO_PORT = {errno.EADDRINUSE: "is in use", errno.EACCES: "needs more permissions"}

_log = logging.getLogger("minnet")


class Server(socketserver.ThreadingTCPServer):
    """Answer the pages of one session, each request in a thread.

    Parameters
    ----------
    session : Session
        What answers the messages: an object with ``answer(message)``, which gives bytes or a dict.
    port : int, default=0
        0 takes one that is free.
    token : str or None, default=None
        What stands for a permission in the address. None draws one of 128 bits.

    Raises
    ------
    OSError
        If the port cannot be had.
    """

    daemon_threads = True  # Ctrl-C waits for no request
    block_on_close = False
    allow_reuse_address = os.name != "nt"  # which there means that a port can be had twice
    request_queue_size = 64

    def __init__(self, session: Any, port: int = 0, token: str | None = None) -> None:
        self.session = session
        self.token = secrets.token_urlsafe(16) if token is None else token
        files = [file for file in STATIC.rglob("*") if file.suffix in _TYPES]
        self.files = {file.relative_to(STATIC).as_posix(): file.read_bytes() for file in files}
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            if error.errno not in _NO_PORT:
                raise
            why = f"port {port} {_NO_PORT[error.errno]}"
            raise OSError(f"{why}: take another, or 0 for any that is free") from None

    @property
    def address(self) -> str:
        """The page's address, with the token."""
        return f"http://{HOST}:{self.server_address[1]}/{self.token}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet of browsers that hang up; note everything else."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            _log.exception("a request of the playground's page failed")


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"  # a connection serves many frames
    server_version, sys_version = "minnet", ""
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave together
    timeout = 120  # seconds, for a browser that stays silent

    def parse_request(self) -> bool:
        """Refuse what another page could have sent, whatever the method."""
        return super().parse_request() and self._is_permitted()

    def _is_permitted(self) -> bool:
        hosts, origins = self.headers.get_all("Host", []), self.headers.get_all("Origin", [])
        path = re.fullmatch(r"/([^/?]*)(/[^?]*)?(\?.*)?", self.path)
        if len(hosts) != 1 or not re.fullmatch(r"(127\.0\.0\.1|localhost)(:\d{1,5})?", hosts[0]):
            self.send_error(HTTPStatus.FORBIDDEN, f"the address must be one of {HOST}")
        elif any(origin != f"http://{hosts[0]}" for origin in origins):
            self.send_error(HTTPStatus.FORBIDDEN, "no other page may ask here")
        elif path and hmac.compare_digest(path[1].encode(), self.server.token.encode()):
            self.name = path[2] and path[2][1:]  # None: the folder without its slash
            return True
        elif self.command == "GET" and "text/html" in self.headers.get("Accept", ""):
            page = self.server.files[_WRONG_ADDRESS]
            self._send(page, ".html", HTTPStatus.FORBIDDEN, {"Connection": "close"})
        else:
            why = "the address must be the one that was printed, with the token of this server"
            self.send_error(HTTPStatus.FORBIDDEN, why)
        return False

    def do_GET(self) -> None:
        """Send a file of the list."""
        name = self.name or "index.html"
        if "Content-Length" in self.headers or "Transfer-Encoding" in self.headers:
            self.send_error(HTTPStatus.BAD_REQUEST, "a request for a file has no content")
        elif self.name is None:  # relative addresses need it
            location = {"Location": f"/{self.server.token}/"}
            self._send(b"", ".html", HTTPStatus.PERMANENT_REDIRECT, location)
        elif name not in self.server.files:
            self.send_error(HTTPStatus.NOT_FOUND, "there is no such file")
        elif "gzip" in self.headers.get("Accept-Encoding", ""):
            zipped = gzip.compress(self.server.files[name], mtime=0)
            self._send(zipped, Path(name).suffix, headers={"Content-Encoding": "gzip"})
        else:
            self._send(self.server.files[name], Path(name).suffix)

    def do_POST(self) -> None:
        """Send what the session answers to a message."""
        lengths = self.headers.get_all("Content-Length", [])
        if "Transfer-Encoding" in self.headers:
            lengths = []
        if self.name != "answer":
            self.send_error(HTTPStatus.NOT_FOUND, "messages go to `answer`")
        elif self.headers.get_content_type() != "application/json":
            self.send_error(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "a message must be application/json")
        elif len(lengths) != 1 or not re.fullmatch(r"\d{1,9}", lengths[0]):
            self.send_error(HTTPStatus.LENGTH_REQUIRED, "a message must say its length")
        elif int(lengths[0]) > LONGEST_MESSAGE:
            sentence = f"a message must have at most {LONGEST_MESSAGE} bytes, got {lengths[0]}"
            self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, sentence)
        else:
            self._answer(int(lengths[0]))

    def _answer(self, length: int) -> None:
        body, message = self.rfile.read(length), None
        with contextlib.suppress(ValueError, RecursionError):
            message = json.loads(body) if len(body) == length else None
        if not isinstance(message, dict):
            self.send_error(HTTPStatus.BAD_REQUEST, "a message must be one JSON object")
            return
        try:
            answer = self.server.session.answer(message)
        except Exception:
            _log.exception("the playground has no answer to %.200r", message)
            sentence = "minnet failed: its terminal says how"
            self.send_error(HTTPStatus.INTERNAL_SERVER_ERROR, sentence)
        else:
            self._send(answer)

    def _send(
        self,
        content: bytes | dict[str, Any],
        suffix: str = "",
        status: int = HTTPStatus.OK,
        headers: Mapping[str, str] = {},
    ) -> None:
        """Send the content of a file, the bytes of a frame, or a dict as JSON."""
        if isinstance(content, dict):
            content, suffix = json.dumps(content, allow_nan=False).encode(), ".json"
        kind = _TYPES.get(suffix, "application/octet-stream")
        own = {"Content-Type": kind, "Content-Length": str(len(content))}
        self.send_response(status)
        for name, value in {**own, **_HEADERS, **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Send one sentence as JSON; what else the request had is not read."""
        sentence = {"error": message or HTTPStatus(code).phrase}
        self._send(sentence, status=code, headers={"Connection": "close"})

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the address has the token."""


@entry
def serve(
    address: str = "",
    *,
    port: int = 0,
    open_browser: bool = True,
    budget: float = 0.3,
    token: str | None = None,
    **experiment: Any,
) -> None:
    """Serve the page on which one sees a network learn, until Ctrl-C.

    It runs on this machine, by the standard library's server on 127.0.0.1, and asks no other host for
    anything. ``python -m minnet.playground`` is the same in a terminal.

    Parameters
    ----------
    address : str, default=""
        The address of such a page, as somebody sent it, or what stands after its ``#``: the page opens
        with the very experiment.
    port : int, default=0
        The port to listen on; 0 takes one that is free.
    open_browser : bool, default=True
        Whether a browser opens at the page. The address is printed in any case.
    budget : float, default=0.3
        The share of time, between 0 and 1, that what is shown may take from what is trained.
    token : str or None, default=None
        The secret part of the address, of at least 8 letters, digits, ``-`` and ``_``. None draws one;
        with a token and a port of one's own the address stays the same.
    **experiment : object
        What the page begins with: any of its controls by name, such as ``depth=30, activation="tanh"``.

    Raises
    ------
    ValueError
        If an argument or a control is not what it may be.
    OSError
        If the port is in use.

    Examples
    --------
    >>> from minnet.playground import serve
    >>> serve(data="spirals", depth=8, init="orthogonal")  # doctest: +SKIP
    The playground is at http://127.0.0.1:41329/XuZk7lmTzTgQTzD9T3fVKw/ until Ctrl-C.
    """
    fragment = _fragment(address)
    check_whole("port", port, 0, 65535)
    check_flag("open_browser", open_browser)
    if token is not None and not re.fullmatch(
        r"[\w-]{8,100}", check_text("token", token), re.ASCII
    ):
        raise ValueError(f"token must be 8 to 100 letters, digits, - and _, got {token!r:.200}")
    session = Session(Experiment.from_dict(experiment), budget=budget)
    try:
        with Server(session, port, token) as server:
            page = server.address + fragment
            print(f"The playground is at {page} until Ctrl-C.", flush=True)
            if open_browser:  # in a thread: a browser of the terminal stays
                threading.Thread(target=webbrowser.open, args=[page], daemon=True).start()
            server.serve_forever(poll_interval=0.1)
    except KeyboardInterrupt:
        print("\nThe playground has ended.")
    finally:
        session.close()


def _fragment(address: str) -> str:
    """Return what of an address says the state of the page, with its ``#``, or nothing."""
    _, hash_, state = check_text("address", address).strip().rpartition("#")
    if state and not hash_ and ("=" not in state or "://" in state):
        raise ValueError(
            "address must be that of a page, with a # in it, or what stands after the #, "
            f"got {address!r:.200}"
        )
    return f"#{quote(state, safe='=&;,.:!~*%+/?@-_')}" if state else ""
