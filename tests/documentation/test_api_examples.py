"""The examples of the API import what they use: pytest runs them where the module's names are seen."""

import ast
import doctest
import importlib
import inspect
import re

import pytest
from pages import ROOT, Block, pasting_error, unknown_names


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


def examples_of(name):
    """Yield the name and the docstring of an object, and of its methods."""
    thing = found(name)
    methods = vars(thing).values() if inspect.isclass(thing) else ()
    for each in [thing, *(method for method in methods if inspect.isroutine(method))]:
        yield getattr(each, "__name__", name), inspect.getdoc(each) or ""


@pytest.mark.parametrize("name", documented())
def test_example_imports_what_it_uses(name):
    wrong = {}
    for where, text in examples_of(name):
        examples = doctest.DocTestParser().get_examples(text)
        wrong[where] = unknown_names(ast.parse("".join(example.source for example in examples)))
    assert not any(wrong.values()), wrong


@pytest.mark.parametrize("name", documented())
def test_example_can_be_pasted_at_a_prompt(name):
    texts = {
        where: Block(ROOT, 0, "doctest", text.splitlines()) for where, text in examples_of(name)
    }
    wrong = {
        where: pasting_error(block.copied) for where, block in texts.items() if block.is_session
    }
    assert not any(wrong.values()), wrong
