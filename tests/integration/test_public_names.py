"""What completion shows: the documented names, and no others."""

import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import minnet

DOCS = Path(__file__).parents[2] / "docs"


def documented():
    """Return the full names in the tables of the API pages."""
    names = set()
    for page in DOCS.rglob("*.rst"):
        module, listing = "", False
        for line in page.read_text().splitlines():
            if found := re.match(r"\.\. (?:current)?module:: ([\w.]+)$", line):
                module = found[1]
            if line.strip() and not line.startswith(" "):
                listing = line.startswith(".. autosummary::")
                if found := re.match(r"\.\. data:: (\w+)$", line):
                    names.add(f"{module}.{found[1]}")
            elif listing and (found := re.match(r" +~?([\w.]+)$", line)):
                name = found[1]
                names.add(name if name.startswith("minnet.") else f"{module}.{name}")
    return names


def modules(package=minnet):
    """Return the public modules by name: those that completion leads to."""
    found = {package.__name__: package}
    for name in dir(package):
        value = getattr(package, name)
        if isinstance(value, ModuleType):
            found |= modules(value)
    return found


DOCUMENTED = documented()
MODULES = modules()
VALUES = [
    getattr(importlib.import_module(name.rpartition(".")[0]), name.rpartition(".")[2])
    for name in DOCUMENTED
]


def test_tables_are_found():
    assert len(DOCUMENTED) > 150
    assert {"minnet.Network", "minnet.lab.theory.MeanField", "minnet.mup.mup"} <= DOCUMENTED


def known(value):
    """Return whether something is documented, under this name or another, or is not of minnet."""
    if isinstance(value, ModuleType):
        return value in MODULES.values()
    if not getattr(value, "__module__", "minnet").startswith("minnet"):
        return True
    return any(value is one for one in VALUES)


@pytest.mark.parametrize("name", sorted(MODULES))
def test_what_completion_shows_is_documented(name):
    module = MODULES[name]
    shown = {one for one in dir(module) if not one.startswith("__")}
    assert [one for one in shown if not known(getattr(module, one))] == []
    assert shown == {one for one in shown if one in module.__all__ or f"{name}.{one}" in MODULES}
    assert set(module.__all__) <= set(dir(module))


@pytest.mark.parametrize("name", [one.name for one in pkgutil.iter_modules(minnet.__path__)])
def test_no_module_shows_what_it_imports(name):
    module = importlib.import_module(f"minnet.{name}")
    if name not in ("common", "__main__", "_version"):  # which nobody opens
        shown = {one for one in dir(module) if not one.startswith("__")}
        assert shown == {*module.__all__}


@pytest.mark.parametrize("name", sorted(DOCUMENTED))
def test_what_is_documented_is_shown(name):
    module, _, last = name.rpartition(".")
    assert last in dir(importlib.import_module(module))
    assert name.split(".")[1] in dir(minnet)


def test_each_name_is_there_in_a_new_process():
    code = "import minnet; [getattr(minnet, name) for name in dir(minnet)]"
    subprocess.run([sys.executable, "-c", code], check=True)
