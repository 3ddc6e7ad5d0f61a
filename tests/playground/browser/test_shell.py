"""The frame around the pictures: controls, address, dialogs, themes, phones, keyboard, servers that go."""

import json
import re
import shutil
import subprocess
import sys
import threading
from itertools import pairwise
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from minnet.playground.experiment import choices
from minnet.playground.session import Session
from tests.playground.browser.pictures import assert_drawn, stop_clock

pytestmark = pytest.mark.browser

TEXTS = json.loads(
    (Path(__file__).parents[3] / "minnet/playground/static/texts/en.json").read_text()
)
# What a view shows when all of it is there.
FILLED = {
    "play": ".minnet-counter b",
    "steps": ".bb-stage:not([hidden])",
    "lessons": ".lesson",
    "paper": ".paper-panel",
}
SLOW = "&n_samples=50&depth=2&width=4&batch_size=50"


def steps(page):
    return int(page.inner_text(".minnet-counter b").replace(",", ""))


def control(page, name, what="input, select"):
    return page.locator(f'[data-control="{name}"]').locator(what).last


def in_address(page):
    return {
        name: values[0]
        for name, values in parse_qs(page.evaluate("location.hash.slice(1)")).items()
    }


def test_it_moves_as_soon_as_it_is_opened_with_few_files(open_page, until):
    asked = []
    page = open_page(wait=False)
    page.on("request", lambda request: asked.append(request))
    page.reload()
    page.locator(".minnet-counter b").wait_for()
    first = steps(page)
    until(lambda: steps(page) > first)
    files = [
        request for request in asked if request.method == "GET" and request.url.startswith("http")
    ]
    assert len(files) <= 5


@pytest.mark.parametrize(
    ("name", "value"),
    [("data", "moons"), ("activation", "relu"), ("init", "he_normal"), ("optimizer", "sgd")],
)
def test_a_choice_acts_at_once(open_page, state_of, until, name, value):
    page = open_page("#data=circles&activation=tanh&init=zeros&optimizer=adam")
    control(page, name).select_option(value)
    until(lambda: state_of(page)["experiment"][name] == value)
    until(lambda: in_address(page).get(name) == value)


@pytest.mark.parametrize("name", ["depth", "width", "gain", "learning_rate", "noise", "dropout"])
def test_a_slider_acts_while_it_moves_and_its_field_says_the_number(
    open_page, state_of, until, name
):
    page = open_page(
        "#depth=4&width=8&init=orthogonal&gain=1&learning_rate=0.01&noise=0.1&dropout=0.1"
    )
    before = state_of(page)["experiment"][name]
    slider = control(page, name, 'input[type="range"]')
    field = control(page, name, ".minnet-value")
    start = int(slider.input_value())
    slider.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")

    # The page shows the second stop at once; its session may still be at the first.
    def session_has_what_is_shown():
        shown = float(field.input_value())
        return shown > before and state_of(page)["experiment"][name] == shown

    until(session_has_what_is_shown)
    assert int(slider.input_value()) == start + 2
    assert slider.get_attribute("aria-valuetext") == field.input_value()


def test_batch_norm_is_a_switch(open_page, state_of, until):
    page = open_page("#batch_norm=false")
    control(page, "batch_norm").check()
    until(lambda: state_of(page)["experiment"]["batch_norm"] is True)


def test_what_a_field_is_given_is_refused_by_minnet_at_that_field_and_nothing_changes(
    open_page, state_of, shoot
):
    page = open_page("#depth=3&data=moons")
    before = state_of(page)["experiment"]
    field = control(page, "depth", ".minnet-value")
    for given, said in [("1000", "got 1000"), ("deep", "got 'deep'"), ("2.5", "got 2.5")]:
        field.fill(given)
        field.press("Enter")
        error = page.locator('[data-control="depth"] [role="alert"]')
        error.get_by_text(said).wait_for()
        assert "depth must be a whole number" in error.inner_text()
        assert field.get_attribute("aria-invalid") == "true"
        assert state_of(page)["experiment"] == before
    shoot(page, "refused")
    field.fill("4")
    field.press("Enter")
    error.wait_for(state="hidden")
    assert field.get_attribute("aria-invalid") is None


