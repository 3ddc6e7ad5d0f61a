"""The README: its links lead somewhere, its times are measured ones; test_pages.py runs its programs."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
if not README.exists():  # the tests run beside an installed wheel
    pytest.skip("no README here", allow_module_level=True)
TEXT = README.read_text(encoding="utf-8")
URLS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]


def test_links_are_absolute_and_lead_to_what_is_there():
    links = re.findall(r"^\[[^\]]+\]: (.*)", TEXT, re.MULTILINE)
    assert not re.search(r"\]\(", TEXT)
    repository, documentation = URLS["Repository"], URLS["Documentation"]
    raw = repository.replace("github.com", "raw.githubusercontent.com")
    assert links
    for link in links:
        if link.startswith(documentation):
            page = link.removeprefix(documentation).removesuffix(".html")
            assert (ROOT / "docs" / f"{page or 'index'}.rst").exists(), link
        else:
            base = next(
                b for b in (f"{repository}/blob/main/", f"{raw}/main/") if link.startswith(b)
            )
            assert (ROOT / link.removeprefix(base)).exists(), link


def test_the_times_are_those_of_the_results():
    results = (ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")
    rows = [line.split("|")[3:-1] for line in TEXT.splitlines() if re.match(r"\| \d.*→", line)]
    assert len(rows) >= 4
    for row in rows:
        ours, sklearn, torch, jax = (cell.strip() for cell in row)
        workload = re.search(
            rf"^\| ([\w-]+) \| minnet \| {re.escape(ours)} ", results, re.MULTILINE
        )
        assert workload, ours
        for peer, time in (("scikit-learn", sklearn), ("PyTorch", torch), ("JAX", jax)):
            assert re.search(
                rf"^\| {workload[1]} \| {peer}[^|]* \| {re.escape(time)} ", results, re.MULTILINE
            ), (peer, time)
