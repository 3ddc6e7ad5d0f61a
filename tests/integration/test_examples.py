"""The gallery's examples, each as a script: they check what they say with assertions of their own."""

import ast
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

ROOT = Path(__file__).parents[2]
# Where the tests run beside an installed wheel there are no examples, and pytest skips these.
EXAMPLES = sorted(ROOT.glob("examples/*/plot_*.py"))


def each_example(test):
    return pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)(test)


@pytest.mark.slow
@pytest.mark.gallery
@each_example
def test_example_meets_its_own_expectations(path, tmp_path):
    done = subprocess.run(
        [sys.executable, str(path)],
        cwd=tmp_path,
        env={key: value for key, value in os.environ.items() if key != "DISPLAY"}
        | {"MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert "Warning" not in done.stderr


@each_example
def test_an_example_says_what_comes_out_and_what_to_try_next(path):
    text = path.read_text(encoding="utf-8")
    title, first = text.split("\n\n", 2)[:2]
    assert re.search(r"\n=+$", title), title
    assert first.startswith("**Outcome.** ")
    assert "\n# **Next.** " in text


@each_example
def test_an_example_runs_as_a_notebook_and_in_the_gallery_too(path):
    """There a name ``__file__`` is not defined."""
    names = {node.id for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
             if isinstance(node, ast.Name)}  # fmt: skip
    assert "__file__" not in names


@pytest.mark.skipif(not EXAMPLES, reason="no examples beside an installed wheel")
def test_the_gallery_has_an_order_for_all_examples():
    order = runpy.run_path(str(ROOT / "docs/_extensions/gallery_order.py"))["ORDER"]
    listed = {f"{section}/plot_{name}" for section, names in order.items() for name in names}
    assert listed == {f"{path.parent.name}/{path.stem}" for path in EXAMPLES}
    for section in order:
        # Nothing that an example could read, as long as it is run where it lies.
        beside = {path.name for path in (ROOT / "examples" / section).iterdir() if path.is_file()}
        beside -= {name for name in beside if name.endswith(".ipynb")} | {
            "checks.py"
        }  # the notebooks
        assert beside == {"GALLERY_HEADER.rst"} | {f"plot_{name}.py" for name in order[section]}