def test_pause_step_and_play(open_page, state_of, until):
    page = open_page("#data=circles" + SLOW)
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Train").wait_for()
    before = state_of(page)["step"]
    until(lambda: steps(page) == before)
    page.get_by_role("button", name="Step", exact=True).click()
    until(lambda: steps(page) == before + 1)
    page.get_by_role("button", name="Step", exact=True).click()
    until(lambda: steps(page) == before + 2)
    page.get_by_role("button", name="Train").click()
    until(lambda: steps(page) > before + 2)


def test_restart_and_another_seed(open_page, state_of, until):
    page = open_page("#seed=3" + SLOW)
    generation = state_of(page)["generation"]
    page.get_by_role("button", name="Restart").click()
    until(lambda: state_of(page)["generation"] == generation + 1)
    assert state_of(page)["experiment"]["seed"] == 3
    page.get_by_role("button", name="New seed").click()
    until(lambda: state_of(page)["experiment"]["seed"] != 3)
    seed = state_of(page)["experiment"]["seed"]
    until(lambda: control(page, "seed", ".minnet-value").input_value() == str(seed))
    until(lambda: in_address(page)["seed"] == str(seed))


def test_a_link_gives_the_very_experiment(open_page, state_of, until):
    state = (
        "#view=play&speed=30&data=xor&n_samples=123&noise=0.07&depth=7&width=19&activation=softsign"
        "&init=orthogonal&gain=1.37&bias=0.05&optimizer=rmsprop&learning_rate=0.0031&batch_size=17"
        "&batch_norm=true&dropout=0.2&seed=42"
    )
    page = open_page(state)
    first = state_of(page)["experiment"]
    assert {name: str(value).lower() for name, value in first.items()} == {
        name: values[0]
        for name, values in parse_qs(state[1:]).items()
        if name not in ("view", "speed")
    }
    page.get_by_role("button", name="Link").click()
    link, command = page.locator(".minnet-dialog pre").all_inner_texts()
    stop_clock(page)  # the button says it for two seconds
    page.locator(".minnet-dialog").get_by_role("button", name="Copy").first.click()
    page.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == link
    assert command.startswith("python -m minnet.playground '#")
    page.keyboard.press("Escape")
    other = open_page("#data=circles&depth=1&batch_norm=false&dropout=0")
    assert state_of(other)["experiment"] != first
    other.evaluate("link => { location.href = link }", link)
    until(lambda: state_of(other)["experiment"] == first)
    until(lambda: control(other, "width", ".minnet-value").input_value() == "19")


def test_a_link_begins_at_the_beginning_with_its_speed(open_page, state_of, until):
    state = "#data=moons&depth=2&speed="
    page = open_page(state + "full")
    until(lambda: steps(page) > 500)
    for speed in (10, 45):
        before = state_of(page)["generation"]
        slow = open_page(state + str(speed))
        now = state_of(slow)
        assert now["generation"] > before  # which begins at step 0
        assert now["speed"] == speed
        assert slow.locator(".minnet-speed").input_value() == str(speed)
    page.locator(".minnet-speed").select_option("full speed")
    until(lambda: state_of(page)["speed"] is None)
    until(lambda: in_address(page)["speed"] == "full")


def test_diagnose_names_what_is_wrong_and_its_cure_acts(open_page, state_of, until, shoot):
    page = open_page("#data=circles&activation=tanh&depth=3&width=8&init=zeros")
    page.get_by_role("button", name="Diagnose").click()
    cure = page.locator(".minnet-findings button").first
    cure.wait_for()
    shoot(page, "diagnose")
    cure.click()
    page.locator(".minnet-dialog").wait_for(state="detached")
    until(lambda: state_of(page)["experiment"]["init"] != "zeros")


def test_a_link_with_a_wrong_value_says_so_and_the_page_goes_on(open_page, until):
    page = open_page("#depth=600")
    error = page.locator('[data-control="depth"] [role="alert"]')
    error.get_by_text("got 600").wait_for()
    first = steps(page)
    until(lambda: steps(page) != first)


