"""What the packages have of the page: its build both, its sources the sdist alone, of npm nothing."""

import importlib.util
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE, STATIC = "minnet/playground/page", "minnet/playground/static"


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """A copy of what the packages are made of, with what npm leaves beside the page's sources."""
    if not (ROOT / "setup.py").exists():
        pytest.skip("tested without the sources")
    pytest.importorskip("setuptools")
    for name in ("setup.py", "MANIFEST.in"):
        shutil.copy(ROOT / name, tmp_path)
    ignored = shutil.ignore_patterns("node_modules", "__pycache__")
    shutil.copytree(ROOT / "minnet", tmp_path / "minnet", ignore=ignored)
    module = tmp_path / PAGE / "node_modules" / "esbuild" / "package.json"
    module.parent.mkdir(parents=True)
    module.write_text("{}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files(folder):
    return {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "node_modules" not in path.parts
    }


def test_the_wheel_has_the_built_page_and_not_its_sources(sources):
    from setuptools import Distribution, find_packages

    spec = importlib.util.spec_from_file_location("setup", sources / "setup.py")
    setup = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(setup)
    packages = find_packages(include=setup.PACKAGES)
    given = {"script_name": "setup.py", "packages": packages, "package_data": setup.PACKAGE_DATA}
    distribution = Distribution(given)
    command = distribution.get_command_obj("build_py")
    command.build_lib = "built"
    command.ensure_finalized()
    command.run()
    built = {
        path.relative_to("built").as_posix() for path in Path("built").rglob("*") if path.is_file()
    }
    assert len(files(STATIC)) >= 5
    assert files(STATIC) <= built
    assert [name for name in built if name.startswith(PAGE) or "node_modules" in name] == []


def test_the_sdist_has_the_sources_of_the_page_and_nothing_of_npm(sources):
    from setuptools.command.egg_info import FileList

    listed = FileList()
    for line in Path("MANIFEST.in").read_text().splitlines():
        if line.startswith(("include", "exclude")) or line.split()[1].split("/")[0] == "minnet":
            listed.process_template_line(line)
    found = {Path(name).as_posix() for name in listed.files}
    assert f"{PAGE}/package-lock.json" in files(PAGE)
    assert files(STATIC) | files(PAGE) <= found
    assert [name for name in found if "node_modules" in name] == []
