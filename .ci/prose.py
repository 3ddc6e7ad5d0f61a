"""Names the lines of documents that have 120 columns or more; rows of Markdown tables cannot be broken."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ["docs/*.rst", "docs/api/*.rst", "*.md", "benchmarks/*.md"]

long = [
    f"{path.relative_to(ROOT)}:{number}: {len(line)} columns"
    for path in sorted(path for folder in FOLDERS for path in ROOT.glob(folder))
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
    if len(line) >= 120 and not line.startswith("|")
]
sys.exit("\n".join(long) or None)
