"""The methods of activations and losses as functions of their own: one text of a formula for several uses.

NumPy's text in ``activations.py`` and ``losses.py`` is the specification. The one-file export writes it
as it is; the numba backend compiles it, for numbers or for rows of a batch.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterable
from typing import Any

__all__ = ["FormulaText"]

# What takes the place of a function that Numba does not know or is slow to compile; {0} is its argument.
_OF_ROWS = {"xlogy": "np.where({0} > 0, {0} * np.log({1}), 0.0)"}
_OF_NUMBERS = {
    "np.where": "{1} if {0} else {2}",
    "np.maximum": "max({0}, {1})",
    "np.minimum": "min({0}, {1})",
    "np.clip": "min(max({0}, {1}), {2})",
    "np.abs": "abs({0})",
    "np.square": "({0}) ** 2",
    "np.ones_like": "1",
    "expit": "1 / (1 + np.exp(-({0})))",
    "ndtr": "0.5 * math.erfc(-0.7071067811865476 * ({0}))",
}


class FormulaText(ast.NodeTransformer):
    """Turns a method into the text of a function that needs no object.

    Parameters
    ----------
    part : Activation or Loss
        Whose numbers and strings take the place of ``self.name``; a condition on them is decided.
    arguments : iterable of str
        Attributes that the function takes as further arguments instead.
    form : {"arrays", "numbers", "rows"}
        What the function is for: arrays of any shape; a single number, with ``if``; or one row of what the
        method takes, where a class index is a row of one.

    Examples
    --------
    >>> from minnet.activations import LeakyRelu
    >>> print(FormulaText(LeakyRelu(), ["negative_slope"]).of("__call__", "leaky_relu"))
    def leaky_relu(Z, negative_slope):
        return np.where(Z <= 0, negative_slope * np.minimum(Z, 0), Z)
    >>> print(FormulaText(LeakyRelu(0.1), form="numbers").of("__call__", "f"))
    def f(Z):
        return 0.1 * min(Z, 0) if Z <= 0 else Z
    """

    def __init__(self, part: Any, arguments: Iterable[str] = (), form: str = "arrays") -> None:
        self.part, self.arguments, self.form = part, tuple(arguments), form
        self.methods: list[str] = []  # names of the part's own that the text calls

    def of(self, method: str, name: str) -> str:
        """Return the text of a method as a function called ``name``."""
        source = textwrap.dedent(inspect.getsource(getattr(type(self.part), method)))
        function = ast.parse(source).body[0]
        assert isinstance(function, ast.FunctionDef)
        given = [argument.arg for argument in function.args.args[1:]]
        statements = [self.visit(statement) for statement in function.body]
        body = ast.unparse(ast.Module(body=[*_flat(statements)], type_ignores=[]))
        head = f"def {name}({', '.join([*given, *self.arguments])}):\n"
        return head + textwrap.indent(body, "    ")

    def with_called(self, method: str, given: Iterable[str] = ()) -> dict[str, str]:
        """Return the texts of a method and of those that it calls, by name, without the ``given``."""
        text = self.of(method, method)
        called, self.methods = [name for name in self.methods if name not in given], []
        texts: dict[str, str] = {}
        for name in called:
            texts |= self.with_called(name, given)
        return texts | {method: text}

    # ---- what ast.NodeTransformer calls

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """Return a number in place of ``self.name``."""
        if not (isinstance(node.value, ast.Name) and node.value.id == "self"):
            return self.generic_visit(node)
        value = getattr(self.part, node.attr)
        if node.attr in self.arguments:
            return ast.Name(node.attr)
        if callable(value):
            self.methods.append(node.attr)
            return ast.Name(node.attr)
        return ast.Constant(value)

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        """Return one branch, where the condition is known."""
        node = self.generic_visit(node)  # type: ignore[assignment]
        if any(isinstance(part, ast.Name | ast.Call) for part in ast.walk(node.test)):
            return node
        return node.body if eval(ast.unparse(node.test)) else node.orelse

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Return a call as ``form`` needs it."""
        node = self.generic_visit(node)  # type: ignore[assignment]
        if self.form == "rows":
            node.keywords = [key for key in node.keywords if key.arg not in ("axis", "keepdims")]
        if self.form == "numbers" and getattr(node.func, "attr", "") == "astype":
            return node.func.value  # type: ignore[attr-defined]
        templates = {"numbers": _OF_NUMBERS, "rows": _OF_ROWS}.get(self.form, {})
        template = templates.get(ast.unparse(node.func))
        if template is None:
            return node
        text = template.format(*(ast.unparse(argument) for argument in node.args))
        return ast.parse(text, mode="eval").body

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        """Return Z[T[0]] in place of Z[np.arange(len(T)), T], which takes each row's class."""
        if self.form == "rows" and isinstance(node.slice, ast.Tuple):
            node.slice = ast.Subscript(node.slice.elts[-1], ast.Constant(0))
        return self.generic_visit(node)


def _flat(statements: list[Any]) -> Iterable[ast.stmt]:
    for statement in statements:
        yield from statement if isinstance(statement, list) else [statement]
