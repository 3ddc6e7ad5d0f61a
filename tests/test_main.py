"""``python -m minnet``: what it shows runs as it stands, in an empty namespace."""

import re
import subprocess
import sys

import minnet
from minnet.__main__ import WHAT_THERE_IS


def test_it_prints_the_page_and_the_configuration(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "minnet"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    assert done.stdout.startswith(WHAT_THERE_IS)
    assert f"minnet        {minnet.__version__}\n" in done.stdout
    assert all(len(line) <= 80 for line in WHAT_THERE_IS.splitlines())


def test_its_programs_run(tmp_path):
    lines = re.findall("^    (?!python -m)(.*)", WHAT_THERE_IS, re.MULTILINE)
    programs = "\n".join(lines)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", programs],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "vanish" in done.stdout
    assert "dW" in done.stdout
