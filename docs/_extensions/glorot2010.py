"""A directive that puts a part of examples/glorot2010 into a page: ``.. glorot2010:: 6``.

The build measures and draws the part (from the curves and records in examples/glorot2010/data what takes
long) and inserts the paper's statement, the picture, tables and verdicts; the directive's content says in
the caption what to see. Arguments other than the names of parts: ``verdicts``, a line for each claim;
``overview``, a small picture of errors; ``length``, how long was trained; ``claims``, what was measured
for each claim; ``rules``, the verdicts by other rules and on untrained networks; and ``trainings``, the
tables of the curves.

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
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective

from examples.glorot2010 import figure11, figures, inventory, rate_choices
from examples.glorot2010.curves import read_curves
from examples.glorot2010.source import Source
from examples.glorot2010.table1 import COMMITTED
from examples.glorot2010.wording import (
    NOTHING,
    OUTCOME_WORDS,
    claims_table,
    heading,
    history,
    origin,
    rule_words,
    verdict_words,
)

FOLDER = Path("_build") / "glorot2010"


class Part(SphinxDirective):
    """Inserts one part, or one of the tables."""

    required_arguments = 1
    has_content = True
    option_spec: ClassVar = {"alt": directives.unchanged_required}

    def run(self):
        self.env.note_reread()  # the curves may have changed
        part = self.arguments[0]
        config = self.config
        folder = Path(config.glorot2010_curves)
        drawn = Drawn(Path(self.env.srcdir) / FOLDER, folder, config.glorot2010_width)
        if part in _TABLES:
            return [_TABLES[part](claims_table([drawn.record(part) for part in figures.PARTS]))]
        if part == "overview":
            name = drawn.overview()
            return [
                self.picture(name) if name else nodes.note("", _paragraph("There are no curves."))
            ]
        if part == "length":
            said = inventory.length(drawn.source()) or "There are no curves."
            return [nodes.paragraph("", "", nodes.strong("", "How long:"), nodes.Text(f" {said}"))]
        if part == "trainings":
            return _tables(inventory.tables(drawn.trained(), folder))
        if part not in figures.PARTS:
            others = "claims, length, overview, rules, trainings, verdicts"
            raise self.error(f"no part {part!r}: {', '.join(figures.PARTS)}, {others}")
        return self.shown(drawn.record(part))

    def picture(self, name, before="", after="", alt=""):
        """Return a figure; its caption is the directive's content between two texts."""
        path = f"/{FOLDER.as_posix()}/{name}"
        image = nodes.image(uri=path, alt=self.options.get("alt", alt))
        said, messages = self.state.inline_text(" ".join(self.content), self.lineno)
        caption = nodes.caption("", before, *said, nodes.Text(after), *messages)
        return nodes.figure("", image, caption, classes=["glorot2010"])

    def target(self, part):
        """Return a place that verdicts are linked to."""
        name = _label(part)
        target = nodes.target("", "", ids=[name])
        domain = self.env.domains.standard_domain
        domain.anonlabels[name] = self.env.docname, name
        domain.labels[name] = self.env.docname, name, name
        return target

    def shown(self, record):
        """Return a part's statement, picture, table and verdicts."""
        found = [self.target(record["part"])]
        if record["paper"]:
            found.append(nodes.block_quote("", _paragraph(f"The paper: {record['paper']}")))
        if record["picture"]:
            texts = nodes.Text(f"{heading(record)}. "), f" {origin(record)}".rstrip()
            found.append(self.picture(record["picture"], *texts, record["title"]))
        else:
            found.append(nodes.note("", _paragraph(record["missing"])))
        found += [_table(rows, ["numbers"]) for rows in record["tables"]]
        found += map(_paragraph, record["remarks"])
        for verdict in record["verdicts"]:
            outcome, measured = verdict_words(verdict)
            text = nodes.paragraph("", "", nodes.strong("", outcome), nodes.Text(f" {measured}"))
            said = _paragraph(f"{'; '.join(history(verdict)).capitalize()}.", classes=["rule"])
            found.append(nodes.container("", text, said, classes=["verdict", verdict["outcome"]]))
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
            records = self.curves / "records"
            record = figures.make(part, self.source(), self.folder, records=records)
        path.write_text(json.dumps([key, record]))
        return record

    def overview(self):
        """Draw a small picture of errors, from the numbers of Figure 11; return its name."""
        record = self.record("11")
        if record["picture"] is None:
            return None
        numbers = json.loads((self.folder / "figure11.json").read_text())["numbers"]
        name = "overview.png"
        figure = figure11.draw_overview(numbers)
        figure.savefig(self.folder / name, dpi=150)
        return name

    def source(self):
        """Return where the numbers come from."""
        doubts = rate_choices.doubts(self.curves)
        return Source(self.trained(), "long runs", self.width, doubts=doubts)

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


