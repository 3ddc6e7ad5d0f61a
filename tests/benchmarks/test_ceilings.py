"""The ceilings of benchmarks: the C programs compute what they say, floors are those of hand."""

import os
import platform
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

from benchmarks import ceilings, floors, growth, peak, runner, training
from benchmarks.workloads import VARIANTS, WORKLOADS, Workload

COMPILER = peak.compiler()
compiled = pytest.mark.skipif(
    COMPILER is None or sys.platform == "win32", reason="no C compiler that takes options of GCC"
)


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    return peak.build(tmp_path_factory.mktemp("peak"), COMPILER, ["-DROUNDS=37"])


@compiled
@pytest.mark.skipif(
    platform.machine().lower() not in ("x86_64", "amd64", "aarch64", "arm64"),
    reason="peak.c has no loop for this processor",
)
def test_there_is_a_loop_for_the_baseline_in_both_widths(programs):
    assert {("float32", "baseline"), ("float64", "baseline"), ("bandwidth", "baseline")} <= set(
        programs
    )


@compiled
@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("level", peak.LEVELS)
@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_each_level_multiplies_and_adds_what_numpy_does(programs, kind, level, threads):
    answer = ran(programs, (kind, level), threads)
    width = {"baseline": 16, "v3": 32, "v4": 64}[level]
    assert answer["lanes"] * np.dtype(kind).itemsize == width
    lanes = np.arange(1, answer["lanes"] + 1)
    check_sums(answer, lanes * 2, threads)


@compiled
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("level", peak.BF16_LEVELS)
def test_products_of_bfloat16_are_summed_in_pairs(programs, level, threads):
    answer = ran(programs, ("bf16", level), threads)
    lanes = np.arange(1, answer["lanes"] + 1)
    check_sums(answer, np.stack([lanes, np.ones_like(lanes)], axis=1) @ [1, 2], threads)


def check_sums(answer, added, threads):
    sums = np.tile(np.arange(answer["sums"])[:, np.newaxis], (1, len(added)))
    for _ in range(37):
        sums += added
    assert answer["sum"] == threads * answer["bursts"] * sums.sum()


@compiled
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("level", peak.LEVELS)
def test_all_that_is_read_is_summed_and_all_passes_update(programs, level, threads):
    read = ran(programs, ("bandwidth", level), threads, 1, "read")
    assert read["numbers"] * 4 * threads == 2**20
    assert read["sum"] == threads * read["bursts"] * read["passes"] * read["numbers"]
    update = ran(programs, ("bandwidth", level), threads, 1, "update")
    values = 1 + update["passes"] * np.arange(1, update["bursts"] + 1)
    assert update["sum"] == 8 * threads * values.sum()


def ran(programs, name, threads, *more):
    if name not in programs:
        pytest.skip("not for this compiler or processor")
    answer = peak.run(programs[name], threads, 0.001, *more)
    if answer is None:
        pytest.skip("this CPU has no such instructions")
    assert 0 < answer["median"] <= answer["best"] < np.inf
    assert answer["bursts"] >= 5
    return {key: int(value) if value == int(value) else value for key, value in answer.items()}


@compiled
@pytest.mark.parametrize(
    ("level", "instruction", "registers"),
    [("v3", "vfmadd...ps", "ymm"), ("v4", "vfmadd...ps", "zmm"), ("baseline", "mulps", "xmm")],
)
def test_the_sums_stay_in_registers(level, instruction, registers):
    """What keeps the loop from being one of loads and stores, or from being computed beforehand."""
    told = [*COMPILER, "-O2", *peak.LEVELS[level], "-DREAL=float", "-ffp-contract=fast", "-S"]
    done = subprocess.run(
        [*told, str(peak.HERE / "peak.c"), "-o", "-"], capture_output=True, text=True, check=False
    )
    if "xmm" not in done.stdout:
        pytest.skip("not an x86 processor")
    lines = done.stdout.splitlines()
    steps = [
        i for i, line in enumerate(lines) if re.match(rf"\s+{instruction}\s.*{registers}", line)
    ]
    assert len(steps) == (24 if level == "v4" else 12)
    assert not [line for line in lines[steps[0] : steps[-1]] if "(" in line]


