"""docs/playground.rst calls the pictures as the page does."""

import json
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_each_picture_of_the_page_is_explained():
    texts = json.loads((ROOT / "minnet/playground/static/texts/en.json").read_text("utf-8"))
    titles = {
        text for key, text in texts.items() if key.startswith("charts.") and key.endswith(".title")
    }
    page = (ROOT / "docs/playground.rst").read_text("utf-8")
    assert len(titles) >= 8
    assert not {title for title in titles if f"   * - {title}\n" not in page}
