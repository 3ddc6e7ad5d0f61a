"""The report: every part with its picture, what the paper says, and the verdicts; Markdown and HTML."""

import base64
import html
from pathlib import Path

from examples.glorot2010.wording import (
    OUTCOME_WORDS,
    claims_table,
    heading,
    history,
    origin,
    rule_words,
    verdict_words,
)
from minnet.common.atomic import write_atomically

__all__ = ["markdown_table", "write"]

_HEAD = "Glorot and Bengio (2010), run again"
_INTRO = (
    "Understanding the difficulty of training deep feedforward neural networks, re-run with minnet on "
    "Shapeset-3x2 by `python -m examples.glorot2010.figures`. What was measured for each claim, and the "
    "rule it is judged by, is below its figure; intervals are of 95 %. The long runs are those of the "
    "repository; where there are other trainings, too, the verdict is that of the longer ones. Open: "
    "not measured here."
)
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
color: #222 }
img { max-width: 100%; height: auto } table { border-collapse: collapse } td, th { border: 1px solid #bbb;
padding: .3rem .6rem; text-align: left; vertical-align: top } .reproduced { background: #d8f0d8 }
.partly { background: #fff3cc } .not { background: #f8d7d7 } blockquote { color: #444; border-left:
.25rem solid #bbb; margin-left: 0; padding-left: 1rem }
h1 { font-size: 1.6rem } table.claims { font-size: .85rem; line-height: 1.35 } .claims td { padding: .2rem
.5rem } table { display: block; overflow-x: auto; font-size: .9rem }
"""


def write(records, folder, tables=None):
    """Write ``report.md`` and ``report.html``.

    Parameters
    ----------
    records : list of dict
        Of :func:`examples.glorot2010.figures.make`.
    folder : path-like
        Where the pictures are.
    tables : dict, optional
        Of :func:`examples.glorot2010.inventory.tables`, for the end.
    """
    folder, tables = Path(folder), tables or {}
    pages = {"report.md": _markdown(records, tables), "report.html": _html(records, tables, folder)}
    for name, text in pages.items():
        with write_atomically(folder / name) as file:
            file.write(text.encode())


def _with_headings(records):
    """Return pairs of each record and whether it is the first one of its part."""
    parts = [None, *(record["part"] for record in records)]
    return [
        (record, record["part"] != before) for record, before in zip(records, parts, strict=False)
    ]


def markdown_table(rows):
    """Return the lines of a table in Markdown, its head in the first row.

    Examples
    --------
    >>> from examples.glorot2010.report import markdown_table
    >>> markdown_table([["a", "b"], ["1", "2"]])
    ['| a | b |', '|---|---|', '| 1 | 2 |']
    """
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return [lines[0], "|" + "---|" * len(rows[0]), *lines[1:]]


def _html_table(rows):
    lines = []
    for i, row in enumerate(rows):
        tag = "td" if i else "th"
        cells = "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row)
        lines.append(f"<tr>{cells}</tr>")
    return "<table>\n" + "\n".join(lines) + "\n</table>\n"


def _markdown(records, tables):
    rows = [["claim", "verdict", "the paper's", "from"]]
    for line in claims_table(records):
        cells = OUTCOME_WORDS[line["outcome"]], line["statement"], line["basis"]
        rows.append([line["claim"], *cells])
    lines = [f"# {_HEAD}", "", _INTRO, "", *markdown_table(rows)]
    for record, is_new in _with_headings(records):
        if is_new:
            lines += ["", f"## {heading(record)}"]
            lines += ["", f"> The paper: {record['paper']}"] if record["paper"] else []
        if record["picture"]:
            lines += ["", f"![{record['title']}]({record['picture']})"]
        lines += ["", origin(record)] if origin(record) else []
        for rows in record["tables"]:
            lines += ["", *markdown_table(rows)]
        for remark in record["remarks"]:
            lines += ["", remark.replace("*", r"\*")]
        for verdict in record["verdicts"]:
            outcome, measured = verdict_words(verdict)
            lines += ["", f"**{outcome}** {measured}"]
            lines += ["", f"*{'; '.join(history(verdict))}.*"]
        lines += ["", f"*{rule_words(record)}*"] if record["verdicts"] else []
    for title, (rows, remark) in tables.items():
        lines += ["", f"## {title}", "", *markdown_table(rows)]
        lines += ["", remark] if remark else []
    return "\n".join(lines) + "\n"


def _html(records, tables, folder):
    rows = ""
    for line in claims_table(records):
        said = {key: html.escape(str(value)) for key, value in line.items()}
        name = said["claim"]
        if line["part"] is not None:
            name = f'<a href="#part-{line["part"]}">{name}</a>'
        rows += f'<tr><td>{name}</td><td class="{said["outcome"]}">{OUTCOME_WORDS[line["outcome"]]}</td>'
        rows += f"<td>{said['statement']}</td><td>{said['basis']}</td></tr>\n"
    body = (
        f"<h1>{html.escape(_HEAD)}</h1><p>{html.escape(_INTRO).replace('`', '')}</p>\n<table class="
        '"claims"><tr><th></th><th>verdict</th><th>the paper\'s claim</th><th>measured on</th></tr>\n'
        f"{rows}</table>\n"
    )
    for record, is_new in _with_headings(records):
        if is_new:
            body += f'<h2 id="part-{record["part"]}">{html.escape(heading(record))}</h2>\n'
            if record["paper"]:
                body += f"<blockquote>The paper: {html.escape(record['paper'])}</blockquote>\n"
        if record["picture"]:
            picture = base64.b64encode((folder / record["picture"]).read_bytes()).decode()
            title = html.escape(record["title"], quote=True)
            body += f'<img alt="{title}" src="data:image/png;base64,{picture}">\n'
        body += _paragraph(origin(record))
        body += "".join(map(_html_table, record["tables"]))
        body += "".join(map(_paragraph, record["remarks"]))
        for verdict in record["verdicts"]:
            outcome, measured = map(html.escape, verdict_words(verdict))
            body += f"<p><b>{outcome}</b> {measured}</p>\n"
            body += f"<p><i>{html.escape('; '.join(history(verdict)))}.</i></p>\n"
        if record["verdicts"]:
            body += f"<p><i>{html.escape(rule_words(record))}</i></p>\n"
    for title, (rows, remark) in tables.items():
        body += f"<h2>{html.escape(title)}</h2>\n{_html_table(rows)}{_paragraph(remark)}"
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Glorot &amp; Bengio (2010) '
        f"re-run</title><style>{_STYLE}</style></head><body>\n{body}</body></html>\n"
    )


def _paragraph(text):
    return f"<p>{html.escape(text)}</p>\n" if text else ""