@compiled
def test_a_sum_that_is_wrong_is_no_measurement(tmp_path):
    source = tmp_path / "wrong.c"
    source.write_text(
        '#include <stdio.h>\nint main(void) { printf("best 1\\nbursts 5\\nlanes 4\\nsums 12\\n'
        'products 1\\nrounds 3\\nsum 0\\n"); return 0; }\n'
    )
    subprocess.run([*COMPILER, str(source), "-o", str(tmp_path / "wrong")], check=True)
    with pytest.raises(RuntimeError, match="summed to 0 instead of 4920"):
        peak.run(tmp_path / "wrong", 1, 0.0)


@compiled
def test_the_rates_have_all_levels_and_sizes(programs):
    few = {name: path for name, path in programs.items() if name[1] == "baseline"}
    rates = peak.measure(few, 1, 0.001, (1, 4))
    assert set(rates) == {
        "float32, baseline, 1 thread", "float64, baseline, 1 thread",
        "read, 1 MB, 1 thread", "update, 1 MB, 1 thread",
        "read, 4 MB, 1 thread", "update, 4 MB, 1 thread",
    }  # fmt: skip


def test_the_flags_are_those_of_the_kernels():
    setup = (peak.HERE.parent / "setup.py").read_text(encoding="utf-8")
    listed = re.findall(r'"(-m[a-z0-9]+)"', setup)
    assert "-mavx512bf16" in listed
    # x86 with 32 bits has SSE2 as its baseline; the instruction for bfloat16 is beside the levels.
    assert [*peak.LEVELS["v4"]] == [f for f in listed if f not in ("-mavx512bf16", "-msse2")]


