"""The paper's figures in the page: what is drawn and said at each moment is in the committed curves."""

import json
import re
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from minnet.playground.recording import record
from tests.playground.browser.pictures import stop_clock

pytestmark = pytest.mark.browser

STATIC = Path(__file__).parents[3] / "minnet/playground/static"
PAPER = json.loads((STATIC / "paper.json").read_text())
FIGURES = list(PAPER["figures"])
OF_ONE_MOMENT = ("4", "5")

# Where the marks of a panel's layers are, as shares of the height between the lowest and the highest tick.
_HEIGHTS = """panel => {
    const ticks = [...panel.querySelectorAll(".axes .tick-y")].map(tick => Number(tick.getAttribute("y")));
    const [low, high] = [Math.max(...ticks), Math.min(...ticks)];
    return [...panel.querySelectorAll("svg[role=img] g:last-of-type > .dot")].map(dot => {
        const y = Number(dot.getAttribute("d").match(/M[^ ]+ ([^ a-z]+)/)[1]);
        return (low - y) / (low - high); }); }"""


@pytest.fixture
def open_figure(open_page):
    def open_one(number, **options):
        page = open_page(f"#view=paper&figure={number}", wait=False, playing=False, **options)
        page.locator(".paper-panel").first.wait_for()
        return page

    return open_one


def told(page, panel=0):
    """Return the numbers that the legend of a panel says, by layer."""
    texts = page.locator(".paper-panel").nth(panel).locator(".paper-legend b").all_inner_texts()
    return [as_number(text) for text in texts]


def as_number(text):
    digits = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
    mantissa, _, power = text.replace(" ", "").partition("·10")
    return float(mantissa.replace("−", "-")) * 10 ** int(power.translate(digits) or 0)


def show(page, number):
    page.locator(f'[data-figure="{number}"]').click()
    assert page.inner_text(".paper h2").startswith(f"Figure {number}.")


def slide(page, place):
    slider = page.locator('.paper-bar input[type="range"]')
    slider.focus()
    page.keyboard.press("Home")
    for _ in range(place):
        page.keyboard.press("ArrowRight")


def test_each_figure_is_drawn_or_says_that_it_has_no_curve(open_figure, shoot):
    page = open_figure("2")
    for number in FIGURES:
        show(page, number)
        figure = PAPER["figures"][number]
        pictures = page.locator(".paper-panel svg[role=img], .paper-panel canvas")
        expected = sum(len(panel.get("costs", [0])) for panel in figure["panels"])
        assert pictures.count() == expected
        labels = pictures.evaluate_all("all => all.map(one => one.getAttribute('aria-label'))")
        assert all(re.search(r"\d", label) for label in labels), labels
        paths = page.locator(".paper-panel path").evaluate_all(
            "all => all.map(path => path.getAttribute('d'))"
        )
        assert len(paths) >= 2
        assert not [path for path in paths if "NaN" in path or "Infinity" in path]
        text = page.inner_text(".paper") + " ".join(labels)
        assert "NaN" not in text
        assert "undefined" not in text
        assert page.locator(".paper-bar").is_visible() == (number not in OF_ONE_MOMENT)
        if number in (*OF_ONE_MOMENT, "12"):
            assert "no curve" in page.inner_text(".paper-note")
        assert page.locator(".paper-claims li").count() == len(figure["claims"])
        shoot(page, number)


def test_numbers_and_marks_are_those_of_the_curve(open_figure):
    page = open_figure("2")
    for number in ("2", "3", "9", "10"):
        show(page, number)
        panels = PAPER["figures"][number]["panels"]
        moments = sorted({update for panel in panels for update in panel["updates"]})
        for place in (0, 7, 25):
            slide(page, place)
            said = page.inner_text(".paper-told")
            assert said.startswith(f"{moments[place]:,} updates" if place else "Before training")
            for i, panel in enumerate(panels):
                k = sum(update <= moments[place] for update in panel["updates"]) - 1
                name, values = next(iter(panel["values"].items()))
                assert told(page, i) == pytest.approx(
                    values[k], rel=0.06
                )  # of small ones two digits
                heights = page.locator(".paper-panel").nth(i).evaluate(_HEIGHTS)
                assert len(heights) == panel["run"]["depth"]
                if name.startswith("Y"):  # from 0 to 1
                    assert heights == pytest.approx(values[k], abs=0.01)


def test_ticks_of_a_logarithmic_axis_are_powers_above_0(open_figure):
    page = open_figure("9")
    for panel in range(2):
        ticks = page.locator(".paper-panel").nth(panel).locator(".axes .tick-y").all_text_contents()
        assert len(set(ticks)) == len(ticks) >= 2
        assert all(re.fullmatch("10⁻[¹²³⁴⁵⁶]", tick) for tick in ticks)
        # Lines are told apart without colours, too.
        marks = page.locator(".paper-panel").nth(panel).locator(".paper-legend .dot")
        shapes = marks.evaluate_all("all => all.map(dot => dot.getAttribute('d'))")
        assert len(set(shapes)) == len(shapes) == 5


