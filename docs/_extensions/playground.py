"""A directive that puts a recorded lesson of the playground into a page, to be played without any kernel.

``.. playground:: gain`` trains networks of that lesson (minnet/playground/page/src/lessons/lessons.json)
when the page is built: those that its content says something of, in a line for each, such as ``small: The
signal fades.``. The option ``view`` is "play" or "steps", the blackboard. ``.. playground-paper::`` is
the view of the paper, ``.. playground-lessons::`` has all lessons with the commands that open them,
``.. playground-controls::`` what can be chosen.

What was recorded is kept in docs/_build/playground, and recorded again when minnet or the lesson has
changed; ``make clean`` forgets it. Beside it in the site is the front end as minnet/playground/static has
it, made a plain script: browsers load no modules, and fetch nothing, from pages that are files.
"""

import base64
import gzip
import hashlib
import json
import re
import shutil
from html import escape
from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.errors import ExtensionError
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from minnet.playground.experiment import Experiment, choices
from minnet.playground.recording import record
from minnet.playground.server import STATIC

FOLDER = Path("_build") / "playground"
LESSONS = STATIC.parent / "page" / "src" / "lessons" / "lessons.json"
SCRIPTS = ("playground/playground.js", "recordings.js")

MOST_BYTES = 2_000_000  # in the site: recordings and front end together; they have 1.57 million
MARK = "recorded-playground"

#: Which steps are recorded, by view: dense where a training begins, since that is where most happens.
STEPS = {
    "play": [
        0, 1, 2, 4, 8, 14, 22, 32, 44, 58, 74, 92, 112, 136, 164, 198, 238, 286, 340, 400, 470, 560,
    ],
    "steps": [0],
}  # fmt: skip


class Recording(SphinxDirective):
    """Inserts the recording of a lesson, and the command that opens it."""

    required_arguments = 1
    has_content = True
    option_spec: ClassVar = {"view": lambda given: directives.choice(given, STEPS)}

    def run(self):
        self.env.note_reread()  # minnet may have changed
        lesson, view = self.arguments[0], self.options.get("view", "play")
        runs = _runs(lesson, dict(line.split(": ", 1) for line in self.content))
        if self.config.playground_records:
            _record(f"{lesson}-{view}", runs, STEPS[view], Path(self.env.srcdir) / FOLDER)
        return [_place(f"{lesson}-{view}", view, *(f"{title}: {text}" for title, text, _ in runs))]


class Paper(SphinxDirective):
    """Inserts the view of the paper, which needs no recording."""

    def run(self):
        return [_place("paper", "paper")]


def _place(name, view, *said):
    """Return where a recording is played."""
    text = escape(" ".join(["Here is a recording, which JavaScript plays.", *said]))
    div = f'<div class="{MARK}" data-recording="{name}" data-view="{view}"><p>{text}</p></div>'
    return nodes.raw("", div, format="html")


class Lessons(SphinxDirective):
    """Inserts each lesson's question, and the command that opens it."""

    def run(self):
        rows = []
        for lesson in _lessons():
            command = f"python -m minnet.playground '#view=lessons&lesson={lesson['id']}'"
            said = nodes.paragraph(
                "", "", nodes.strong("", _text(lesson, "name")), nodes.Text(": ")
            )
            said += nodes.Text(_text(lesson, "question").format(**_goal(lesson)))
            code = nodes.literal_block(command, command, language="console")
            rows.append(nodes.list_item("", said, code))
        return [nodes.enumerated_list("", *rows, enumtype="arabic", prefix="", suffix=".")]


class Controls(SphinxDirective):
    """Inserts a table of what can be chosen: names, values, and what is taken where nothing is said."""

    def run(self):
        rows = [["name", "may be", "else"]]
        for name, control in choices().items():
            if control["kind"] == "flag":
                values = "true, false"
            elif control["kind"] == "choice":
                values = ", ".join(control["values"])
            else:
                values = f"{control['low']:g} to {control['high']:,.6g}"
            rows.append([name, values, str(control["default"]).lower()])
        head, *body = (
            nodes.row("", *(nodes.entry("", nodes.paragraph("", text)) for text in row))
            for row in rows
        )
        group = nodes.tgroup("", cols=3)
        group += [nodes.colspec("", colwidth=width) for width in (20, 60, 20)]
        group += [nodes.thead("", head), nodes.tbody("", *body)]
        return [nodes.table("", group)]


def _lessons():
    return json.loads(LESSONS.read_text("utf-8"))


