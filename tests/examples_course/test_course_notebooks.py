"""The notebooks of the course, executed: with the published answers, and without any."""

import os
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples/course"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
pytestmark = [
    pytest.mark.slow,
    pytest.mark.dev,
    pytest.mark.skipif(not NOTEBOOKS, reason="no examples beside an installed wheel"),
]
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
EXERCISE = re.compile(r"# Exercise (\d\.\d): ")
NUMBER = re.compile(r"[-+]?\d+(,\d{3})*(\.\d*)?(e[-+]?\d+)?")


def executed(path, solved):
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    pytest.importorskip("matplotlib")
    pytest.importorskip("pandas")
    notebook = nbformat.read(path, as_version=4)
    if solved:
        text = (FOLDER / "solutions" / path.name).with_suffix(".py").read_text(encoding="utf-8")
        imports, *sections = text.split("# %% Exercise ")
        answers = {section[:3]: imports + section.partition("\n")[2] for section in sections}
        for cell in notebook.cells:
            if found := EXERCISE.match(cell.source):
                cell.source = answers[found[1]]
    # The tree that is tested, whatever is installed; on one thread, as results are compared.
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    client = nbclient.NotebookClient(
        notebook, timeout=900, resources={"metadata": {"path": str(FOLDER)}}
    )
    env = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    client.execute(env=env | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"})
    return notebook


def printed(notebook):
    """Return what each cell with code printed."""
    return [
        "".join(output.text for output in cell.outputs if output.output_type == "stream")
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def exercises(notebook):
    return [found[1] for cell in notebook.cells if (found := EXERCISE.match(cell.source))]


@each_notebook
def test_with_the_published_answers_all_are_right(path):
    nbformat = pytest.importorskip("nbformat")
    numbers = exercises(nbformat.read(path, as_version=4))
    text = "".join(printed(executed(path, solved=True)))
    assert re.findall(r"Exercise (\d\.\d): right\.", text) == numbers
    assert "not yet" not in text


@each_notebook
def test_without_an_answer_it_says_so_and_goes_on_and_what_is_committed_is_what_comes_out(path):
    nbformat = pytest.importorskip("nbformat")
    committed, now = nbformat.read(path, as_version=4), executed(path, solved=False)
    assert re.findall(r"Exercise (\d\.\d): not yet\.", "".join(printed(now))) == exercises(now)
    for shown, out in zip(printed(committed), printed(now), strict=True):
        words = ["".join(NUMBER.sub("#", text).split()) for text in (shown, out)]
        assert words[0] == words[1]
        numbers = zip(NUMBER.finditer(shown), NUMBER.finditer(out), strict=True)
        for a, b in (tuple(float(found[0].replace(",", "")) for found in pair) for pair in numbers):
            # They differ a little from machine to machine, and what is of rounding by more.
            assert abs(a - b) <= 0.25 * max(abs(a), abs(b)) or max(abs(a), abs(b)) < 1e-6
    pictures = [sum("image/png" in output.get("data", {}) for cell in notebook.cells
                    for output in cell.get("outputs", ())) for notebook in (committed, now)]  # fmt: skip
    assert pictures[0] == pictures[1]
