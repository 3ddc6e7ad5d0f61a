"""The examples of the API import what they use: pytest runs them where the module's names are seen."""

import ast
import doctest
import importlib
import inspect
import re

import pytest
from pages import ROOT, unknown_names


def documented():
    """Return the full names that the pages of the API list."""
    names = []
    for path in sorted((ROOT / "docs" / "api").glob("*.rst")):
        module = ""
        for line in path.read_text(encoding="utf-8").splitlines():
            current = re.match(r"\.\. (?:currentmodule|module|automodule):: ([\w.]+)", line)
            entry = re.fullmatch(r"   ~?([A-Za-z][\w.]*)", line)
            if current:
                module = current[1]
            elif entry:
                name = entry[1]
                names.append(name if name.startswith("minnet") else f"{module}.{name}")
    return sorted(set(names))


def found(name):
    """Return the object of a full name."""
    module, _, last = name.rpartition(".")
    try:
        return getattr(importlib.import_module(module), last)
    except (ImportError, AttributeError):
        return importlib.import_module(name)


@pytest.mark.parametrize("name", documented())
def test_example_imports_what_it_uses(name):
    thing = found(name)
    methods = vars(thing).values() if inspect.isclass(thing) else ()
    wrong = {}
    for each in [thing, *(method for method in methods if inspect.isroutine(method))]:
        text = inspect.getdoc(each) or ""
        examples = doctest.DocTestParser().get_examples(text)
        unknown = unknown_names(ast.parse("".join(example.source for example in examples)))
        if unknown:
            wrong[getattr(each, "__name__", name)] = unknown
    assert not wrong