def test_a_link_with_two_wrong_values_has_a_sentence_at_each(open_page, shoot):
    page = open_page("#data=moons&depth=600&activation=tan&width=8")
    for name, got in (("depth", "got 600"), ("activation", "got 'tan'")):
        page.locator(f'[data-control="{name}"] [role="alert"]').get_by_text(got).wait_for()
    invalid = page.locator("[aria-invalid]").evaluate_all(
        "all => all.map(e => e.closest('[data-control]').dataset.control)"
    )
    assert sorted(invalid) == ["activation", "depth"]
    shoot(page, "two_wrong")


def test_headings_are_in_order(open_page):
    page = open_page("#data=moons")
    for view in ("play", "steps", "lessons", "paper"):
        page.evaluate("view => { location.hash = `#view=${view}`; }", view)
        page.locator(f'.minnet[data-view="{view}"] {FILLED[view]}').first.wait_for()
        levels = page.locator("h1, h2, h3, h4, h5, h6").evaluate_all(
            "all => all.filter(e => e.checkVisibility()).map(e => Number(e.tagName[1]))"
        )
        assert levels[0] == 1, view
        assert levels.count(1) == 1, view
        assert all(level <= before + 1 for before, level in pairwise(levels)), (view, levels)


@pytest.mark.parametrize(("width", "height"), [(320, 640), (844, 390), (667, 375)])
def test_small_screens_have_all_of_the_head_and_room_for_a_picture(
    open_page, until, shoot, width, height
):
    page = open_page("#data=moons&view=play", width=width, height=height)
    assert_drawn(page, until)
    ends = page.locator(".minnet-tab, .minnet-tools button").evaluate_all(
        "all => all.map(e => [e.getBoundingClientRect().right, e.scrollWidth - e.clientWidth])"
    )
    assert len(ends) == 8
    for right, hidden in ends:
        assert right <= width
        assert hidden <= 0
    tabs = page.locator(".minnet-tabs")
    assert tabs.evaluate("e => e.scrollWidth - e.clientWidth") <= 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    room = page.locator(".minnet-main").evaluate("e => e.clientHeight")
    chart = page.locator(".chart-loss").bounding_box()
    assert chart["height"] <= room
    assert chart["height"] >= 200
    shoot(page, f"small_{width}")


def test_the_program_is_python_that_runs(open_page, shoot):
    page = open_page("#data=moons&optimizer=sgd" + SLOW)
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Python program").click()
    program = page.locator(".minnet-dialog pre").inner_text()
    shoot(page, "program")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_dialogs_by_keyboard(open_page):
    page = open_page()
    button = page.get_by_role("button", name="Link")
    button.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Link")
    dialog.wait_for()
    # What is behind a dialog is out of reach.
    for _ in range(8):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.closest('dialog, body').tagName") in (
            "DIALOG",
            "BODY",
        )
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    assert page.evaluate("document.activeElement.textContent") == "Link"
    # Who is in a hurry does not have to close it twice.
    page.get_by_role("button", name="Python program").evaluate("b => (b.click(), b.click())")
    page.get_by_role("dialog").first.wait_for()
    page.wait_for_timeout(500)  # in which another would come
    assert page.get_by_role("dialog").count() == 1


def test_the_keyboard_alone_reaches_every_control_and_sees_where_it_is(open_page, until):
    page = open_page("#view=play&depth=2&init=glorot_uniform")
    page.locator("body").focus()
    reached, hidden_outline = set(), []
    for _ in range(80):
        page.keyboard.press("Tab")
        where, style = page.evaluate(
            """() => { const e = document.activeElement, control = e.closest("[data-control]");
                const name = e === document.body ? "" : e.getAttribute("aria-label") ?? e.textContent;
                return [control?.dataset.control ?? name, getComputedStyle(e).outlineStyle]; }"""
        )
        reached.add(where)
        if style == "none" and page.evaluate("document.activeElement !== document.body"):
            hidden_outline.append(where)
    wanted = {
        "Play",
        "Lessons",
        "Pause",
        "Step",
        "Restart",
        "New seed",
        "gain",
        "seed",
        "batch_norm",
        "data",
    }
    assert wanted <= reached
    assert not hidden_outline


