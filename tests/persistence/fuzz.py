"""Feed thousands of broken model files to load_model, each in a process of its own: ``make fuzz``.

Whatever a file says, load_model must end within a second and 200 MB with a model or with one ValueError,
and must run, import, open or send nothing. A model that was read must have finite weights, and must then
predict and train, or raise, but not crash. What happened is printed: how many files of each kind were
refused or read (a flipped bit of a weight makes another model, not a broken file), the longest time, the
most memory, and all that Python's audit hooks reported. It needs a system that can fork.
"""

import argparse
import collections
import contextlib
import json
import os
import random
import resource
import signal
import sys
import tempfile
import time
import warnings
from pathlib import Path

import hostile
import models
import numpy as np

from minnet import load_model, save_model

MOST_SECONDS = 1.0
MOST_BYTES = 200e6
_HANGS_AFTER = 20  # seconds of the processor

# Events of sys.audit that reading numbers does not need.
_FORBIDDEN = (
    "code.", "compile", "ctypes.", "exec", "function.__new__", "import", "marshal.", "mmap.", "os.chmod",
    "os.exec", "os.fork", "os.link", "os.mkdir", "os.posix_spawn", "os.remove", "os.rename", "os.rmdir",
    "os.spawn", "os.symlink", "os.system", "os.truncate", "pickle.", "shutil.", "socket.", "subprocess.",
    "urllib.",
)  # fmt: skip


def files(n, seed):
    """Yield (kind, bytes): all mutations in turn, then the files that are full of something."""
    with tempfile.TemporaryDirectory() as folder:
        raws = []
        for model in models.small_models().values():
            save_model(model, Path(folder, "model"))
            raws.append(Path(folder, "model").read_bytes())
            assert load_model(Path(folder, "model")) is not None  # and all is imported
    bulk = hostile.bulk(raws[1])
    names = list(hostile.MUTATIONS)
    for i in range(max(0, n - len(bulk))):
        generator = random.Random(f"{seed} {i}")
        name = names[i % len(names)]
        yield name, hostile.MUTATIONS[name](generator.choice(raws), generator)
    for name, raw in bulk.items():
        yield f"full of {name}", raw


def read_in_child(path, reader=load_model):
    """Read the file in a child process; return its outcome, and the bytes that it needed."""
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(out)
        signal.setitimer(signal.ITIMER_PROF, _HANGS_AFTER)
        report = json.dumps(_read(path, reader)).encode()
        os.write(into, report[:60_000])
        os._exit(0)
    os.close(into)
    with open(out, "rb") as pipe:
        report = pipe.read()
    _, status = os.waitpid(child, 0)
    if status:
        error = f"status {status}"
        return {"outcome": "crash", "error": error, "events": [], "seconds": 0, "bytes": 0}
    return json.loads(report)


def _read(path, reader):
    events = []

    def hook(event, arguments):
        other = event == "open" and arguments[0] != path
        if listening and (other or event.startswith(_FORBIDDEN)):
            events.append(f"{event} {arguments!r}"[:200])

    listening = False
    sys.addaudithook(hook)
    error = cause = ""
    model = None
    memory = _peak()
    # Of the processor, not of the clock: what else runs on this machine is not the file's fault.
    before = time.process_time()
    listening = True
    try:
        model = reader(path)
        outcome = "read"
    except ValueError as caught:
        outcome, error, cause = "refused", str(caught), type(caught.__cause__).__name__
    except BaseException as caught:
        outcome, error = "other error", repr(caught)
    listening = False
    seconds, memory = time.process_time() - before, _peak() - memory
    use(model)
    return {
        "outcome": outcome,
        "error": error[:1000],
        "cause": cause,
        "seconds": seconds,
        "bytes": memory,
        "events": events[:10],
    }


