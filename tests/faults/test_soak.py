"""A short soak: memory, files and threads of a process that fits many times stay as they are."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="this system has no /proc")
@pytest.mark.skipif(not (ROOT / "benchmarks" / "soak.py").exists(), reason="no benchmarks here")
def test_memory_stays_flat_over_two_hundred_fits():
    # Each fit that kept its network and data would add some 30 KB: 5 MB come out.
    arguments = ["--fits", "300", "--warm-up", "100", "--limit", "3"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.soak", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "after the warm-up of 100 fits memory grew by" in done.stdout