def _claims(lines):
    """Return a table of what was measured for each claim; the verdict comes first, for narrow windows."""
    rows = [["verdict", "the paper's claim", "measured, and from what"]]
    for line in lines:
        outcome = nodes.container("", nodes.paragraph("", "", _link(line)), _outcome(line))
        measured = [_paragraph(line["measured"])]
        measured += [_paragraph(line["basis"], classes=["rule"])] * bool(line["basis"])
        rows.append([outcome, line["statement"], nodes.container("", *measured)])
    return _table(rows, ["claims"])


def _verdicts(lines):
    """Return a table with a line for each claim."""
    rows = [["", "verdict", "the paper's claim", "where", "seeds"]]
    for line in lines:
        link = nodes.paragraph("", "", _link(line))
        where, seeds = (
            line["place"].replace("Figures", "Figs.").replace("Figure", "Fig."),
            str(line["seeds"] or ""),
        )
        rows.append([link, _outcome(line, brief=True), line["briefly"], where, seeds])
    return _table(rows, ["verdicts"])


def _rules(lines):
    """Return a table of what other rules say, and of what each says where nothing is trained."""
    rows = [["", "rule", "verdict", "nothing trained"]]
    for line in lines:
        if line["part"] is None:
            continue
        link = nodes.paragraph("", "", _link(line))
        note = (
            f" ({NOTHING[line['claim']].removeprefix('if ')})" if line["claim"] in NOTHING else ""
        )
        nothing = OUTCOME_WORDS[line["untrained"]].removesuffix(" reproduced") + note
        rows.append([link, "today's", _outcome(line, brief=True), nothing])
        for rule, *outcomes in line["earlier"]:
            words = [OUTCOME_WORDS[outcome].removesuffix(" reproduced") for outcome in outcomes]
            rows.append(["", f"earlier: {rule}", *words])
    return _table(rows, ["rules"])


_TABLES = {"claims": _claims, "verdicts": _verdicts, "rules": _rules}


def _label(part):
    return f"glorot2010-part-{part}"


def _link(line):
    """Return a claim's name, a link to where it is judged."""
    options = {"refdomain": "std", "reftype": "ref", "refexplicit": True, "refwarn": False}
    name = nodes.inline("", line["claim"], classes=["std", "std-ref"])
    if line["part"] is None:
        return name
    return addnodes.pending_xref("", name, reftarget=_label(line["part"]), **options)


def _outcome(line, brief=False):
    words = OUTCOME_WORDS[line["outcome"]]
    words = words.removesuffix(" reproduced") if brief else words
    strong = nodes.strong("", words, classes=["outcome", line["outcome"]])
    return nodes.paragraph("", "", strong)


def _tables(tables):
    found = []
    for title, (rows, remark) in tables.items():
        found += [nodes.rubric("", title), _table(rows, ["numbers"])]
        found += [_paragraph(remark)] if remark else []
    return found or [nodes.note("", _paragraph("There are no curves."))]


def setup(app):
    app.add_directive("glorot2010", Part)
    app.add_css_file("glorot2010.css")  # of _static
    app.add_config_value("glorot2010_curves", str(COMMITTED), "env", str)
    app.add_config_value("glorot2010_width", 1000, "env", int)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
