"""Names the public functions and methods of minnet/ whose arguments or results have no types.

Public is what a module whose name has no underscore has in ``__all__``, or without that what has no
underscore itself; of a class the methods without one, its constructor and its call.
"""

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


def missing(function, of_class=False):
    """Return what has no type: names of arguments, "return"."""
    given = function.args
    arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    arguments += [each for each in (given.vararg, given.kwarg) if each]
    static = any(getattr(each, "id", "") == "staticmethod" for each in function.decorator_list)
    if of_class and not static:
        arguments = arguments[1:]
    names = [each.arg for each in arguments if each.annotation is None and each.arg != "_"]
    returns = function.returns is not None or function.name == "__init__"
    return names + ([] if returns else ["return"])


def public(module):
    """Return the public functions and methods of a module: name, node, whether it is a method."""
    listed = None
    for node in module.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            listed = {each.value for each in node.value.elts if isinstance(each, ast.Constant)}
    for node in module.body:
        name = getattr(node, "name", "_")
        if name not in listed if listed is not None else name.startswith("_"):
            continue
        if isinstance(node, FUNCTION):
            yield name, node, False
        elif isinstance(node, ast.ClassDef):
            for method in node.body:
                if isinstance(method, FUNCTION) and (
                    not method.name.startswith("_") or method.name in ("__init__", "__call__")
                ):
                    yield f"{name}.{method.name}", method, True


found = [
    f"{path.relative_to(ROOT)}:{node.lineno}: {name}: no type of {', '.join(missing(node, of_class))}"
    for path in sorted(ROOT.glob("minnet/**/*.py"))
    if path.name == "__init__.py" or not path.name.startswith("_")
    for name, node, of_class in public(ast.parse(path.read_text(encoding="utf-8")))
    if missing(node, of_class)
]
sys.exit("\n".join(found) or None)
