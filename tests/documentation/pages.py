"""The blocks of the documentation's pages, as the copy button gives them.

A page is a file of docs/ or one of the repository's Markdown documents. Its sections hold blocks: text of
one language, which is Python where the block has ``>>>`` or is called python.
"""

import ast
import builtins
import codeop
import itertools
import re
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("docs/**/*.rst"), *ROOT.glob("*.md")])
PAGES = [path for path in PAGES if not {"_build", "generated", "auto_examples"} & set(path.parts)]

_DIRECTIVE = re.compile(
    r"( *)\.\. (doctest|code-block|sourcecode|code|testcode|drawn)::(?: +([\w+]+))?"
)
_PROMPT = re.compile(r"(>>> |\.\.\. |>>>$|\.\.\.$)(.*)")  # copybutton_prompt_text of docs/conf.py
_PYTHON = {"python", "py", "python3", "pycon", "doctest", "testcode"}


@dataclass
class Block:
    """Text that is copied as a whole, without its indentation; ``before`` is the paragraph above it."""

    path: Path
    line: int
    language: str
    lines: list[str]
    before: str = ""

    @property
    def is_session(self) -> bool:
        return any(line.startswith(">>>") for line in self.lines)

    @property
    def is_python(self) -> bool:
        return self.is_session or self.language in _PYTHON

    @property
    def text(self) -> str:
        """What is shown, a newline at its end."""
        return "\n".join(self.lines) + "\n"

    @property
    def copied(self) -> str:
        """What the copy button gives: of a session the statements only, with its empty lines."""
        if not self.is_session:
            return self.text
        kept = []
        for line in self.lines:
            prompt = _PROMPT.match(line)
            if prompt or not line:
                kept.append(prompt[2] if prompt else "")
        return "\n".join(kept) + "\n"


@dataclass
class Section:
    """A section up to the next heading: its title, its blocks, all its text.

    The title is "" above the first heading. What is below a smaller heading goes on from ``parent``, what
    its section begins with.
    """

    title: str
    parent: "Section | None" = None
    blocks: list[Block] = field(default_factory=list)
    text: str = ""

    @property
    def python(self) -> list[Block]:
        return [block for block in self.blocks if block.is_python]

    @property
    def from_above(self) -> set[str]:
        """The names that it says it takes from the sections above: "with ``a`` and ``b`` from above"."""
        lists = re.findall(r"((?:``\w+``(?:,? and |, | )?)+)\s*from\s+above", self.text)
        return {name for each in lists for name in re.findall(r"``(\w+)``", each)}


def sections(path: Path) -> list[Section]:
    """Return the sections of a page, the text above the first heading as one of its own."""
    lines = path.read_text(encoding="utf-8").splitlines()
    is_rst = path.suffix == ".rst"
    starts = [(0, "", 1), *(_headings_of_rst(lines) if is_rst else _headings_of_markdown(lines))]
    firsts = [number for number, _, _ in starts]
    found: list[Section] = []
    whole = None
    for (start, title, depth), stop in zip(starts, [*firsts[1:], len(lines)], strict=True):
        section = Section(title, whole if depth > 1 else None)
        section.text = " ".join(" ".join(lines[start:stop]).split())
        whole = whole if depth > 1 else section
        found.append(section)
    for block in _blocks_of_rst(path, lines) if is_rst else _blocks_of_markdown(path, lines):
        found[max(k for k, start in enumerate(firsts) if start <= block.line)].blocks.append(block)
    return found


def _headings_of_rst(lines):
    """Yield the line, the title and the depth of each heading but the page's own, of depth 0."""
    kinds = []
    for number, (title, below) in enumerate(itertools.pairwise(lines)):
        if re.fullmatch(r"([-=~^])\1{2,}", below) and title.strip():
            if below[0] not in kinds:
                kinds.append(below[0])
            if kinds.index(below[0]):
                yield number, title, kinds.index(below[0])


def _headings_of_markdown(lines):
    fenced = False
    for number, line in enumerate(lines):
        fenced ^= line.startswith("```")
        heading = re.match("(#+) (.*)", line)
        if heading and not fenced and len(heading[1]) > 1:
            yield number, heading[2], len(heading[1]) - 1


def _blocks_of_rst(path, lines):
    number = 0
    while number < len(lines):
        line, directive = lines[number], _DIRECTIVE.match(lines[number])
        start = number
        number += 1
        if directive or (line.endswith("::") and not line.lstrip().startswith("..")):
            indent = len(line) - len(line.lstrip())
            while number < len(lines) and (
                not lines[number].strip()
                or len(lines[number]) - len(lines[number].lstrip()) > indent
            ):
                number += 1
            language = (directive[3] or directive[2]) if directive else ""
            yield _block(path, lines, start, lines[start + 1 : number], language)
        elif line.lstrip().startswith(">>>"):  # a paragraph that is a session
            while number < len(lines) and lines[number].strip():
                number += 1
            yield _block(path, lines, start, lines[start:number], "doctest")


def _block(path, lines, start, body, language):
    options = [line for line in body if re.match(r" +:[\w-]+:", line)]
    body = [line for line in body if line not in options]
    margin = min((len(x) - len(x.lstrip()) for x in body if x.strip()), default=0)
    body = "\n".join(line[margin:].rstrip() for line in body).strip("\n").split("\n")
    above = "\n".join(lines[:start]).rstrip().rpartition("\n\n")[2]
    if lines[start].endswith("::") and not lines[start].lstrip().startswith(".."):
        above += lines[start]
    return Block(path, start + 1, language, body, " ".join([above, *options]))


def _blocks_of_markdown(path, lines):
    start = None
    for number, line in enumerate(lines):
        if line.startswith("```") and start is None:
            start = number
        elif line.startswith("```"):
            above = "\n".join(lines[:start]).rstrip().rpartition("\n\n")[2]
            yield Block(path, start + 1, lines[start][3:].strip(), lines[start + 1 : number], above)
            start = None


def pasting_error(text: str) -> str:
    """Return what is wrong where a text is pasted at Python's prompt, line by line, or ""."""
    entered: list[str] = []
    for line in [*text.splitlines(), ""]:
        entered.append(line)
        try:
            if codeop.compile_command("\n".join(entered)):
                entered = []
        except SyntaxError as error:
            return f"{line!r}: {error}"
    return ""


def imports(tree: ast.AST) -> list[tuple[str, int]]:
    """Return the top-level names of the modules that are imported, and the lines."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name.partition(".")[0], node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append((node.module.partition(".")[0], node.lineno))
    return found


def names_made(tree: ast.AST) -> set[str]:
    """Return the names that are assigned, imported or defined, arguments of functions included."""
    made = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            made.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            made |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.arg):
            made.add(node.arg)
        elif isinstance(node, ast.ClassDef | ast.FunctionDef | ast.ExceptHandler):
            made.add(node.name)
    return made


def unknown_names(tree: ast.AST) -> set[str]:
    """Return the names that are read and nowhere made."""
    read = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    return read - names_made(tree) - set(vars(builtins))
