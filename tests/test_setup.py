"""What setup.py tells a compiler that this machine does not have."""

import importlib.util
import sysconfig
from pathlib import Path

import pytest

SETUP = Path(__file__).parents[1] / "setup.py"


class Compiler:
    """Notes what it is asked for and leaves empty objects."""

    def __init__(self, compiler_type):
        self.compiler_type, self.calls = compiler_type, []

    def object_filenames(self, paths, output_dir):
        return [str(Path(output_dir, Path(path).name + ".obj")) for path in paths]

    def compile(self, paths, output_dir="", macros=(), extra_postargs=()):
        self.calls.append((Path(paths[0]).name, dict(macros), extra_postargs))
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


def objects(setup, compiler_type, folder):
    """Compile the kernels with a stand-in; return its calls and the levels."""
    from setuptools import Distribution

    command = setup.BuildKernels(Distribution())
    command.compiler, command.build_temp = Compiler(compiler_type), str(folder)
    command.msvc, command.extensions = compiler_type == "msvc", []
    command.add_openmp()
    command.compile_levels()
    calls = [call for call in command.compiler.calls if call[0] != "probe.c"]
    return calls, command.levels()


def test_microsofts_compiler_gets_c11_and_plain_c_for_every_object(setup, tmp_path):
    calls, levels = objects(setup, "msvc", tmp_path)
    assert list(levels) == ["scalar"]
    assert sorted(name for name, *_ in calls) == [*["draws.c"] * 2, "level.c", *["training.c"] * 2]
    for name, macros, flags in calls:
        assert {"/O2", "/std:c11"} <= set(flags)
        assert set(flags) <= {"/O2", "/std:c11", "/openmp", "-DMINNET_SCALAR"}  # none of GCC's own
        assert ("/openmp" in flags) == (name == "training.c")
        assert macros["MINNET_LEVEL"] == "scalar"


@pytest.mark.parametrize(
    ("platform", "names"),
    [
        ("linux-x86_64", ["scalar", "baseline", "v3", "v4"]),
        ("macosx-15.0-x86_64", ["scalar", "baseline", "v3", "v4"]),
        ("linux-aarch64", ["scalar", "baseline"]),
        ("macosx-15.0-arm64", ["scalar", "baseline"]),
        ("macosx-11.0-universal2", ["scalar", "baseline"]),
    ],
)
def test_the_target_decides_which_levels_there_are(platform, names, setup, monkeypatch, tmp_path):
    monkeypatch.setattr(sysconfig, "get_platform", lambda: platform)
    monkeypatch.delenv("ARCHFLAGS", raising=False)
    calls, levels = objects(setup, "unix", tmp_path)
    assert list(levels) == names
    assert len(calls) == 5 * len(names)
    for name, _, flags in calls:
        assert ("-ffp-contract=off" in flags) == (name == "draws.c")
        assert "-std=c11" in flags


def test_flags_of_macos_decide_over_the_pythons_own(setup, monkeypatch):
    monkeypatch.setattr(sysconfig, "get_platform", lambda: "macosx-11.0-universal2")
    for flags, expected in (("-arch x86_64", True), ("-arch arm64", False)):
        monkeypatch.setenv("ARCHFLAGS", flags)
        assert setup.is_x86_64() == expected