def _peak():
    """Return the most memory that this process has had, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def use(model):
    """Predict and train with a model that was read: it may raise an error, but not crash."""
    if hasattr(model, "encodings_") or hasattr(model, "encoder_"):
        with contextlib.suppress(Exception):
            getattr(model, "predict", getattr(model, "transform", None))(models.table())
        return
    network = getattr(model, "network_", getattr(model, "network", model))
    if not hasattr(network, "params") or network.sizes[0] > 1000:
        return
    assert np.isfinite(network.params).all()  # or the child's status says so
    X = np.ones((6, network.sizes[0]), dtype=network.dtype)
    y = getattr(model, "classes_", np.zeros(1))[[0] * 6]
    with contextlib.suppress(Exception):
        network.predict(X)
    with contextlib.suppress(Exception):
        model.predict(X)
    with contextlib.suppress(Exception):
        model.partial_fit(X, y)
    with contextlib.suppress(Exception):
        T = np.zeros(6) if network.loss_.output == "softmax" else np.zeros((6, network.sizes[-1]))
        model.run_epoch(*network.check_batch(X, T))


def check_eyes(path):
    """Raise unless what must not happen would be seen."""
    harmful = [
        (lambda path: eval("1"), "did compile"),
        (lambda path: __import__("antigravity_of_minnet"), "did import"),
        (lambda path: Path(os.devnull).read_bytes(), "did open"),
        (lambda path: os.kill(os.getpid(), signal.SIGSEGV), "crash"),
        (lambda path: bytearray(b"1") * 300_000_000, "MB"),
        (_work_too_long, "took "),
        (lambda path: {}["key"], "other error: KeyError"),
    ]
    for reader, seen in harmful:
        found = complaints(read_in_child(path, reader))
        assert any(seen in each for each in found), (seen, found)


def _work_too_long(path):
    # By the processor's own time: a fixed amount of work took less than the limit on a fast machine.
    before = time.process_time()
    while time.process_time() - before < 1.2 * MOST_SECONDS:
        sum(range(10_000))


def complaints(report):
    """Return what is wrong with what load_model did."""
    found = []
    if report["outcome"] not in ("read", "refused"):
        found.append(f"{report['outcome']}: {report['error']}")
    if report["outcome"] == "refused":
        if report["cause"] not in ("ValueError", "TypeError", "NoneType"):
            found.append(f"caught a {report['cause']}: {report['error']}")
        if "\n" in report["error"] or "cannot be read as a model: " not in report["error"]:
            found.append(f"no sentence: {report['error']!r}")
    if report["seconds"] > MOST_SECONDS:
        found.append(f"took {report['seconds']:.2f} s")
    if report["bytes"] > MOST_BYTES:
        found.append(f"took {report['bytes'] / 1e6:.0f} MB")
    return found + [f"did {event}" for event in report["events"]]


def main():
    """Run it; return how many files went wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    counts = collections.defaultdict(collections.Counter)
    worst = {"seconds": (0.0, ""), "bytes": (0, "")}
    bad = total = 0
    before = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model")
        check_eyes(path)
        for i, (kind, raw) in enumerate(files(arguments.files, arguments.seed)):
            Path(path).write_bytes(raw)
            report = read_in_child(path)
            total += 1
            counts[kind][report["outcome"]] += 1
            for name, most in worst.items():
                worst[name] = max(most, (report[name], kind))
            found = complaints(report)
            if os.listdir(folder) != ["model"] or Path(path).read_bytes() != raw:
                found.append("changed the folder")
            bad += bool(found)
            for each in found:
                print(f"file {i} ({kind}): {each}")
    print(f"{'kind of file':26} {'refused':>8} {'read':>6}")
    for kind, outcomes in counts.items():
        print(f"{kind:26} {outcomes['refused']:8} {outcomes['read']:6}")
    seconds, memory = worst["seconds"], worst["bytes"]
    print(
        f"{total} files in {time.perf_counter() - before:.0f} s, seed {arguments.seed}; {bad} went wrong"
    )
    print(
        f"longest: {seconds[0]:.2f} s ({seconds[1]}); most memory: {memory[0] / 1e6:.0f} MB ({memory[1]})"
    )
    return bad


if __name__ == "__main__":
    sys.exit(min(1, main()))
