"""The processor's own ceilings, by small C programs: multiplications and additions, reading and updating.

peak.c is compiled with the flags that setup.py gives minnet's kernels, once for each CPU level and kind
of number; bandwidth.c once for each level, of which the highest that the CPU has is used. One thread is
pinned to each CPU. Each program returns a sum, which is compared with what it must be, so that a loop
of which the compiler made less is no measurement.
"""

import os
import shlex
import shutil
import subprocess
from pathlib import Path

__all__ = ["KINDS", "LEVELS", "build", "compiler", "measure", "run"]

HERE = Path(__file__).parent
V3 = ("-mavx2", "-mfma", "-mbmi", "-mbmi2")
V4 = (*V3, "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl")

#: Levels of setup.py with their flags; a compiler for another processor makes the baseline alone.
LEVELS = {"baseline": (), "v3": V3, "v4": V4}
#: Levels at which there may be products of bfloat16: x86's AVX512_BF16, and Arm's.
BF16_LEVELS = {
    "v4 with AVX512_BF16": (*V4, "-mavx512bf16"),
    "Arm's bf16": ("-march=armv8.2-a+bf16",),
}
KINDS = ("float32", "float64", "bf16")
_MACROS = {"float32": "-DREAL=float", "float64": "-DREAL=double", "bf16": "-DBF16"}


def compiler():
    """Return the command of the C compiler at hand, $CC first, or None."""
    for command in (shlex.split(os.environ.get("CC", "")), ["cc"], ["gcc"], ["clang"]):
        if command and shutil.which(command[0]):
            return command
    return None


def build(folder, command, defines=()):
    """Compile what the compiler can; return the programs: (kind, level) or "bandwidth" to path."""
    wanted = {
        (kind, level): ("peak.c", "-O2", *flags, _MACROS[kind])
        for kind in KINDS
        for level, flags in (BF16_LEVELS if kind == "bf16" else LEVELS).items()
    }
    for level, flags in LEVELS.items():
        wanted["bandwidth", level] = ("bandwidth.c", "-O3", *flags)
    programs = {}
    for name, (source, *flags) in wanted.items():
        path = Path(folder, "-".join(name).replace(" ", "_"))
        told = [*command, *flags, *defines, "-ffp-contract=fast", "-pthread", str(HERE / source)]
        done = subprocess.run([*told, "-o", str(path)], capture_output=True, check=False)
        if done.returncode == 0:
            programs[name] = path
    return programs


def run(program, threads, seconds, *more):
    """Run a program; return what it prints, or None where the processor lacks its instructions."""
    told = [*program] if isinstance(program, (list, tuple)) else [program]
    told = [str(word) for word in (*told, threads, seconds, *more)]
    done = subprocess.run(told, capture_output=True, text=True, check=False)
    if done.returncode == -4:  # SIGILL
        return None
    if done.returncode:
        raise RuntimeError(f"{told} ended with {done.returncode}: {done.stderr}")
    answer = {key: float(value) for key, value in map(str.split, done.stdout.splitlines())}
    if answer["sum"] != (expected := _sum(answer, threads)):
        raise RuntimeError(f"{told} summed to {answer['sum']:.17g} instead of {expected:.17g}")
    return answer


def _sum(answer, threads):
    """Return what the bursts of a program must sum to: whole numbers, exact in float64."""
    bursts = answer["bursts"]
    if "lanes" in answer:
        lanes, sums = answer["lanes"], answer["sums"]
        factors = lanes * (lanes + 1) / 2  # 1 + 2 + ...
        # Each round adds (lane + 1) * 2, or of pairs (lane + 1) * 1 + 1 * 2; sum number i starts at i.
        added = 2 * factors if answer["products"] == 1 else factors + 2 * lanes
        return threads * bursts * sums * (answer["rounds"] * added + lanes * (sums - 1) / 2)
    if answer["update"]:  # ones, to which each pass of all bursts adds 1
        looked_at = answer["looked_at"]
        return threads * looked_at * bursts * (1 + answer["passes"] * (bursts + 1) / 2)
    return threads * bursts * answer["passes"] * answer["numbers"]


def measure(programs, threads, seconds, sizes):
    """Return rates of one thread and of all, in flops and bytes a second, by what was done.

    Keys of arithmetic are kind, level and threads, such as "float32, v4, 2 threads"; those of moving are
    what, size and threads, such as "read, 16 MB, 1 thread".
    """
    rates = {}
    for count in sorted({1, threads}):
        thread = f"{count} thread{'s' * (count > 1)}"
        for (kind, level), program in programs.items():
            if kind != "bandwidth" and (answer := run(program, count, seconds)):
                rates[f"{kind}, {level}, {thread}"] = answer["best"]
        for size in sizes:
            for what in ("read", "update"):
                for level in reversed(LEVELS):
                    program = programs.get(("bandwidth", level))
                    if program and (answer := run(program, count, seconds, size, what)):
                        rates[f"{what}, {size} MB, {thread}"] = answer["best"]
                        break
    return rates