def test_without_a_compiler_the_product_is_the_peak(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert peak.compiler() is None
    best = ceilings.summary(results(compiled=False))
    assert (best["float32"], best["float64"], best["bandwidth"]) == (30e9, 14e9, [])
    assert "bf16" not in best
    assert "OpenBLAS's product" in best["text"]
    assert ceilings.NO_COMPILER in ceilings.render(results(compiled=False), best)
    # the larger of what one thread and two do
    assert floors.floor(WORKLOADS["tiny"], best) == WORKLOADS["tiny"].flops / 30e9


def results(compiled=True):
    bursts = {
        "seconds": 0.1, "wall": 1.0, "cpu": 1.0, "idle": 0.0, "others": 0.0,
        "product float32, 1 thread": 30e9, "product float64, 1 thread": 13e9,
        "product float32, 2 threads": 25e9, "product float64, 2 threads": 14e9,
    }  # fmt: skip
    for count, threads in ((1, "1 thread"), (2, "2 threads")):
        for kind, most in (("float32", 100e9), ("float64", 50e9), ("bf16", 200e9)) * compiled:
            bursts |= {
                f"{kind}, v3, {threads}": most * count / 2,
                f"{kind}, v4, {threads}": most * count,
            }
        for size in ceilings.SIZES_MB * compiled:
            bursts[f"read, {size} MB, {threads}"] = 400e9 * count / size
            bursts[f"update, {size} MB, {threads}"] = 800e9 * count / size
    record = runner.Record({"blas": ["some"], "threads": 2, "compiled": compiled}, {0: bursts})
    return {"ceilings": {"ceilings": record}}


def test_peaks_are_of_the_best_level_and_of_all_threads():
    best = ceilings.summary(results())
    assert (best["float32"], best["float64"], best["bf16"]) == (200e9, 100e9, 400e9)
    assert best["one thread"]["float32"] == 100e9
    assert best["bandwidth"][2] == (16 * 2**20, 50e9, 100e9)
    text = ceilings.render(results(), best)
    assert "| float32, v4 | Gflop/s | 100 (100) | 200 (200) |" in text
    assert "| read, 16 MB | GB/s | 25 (25) | 50 (50) |" in text


def test_floors_are_those_of_hand():
    best = ceilings.summary(results())
    # 3 batches of 4 rows, 5 -> 3 -> 2: forward and dW of both layers, dX of the second
    small = Workload("small", 12, 5, (3,), 2 + 1, 4, "relu", 0.1)
    assert small.flops == 2 * 4 * (2 * 5 * 3 + 3 * 3 * 3)
    assert floors.arithmetic(small, best) == 2 * 4 * (30 + 27) / 200e9
    assert floors.arithmetic(small, best, "float64") == 2 * 4 * (30 + 27) / 100e9
    assert small.n_weights == 24
    # smaller than all that was measured: 96 bytes are read at 800 GB/s, read and written at 1600
    assert floors.moving(small, best) == pytest.approx(96 / 800e9 + 192 / 1600e9)
    # 5,033,000 weights are 20 MB: the rates of 16 MB
    paper = WORKLOADS["paper"]
    assert paper.n_weights == 1024 * 1000 + 4 * 1000**2 + 1000 * 9 == 5_033_000
    bytes_ = 4 * 5_033_000
    assert floors.moving(paper, best) == pytest.approx(bytes_ / 50e9 + 2 * bytes_ / 100e9)
    assert floors.arithmetic(paper, best) == pytest.approx(
        2 * 10 * (3 * 5_033_000 - 1024 * 1000) / 200e9
    )
    assert floors.floor(paper, best) == max(
        floors.moving(paper, best), floors.arithmetic(paper, best)
    )


def test_sparse_rows_come_from_where_all_weights_lie():
    best = ceilings.summary(results())
    sparse = WORKLOADS["sparse"]
    bytes_ = 4 * (64 * 80 * 100 + 100 * 20)  # of the rows in use, and the last layer; 20 MB in all
    assert floors.moving(sparse, best) == pytest.approx(bytes_ / 50e9 + 2 * bytes_ / 100e9)


def test_the_table_of_floors_has_every_workload():
    best = ceilings.summary(results())
    lines = floors.render(best, "float32").splitlines()[2:]
    assert [line.split(" | ")[0].removeprefix("| ") for line in lines] == list(WORKLOADS)
    assert lines[0].endswith("| 462 ns | 11.8 ns | 462 ns | 231 ns | 5.92 ns | 231 ns |")


def test_of_peak_and_the_roofline_refer_to_all_threads():
    best = ceilings.summary(results())
    table = WORKLOADS["table"]
    peer = {0: {"seconds": 2e-5}}
    records = {"minnet": runner.Record({}, {0: {"seconds": table.flops / 50e9}})}
    records |= {name: runner.Record({}, peer) for name in ("scikit-learn", "JAX")}
    assert training._summary(table, VARIANTS["sgd"], records, best)[-1] == "25%"
    sizes = {"1": {name: runner.Record({}, peer) for name in growth.CONTESTANTS}}
    found = growth.render(
        {"growth-depth": dict.fromkeys(map(str, growth.AXES["depth"]), sizes["1"])}, best
    )
    assert "of all threads" in found


def test_settings_of_libraries_do_not_reach_what_is_timed(monkeypatch):
    for name in (
        "OPENBLAS_CORETYPE",
        "OPENBLAS_L2_SIZE",
        "MKL_CBWR",
        "OMP_WAIT_POLICY",
        "XLA_FLAGS",
    ):
        monkeypatch.setenv(name, "x")
        assert name not in runner.environment(2)
        assert name in runner.dropped()
    assert runner.environment(2)["OMP_NUM_THREADS"] == "2"
    assert runner.without_settings()["PATH"]


def test_a_script_that_times_in_its_own_process_starts_anew_without_settings():
    code = (
        "import os, sklearn; from benchmarks.runner import restart_without_settings; "
        "restart_without_settings(); "
        "print(sorted(name for name in os.environ if name.startswith(('OPENBLAS', 'OMP'))))"
    )
    settings = {"OPENBLAS_CORETYPE": "Haswell", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=runner.ROOT, env=os.environ | settings, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "['OMP_NUM_THREADS']\n"