def test_errors_are_those_of_the_table_at_that_moment(open_figure):
    page = open_figure("11")
    [panel] = PAPER["figures"]["11"]["panels"]
    texts = page.locator(".paper-legend b").all_inner_texts()
    assert texts == [f"{line['errors'][-1]:g} %" for line in panel["lines"]]
    assert page.locator(".star").count() == 5
    slide(page, 0)
    assert all(
        text.startswith("from 50,000") for text in page.locator(".paper-legend b").all_inner_texts()
    )


def test_it_plays_to_the_end_and_stops(open_figure, until):
    page = open_figure("2")
    stop_clock(page)
    button = page.locator(".paper-bar button")
    assert button.get_attribute("aria-label") == "Replay the updates"
    button.focus()
    page.keyboard.press("Enter")
    assert button.get_attribute("aria-label") == "Pause"
    said = page.locator(".paper-told")
    seen = {said.inner_text()}
    for _ in range(7):
        page.clock.run_for(140)
        seen.add(said.inner_text())
    assert len(seen) == 8
    page.keyboard.press("Enter")
    stopped = said.inner_text()
    page.clock.run_for(1000)
    assert said.inner_text() == stopped
    page.keyboard.press("Enter")
    until(
        lambda: (
            page.clock.run_for(500) or button.get_attribute("aria-label") == "Replay the updates"
        )
    )
    last = max(panel["updates"][-1] for panel in PAPER["figures"]["2"]["panels"])
    assert said.inner_text().startswith(f"{last:,} updates")
    button.click()
    page.get_by_role("button", name="Step by step").click()
    page.get_by_role("button", name="The paper").click()
    assert button.get_attribute("aria-label") == "Replay the updates"  # another view has stopped it


def test_who_wants_less_motion_sees_two_moments_a_second(open_figure):
    page = open_figure("3", calm=True)
    stop_clock(page)
    page.locator(".paper-bar button").click()
    seen = {page.inner_text(".paper-told")}
    for _ in range(20):
        page.clock.run_for(100)
        seen.add(page.inner_text(".paper-told"))
    assert len(seen) == 1 + 4


def test_a_figure_is_in_the_address(open_figure, open_page, until):
    page = open_figure("3")
    page.get_by_role("button", name="Figure 7").click()
    until(lambda: "figure=7" in page.evaluate("location.hash"))
    assert page.inner_text(".paper h2").startswith("Figure 7.")
    other = open_page("#view=paper&figure=toString", wait=False, playing=None)
    other.locator(".paper-panel").first.wait_for()
    assert other.inner_text(".paper h2").startswith("Figure 2.")


@pytest.mark.parametrize("dark", [False, True])
def test_on_a_phone_nothing_is_wider_than_the_screen(open_figure, shoot, dark):
    page = open_figure("2", width=390, height=844, dark=dark)
    for number in FIGURES:
        show(page, number)
        widths = page.evaluate(
            "() => ['html', '.minnet-main'].map(s => document.querySelector(s).scrollWidth)"
        )
        assert max(widths) <= 390
        outside = page.locator(".paper *").evaluate_all(
            "all => all.filter(one => one.getBoundingClientRect().right > 391).length"
        )
        assert outside == 0, number
        if number in ("2", "5", "7", "11"):
            shoot(page, f"{number}_phone_{'dark' if dark else 'light'}")
    box = page.locator(".paper-bar button").bounding_box()
    assert min(box["width"], box["height"]) >= 32


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


def test_a_recorded_page_has_it_without_a_session(new_page, tmp_path):
    for name in ("playground.js", "playground.css", "paper.json"):
        shutil.copy(STATIC / name, tmp_path)
    record(tmp_path / "runs.bin", [("one", "", {"depth": 1, "width": 2})], [0])
    (tmp_path / "index.html").write_text(
        '<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="playground.css">'
        '<div data-minnet-playground data-recording="runs.bin" data-view="paper"></div>'
        '<script type="module" src="playground.js"></script>'
    )
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=tmp_path)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = new_page(viewport={"width": 1000, "height": 900})
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        page.locator(".paper-panel").first.wait_for()
        show(page, "3")
        slide(page, 5)
        [panel, _] = PAPER["figures"]["3"]["panels"]
        assert told(page) == pytest.approx(panel["values"]["Y_p98"][5], rel=0.06)
        page.close()
        server.shutdown()
