"""Figures of benchmarks in pages, as the reports have them.

``.. speed::`` says how fast a search is beside scikit-learn (benchmarks/PIPELINE.md);
``.. measured:: report.md`` shows the first table of a report, or the one under a heading that is named
below it.
"""

from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

REPORT = "benchmarks/PIPELINE.md"


def rows(report, data):
    """Return the cells of each contestant in the table of one data set."""
    [section] = [part for part in report.split("\n## ") if part.startswith(f"{data}:")]
    lines = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return {cells[0].strip(): [cell.strip() for cell in cells] for cells in lines}


def _time(cell):
    return cell.partition(" (")[0].replace(" ", "\N{NO-BREAK SPACE}")


class Speed(SphinxDirective):
    """The figures, with a link to the report."""

    def run(self):
        path = Path(self.env.srcdir).parent / REPORT
        self.env.note_dependency(path)
        found = rows(path.read_text(encoding="utf-8"), "digits")
        ours, theirs = (_time(found[name][1]) for name in ("minnet", "sklearn"))
        times = float(found["sklearn"][3].partition(" (")[0])
        number = nodes.paragraph("", "", nodes.strong("", f"{times:.1f} times"), classes=["number"])
        words = nodes.paragraph(
            "",
            f"as fast as MLPClassifier in a grid search over a pipeline: {ours} instead of {theirs} ",
        )
        address = f"{self.config.repository}/blob/main/{REPORT}"
        words += nodes.reference("", "(how it was measured)", refuri=address, internal=False)
        return [nodes.container("", number, words, classes=["speed"])]


def table_under(report, heading):
    """Return the cells of the first table of a report, or of the first under a heading, row by row."""
    found = []
    for line in report[report.index(heading) :].splitlines():
        if line.startswith("|"):
            found.append([cell.strip() for cell in line.strip("|").split("|")])
        elif found:
            break
    return [found[0], *found[2:]]  # the second line is one of dashes


class Measured(SphinxDirective):
    """A table of a report, with a link to it."""

    required_arguments = 1
    has_content = True
    option_spec: ClassVar = {"link": directives.unchanged}  # what the link says

    def run(self):
        report = f"benchmarks/{self.arguments[0]}"
        path = Path(self.env.srcdir).parent / report
        self.env.note_dependency(path)
        cells = table_under(path.read_text(encoding="utf-8"), "\n".join(self.content))
        group = nodes.tgroup("", cols=len(cells[0]))
        group += [nodes.colspec("", colwidth=1) for _ in cells[0]]
        made = [
            nodes.row("", *(nodes.entry("", nodes.paragraph("", text)) for text in line))
            for line in cells
        ]
        group += [nodes.thead("", made[0]), nodes.tbody("", *made[1:])]
        address = f"{self.config.repository}/blob/main/{report}"
        said = self.options.get("link", "How it was measured")
        link = nodes.reference("", said, refuri=address, internal=False)
        return [nodes.table("", group), nodes.paragraph("", "", link)]


def setup(app):
    app.add_config_value("repository", "", "env", str)
    app.add_directive("speed", Speed)
    app.add_directive("measured", Measured)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
