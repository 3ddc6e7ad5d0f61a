"""The page in a notebook: a widget of anywidget, whose frames come from a thread of its own.

While a cell runs, the kernel reads no message of the page. So the page's asking for a frame is never
waited for: it hastens the next one, which would come without it, too.
"""

from __future__ import annotations

import functools
import logging
import threading
import time
from typing import Any

from minnet.common.entry import entry
from minnet.common.extras import import_extra
from minnet.playground.experiment import Experiment
from minnet.playground.frame import decode
from minnet.playground.server import STATIC
from minnet.playground.session import Session

__all__ = ["Playground"]

#: Seconds between frames that were not asked for: at least these ...
SOON = 0.15
#: ... and this share of the time in which no page was heard. In a long cell they become fewer, and a page
#: that was closed without a word gets some hundreds in a year.
SHARE = 1 / 20

_log = logging.getLogger("minnet")


class Playground:
    """The page on which one sees a network learn, in a notebook.

    It is shown where it is the last value of a cell, as often as one likes: all show the same training.
    That begins as soon as it is seen, in a thread beside the notebook's cells, and ends with :meth:`close`
    or with the kernel. Needs anywidget: ``pip install 'minnet-learn[notebook]'``.

    Parameters
    ----------
    budget : float, default=0.3
        The share of time, between 0 and 1, that what is shown may take from what is trained.
    **experiment : object
        What the page begins with: any of its controls by name, such as ``depth=30, activation="tanh"``.

    Attributes
    ----------
    session : Session
        What trains.
    widget : anywidget.AnyWidget
        What is shown; for layouts of ipywidgets.

    Raises
    ------
    ImportError
        Without anywidget.
    ValueError
        If a control is not what it may be.

    Examples
    --------
    The last line of a cell shows the page:

    >>> from minnet.playground import Playground
    >>> Playground(data="moons", depth=20, init="glorot", gain=1.5)  # doctest: +SKIP
    """

    @entry
    def __init__(self, *, budget: float = 0.3, **experiment: Any) -> None:
        anywidget = import_extra(
            "anywidget", "Playground needs anywidget: pip install 'minnet-learn[notebook]'"
        )
        self.session = Session(Experiment.from_dict(experiment), budget=budget)
        self.widget = _widget_class(anywidget)()
        self.widget.on_msg(self._receive)
        self.widget.observe(self._end, "comm")  # which closing the widget takes away
        #: The pages that show it, each with the generation whose points it has.
        self._pages: dict[str, int | None] = {}
        self._after: list[int] | None = None
        self._asked, self._heard = False, 0.0
        self._changed, self._ended = threading.Condition(), False
        self._frames = threading.Thread(
            target=self._show, name="minnet playground frames", daemon=True
        )
        self._frames.start()

    @property
    def experiment(self) -> dict[str, Any]:
        """The controls as they are, by name."""
        state: Any = self.session.answer({"ask": "state"})
        return state["experiment"]

    def close(self) -> None:
        """End the training, and take the page away."""
        self.widget.close()
        self._frames.join(10)  # seconds, in which it ends the frame that it is at

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return self.widget._repr_mimebundle_(**options)

    def _end(self, change: Any) -> None:
        with self._changed:
            self._ended = change["new"] is None
            self._changed.notify_all()
        if self._ended:
            self.session.close()

    def _receive(self, widget: Any, content: Any, buffers: Any) -> None:
        """Note what a page says of itself; answer a message."""
        page = content["page"]
        with self._changed:
            self._heard = time.monotonic()
            if content.get("gone"):
                self._pages.pop(page, None)
            elif "frame" in content:
                if page not in self._pages:
                    self._after = None  # it has nothing, though nothing may be new
                self._pages[page] = content["frame"]
                self._asked = True
            self._changed.notify_all()
        if "message" in content:
            try:
                answer = self.session.answer(content["message"])
            except Exception as error:
                _log.exception("the playground has no answer to %.200r", content["message"])
                answer = {"error": f"minnet failed: {error!r:.200}"}
            self._send({"page": page, "id": content["id"]}, answer)

    def _show(self) -> None:
        """Send frames until the end: whenever one was asked for, and more rarely unasked."""
        while self._wait():
            with self._changed:
                generations = set(self._pages.values())
                points = generations.pop() if len(generations) == 1 else None
                after, self._asked = self._after, False
            answer = self.session.answer(
                {"ask": "frame", "after": after, "wait": 2, "points": points}
            )
            if self._ended:
                return
            first = False
            if isinstance(answer, bytes):
                header, _ = decode(answer)
                first = points != header["generation"]
                with self._changed:
                    if self._after == after:  # no page came meanwhile that has nothing
                        self._after = [header["generation"], header["version"]]
                        self._pages = dict.fromkeys(self._pages, header["generation"])
            self._send({"frame": True, "first": first}, answer)

    def _wait(self) -> bool:
        """Wait until a frame should be sent; False at the end."""
        sent = time.monotonic()
        with self._changed:
            while not self._ended and not (self._pages and self._asked):
                now = time.monotonic()
                pause = max(SOON, (now - self._heard) * SHARE) - (now - sent)
                if self._pages and pause <= 0:
                    break
                self._changed.wait(pause if self._pages else None)
            return not self._ended

    def _send(self, content: dict[str, Any], answer: bytes | dict[str, Any]) -> None:
        if isinstance(answer, bytes):
            self.widget.send(content, [answer])
        else:
            self.widget.send({**content, "answer": answer})


@functools.cache
def _widget_class(anywidget: Any) -> Any:
    class PlaygroundWidget(anywidget.AnyWidget):
        _esm = (STATIC / "playground.js").read_text(encoding="utf-8")
        _css = (STATIC / "playground.css").read_text(encoding="utf-8")

    return PlaygroundWidget
