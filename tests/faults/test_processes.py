"""Processes made by fork, spawn, forkserver and loky: all finish, and give what one gives alone."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("processes.py")
WAYS = ["fork", "forkserver", "spawn", "os.fork", "loky", "GridSearchCV"]
BACKENDS = ["cython"] if importlib.util.find_spec("minnet_ext") else []


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("backend", [*BACKENDS, "numpy"])
@pytest.mark.parametrize("way", WAYS)
def test_a_process_made_this_way_gives_the_same(way, backend):
    # More threads than one, whatever the processors: after a fork they are what is missing.
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    environment.pop("OMP_NUM_THREADS", None)
    done = subprocess.run(
        [sys.executable, SCRIPT, way, backend],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.strip().splitlines()[-1] == "the same"
