"""The extension: CPU levels, threads, fork."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import minnet.random.streams as minnet_random
from minnet.random import Stream

minnet_ext = pytest.importorskip("minnet_ext", reason="installed without the extension")
_random = pytest.importorskip("minnet_ext._random")

# What a level or a number of threads must not change.
DRAWS = """
import hashlib
import minnet.random
from minnet.random import Stream

digest = hashlib.sha256()
for dtype in ("float32", "float64"):
    stream = Stream(7, "levels", 3)
    for law in (stream.uniform, stream.normal, stream.truncated_normal):
        digest.update(law(100_003, dtype=dtype, start=5).tobytes())
"""


def run(code, **environment):
    """Run code in a fresh process, return its last line and the process."""
    environment = {**os.environ, **environment}
    process = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    return process.stdout.strip().rpartition("\n")[2], process


def test_levels_of_this_machine():
    assert minnet_ext.cpu_level in minnet_ext.cpu_levels
    assert minnet_ext.cpu_levels[-1] == "scalar"
    wanted = os.environ.get("MINNET_CPU")
    assert minnet_ext.cpu_level == (wanted or minnet_ext.cpu_levels[0])


@pytest.mark.parametrize("level", minnet_ext.cpu_levels)
def test_every_level_gives_the_bits_of_numpy(level, monkeypatch):
    code = DRAWS + "import minnet_ext; print(minnet_ext.cpu_level, digest.hexdigest())"
    line, process = run(code, MINNET_CPU=level)
    assert process.returncode == 0, process.stderr
    monkeypatch.setattr(minnet_random, "_ext", None)
    digest = hashlib.sha256()
    stream = Stream(7, "levels", 3)
    for dtype in ("float32", "float64"):
        for law in (stream.uniform, stream.normal, stream.truncated_normal):
            digest.update(law(100_003, dtype=dtype, start=5).tobytes())
    assert line == f"{level} {digest.hexdigest()}"


@pytest.mark.parametrize("level", ["v9", "AVX2", "v3 "])
def test_unknown_level_is_an_error(level):
    _, process = run("import minnet.random", MINNET_CPU=level)
    assert process.returncode != 0
    last = process.stderr.strip().rpartition("\n")[2]
    names = ", ".join(minnet_ext.cpu_levels)
    assert (
        last == f"RuntimeError: MINNET_CPU must be one of {names} on this machine, got {level!r}."
    )


def test_empty_level_means_none():
    line, _ = run("import minnet_ext; print(minnet_ext.cpu_level)", MINNET_CPU="")
    assert line == minnet_ext.cpu_levels[0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [32_768, 65_537, 300_001])
def test_any_number_of_threads_gives_the_same_bits(n, dtype):
    calls = {
        _random.fill_uniform: (0.0, 1.0, -1.0, 1.0),
        _random.fill_normal: (0.5, 2.0),
        _random.fill_truncated: (0.0, 1.0, 0.02275, 0.9545, -2.0, 2.0, 1.0),
    }
    for fill, parameters in calls.items():
        results = []
        for n_threads in (1, 2, 3, 8):
            out = np.empty(n, dtype)
            fill(2**63, 1, 2, 3, out, *parameters, n_threads=n_threads)
            results.append(out.tobytes())
        assert len(set(results)) == 1


def test_words_on_threads():
    results = []
    for n_threads in (1, 2, 5):
        out = np.empty(200_003, np.uint32)
        _random.fill_words(1, 2, 3, 1, out, n_threads=n_threads)
        results.append(out)
    assert_array_equal(results[0], results[1])
    assert_array_equal(results[0], results[2])


def test_fills_touch_nothing_else():
    buffer = np.full(1000, 7, np.float32)
    _random.fill_normal(0, 0, 0, 0, buffer[100:777], 0.0, 1.0)
    assert_array_equal(np.delete(buffer, np.s_[100:777]), 7)
    assert not (buffer[100:777] == 7).any()


@pytest.mark.parametrize(
    "out", [np.empty(8, np.float32)[::2], np.empty((2, 2)), np.empty(4, "int64")]
)
def test_fills_refuse_other_arrays(out):
    with pytest.raises((TypeError, ValueError)):
        _random.fill_normal(0, 0, 0, 0, out, 0.0, 1.0)


def test_readonly_array_is_refused():
    out = np.empty(4)
    out.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        _random.fill_normal(0, 0, 0, 0, out, 0.0, 1.0)


@pytest.mark.skipif(not minnet_ext.has_openmp, reason="built without OpenMP")
class TestThreadCount:
    CODE = "import minnet_ext; print(minnet_ext.max_threads(), minnet_ext.effective_n_threads(-2))"

    def test_environment_decides(self):
        line, _ = run(self.CODE, OMP_NUM_THREADS="5")
        assert line == "5 4"
        line, _ = run(self.CODE, OMP_NUM_THREADS="1")
        assert line == "1 1"

    @pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no CPU affinity here")
    def test_affinity_decides(self):
        code = "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\n" + self.CODE
        line, _ = run(code, OMP_NUM_THREADS="")
        assert line == "1 1"

    def test_joblib_decides(self):
        line, _ = run(self.CODE, OMP_NUM_THREADS="", LOKY_MAX_CPU_COUNT="1")
        assert line == "1 1"

    def test_explicit_numbers(self):
        assert minnet_ext.effective_n_threads(3) == 3
        assert minnet_ext.effective_n_threads(-1) == minnet_ext.max_threads()
        assert minnet_ext.effective_n_threads(-1000) == 1
        with pytest.raises(ValueError, match="n_threads must be None, a positive or a negative"):
            minnet_ext.effective_n_threads(0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_forked_child_draws_the_same_on_one_thread():
    # With GNU's OpenMP a parallel region in the child would wait for ever.
    code = """
import os
import numpy as np
import minnet_ext
from minnet_ext import _random
from minnet.random import Stream

first = np.empty(500_000)
_random.fill_normal(*Stream(1, "fork").address, 0, first, 0.0, 1.0, n_threads=2)
child = os.fork()
if child == 0:
    same = (Stream(1, "fork").normal(500_000) == first).all()
    os._exit(0 if same and minnet_ext.effective_n_threads(2) == 1 else 1)
status = os.waitpid(child, 0)[1]
again = Stream(1, "fork").normal(500_000)
print(status, (again == first).all())
"""
    line, process = run(code, OMP_NUM_THREADS="2")
    assert line == "0 True", process.stderr


def test_without_the_gil_threads_share_the_extension():
    from concurrent.futures import ThreadPoolExecutor

    def work(i):
        return Stream(4, "threads", i % 4).normal(100_000).tobytes()

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(work, range(16)))
    assert len(set(results)) == 4
    assert results[:4] == results[12:]
