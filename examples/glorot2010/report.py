"""The report: every part with its picture, what the paper says, and the verdicts; Markdown and HTML."""

import base64
import html
from pathlib import Path

from examples.glorot2010.claims import CLAIMS

__all__ = ["markdown_table", "write"]

_HEAD = "Glorot & Bengio (2010), Understanding the difficulty of training deep feedforward neural networks"
_INTRO = (
    "Re-run with minnet on Shapeset-3x2, by `python -m examples.glorot2010.figures`. Verdicts are by "
    "rules that stand in the code beside each measurement; intervals are of 95 % over seeds."
)
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
color: #222 }
img { max-width: 100%; height: auto } table { border-collapse: collapse } td, th { border: 1px solid #bbb;
padding: .3rem .6rem; text-align: left; vertical-align: top } .reproduced { background: #d8f0d8 }
.partly { background: #fff3cc } .not { background: #f8d7d7 } blockquote { color: #444; border-left:
.25rem solid #bbb; margin-left: 0; padding-left: 1rem }
"""


def write(records, folder):
    """Write ``report.md`` and ``report.html``.

    Parameters
    ----------
    records : list of dict
        Of :func:`examples.glorot2010.figures.make`.
    folder : path-like
        Where the pictures are.
    """
    folder = Path(folder)
    (folder / "report.md").write_text(_markdown(records), encoding="utf-8")
    (folder / "report.html").write_text(_html(records, folder), encoding="utf-8")


def _name(record):
    return f"Figure {record['part']}: " * record["part"].isdigit() + record["title"]


def _with_headings(records):
    """Return pairs of each record and whether it is the first one of its part."""
    parts = [None, *(record["part"] for record in records)]
    return [
        (record, record["part"] != before) for record, before in zip(records, parts, strict=False)
    ]


def _judged(records):
    """Return the verdict on each claim, the last one if there are several, None where there is none."""
    found = {verdict["claim"]: verdict for record in records for verdict in record["verdicts"]}
    return {claim: found.get(claim) for claim in CLAIMS}


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


def _markdown(records):
    rows = [["claim", "verdict", "measured", "from"]]
    for claim, verdict in _judged(records).items():
        cells = ("open", "", "")
        if verdict:
            cells = (verdict["outcome"], verdict["measured"], verdict["basis"])
        rows.append([f"{claim}. {CLAIMS[claim]}", *cells])
    lines = [f"# {_HEAD}", "", _INTRO, "", *markdown_table(rows)]
    for record, is_new in _with_headings(records):
        if is_new:
            lines += ["", f"## {_name(record)}", "", f"> The paper: {record['paper']}"]
        if not record["picture"]:
            lines += ["", f"No curves for it ({record['caption']})."]
            continue
        lines += ["", f"![{record['title']}]({record['picture']})"]
        lines += ["", f"From the {record['caption']}."] if record["caption"] else []
        lines += ["", *markdown_table(record["table"])] if record["table"] else []
        for verdict in record["verdicts"]:
            lines += ["", f"**{verdict['claim']}: {verdict['outcome']}.** {verdict['measured']} "
                      f"({verdict['basis']})."]  # fmt: skip
    return "\n".join(lines) + "\n"


def _html(records, folder):
    rows = ""
    for claim, verdict in _judged(records).items():
        outcome = verdict["outcome"] if verdict else "open"
        cells = (verdict["measured"], verdict["basis"]) if verdict else ("", "")
        rows += f"<tr><td>{claim}</td><td>{html.escape(CLAIMS[claim])}</td>"
        rows += f'<td class="{outcome}">{outcome}</td>'
        rows += "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>\n"
    body = (
        f"<h1>{html.escape(_HEAD)}</h1><p>{html.escape(_INTRO).replace('`', '')}</p>\n<table><tr><th></th>"
        f"<th>claim</th><th>verdict</th><th>measured</th><th>from</th></tr>\n{rows}</table>\n"
    )
    for record, is_new in _with_headings(records):
        if is_new:
            body += f"<h2>{html.escape(_name(record))}</h2>\n"
            body += f"<blockquote>The paper: {html.escape(record['paper'])}</blockquote>\n"
        if record["picture"]:
            picture = base64.b64encode((folder / record["picture"]).read_bytes()).decode()
            title = html.escape(record["title"], quote=True)
            body += f'<img alt="{title}" src="data:image/png;base64,{picture}">\n'
            body += f"<p>From the {record['caption']}.</p>\n" if record["caption"] else ""
            body += _html_table(record["table"]) if record["table"] else ""
        else:
            body += f"<p>No curves for it ({record['caption']}).</p>\n"
        for verdict in record["verdicts"]:
            text = html.escape(f"{verdict['measured']} ({verdict['basis']}).")
            body += f"<p><b>{verdict['claim']}: {verdict['outcome']}.</b> {text}</p>\n"
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Glorot &amp; Bengio (2010) '
        f"re-run</title><style>{_STYLE}</style></head><body>\n{body}</body></html>\n"
    )
