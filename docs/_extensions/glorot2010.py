"""A directive that puts a part of examples/glorot2010 into a page: ``.. glorot2010:: 6``.

The build measures and draws the part (from the curves and records in examples/glorot2010/data what takes
long) and inserts the paper's statement, the picture, tables and verdicts. Arguments other than the names
of parts: ``claims``, the verdicts on all claims, and ``trainings``, the tables of the curves.

What was drawn is kept in docs/_build/glorot2010 and drawn again when the code there, the curves or the
records have changed, not when minnet has; ``make clean`` forgets it.
"""

import functools
import hashlib
import json
from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

from examples.glorot2010 import figures, inventory
from examples.glorot2010.curves import read_curves
from examples.glorot2010.source import Source
from examples.glorot2010.table1 import COMMITTED
from examples.glorot2010.wording import (
    OUTCOME_WORDS,
    claims_table,
    heading,
    origin,
    rule_words,
    verdict_words,
)

FOLDER = Path("_build") / "glorot2010"


class Part(SphinxDirective):
    """Inserts one part, or one of the tables."""

    required_arguments = 1
    option_spec: ClassVar = {"alt": directives.unchanged_required}

    def run(self):
        self.env.note_reread()  # the curves may have changed
        part = self.arguments[0]
        config = self.config
        folder = Path(config.glorot2010_curves)
        drawn = Drawn(Path(self.env.srcdir) / FOLDER, folder, config.glorot2010_width)
        if part == "claims":
            return _claims([drawn.record(part) for part in figures.PARTS])
        if part == "trainings":
            return _tables(inventory.tables(drawn.trained(), folder))
        if part not in figures.PARTS:
            raise self.error(f"no part {part!r}: {', '.join(figures.PARTS)}, claims, trainings")
        return self.shown(drawn.record(part))

    def shown(self, record):
        """Return a part's statement, picture, table and verdicts."""
        found = []
        if record["paper"]:
            found.append(nodes.block_quote("", _paragraph(f"The paper: {record['paper']}")))
        if record["picture"]:
            path = f"/{FOLDER.as_posix()}/{record['picture']}"
            alt = self.options.get("alt", record["title"])
            caption = f"{heading(record)}. {origin(record)}".strip()
            picture = nodes.image(uri=path, alt=alt)
            found.append(
                nodes.figure("", picture, nodes.caption("", caption), classes=["glorot2010"])
            )
        else:
            found.append(nodes.note("", _paragraph(record["missing"])))
        if record["table"]:
            found.append(_table(record["table"]))
        found += map(_paragraph, record["remarks"])
        for verdict in record["verdicts"]:
            outcome, measured = verdict_words(verdict)
            text = nodes.paragraph("", "", nodes.strong("", outcome), nodes.Text(f" {measured}"))
            found.append(nodes.container("", text, classes=["verdict", verdict["outcome"]]))
        if record["verdicts"]:
            found.append(_paragraph(rule_words(record), classes=["rule"]))
        return found


class Drawn:
    """The parts as they were drawn, in a folder; drawn again where something changed."""

    def __init__(self, folder, curves, width):
        self.folder, self.curves, self.width = folder, curves, width

    def record(self, part):
        """Return the record of :func:`examples.glorot2010.figures.make`."""
        path = self.folder / f"{part}.cache"
        key = self._key()
        if path.exists():
            known, record = json.loads(path.read_text())
            picture = record["picture"]
            if known == key and (picture is None or (self.folder / picture).exists()):
                return record
        import matplotlib as mpl

        mpl.use("agg")
        with mpl.rc_context():
            mpl.rcdefaults()
            source = Source(self.trained(), "long runs", self.width)
            record = figures.make(part, source, self.folder, records=self.curves / "records")
        path.write_text(json.dumps([key, record]))
        return record

    def trained(self):
        """Return the curves."""
        return _read(self.curves, self._key())

    def _key(self):
        """Return what the parts depend on: width, code, curves and records, as they are now."""
        paths = [*Path(figures.__file__).parent.glob("*.py"), *self.curves.glob("**/*.json")]
        state = sorted(f"{path} {path.stat().st_mtime_ns}" for path in paths)
        return f"{self.width} {hashlib.sha256(' '.join(state).encode()).hexdigest()}"


@functools.lru_cache(maxsize=1)
def _read(folder, key):
    return read_curves(folder)


def _paragraph(text, **options):
    return nodes.paragraph("", text, **options)


def _table(rows, classes=()):
    """Return a table of texts, or of nodes, its head in the first row."""
    group = nodes.tgroup(cols=len(rows[0]))
    group += [nodes.colspec(colwidth=1) for _ in rows[0]]
    lines = []
    for row in rows:
        cells = [cell if isinstance(cell, nodes.Node) else _paragraph(cell) for cell in row]
        lines.append(nodes.row("", *(nodes.entry("", cell) for cell in cells)))
    group += [nodes.thead("", lines[0]), nodes.tbody("", *lines[1:])]
    return nodes.table("", group, classes=["colwidths-auto", *classes])


def _claims(records):
    rows = [["", "claim", "verdict", "measured", "from"]]
    for line in claims_table(records):
        classes = ["outcome", line["outcome"]]
        outcome = nodes.strong("", OUTCOME_WORDS[line["outcome"]], classes=classes)
        cells = (
            line["statement"],
            nodes.paragraph("", "", outcome),
            line["measured"],
            line["basis"],
        )
        rows.append([line["claim"], *cells])
    return [_table(rows, ["claims"])]


def _tables(tables):
    found = []
    for title, (rows, remark) in tables.items():
        found += [nodes.rubric("", title), _table(rows)]
        found += [_paragraph(remark)] if remark else []
    return found or [nodes.note("", _paragraph("There are no curves."))]


def setup(app):
    app.add_directive("glorot2010", Part)
    app.add_config_value("glorot2010_curves", str(COMMITTED), "env", str)
    app.add_config_value("glorot2010_width", 1000, "env", int)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
