"""What is copied from the pages runs, wherever on a page a reader begins, and prints what is shown.

Each section is run in an empty namespace, in an empty folder, with warnings shown. Below a smaller heading
there are the names that its section begins with. Otherwise it has only the names that it says it takes
"from above", and of the packages that are not installed with minnet only those that it says are needed.
"""

import ast
import builtins
import contextlib
import doctest
import importlib
import importlib.util
import io
import re
import sys
import tomllib
import types
import warnings

import pytest
from pages import PAGES, ROOT, imports, names_made, pasting_error, sections, unknown_names

DEPENDENCIES = {"minnet", "numpy", "scipy", "sklearn", "joblib", "threadpoolctl"}
# What is not installed with minnet: the extra, or the name on the package index, by the module.
EXTRAS = {
    "numba": "minnet-learn[jit]",
    "matplotlib": "minnet-learn[plot]",
    "pandas": "minnet-learn[frame]",
    "onnx": "minnet-learn[onnx]",
    "PIL": "minnet-learn[images]",
    "tqdm": "minnet-learn[progress]",
    "tensorboardX": "minnet-learn[tensorboard]",
    "torch": "minnet-learn[torch]",
    "anywidget": "minnet-learn[notebook]",
}
OTHERS = {"polars", "pyarrow", "onnxruntime", "skl2onnx", "skops", "safetensors", "rich"}
OTHERS |= {"keras", "skorch"}
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
# A block with such a comment is not run: the reader has to bring what it names.
NEEDS = re.compile(r"# needs (the|a|an) \w+")

each_page = pytest.mark.parametrize(
    "path", PAGES, ids=[path.relative_to(ROOT).as_posix() for path in PAGES]
)


def _is_named(module, text):
    """Whether a text says how to get a module."""
    commands = " ".join(re.findall(r"pip install ([^`\n#)]*)", text))
    return EXTRAS.get(module, module) in commands


def _version_needed(block):
    """Return the version of scikit-learn that a block asks for by a comment on an import, as numbers."""
    found = re.search(r"# scikit-learn (\d+)\.(\d+)", block.text)
    return tuple(map(int, found.groups())) if found else (0, 0)


def _is_missing(block):
    """Return what a block needs and this environment lacks, or ""."""
    import sklearn

    if tuple(map(int, sklearn.__version__.split(".")[:2])) < _version_needed(block):
        return "scikit-learn"
    imported = {module for module, _ in imports(ast.parse(block.copied))}
    text = block.before + block.text
    named = [name for name in [*EXTRAS, *OTHERS] if name in imported or _is_named(name, text)]
    return next((name for name in named if importlib.util.find_spec(name) is None), "")


def _show(message, category, *args, **kwargs):
    """Print a warning where a doctest sees it, without the place."""
    print(f"{category.__name__}: {message}")


@contextlib.contextmanager
def _as_in_a_new_process(allowed, module, filters):
    """Make a module the one that runs; show warnings; what is not installed with minnet must be allowed.

    ``filters`` are those of the warnings of the section that this one goes on from; changed in place.
    """

    def refusing(function):
        def call(name, *args, **kwargs):
            top = name.partition(".")[0]
            who = sys._getframe(1).f_globals.get("__name__", "").partition(".")[0]
            if who in {"__main__", "minnet", "sklearn"} and top in {*EXTRAS, *OTHERS} - allowed:
                raise ModuleNotFoundError(f"No module named {name!r}: the page does not say so")
            return function(name, *args, **kwargs)

        return call

    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.setattr(builtins, "__import__", refusing(builtins.__import__))
        patch.setattr(importlib, "import_module", refusing(importlib.import_module))
        patch.setitem(sys.modules, "__main__", module)
        patch.setattr(warnings, "showwarning", _show)
        warnings.simplefilter("always")
        for quiet in DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning:
            warnings.simplefilter("ignore", quiet)
        warnings.filters[:0] = filters
        before = len(warnings.filters) - len(filters)
        yield
        filters[:] = warnings.filters[: len(warnings.filters) - before]


_NUMBER = re.compile(r"-?\d+(?:\.(\d*))?(?:e([+-]\d+))?")


class _Checker(doctest.OutputChecker):
    """Kinds of CPU sum in other orders: a last digit after a point may differ by 2, and 0 by rounding."""

    def check_output(self, want, got, flags):
        if super().check_output(want, got, flags):
            return True
        frames = [" ".join(_NUMBER.sub("#", text).split()) for text in (want, got)]
        numbers = zip(_NUMBER.finditer(want), _NUMBER.finditer(got), strict=False)
        return frames[0] == frames[1] and all(
            abs(float(shown[0]) - float(printed[0])) < _rounding(shown)
            for shown, printed in numbers
        )


def _rounding(number):
    unit = 10.0 ** (int(number[2] or 0) - len(number[1])) if number[1] else 0
    return max(2.5 * unit, 1e-14)


def _run_session(block, names):
    """Run a block with prompts; return the report of what was printed otherwise, "" if nothing."""
    examples = doctest.DocTestParser().get_examples(block.text)
    for example in examples:
        example.lineno += block.line
    test = doctest.DocTest(examples, {}, str(block.path.name), str(block.path), 0, None)
    test.globs = names
    report = io.StringIO()
    runner = doctest.DocTestRunner(_Checker(), optionflags=FLAGS, verbose=False)
    runner.run(test, out=report.write, clear_globs=False)
    return report.getvalue()


