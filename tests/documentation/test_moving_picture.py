"""The README's moving picture is what its script draws, as far as can be told without a browser."""

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "docs/images/playground.py"


@pytest.fixture
def script():
    pytest.importorskip("playwright")
    pytest.importorskip("PIL")
    spec = importlib.util.spec_from_file_location("picture_of_playground", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


def test_it_has_a_photograph_of_each_moment_and_is_small(script):
    from PIL import Image

    with Image.open(script.FILE) as picture:
        assert picture.n_frames == sum(len(steps) for _, steps in script.SCENES)
        assert picture.size == (script.WIDTH, script.HEIGHT)
    assert script.FILE.stat().st_size <= 600_000
