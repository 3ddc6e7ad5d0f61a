"""What it costs a training to be watched by the playground's page, and how soon controls act.

    python -m benchmarks.playground            # ten minutes; writes PLAYGROUND.md
    python -m benchmarks.playground --quick    # half a minute, printed

A session trains as fast as it can; a process of its own asks for frames over HTTP, as the page does, and
draws nothing. Rounds with and without it alternate, and both are compared with the other half of the
same round. In the last part of a round the client moves a control again and again and notes when it
is answered: the learning rate, and pause and play.
"""

import argparse
import datetime
import http.client
import json
import os
import platform
import statistics
import struct
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.machine import cpu_name, load
from benchmarks.runner import restart_without_settings
from minnet import Trainer, __version__
from minnet.playground.experiment import Experiment
from minnet.playground.server import Server
from minnet.playground.session import Session

HERE = Path(__file__).parent
BUDGET = 0.3
EXPERIMENTS = {
    "5 x 64, SGD": Experiment(width=64),
    "5 x 64, Adam": Experiment(width=64, optimizer="adam", learning_rate=0.001),
    "20 x 64, SGD": Experiment(width=64, depth=20, learning_rate=0.01),
    "5 x 512, SGD": Experiment(width=512, learning_rate=0.01),
    "5 x 512, Adam": Experiment(width=512, optimizer="adam", learning_rate=0.0001),
    "digits, 5 x 64, SGD": Experiment(data="digits", n_samples=1000, width=64),
}


class Page:
    """The messages of a page: one connection, one message at a time."""

    def __init__(self, address):
        parts = urlsplit(address)
        self.path = f"{parts.path}answer"
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port)

    def send(self, **message):
        """Return an answer: a frame's header for a frame."""
        headers = {"Content-Type": "application/json"}
        self.connection.request("POST", self.path, json.dumps(message), headers)
        body = self.connection.getresponse().read()
        if body[:1] == b"{":
            return json.loads(body)
        (length,) = struct.unpack("<I", body[:4])
        return json.loads(body[4 : 4 + length]) | {"bytes": len(body)}


def watch(address, seconds):
    """Ask for frame after frame, then move controls; print what was seen as JSON."""
    page = Page(address)
    began = time.perf_counter()
    first = page.send(ask="frame", after=None, wait=2, points=None)
    seen = {"first_frame_ms": 1e3 * (time.perf_counter() - began), "frames": []}
    after, points = [first["generation"], first["version"]], first["generation"]
    begin, began = page.send(ask="state")["step"], time.perf_counter()
    while time.perf_counter() - began < seconds or not seen["frames"]:
        frame = page.send(ask="frame", after=after, wait=2, points=points)
        if "step" in frame:
            after = [frame["generation"], frame["version"]]
            seen["frames"].append([frame["cost_ms"], frame["bytes"]])
    seen["steps"] = page.send(ask="state")["step"] - begin
    seen["seconds"] = time.perf_counter() - began
    rate, seen["control_ms"] = first["experiment"]["learning_rate"], []
    for i in range(20):
        messages = [
            {"do": "change", "experiment": {"learning_rate": rate * (1 + i % 2 / 100)}},
            {"do": "pause"},
            {"do": "play"},
        ]
        for message in messages:
            sent = time.perf_counter()
            page.send(**message)
            seen["control_ms"].append(1e3 * (time.perf_counter() - sent))
            time.sleep(0.03)
    print(json.dumps(seen))


@dataclass
class Results:
    """Of one experiment, a number a round, or all there are."""

    alone: list = field(default_factory=list)
    watched: list = field(default_factory=list)
    fps: list = field(default_factory=list)
    share: list = field(default_factory=list)
    first_ms: list = field(default_factory=list)
    cost_ms: list = field(default_factory=list)
    kilobytes: list = field(default_factory=list)
    control_ms: list = field(default_factory=list)

    def row(self, name, trainer):
        """Return a line of the table."""
        median = statistics.median
        kept = median(w / a for w, a in zip(self.watched, self.alone, strict=True))
        controls = sorted(self.control_ms)
        figures = (
            f"{trainer:,.0f}", f"{median(self.alone):,.0f}", f"{median(self.watched):,.0f}",
            f"{kept:.0%}", f"{median(self.fps):.1f}", f"{median(self.cost_ms):.1f}",
            f"{median(self.share):.0%}", f"{median(self.kilobytes):.1f}",
            f"{median(self.first_ms):.0f}", f"{median(controls):.0f}",
            f"{controls[int(0.95 * len(controls))]:.0f}", f"{controls[-1]:.0f}",
        )  # fmt: skip
        return f"| {' | '.join((name, *figures))} |"


