"""Names the lines of documents that have 120 columns or more; rows of Markdown tables cannot be broken."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WRITTEN = ROOT.glob("docs/sg_*.rst")  # by sphinx-gallery
DOCUMENTS = {*ROOT.glob("docs/*.rst"), *ROOT.glob("*.md"), *ROOT.glob("benchmarks/*.md")} - {
    *WRITTEN
}

long = [
    f"{path.relative_to(ROOT)}:{number}: {len(line)} columns"
    for path in sorted(DOCUMENTS)
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
    if len(line) >= 120 and not line.startswith("|")
]
sys.exit("\n".join(long) or None)