@pytest.mark.parametrize("view", ["play", "steps", "lessons", "paper"])
def test_views_are_in_the_address(open_page, until, view):
    page = open_page()
    page.locator(".minnet-tab").nth(["play", "steps", "lessons", "paper"].index(view)).click()
    assert page.locator(".minnet-tab[aria-current]").inner_text() == TEXTS[f"page.view.{view}"]
    until(lambda: in_address(page).get("view") == view)
    again = open_page(page.evaluate("location.hash"), wait=False)
    again.locator(f'.minnet[data-view="{view}"]').wait_for()


def test_everything_fits_one_screen_at_1440_by_900(open_page, until, shoot):
    page = open_page("#view=play")
    assert_drawn(page, until)
    shoot(page, "light")
    sizes = page.evaluate(
        """() => [...document.querySelectorAll("html, .minnet-side, .minnet-main")].map(
            e => [e.scrollWidth - e.clientWidth, e.scrollHeight - e.clientHeight])"""
    )
    assert sizes == [[0, 0]] * 3


@pytest.mark.parametrize("view", ["play", "steps", "lessons", "paper"])
@pytest.mark.parametrize("dark", [False, True])
def test_on_a_phone_nothing_overflows_and_controls_can_be_touched(
    open_page, until, shoot, view, dark
):
    page = open_page(f"#view={view}", width=390, height=844, dark=dark, wait=False)
    page.locator(FILLED[view]).first.wait_for()
    if view == "play":
        assert_drawn(page, until)
    shoot(page, f"phone_{view}{'_dark' if dark else ''}")
    overflowing = """() => [...document.querySelectorAll(".minnet *")]
        .filter(e => e.checkVisibility() && !e.closest("svg, canvas"))
        .filter(e => e.getBoundingClientRect().right > 390.5)
        .map(e => e.outerHTML.slice(0, 120))"""
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate("document.querySelector('.minnet-main').scrollWidth") <= 390
    if view == "play":
        assert page.evaluate(overflowing) == []
        assert not control(page, "depth", "input").first.is_visible()
        page.get_by_role("button", name="Controls").tap()
        control(page, "depth", ".minnet-value").tap()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        heights = page.evaluate(
            """() => [...document.querySelectorAll(".minnet-side :is(button, select, input)")]
                .filter(e => e.type !== "checkbox" && e.checkVisibility())
                .map(e => e.getBoundingClientRect().height)"""
        )
        assert min(heights) >= 36
        shoot(page, f"phone_controls{'_dark' if dark else ''}")


def test_light_and_dark_by_the_system_and_by_the_switch(open_page, until, shoot):
    ground = "getComputedStyle(document.querySelector('.minnet')).backgroundColor"
    light, dark = open_page(), open_page(dark=True)
    colours = light.evaluate(ground), dark.evaluate(ground)
    assert colours[0] != colours[1]
    assert_drawn(dark, until)
    shoot(dark, "dark")
    light.get_by_role("button", name="Light or dark").click()
    assert light.evaluate(ground) == colours[1]
    light.reload()
    light.locator(".minnet").wait_for()
    assert light.evaluate(ground) == colours[1], "what was chosen lasts"


@pytest.mark.parametrize("dark", [False, True])
def test_text_has_contrast(open_page, dark):
    """The AA level of WCAG 2: at least 4.5 to 1, and 3 to 1 for what is drawn."""
    page = open_page(dark=dark)
    colours = page.evaluate(
        """names => { const e = document.createElement("i"), out = {};
            document.querySelector(".minnet").append(e);
            for (const n of names) { e.style.color = `var(--${n})`; out[n] = getComputedStyle(e).color; }
            e.remove(); return out; }""",
        ["ground", "surface", "ink", "muted", "bad", "activation", "gradient", "prediction"],
    )

    def luminance(colour):
        parts = [int(c) / 255 for c in re.findall(r"\d+", colour)]
        parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return parts[0] * 0.2126 + parts[1] * 0.7152 + parts[2] * 0.0722

    for ground in ("ground", "surface"):
        for text in ("ink", "muted", "bad", "activation", "gradient", "prediction"):
            low, high = sorted((luminance(colours[ground]), luminance(colours[text])))
            contrast = (high + 0.05) / (low + 0.05)
            assert contrast >= (3 if text in ("activation", "gradient", "prediction") else 4.5), (
                ground,
                text,
            )


