"""The page in a notebook, by a real kernel: the test speaks as the page does, without a browser."""

import json
import os
import queue
import subprocess
import sys
import time
import uuid

import pytest

from minnet.playground import Playground

pytestmark = pytest.mark.dev


class Notebook:
    """A kernel, with what a front end knows of it: cells, and the messages of one widget."""

    def __init__(self):
        from jupyter_client.manager import start_new_kernel

        self.manager, self.client = start_new_kernel(startup_timeout=120)
        self.comm = None
        self.open = True
        self.page = str(uuid.uuid4())
        self.frames = []  # (time, header, first)
        self.answers = {}

    def run(self, code, wait=True):
        """Run a cell; return what it printed, and its last value."""
        asked = self.client.execute(code)
        return self.until_done(asked) if wait else asked

    def until_done(self, asked, seconds=120):
        texts = []
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            message = self.listen()
            if message is None or message["parent_header"].get("msg_id") != asked:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "stream":
                texts.append(content["text"])
            elif kind == "execute_result":
                texts.append(content["data"])
            elif kind == "error":
                raise RuntimeError(f"{content['ename']}: {content['evalue']}")
            elif kind == "status" and content["execution_state"] == "idle":
                return texts
        raise TimeoutError("the cell has not ended")

    def listen(self, seconds=0.1):
        """Return the next message of the kernel, and note what the widget sent."""
        try:
            message = self.client.get_iopub_msg(timeout=seconds)
        except queue.Empty:
            return None
        content = message["content"]
        if message["msg_type"] == "comm_open" and "_esm" in content["data"].get("state", {}):
            self.comm, self.state = content["comm_id"], content["data"]["state"]
        elif message["msg_type"] == "comm_close" and content["comm_id"] == self.comm:
            self.open = False
        elif message["msg_type"] == "comm_msg" and content["data"].get("method") == "custom":
            said = content["data"]["content"]
            if "id" in said:
                self.answers[said["id"]] = said.get("answer", message["buffers"])
            elif message["buffers"]:
                frame = bytes(message["buffers"][0])
                header = json.loads(frame[4 : 4 + int.from_bytes(frame[:4], "little")])
                self.frames.append((time.monotonic(), header, said["first"]))
        return message

    def watch(self, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.listen()

    def until(self, condition):
        while not condition():
            self.listen()

    def send(self, **content):
        content = {
            "comm_id": self.comm,
            "data": {"method": "custom", "content": {"page": self.page, **content}},
        }
        self.client.shell_channel.send(self.client.session.msg("comm_msg", content))

    def ask(self, message, seconds=60):
        self.send(id=len(self.answers), message=message)
        n = len(self.answers)
        until = time.monotonic() + seconds
        while len(self.answers) == n and time.monotonic() < until:
            self.listen()
        return self.answers[n]

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture
def notebook():
    pytest.importorskip("anywidget")
    pytest.importorskip("ipykernel")
    pytest.importorskip("jupyter_client")
    notebook = Notebook()
    try:
        yield notebook
    finally:
        notebook.close()


THREADS = (
    "import threading; print([t.name for t in threading.enumerate() if 'playground' in t.name])"
)


@pytest.mark.slow
def test_a_notebook(notebook, tmp_path):
    shown = notebook.run(
        "from minnet.playground import Playground\np = Playground(depth=3, width=16)\np"
    )
    assert shown[0]["application/vnd.jupyter.widget-view+json"]["model_id"] == notebook.comm
    assert "export" in notebook.state["_esm"]
    assert ".minnet" in notebook.state["_css"]
    notebook.watch(1)
    assert notebook.frames == []  # nobody looks yet

    # A page comes, and asks for one frame after the other.
    notebook.send(frame=None)
    seen = 0
    while len(notebook.frames) < 10:
        notebook.listen()
        if len(notebook.frames) > seen:
            seen = len(notebook.frames)
            notebook.send(frame=notebook.frames[-1][1]["generation"])
    headers = [header for _, header, _ in notebook.frames]
    assert headers[0]["experiment"]["depth"] == 3
    assert [first for _, _, first in notebook.frames] == [True] + [False] * (len(headers) - 1)
    keys = [(header["generation"], header["version"]) for header in headers]
    assert keys == sorted(set(keys))

    # A wrong change gives minnet's own sentence, a right one acts.
    answer = notebook.ask({"do": "change", "experiment": {"width": 0}})
    assert answer["error"].startswith("width must be a whole number")
    notebook.ask({"do": "change", "experiment": {"width": 24}})
    notebook.until(lambda: notebook.frames[-1][1]["experiment"]["width"] == 24)
    header = notebook.frames[-1][1]
    assert notebook.run("print(p.experiment['width'])") == ["24\n"]
    assert next(f for _, h, f in notebook.frames if h["generation"] == header["generation"])

    # While a cell runs frames keep coming, though no answer does; what was said meanwhile is done then.
    begun, wake = tmp_path / "begun", tmp_path / "wake"
    cell = notebook.run(
        f"import pathlib, time\npathlib.Path({str(begun)!r}).touch()\n"
        f"while not pathlib.Path({str(wake)!r}).exists(): time.sleep(0.05)",
        wait=False,
    )
    notebook.until(begun.exists)
    before = len(notebook.frames)
    notebook.until(lambda: len(notebook.frames) > before + 3)
    notebook.send(id=999, message={"do": "pause"})
    notebook.watch(0.5)
    assert 999 not in notebook.answers
    wake.touch()
    notebook.until_done(cell)
    notebook.until(lambda: 999 in notebook.answers)
    notebook.send(frame=header["generation"])
    notebook.until(lambda: notebook.frames[-1][1]["playing"] is False)

    # A second page gets what it needs, though nothing is new.
    before = len(notebook.frames)
    notebook.page = str(uuid.uuid4())
    notebook.send(frame=None)
    notebook.until(lambda: any(first for _, _, first in notebook.frames[before:]))

    # Closing it ends its threads.
    assert notebook.run(THREADS) == ["['playground session', 'minnet playground frames']\n"]
    notebook.run("p.close()")
    notebook.until(lambda: not notebook.open)
    assert notebook.run(THREADS) == ["[]\n"]
    notebook.run("p.close()")  # once more is nothing


@pytest.mark.slow
@pytest.mark.skipif(not os.path.isdir("/proc"), reason="looks for processes in /proc")
def test_a_restarted_kernel_leaves_no_thread(notebook):
    notebook.run("from minnet.playground import Playground\np = Playground()\np")
    notebook.send(frame=None)
    notebook.until(lambda: len(notebook.frames) > 1)
    (pid,) = (int(text) for text in notebook.run("import os; print(os.getpid())"))
    notebook.manager.restart_kernel(now=False)
    notebook.client.wait_for_ready(timeout=120)
    assert not os.path.exists(f"/proc/{pid}")
    assert notebook.run(THREADS) == ["[]\n"]


def test_without_anywidget_one_sentence_says_what_to_install():
    program = (
        "import sys; sys.modules['anywidget'] = None\n"
        "from minnet.playground import Playground\n"
        "try: Playground()\n"
        "except ImportError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "Playground needs anywidget: pip install 'minnet-learn[notebook]'\n"


def test_a_wrong_control_is_refused_before_anything_runs():
    pytest.importorskip("anywidget")
    import threading

    before = set(threading.enumerate())
    for given, sentence in (
        ({"depth": -1}, "depth must be a whole number"),
        ({"budget": 2}, "budget must be"),
        ({"deepness": 1}, "deepness"),
    ):
        with pytest.raises(ValueError, match=sentence):
            Playground(**given)
    new = set(threading.enumerate()) - before
    assert not [thread for thread in new if thread.name.startswith("minnet playground")]


def test_a_page_that_was_not_heard_for_long_gets_few_frames():
    pytest.importorskip("anywidget")
    playground = Playground(depth=1, width=2)
    sent = []
    playground.widget.send = lambda content, buffers=None: sent.append(content)

    def ask():
        playground._receive(None, {"page": "a", "frame": 0}, [])

    def until_more(n):
        while len(sent) <= n:
            time.sleep(0.01)

    try:
        ask()
        until_more(3)  # three of them unasked
        with playground._changed:
            playground._heard -= 3600
            before = len(sent)
        time.sleep(1)
        assert len(sent) <= before + 1  # what was on its way
        before = len(sent)
        ask()
        until_more(before)
    finally:
        playground.close()
