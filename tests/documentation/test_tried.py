"""The row of badges says what its table says, and each Python that the metadata claim is in it."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "docs/images/tried.py"


@pytest.fixture
def tried():
    spec = importlib.util.spec_from_file_location("tried", SCRIPT)
    tried = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tried)
    return tried


def test_the_picture_is_of_the_table(tried):
    assert (ROOT / "docs/images/tried.svg").read_text(encoding="utf-8") == tried.drawing()


def test_each_python_of_the_metadata_is_in_the_table(tried):
    metadata = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    claimed = re.findall(r"Python :: (3[.]\d+)", metadata)
    assert claimed
    for python in claimed:
        assert any(where.endswith(f"Python {python}") for where, _ in tried.read()), python
