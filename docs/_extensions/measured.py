"""``.. speed::`` says how fast a search is beside scikit-learn, as benchmarks/PIPELINE.md has it."""

from pathlib import Path

from docutils import nodes
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


def setup(app):
    app.add_config_value("repository", "", "env", str)
    app.add_directive("speed", Speed)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
