"""The examples of docstrings import what they use, and nothing else."""

import ast
import doctest
import re
from pathlib import Path

import minnet

ROOT = Path(minnet.__file__).parent


def _docstrings():
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                text = ast.get_docstring(node)
                if text:
                    yield f"{path.relative_to(ROOT)} {getattr(node, 'name', '')}", text


def test_no_example_has_a_stray_import():
    wrong, n_imports = [], 0
    for where, text in _docstrings():
        if re.search(r"^\s*(from [\w.]+ import |import \w+)", text, re.MULTILINE):
            wrong.append(f"{where}: an import without >>>")
        nodes = list(
            ast.walk(
                ast.parse("".join(e.source for e in doctest.DocTestParser().get_examples(text)))
            )
        )
        used = {node.id for node in nodes if isinstance(node, ast.Name)}
        for node in nodes:
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {(alias.asname or alias.name).split(".")[0] for alias in node.names}
                n_imports += len(names)
                wrong += [f"{where}: {name} is imported and not used" for name in names - used]
    assert not wrong
    assert n_imports > 100
