"""A contestant's process measures the minnet of the checkout that it is given."""

import sys

import pytest

from benchmarks.before_after import place_of
from benchmarks.runner import Job, Options, Worker, alternate

needs_fork = pytest.mark.skipif(
    sys.platform == "win32", reason="workers are pinned before they start"
)

TOLD = """
from pathlib import Path
import benchmarks

def told():
    return lambda seconds: {"seconds": 1.0}, {"minnet": __file__, "benchmarks": benchmarks.__file__}
"""


def checkout(path):
    for name in ("minnet", "benchmarks"):
        (path / name).mkdir(parents=True)
        (path / name / "__init__.py").write_text(TOLD if name == "minnet" else "")
    return path


@needs_fork
def test_a_worker_has_the_minnet_of_its_checkout_and_the_benchmarks_of_here(tmp_path):
    here = checkout(tmp_path / "other one's")
    with Worker("other", 1, checkout=str(here)) as worker:
        told = worker.prepare("minnet:told", {})
        assert worker.burst(0.01)["seconds"] == 1
    assert told["minnet"] == str(here / "minnet" / "__init__.py")
    assert not told["benchmarks"].startswith(str(tmp_path))


@needs_fork
def test_two_checkouts_take_turns(tmp_path):
    jobs = [
        Job(name, "minnet:told", {}, 1, checkout=str(checkout(tmp_path / name)))
        for name in ("before", "after")
    ]
    records = alternate(jobs, Options(rounds=3, seconds=0.01, threads=1))
    for name, record in records.items():
        assert record.info["minnet"].startswith(str(tmp_path / name))
        assert list(record.bursts) == [0, 1, 2]


def test_a_build_is_an_interpreter_or_a_checkout_that_was_built(tmp_path):
    assert place_of("/usr/bin/python3")["python"] == "/usr/bin/python3"
    with pytest.raises(SystemExit, match="no checkout in which the extension was built"):
        place_of(tmp_path)
    (tmp_path / "minnet_ext").mkdir()
    (tmp_path / "minnet_ext" / "_train.cpython-311-x86_64-linux-gnu.so").touch()
    assert place_of(tmp_path)["checkout"] == str(tmp_path.resolve())
