"""The directive that puts parts of examples/glorot2010 into a page, in a page of its own."""

import importlib
import json
import re
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("sphinx")
pytest.importorskip("examples.glorot2010.figures")
from examples.glorot2010 import figures
from examples.glorot2010.claims import CLAIMS
from examples.glorot2010.curves import Curve
from examples.glorot2010.protocol import Run

pytestmark = pytest.mark.dev

EXTENSIONS = Path(__file__).parents[2] / "docs" / "_extensions"
PAGE = """
Page
====

.. glorot2010:: length

.. glorot2010:: verdicts

.. glorot2010:: overview

.. glorot2010:: claims

.. glorot2010:: 1
   :alt: Ten & more shapes

   What to *see*.

.. glorot2010:: 3

.. glorot2010:: 5

.. glorot2010:: 12

.. glorot2010:: trainings
"""


@pytest.fixture
def build(tmp_path, monkeypatch):
    """Return a function that builds the page and returns it, and what Sphinx warned of."""
    from sphinx.application import Sphinx
    from sphinx.util.docutils import docutils_namespace

    monkeypatch.syspath_prepend(str(EXTENSIONS))
    source, curves = tmp_path / "docs", tmp_path / "curves"
    source.mkdir()
    curves.mkdir()
    overrides = {"extensions": ["glorot2010"], "glorot2010_width": 8}
    overrides["glorot2010_curves"] = str(curves)

    def built(page=PAGE):
        if not (source / "index.rst").exists() or (source / "index.rst").read_text() != page:
            (source / "index.rst").write_text(page)
        with docutils_namespace(), (tmp_path / "warnings").open("w+") as warnings:
            out = tmp_path / "out"
            app = Sphinx(source, None, out, out / ".doctrees", "html", overrides, None, warnings)
            app.build()
        return (out / "index.html").read_text(), (tmp_path / "warnings").read_text()

    return built


@pytest.mark.slow
def test_a_page_without_curves_says_so(build, tmp_path, monkeypatch):
    module = importlib.import_module("examples.glorot2010.figure05")
    monkeypatch.setattr(module, "N_NETWORKS", 2)
    page, warnings = build()
    assert warnings == ""
    assert "No curves for it (long runs)." in page
    assert "No record of it." in page
    assert page.count("There are no curves.") == 3
    assert "Example images with their classes. What to <em>see</em>." in page
    assert 'alt="Ten &amp; more shapes"' in page
    assert page.count("<img ") == 2
    assert '<strong class="outcome open">open</strong>' in page
    assert "The paper: There are clearly more severe plateaus" in page
    assert "C10: " in page
    for claim in CLAIMS:
        assert page.count(f">{claim}</span>") == 2  # in each of the tables
    # What is judged on the page is linked to, from both tables and nothing else.
    judged = re.findall(r'href="#(glorot2010-part-\w+)"[^>]*><span[^>]*>(\w+)</span>', page)
    assert judged == [("glorot2010-part-5", "C10")] * 2
    assert 'id="glorot2010-part-5"' in page
    # Nothing is measured again as long as nothing has changed.
    monkeypatch.setattr(figures, "make", None)
    assert build()[0] == page
    # A picture that is gone is drawn again, and so is all when curves come.
    (tmp_path / "docs" / "_build" / "glorot2010" / "figure05.png").unlink()
    with pytest.raises(Exception, match="not callable"):
        build()


def test_curves_that_come_are_shown(build, tmp_path):
    """The page is read again although its text is the same."""
    parts = ("11", "overview", "length", "trainings")
    page = "Page\n====\n\n" + "\n\n".join(f".. glorot2010:: {part}" for part in parts)
    assert "No curves for it" in build(page)[0]
    curve = Curve(Run("tanh-n", width=8).describe())
    curve.add({"updates": 1000, "validation_error": 70.0, "test_error": 71.25})
    where = {"processor": "P", "cores": 2, "threads": 1}
    where["versions"] = {"minnet-learn": "1", "numpy": "2", "python": "3"}
    curve.sessions.append({"from": 0, "to": 1000, "seconds": 5.0} | where)
    curve.write(tmp_path / "curves" / "tanh-n.json")
    shown, warnings = build(page)
    assert warnings == ""
    assert "71.25 ± 0.89" in shown
    assert (
        "1,000 updates for each row of Table 1, 0.02 % of the paper’s 5,000,000, with one seed each"
        in shown
    )
    assert (
        "The 1 trainings of all figures took 5 s in all, a process each, on P with 2 cores."
        in shown
    )
    assert 'src="_images/overview.png"' in shown
    assert "<p>5 x 8</p>" in shown
    cache = tmp_path / "docs" / "_build" / "glorot2010" / "11.cache"
    assert json.loads(cache.read_text())[1]["picture"] == "figure11.png"


def test_an_unknown_part_is_named(build):
    _, warnings = build("Page\n====\n\n.. glorot2010:: 13\n")
    assert "no part '13': 1, 2, 3" in warnings
