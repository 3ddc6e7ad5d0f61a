"""Frames of trainings in one file, for pages without a kernel: page/src/transports/recorded.js plays it.

The file is zipped. In it are the length of a header (four bytes, the lowest first), the header (JSON: the
choices of all controls; of each recording its title, a text, the experiment, a phase diagram, a step on
the blackboard, and where each frame begins and how long it is), and the frames one after the other.
"""

import gzip
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from minnet.common.atomic import write_atomically
from minnet.common.checks import check_whole
from minnet.common.types import Array
from minnet.playground.blackboard import blackboard
from minnet.playground.experiment import Experiment, choices
from minnet.playground.frame import decode, encode, pack
from minnet.playground.phase import phase_map
from minnet.playground.session import Session

__all__ = ["record"]

#: Of which a step, or where a point is, could be seen to be rounded.
_EXACT = ("history", "points")
#: Colours and silhouettes.
_COARSE = ("boundary", "activation_density", "gradient_density")
_MOST_STEPS = 1000


def record(
    path: str | os.PathLike[str],
    recordings: Sequence[tuple[str, str, Mapping[str, Any]]],
    steps: Sequence[int],
) -> None:
    """Train experiments, and write what a page would have shown at some steps into one file.

    The same arguments give the same file. Numbers that are only drawn are rounded to 11 bits, those of
    colours and silhouettes to 8, which nobody sees and which makes the file a quarter as long.

    Parameters
    ----------
    path : path-like
    recordings : sequence of (str, str, dict)
        For each its title, a text, and the controls of its experiment.
    steps : sequence of int
        The steps of a training that are shown, ascending; one that diverges ends there.

    Raises
    ------
    ValueError
        If a control or a step is not what it may be.

    Examples
    --------
    >>> from minnet.playground.recording import record
    >>> runs = [("Small weights", "Nothing arrives.", {"depth": 3, "width": 8, "gain": 0.1})]
    >>> record(getfixture("tmp_path") / "small.bin", runs, steps=[0, 10, 100])
    """
    steps = [check_whole("steps", step, 0) for step in steps]
    if not steps or steps != sorted(set(steps)):
        raise ValueError(f"steps must ascend, got {steps!r:.200}")
    parts: list[bytes] = []
    heads = []
    for title, text, controls in recordings:
        experiment = Experiment.from_dict(dict(controls))
        places = []
        for frame in _frames(experiment, steps):
            places.append([sum(map(len, parts)), len(frame)])
            parts.append(frame)
        head = {"title": title, "text": text, "experiment": experiment.to_dict(), "frames": places}
        phase = phase_map(experiment.activation)
        heads.append({**head, "phase": phase, "blackboard": blackboard(experiment)})
    content = pack({"choices": choices(), "recordings": heads}, b"".join(parts))
    with write_atomically(path) as file:
        file.write(gzip.compress(content, mtime=0))


def _frames(experiment: Experiment, steps: Sequence[int]) -> Iterator[bytes]:
    """Yield a frame at each step, the first with the data."""
    with Session(experiment, budget=1, playing=False) as session:
        done, points = 0, None
        for step in steps:
            while done < step:
                n = min(step - done, _MOST_STEPS)
                session.answer({"do": "step", "n": n})
                done += n
            frame = session.answer({"ask": "frame", "after": None, "wait": 2, "points": points})
            if not isinstance(frame, bytes):
                raise RuntimeError(f"the session has no frame of step {step}: {frame}")
            header, arrays = decode(frame)
            points = header["generation"]
            timeless = {"version": step, "cost_ms": None, "steps_per_second": None}
            rounded = {
                name: values if name in _EXACT else _rounded(values, 8 if name in _COARSE else 11)
                for name, values in arrays.items()
            }
            yield encode({**header, **timeless}, rounded)
            if header["status"] == "diverged":
                return


def _rounded(values: Array, n_bits: int) -> Array:
    """Return float32 numbers rounded to so many bits, the others zero."""
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.rint(mantissa * 2**n_bits), exponent - n_bits)