def _run_script(block, names, shown):
    """Run a block without prompts; what it prints is shown in the block after it, if any."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(block.copied, f"{block.path.name}:{block.line}", "exec"), names)
    if _Checker().check_output(shown or "", printed.getvalue(), FLAGS):
        return ""
    return f"{block.path.name}:{block.line}: expected\n{shown}\ngot\n{printed.getvalue()}"


def _run_section(section, names, filters):
    """Run the blocks of a section; return the names that there are then, and what went wrong."""
    report, allowed, left_out = "", set(), False
    module = types.ModuleType("__main__")
    vars(module).update(names)
    with _as_in_a_new_process(allowed, module, filters):
        for index, block in enumerate(section.blocks):
            if not block.is_python:
                continue
            goes_on = left_out and unknown_names(ast.parse(block.copied)) - set(vars(module))
            if goes_on or NEEDS.search(block.text) or _is_missing(block):
                left_out = True  # and so is what goes on from it
                continue
            text = section.text if block.is_session else block.text
            allowed |= {name for name in {*EXTRAS, *OTHERS} if _is_named(name, text)}
            if block.is_session:
                report += _run_session(block, vars(module))
            else:
                after = section.blocks[index + 1 : index + 2]
                shown = after[0].text if after and after[0].language in ("", "text") else ""
                report += _run_script(block, vars(module), shown)
    return dict(vars(module)), report


@each_page
def test_each_section_runs_from_an_empty_namespace(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)  # as an interpreter that is started there
    monkeypatch.setenv("MPLBACKEND", "Agg")
    above, of_whole, filters_of_whole, report = {}, {}, [], ""
    for section in sections(path):
        missing = section.from_above - set(above)
        assert not missing, f"{section.title}: {missing} are not above"
        names, filters = (dict(of_whole), list(filters_of_whole)) if section.parent else ({}, [])
        names |= {name: above[name] for name in section.from_above}
        after, wrong = _run_section(section, names, filters)
        if not section.parent:
            of_whole, filters_of_whole = after, filters
        above |= after
        report += wrong
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
    if report:
        pytest.fail(report, pytrace=False)


@each_page
def test_blocks_can_be_pasted_at_a_prompt(path):
    blocks = [block for section in sections(path) for block in section.python]
    wrong = {f"{path.name}:{block.line}": pasting_error(block.copied) for block in blocks}
    assert not any(wrong.values()), {where: error for where, error in wrong.items() if error}


@each_page
def test_what_is_imported_is_installed_with_minnet_or_named(path):
    wrong, page = [], path.read_text(encoding="utf-8")
    for block in (block for section in sections(path) for block in section.python):
        lines = block.copied.splitlines()
        for module, number in imports(ast.parse(block.copied)):
            named = _is_named(module, block.before + lines[number - 1]) or f'"{module}.py"' in page
            if not (module in DEPENDENCIES | set(sys.stdlib_module_names) or named):
                wrong.append(f"{path.name}:{block.line}: {module}")
    assert not wrong, "\n".join(wrong)


@each_page
def test_blocks_that_are_not_run_use_no_name_that_is_not_there(path):
    wrong = []
    for section in sections(path):
        made = section.from_above
        for block in section.python:
            tree = ast.parse(block.copied)
            missing = _is_missing(block)
            if NEEDS.search(block.text) or missing not in (
                "",
                "scikit-learn",
            ):  # the newest runs it
                wrong += [
                    f"{path.name}:{block.line}: {name}" for name in unknown_names(tree) - made
                ]
            made |= names_made(tree)
    assert not wrong, "\n".join(wrong)


@each_page
def test_every_block_says_what_it_is(path):
    blocks = (block for section in sections(path) for block in section.blocks)
    wrong = [f"{path.name}:{block.line}" for block in blocks if not block.language]
    assert path.suffix == ".md" or not wrong, wrong


@each_page
def test_commands_exist(path):
    text = path.read_text(encoding="utf-8")
    shown = [
        block.text for section in sections(path) for block in section.blocks if not block.is_python
    ]
    inline = [literal for _, literal in re.findall(r"(?<!`)(``?)([^`]+)\1(?!`)", text)]
    commands = "\n".join(inline + shown)
    targets = re.findall(r"^[ $]*make ([a-z0-9-]+)", commands, re.MULTILINE)
    modules = re.findall(r"python3? -m ([\w.]+)", commands)
    files = re.findall(r"^[ $]*(?:python3?|bash) ([\w./]+)", commands, re.MULTILINE)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    rules = re.findall(r"^([a-z0-9 -]+):", makefile, re.MULTILINE)
    wrong = set(targets) - {name for rule in rules for name in rule.split()}
    wrong |= {name for name in modules if not _is_module(name)}
    wrong |= {name for name in files if not (ROOT / name).exists()}
    assert not wrong


def _is_module(name):
    """Whether ``python -m NAME`` finds a file of the repository, or a package that is installed."""
    file = ROOT / name.replace(".", "/")
    if name.startswith(("minnet", "benchmarks", "examples")):
        return file.with_suffix(".py").exists() or (file / "__main__.py").exists()
    return importlib.util.find_spec(name) is not None


@pytest.mark.parametrize("name", ["README.md", "docs/quickstart.rst"])
def test_who_installs_reads_of_every_extra(name):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for_developers = {"test", "docs", "engines", "all-engines", "dev"}
    text = (ROOT / name).read_text(encoding="utf-8")
    listed = text[text.index("pip install '.[plot]'") :].partition("\n\n")[0]
    named = set(re.findall(r"`(\w+)`", listed))
    assert project["optional-dependencies"].keys() - for_developers <= named
