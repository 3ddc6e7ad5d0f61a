"""What setup.py tells a compiler that this machine does not have."""

import importlib.util
import platform
import re
import shutil
import subprocess
from pathlib import Path

import pytest

SETUP = Path(__file__).parents[1] / "setup.py"


class Compiler:
    """Notes what it is asked for, leaves empty objects; it is for the CPU of a macro, or for several."""

    def __init__(self, compiler_type, macro, error):
        self.compiler_type, self.macro, self.error = compiler_type, macro, error
        self.calls = []

    def object_filenames(self, paths, output_dir):
        return [str(Path(output_dir, Path(path).name + ".obj")) for path in paths]

    def compile(self, paths, output_dir="", macros=(), extra_postargs=()):
        self.calls.append((Path(paths[0]).name, dict(macros), extra_postargs))
        if Path(paths[0]).name == "probe.c":
            wanted = re.findall("#ifndef (__.+__)", Path(paths[0]).read_text(encoding="utf-8"))
            if wanted not in ([], [self.macro]):
                raise self.error
        for file in self.object_filenames(paths, output_dir):
            Path(file).parent.mkdir(parents=True, exist_ok=True)
            Path(file).touch()
        return paths

    def link_executable(self, *given, **named):
        pass


@pytest.fixture
def setup(monkeypatch):
    if not SETUP.exists():
        pytest.skip("tested without the sources")
    pytest.importorskip("setuptools")
    monkeypatch.chdir(SETUP.parent)
    spec = importlib.util.spec_from_file_location("setup", SETUP)
    setup = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(setup)
    return setup


def objects(setup, compiler_type, folder, macro=None):
    """Compile the kernels with a stand-in; return its calls and the levels."""
    from setuptools import Distribution

    command = setup.BuildKernels(Distribution())
    command.compiler = Compiler(compiler_type, macro, setup.CCompilerError)
    command.build_temp = str(folder)
    command.msvc, command.extensions = compiler_type == "msvc", []
    command.add_openmp()
    command.compile_levels()
    calls = [call for call in command.compiler.calls if call[0] != "probe.c"]
    return calls, command.levels()


def test_microsofts_compiler_gets_c11_and_plain_c_for_every_object(setup, tmp_path):
    calls, levels = objects(setup, "msvc", tmp_path)
    assert list(levels) == ["scalar"]
    names = ["bf16.c", *["draws.c"] * 2, "level.c", *["training.c"] * 2]
    assert sorted(name for name, *_ in calls) == names
    for name, macros, flags in calls:
        assert {"/O2", "/std:c11"} <= set(flags)
        assert set(flags) <= {"/O2", "/std:c11", "/openmp", "-DMINNET_SCALAR"}  # none of GCC's own
        assert ("/openmp" in flags) == (name == "training.c")
        assert macros["MINNET_LEVEL"] == "scalar"


@pytest.mark.parametrize(
    ("macro", "names"),
    [
        ("__x86_64__", ["scalar", "baseline", "v3", "v4"]),
        ("__i386__", ["scalar", "baseline"]),
        ("__aarch64__", ["scalar", "baseline"]),
        (None, ["scalar", "baseline"]),  # macOS's for two CPUs at once
    ],
)
def test_the_compilers_target_decides_which_levels_there_are(macro, names, setup, tmp_path):
    calls, levels = objects(setup, "unix", tmp_path, macro)
    assert list(levels) == names
    assert len(calls) == 6 * len(names) + ("v4" in names)
    for name, macros, flags in calls:
        assert ("-ffp-contract=off" in flags) == (name in ("draws.c", "bf16.c"))
        assert ("-mavx512bf16" in flags) == ("MINNET_BF16" in macros)
        assert ("-mfpmath=sse" in flags) == ("-msse2" in flags) == (macro == "__i386__")
        assert "-std=c11" in flags


def test_gcc_for_windows_gets_no_vectors_wider_than_its_stack_is_aligned_for(setup, tmp_path):
    calls, levels = objects(setup, "mingw32", tmp_path, "__x86_64__")
    assert list(levels) == ["scalar", "baseline"]
    assert not any(flag.startswith("-mavx") for *_, flags in calls for flag in flags)


def unix_compiler(setup, words):
    """Return the command with a compiler, or skip the test where it makes no programs."""
    from setuptools import Distribution
    from setuptools.command.build_ext import new_compiler

    kernels = setup.BuildKernels(Distribution())
    kernels.msvc, kernels.compiler = False, new_compiler(compiler="unix")
    kernels.compiler.set_executables(compiler=words, compiler_so=words, linker_exe=words)
    if not shutil.which(words[0]) or not kernels.works("int main(void) { return 0; }"):
        pytest.skip(f"{words} makes no programs here")
    return kernels


def test_probes_look_for_libraries_in_the_folders_of_ldflags(setup, tmp_path, monkeypatch):
    """As that of libomp, which Homebrew puts where no linker looks."""
    kernels = unix_compiler(setup, ["cc"])
    archiver = shutil.which("ar")
    if not archiver:
        pytest.skip("there is no ar here")
    (tmp_path / "f.c").write_text("int f(void) { return 0; }\n")
    subprocess.run(["cc", "-c", "f.c"], cwd=tmp_path, check=True)
    subprocess.run([archiver, "rcs", "libfarther.a", "f.o"], cwd=tmp_path, check=True)
    source = "int f(void);\nint main(void) { return f(); }"
    monkeypatch.delenv("LDFLAGS", raising=False)
    assert not kernels.works(source, libraries=["farther"])
    monkeypatch.setenv("LDFLAGS", f"-L'{tmp_path}'")
    assert kernels.works(source, libraries=["farther"])


@pytest.mark.parametrize(
    ("command", "macro"),
    [("gcc", "__x86_64__"), ("gcc -m32", "__i386__"), ("musl-gcc", "__x86_64__")],
)
def test_a_compiler_is_asked_what_it_builds_for(command, macro, setup, capfd):
    """As a Python of 32 bits on a kernel of 64, which calls its platform linux-x86_64."""
    if platform.machine() != "x86_64":
        pytest.skip("compilers of other processors are for them")
    kernels = unix_compiler(setup, command.split())
    assert [name for name in ("__i386__", "__x86_64__") if kernels.is_for(name)] == [macro]
    assert "which is no fault" in capfd.readouterr().err