@pytest.mark.parametrize("calm", [False, True])
def test_reduced_motion_is_two_frames_a_second(open_page, until, calm):
    page = open_page("#data=circles" + SLOW, calm=calm)
    stop_clock(page)
    page.evaluate(
        """() => {
            const send = window.fetch;
            window.asked = []; // when, by the page's clock
            window.fetch = (url, options) => {
                if (options?.body?.includes('"frame"')) window.asked.push(performance.now());
                return send(url, options);
            };
        }"""
    )

    def five(milliseconds):
        """Let so much time pass for the page; return when it asked for frames, if it did so five times."""
        if milliseconds:
            page.clock.run_for(milliseconds)
        asked = page.evaluate("window.asked")
        return asked if len(asked) >= 5 else None

    if calm:
        asked = until(lambda: five(50))
        assert min(later - first for first, later in pairwise(asked)) >= 490
    else:  # one after the other, without a pause
        asked = until(lambda: five(0))
        assert len(set(asked)) == 1


def test_a_second_page_follows_the_first(open_page, until):
    one, two = open_page("#depth=3&init=orthogonal&gain=1"), open_page()
    field = control(one, "gain", ".minnet-value")
    for value in ("2", "3", "1.25"):
        field.fill(value)
        field.press("Enter")
    until(lambda: control(two, "gain", ".minnet-value").input_value() == "1.25")
    one.get_by_role("button", name="Pause").click()
    two.get_by_role("button", name="Train").wait_for()


def test_a_killed_server_is_said_and_the_page_goes_on_with_its_experiment(
    open_page, start_server, state_of, until, shoot
):
    server = start_server()
    page = open_page("#data=moons&depth=3&gain=1.5", address=server.address)
    banner = page.locator(".minnet-banner")
    assert not banner.is_visible()
    server.kill()
    banner.wait_for()
    shoot(page, "gone")
    assert f"--port {server.port} --token={server.token}" in banner.inner_text()
    start_server("--port", str(server.port), f"--token={server.token}")
    banner.wait_for(state="hidden")
    until(lambda: state_of(page)["experiment"]["gain"] == 1.5)
    assert state_of(page)["experiment"]["data"] == "moons"
    first = steps(page)
    until(lambda: steps(page) != first)


def test_a_network_that_diverges_is_said_and_the_page_stays_usable(open_page, until, shoot):
    page = open_page(
        "#data=circles&activation=identity&init=orthogonal&depth=8&width=16"
        "&optimizer=sgd&learning_rate=10&gain=20&batch_norm=false&dropout=0"
    )
    message = page.locator(".minnet-run [role=alert]")
    message.wait_for()
    assert message.inner_text().strip()
    shoot(page, "diverged")
    page.get_by_role("button", name="Train").wait_for()
    field = control(page, "learning_rate", ".minnet-value")
    field.fill("0.001")
    field.press("Enter")
    gain = control(page, "gain", ".minnet-value")
    gain.fill("1")
    gain.press("Enter")
    page.get_by_role("button", name="Train").click()
    message.wait_for(state="hidden")
    first = steps(page)
    until(lambda: steps(page) > first)


def test_a_translation_is_one_file(open_page, tmp_path, monkeypatch):
    from minnet.playground import server

    shutil.copytree(server.STATIC, tmp_path / "static")
    translated = {"page.name": "Spielplatz", "controls.pause": "Anhalten"}
    (tmp_path / "static/texts/de.json").write_text(json.dumps(translated))
    monkeypatch.setattr(server, "STATIC", tmp_path / "static")
    with Session() as session, server.Server(session) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        page = open_page("?lang=de", address=running.address)
        assert page.title() == "minnet Spielplatz"
        assert page.locator(".minnet-primary").inner_text() == "Anhalten"
        assert page.get_by_role("button", name="Restart").is_visible(), "what it lacks is English"
        assert page.evaluate("document.documentElement.lang") == "de"
        running.shutdown()
        thread.join()


def test_every_choice_has_a_text():
    """A translation is one file: no name comes from elsewhere."""
    for name, given in choices().items():
        assert f"controls.{name}" in TEXTS
        for value in given.get("values", []):
            assert f"controls.{name}.{value}" in TEXTS