COLUMNS = (
    "experiment", "steps/s of `Trainer.fit`", "session alone", "watched", "kept", "frames/s",
    "ms a frame", "of the time", "kB a frame", "first frame, ms", "control, ms: median", "95 %", "worst",
)  # fmt: skip
HEAD = f"| {' | '.join(COLUMNS)} |\n| --- |{' ---: |' * (len(COLUMNS) - 1)}"


def steps_per_second_of_trainer(experiment, seconds):
    """Return how fast the same training is in a call of ``fit``, with as many threads."""
    X, T, *_ = experiment.make_data()
    network = experiment.network(X)
    with Session(experiment, playing=False) as session:
        n_threads = session.n_threads
    trainer = Trainer(
        network, experiment.make_optimizer(), batch_size=experiment.batch_size, n_threads=n_threads
    )
    ends = time.perf_counter() + seconds
    began = time.perf_counter()
    trainer.fit(
        X, T, max_epochs=10**9, keep="last", callbacks=[lambda _: time.perf_counter() > ends]
    )
    return trainer.n_steps / (time.perf_counter() - began)


def measure(experiment, rounds, seconds):
    """Return what rounds of both kinds gave."""
    results = Results()
    for _ in range(rounds):
        with Session(experiment, budget=BUDGET, speed=None) as session, Server(session) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            session.answer({"ask": "frame"})  # from now on it trains
            time.sleep(0.3)
            results.alone.append(steps_of(session, seconds))
            command = [sys.executable, "-m", "benchmarks.playground", "--watch", server.address]
            client = subprocess.run(
                [*command, "--seconds", str(seconds)], capture_output=True, text=True, check=True
            )
            server.shutdown()
        seen = json.loads(client.stdout)
        frames = seen["frames"]
        results.watched.append(seen["steps"] / seen["seconds"])
        results.fps.append(len(frames) / seen["seconds"])
        results.share.append(sum(cost for cost, _ in frames) / 1e3 / seen["seconds"])
        results.first_ms.append(seen["first_frame_ms"])
        results.cost_ms += [cost for cost, _ in frames]
        results.kilobytes += [size / 1e3 for _, size in frames]
        results.control_ms += seen["control_ms"]
    return results


def steps_of(session, seconds):
    """Return the steps per second of a session that nobody looks at."""
    counts = []
    for wait in (seconds, 0):
        counts.append((time.perf_counter(), session.answer({"ask": "state"})["step"]))
        time.sleep(wait)
    (began, first), (ended, last) = counts
    return (last - first) / (ended - began)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two experiments, one round, printed")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each half of a round")
    parser.add_argument("--watch", metavar="ADDRESS", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.watch:
        watch(options.watch, options.seconds)
        return
    names = ["5 x 64, SGD", "5 x 512, SGD"] if options.quick else list(EXPERIMENTS)
    rounds, before = 1 if options.quick else options.rounds, load()
    lines = [HEAD]
    for name in names:
        experiment = EXPERIMENTS[name]
        trainer = steps_per_second_of_trainer(experiment, options.seconds)
        lines.append(measure(experiment, rounds, options.seconds).row(name, trainer))
        print(lines[-1], flush=True)
    if options.quick:
        return
    text = TEXT.format(
        date=datetime.date.today(),
        machine=f"{cpu_name()}, {os.cpu_count()} CPUs",
        versions=f"Python {platform.python_version()}, NumPy {metadata.version('numpy')}, "
        f"minnet {__version__}",
        load=f"{before:.1f}",
        budget=f"{BUDGET:.0%}",
        rounds=rounds,
        seconds=options.seconds,
        table="\n".join(lines),
    )
    (HERE / "PLAYGROUND.md").write_text(text, "utf-8")


TEXT = """\
# What watching costs

A session of the playground trains as fast as it can (`speed=None`; the page begins at 300 steps a
second), on the spirals unless it says digits, in batches of 32, with all processors but one. It is
*watched* by another process, which asks for frame after frame over HTTP, as the page does; what a browser
draws is not in it. Medians of {rounds} rounds of {seconds:g} s each, with and without the watching process
in turns; *kept* is the median of the ratios within a round.

Frames may take {budget} of the time: the next one is not begun before that is kept, but after a moved
control. *Control* is the time from a message (another learning rate, pause, play) to its answer, which
comes when the training does what it asks.

- {date}; {machine}; {versions}
- Load of the machine in the minute before: {load}
- `python -m benchmarks.playground`

{table}
"""


if __name__ == "__main__":
    restart_without_settings()
    main()