def _text(lesson, key):
    return json.loads((STATIC / "texts" / "en.json").read_text("utf-8"))[
        f"lessons.{lesson['id']}.{key}"
    ]


def _goal(lesson):
    """Return the numbers that a question names, as the page writes them."""
    goal = lesson.get("goal")
    return (
        {"share": f"{goal['share']:.0%}".rstrip("%"), "steps": f"{goal['steps']:,}"} if goal else {}
    )


def _runs(name, said):
    """Return title, text and controls of each network of a lesson that something is said of."""
    lesson = next(lesson for lesson in _lessons() if lesson["id"] == name)
    return [
        (_text(lesson, f"case.{case}"), text, lesson["common"] | lesson["cases"][case])
        for case, text in said.items()
    ]


def _record(name, runs, steps, folder):
    """Write the script that has a recording, unless it is there already."""
    package = STATIC.parents[1]
    sources = sorted(f"{path} {path.stat().st_mtime_ns}" for path in package.rglob("*.py"))
    key = hashlib.sha256(repr((runs, steps, sources)).encode()).hexdigest()
    script = folder / f"{name}.js"
    if script.exists() and script.read_text("utf-8").startswith(f"// {key}"):
        return
    folder.mkdir(parents=True, exist_ok=True)
    recorded = folder / f"{name}.bin"
    record(recorded, runs, steps)
    script.write_text(f"// {key}\n{_script(name, recorded.read_bytes())}", "utf-8")
    recorded.unlink()


def _script(name, zipped):
    """Return the script that gives a zipped file to recordings.js."""
    return f'minnetRecorded("{name}", "{base64.b64encode(zipped).decode()}");\n'


def plain_script(module):
    """Return a module's text as that of a script which gives its exports to ``minnetPlayground``."""
    exports = re.search(r"export\s*\{([^{}]*)\};?\s*$", module)
    if exports is None:
        raise ExtensionError("playground.js does not end with its exports")
    pairs = (re.fullmatch(r"\s*(\S+)(?:\s+as\s+(\S+))?\s*", one) for one in exports[1].split(","))
    names = ", ".join(f'"{pair[2] or pair[1]}": {pair[1]}' for pair in pairs)
    body = module[: exports.start()].replace("import.meta.url", "document.baseURI")
    return f'(() => {{\n"use strict";\n{body}\nglobalThis.minnetPlayground = {{{names}}};\n}})();\n'


def look_at_builder(app):
    """Have nothing recorded for what is no site."""
    app.config.playground_records = app.builder.format == "html"


def copy_files(app, exception):
    """Copy the front end and the recordings into the site."""
    if exception or app.builder.format != "html":
        return
    target = Path(app.outdir, "_static", "playground")
    target.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(STATIC / "playground.css", target / "playground.css")
    module = (STATIC / "playground.js").read_text("utf-8")
    (target / "playground.js").write_text(plain_script(module), "utf-8")
    state = {"experiment": Experiment().to_dict(), "playing": False, "generation": 0, "version": 0}
    paper = json.loads((STATIC / "paper.json").read_text("utf-8"))
    answers = json.dumps({"choices": choices(), "state": state, "paper": paper}).encode()
    script = _script("paper", gzip.compress(answers, mtime=0))
    (target / "paper.js").write_text(script, "utf-8")
    for script in Path(app.srcdir, FOLDER).glob("*.js"):
        shutil.copyfile(script, target / script.name)
    size = sum(file.stat().st_size for file in target.iterdir())
    if size > MOST_BYTES:
        logging.getLogger(__name__).warning(
            "%s has %d bytes, more than %d", target, size, MOST_BYTES
        )


def add_files(app, pagename, templatename, context, doctree):
    """Have the front end loaded by the pages that have a recording."""
    if doctree is None or app.builder.format != "html":
        return
    if any(MARK in raw.astext() for raw in doctree.findall(nodes.raw)):
        app.add_css_file("playground/playground.css")
        for script in SCRIPTS:
            app.add_js_file(script, loading_method="defer")


def setup(app):
    app.add_directive("playground", Recording)
    app.add_directive("playground-paper", Paper)
    app.add_directive("playground-lessons", Lessons)
    app.add_directive("playground-controls", Controls)
    app.add_config_value("playground_records", True, "", bool)
    app.connect("builder-inited", look_at_builder)
    app.connect("html-page-context", add_files)
    app.connect("build-finished", copy_files)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
