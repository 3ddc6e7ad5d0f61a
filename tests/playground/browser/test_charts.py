"""The pictures of a training: what is drawn, what is read out, what is said where nothing can be drawn."""

import base64
import math
import re
from pathlib import Path

import numpy as np
import pytest

from tests.playground.browser.pictures import (
    BY_LAYER,
    CHARTS,
    ask,
    assert_drawn,
    canvas,
    colours,
    frame_of,
    number,
    paused,
    pixels,
    readout,
    shown_step,
    stop_clock,
    ticks,
)

pytestmark = pytest.mark.browser

SOURCES = Path(__file__).parents[3] / "minnet/playground/page/src/charts"
SMALL = (
    "#data=moons&n_samples=100&depth=4&width=8&activation=tanh&init=glorot_uniform&gain=1&bias=0"
    "&optimizer=sgd&batch_norm=false&seed=0"
)


@pytest.fixture
def scales(chromium):
    """Calls the functions of charts/scale.js in a page of its own."""
    context = chromium.new_context()
    page = context.new_page()
    source = base64.b64encode((SOURCES / "scale.js").read_bytes()).decode()
    page.evaluate(
        "async (source) => { globalThis.scales = await import(`data:text/javascript;base64,${source}`); }",
        source,
    )
    yield lambda expression, argument=None: page.evaluate(expression, argument)
    context.close()


# ---- axes


def test_ticks_of_a_logarithmic_axis_are_positive_and_unlike(scales):
    rng = np.random.default_rng(0)
    spans = [[0.1, 1], [1e-3, 1e4], [1e-38, 1e38], [1e-7, 1e-6]]
    for _ in range(200):
        low = 10.0 ** rng.uniform(-36, 30)
        spans.append([low, low * 10.0 ** rng.uniform(0, 8)])
    drawn = scales(
        """spans => spans.map(([low, high]) => [2, 5, 9].map((most) => {
            const [from, to] = scales.roundLog(low, high);
            return {from, to, ...scales.ticksOf(scales.log(from, to), most)};
        }))""",
        spans,
    )
    for (low, high), axes in zip(spans, drawn, strict=True):
        for axis in axes:
            assert axis["from"] <= low * (1 + 1e-6)
            assert high <= axis["to"] * (1 + 1e-6)
            labels = [tick["label"] for tick in axis["ticks"]]
            values = [number(label) for label in labels]
            assert len(labels) >= 1
            assert len(set(labels)) == len(labels)
            assert all(value > 0 for value in values)
            assert values == sorted(values)
            np.testing.assert_allclose(
                values, [float(tick["value"]) for tick in axis["ticks"]], rtol=1e-6
            )


@pytest.mark.parametrize("most", [2, 6])
def test_ticks_of_a_linear_axis_say_what_they_stand_for(scales, most):
    rng = np.random.default_rng(0)
    spans = [[-1, 1], [-2.5, 2.5], [0, 4003], [0, 3.5e-9], [-2e7, 5e6], [0.999, 1.001]]
    for _ in range(200):
        low = rng.normal() * 10.0 ** rng.uniform(-12, 12)
        spans.append([low, low + 10.0 ** rng.uniform(-3, 3) * abs(low)])
    drawn = scales(
        """([spans, most]) => spans.map(([low, high], i) => {
            const [from, to] = i % 2 ? scales.roundLinear(low, high) : [low, high];
            return {from, to, ...scales.ticksOf(scales.linear(from, to), most)};
        })""",
        [spans, most],
    )
    for (low, high), axis in zip(spans, drawn, strict=True):
        assert axis["from"] <= low + 1e-5 * (high - low)
        assert high - 1e-5 * (high - low) <= axis["to"]
        labels = [tick["label"] for tick in axis["ticks"]]
        assert len(labels) >= 2
        assert len(set(labels)) == len(labels)
        unit = number(axis["unit"].removeprefix("× ")) if axis["unit"] else 1
        step = axis["ticks"][1]["value"] - axis["ticks"][0]["value"]
        for tick in axis["ticks"]:
            assert abs(number(tick["label"]) * unit - tick["value"]) < 1e-3 * step


def test_an_axis_rests_while_the_numbers_move_a_little_and_is_new_in_a_generation(scales):
    ends = scales(
        """() => {
            const axis = scales.steady(scales.roundLog, scales.log);
            return [[0.2, 5, 0], [0.3, 4, 0], [0.3, 40, 0], [0.3, 4, 0], [0.3, 0.5, 0], [0.3, 4, 1]]
                .map((given) => axis(...given)).map(({low, high}) => [low, high]);
        }"""
    )
    np.testing.assert_allclose(
        ends, [[0.1, 10], [0.1, 10], [0.1, 100], [0.1, 100], [0.1, 1], [0.1, 10]]
    )


@pytest.mark.parametrize("gain", [0.3, 1, 4])
def test_logarithmic_axes_of_the_page_are_labelled_by_positive_unlike_numbers(
    open_page, until, gain
):
    page = open_page(f"{SMALL}&depth=20&gain={gain}")
    assert_drawn(page, until)
    for name in ("forward", "backward", "ratio"):
        values = [number(label) for label in ticks(page, name)]
        assert len(values) >= 2
        assert all(value > 0 for value in values)
        assert len(set(values)) == len(values)


# ---- what is drawn


@pytest.mark.parametrize("dark", [False, True])
def test_every_picture_is_drawn_and_moves(open_page, until, shoot, dark):
    page = open_page(f"{SMALL}&learning_rate=0.05", dark=dark)
    ask(page, {"do": "reset", "seed": 0})
    for name in CHARTS:
        until(lambda name=name: colours(page, name) > 10)
    before = {name: pixels(page, name) for name in CHARTS if name != "phase"}
    for name, was in before.items():
        until(lambda name=name, was=was: pixels(page, name) != was)
    shoot(page, "dark" if dark else "light")


def test_a_running_page_never_shows_an_empty_picture(open_page):
    page = open_page(SMALL)
    blank = page.evaluate(
        """async () => {
            let blank = 0;
            for (let i = 0; i < 30; i++) {
                await new Promise(requestAnimationFrame);
                const element = document.querySelector(".chart-forward canvas");
                const {data} = element.getContext("2d").getImageData(0, 0, element.width, element.height);
                if (i % 5 === 4) document.querySelector(".minnet-main").style.paddingRight = `${i}px`;
                blank += !data.some((value) => value);
            }
            return blank;
        }"""
    )
    assert blank == 0


def test_a_canvas_has_the_pixels_of_the_screen(open_page):
    page = open_page(SMALL)
    session = page.context.new_cdp_session(page)
    for ratio, width in [(2, 1440), (3, 390), (1, 1000)]:
        session.send(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 900, "deviceScaleFactor": ratio, "mobile": False},
        )
        page.wait_for_function(
            """(ratio) => window.devicePixelRatio === ratio
                && [...document.querySelectorAll(".chart:not([hidden]) canvas")].every((canvas) =>
                    Math.abs(canvas.width - canvas.clientWidth * ratio) <= ratio
                    && Math.abs(canvas.height - canvas.clientHeight * ratio) <= ratio)""",
            arg=ratio,
        )


def test_a_change_of_theme_is_drawn_without_a_new_frame(open_page, until):
    page = open_page(SMALL)
    paused(page, until)
    before = {name: pixels(page, name) for name in CHARTS}
    page.emulate_media(color_scheme="dark")
    for name in CHARTS:
        until(lambda name=name: pixels(page, name) != before[name])
    page.emulate_media(color_scheme="light")
    for name in CHARTS:
        until(lambda name=name: pixels(page, name) == before[name])


def test_all_of_it_fits_on_one_screen_and_in_one_column_of_a_phone(open_page, shoot):
    page = open_page(f"{SMALL}&data=blobs")
    main = page.locator(".minnet-main")
    assert main.evaluate("main => main.scrollHeight - main.clientHeight") <= 1
    assert main.evaluate("main => main.scrollWidth - main.clientWidth") <= 0
    page = open_page(f"{SMALL}&data=blobs", width=390, height=844)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    lefts = set()
    for name in CHARTS:
        box = canvas(page, name).bounding_box()
        lefts.add(round(box["x"]))
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
        assert box["width"] > 300
        assert box["height"] >= 200
    assert len(lefts) == 1
    shoot(page, "phone")


def test_a_projector_of_1280_by_720_has_all_of_it(open_page, shoot):
    page = open_page(f"{SMALL}&data=blobs", width=1280, height=720)
    main = page.locator(".minnet-main")
    assert main.evaluate("main => main.scrollHeight - main.clientHeight") <= 1
    for name in CHARTS:
        card = page.locator(f".chart-{name}").bounding_box()
        assert card["y"] + card["height"] <= 720
        legend = page.locator(f".chart-{name} .chart-legend")
        if legend.count():
            assert legend.bounding_box()["x"] > card["x"]
        title = page.locator(f".chart-{name} h3")
        assert title.bounding_box()["height"] < 25, "of one line"
    shoot(page, "projector")


def test_sixty_layers_stay_readable(open_page, shoot):
    page = open_page(f"{SMALL}&depth=60&activation=tanh&n_samples=200")
    page.wait_for_function(
        "() => document.querySelector('.chart-forward canvas').dataset.ticksX?.endsWith('out')"
    )
    for name in BY_LAYER:
        labels = ticks(page, name, "x")
        assert labels[0] == "1"
        assert labels[-1] == "out"
        assert "30" in labels
        width = canvas(page, name).bounding_box()["width"] - 48
        places = [60 if label == "out" else int(label) - 1 for label in labels]
        for i in range(len(labels) - 1):  # they do not touch
            letters = len(labels[i]) + len(labels[i + 1])
            assert (places[i + 1] - places[i]) * width / 61 > 3.5 * letters
    shoot(page, "sixty")


def test_after_a_reset_no_point_of_the_old_run_is_there_even_if_a_frame_is_late(open_page, until):
    page = open_page(f"{SMALL}&learning_rate=0.05")
    until(lambda: shown_step(page) > 200)
    held, late = [], [0]

    def hold(route):
        """Give the page frames from before the reset, once it has shown one from after it."""
        answer = route.fetch()
        body = answer.body()
        if body[4:5] == b"{" and route.request.post_data_json.get("ask") == "frame":
            if len(held) < 3:
                held.append(body)
            elif late[0]:
                late[0] -= 1
                return route.fulfill(response=answer, body=held[0])
        return route.fulfill(response=answer)

    page.route("**/answer", hold)
    # While it waits for its turn here, each frame goes through this process.
    until(lambda: page.wait_for_timeout(30) or len(held) == 3)
    header, _ = paused(page, until)
    old = header["generation"]
    ask(page, {"do": "reset", "seed": 5})
    header, _ = frame_of(page)
    assert header["generation"] > old
    assert header["step"] == 0
    until(lambda: shown_step(page) == 0)
    fresh = {name: pixels(page, name) for name in CHARTS}
    late[0] = 3
    ask(page, {"do": "change", "experiment": {"learning_rate": 0.02}})  # so that a frame is sent
    until(lambda: page.wait_for_timeout(30) or late[0] < 3)
    page.wait_for_timeout(500)
    assert shown_step(page) == 0
    for name in CHARTS:
        if name != "ratio":  # the rate is another one
            assert pixels(page, name) == fresh[name]
    page.unroute_all(behavior="ignoreErrors")


# ---- what is read out


def test_pointing_at_a_layer_reads_out_its_numbers_in_all_charts(open_page, until):
    page = open_page(f"{SMALL}&depth=5")
    _, arrays = paused(page, until)
    box = canvas(page, "forward").bounding_box()
    for layer in (0, 2, 5):
        along = box["x"] + 40 + (layer + 0.5) / 6 * (box["width"] - 48)
        page.mouse.move(along, box["y"] + box["height"] / 2)
        name = "out" if layer == 5 else str(layer + 1)
        until(lambda name=name: readout(page, "forward").startswith(f"layer {name}:"))
        for chart in BY_LAYER:
            until(lambda chart=chart, name=name: readout(page, chart).startswith(f"layer {name}:"))
        for chart in ("forward", "backward"):
            said = re.fullmatch(
                r"layer \w+: (\S+), theory (\S+) \((\S+) to (\S+)\)", readout(page, chart)
            )
            truth = [
                arrays[f"{chart}_{what}"][layer]
                for what in ("measured", "predicted", "low", "high")
            ]
            np.testing.assert_allclose([number(text) for text in said.groups()], truth, rtol=0.06)
        ratio = re.match(r"layer \w+: (\S+) ", readout(page, "ratio"))[1]
        np.testing.assert_allclose(number(ratio), arrays["update_ratio"][layer], rtol=0.06)
    page.mouse.move(5, 5)
    until(lambda: not readout(page, "forward").startswith("layer"))


def test_the_keyboard_reads_out_what_the_pointer_does(open_page, until):
    page = open_page(f"{SMALL}&depth=3")
    header, arrays = paused(page, until)
    page.locator(".chart-backward .chart-stage").focus()
    page.keyboard.press("ArrowRight")
    until(lambda: readout(page, "backward").startswith("layer 1:"))
    page.keyboard.press("ArrowRight")
    until(lambda: readout(page, "gradient").startswith("layer 2:"))
    until(lambda: page.inner_text(".chart-backward .chart-live").startswith("layer 2:"))
    page.keyboard.press("End")
    until(lambda: readout(page, "backward").startswith("layer out:"))
    page.keyboard.press("Escape")
    until(lambda: not readout(page, "backward").startswith("layer"))
    page.locator(".chart-boundary .chart-stage").focus()
    page.keyboard.press("ArrowUp")
    until(lambda: readout(page, "boundary").startswith("at (0, 0): class"))
    page.keyboard.press("ArrowRight")
    said = until(
        lambda: re.match(r"at \((?!0,)(\S+), 0\): class (\d), (\S+) %", readout(page, "boundary"))
    )
    column = math.floor((number(said[1]) / header["extent"] + 1) / 2 * 40)
    shares = arrays["boundary"][:, 20, column]
    assert int(said[2]) == shares.argmax()
    assert abs(number(said[3]) - 100 * shares.max()) <= 1
    page.keyboard.press("Tab")
    until(lambda: not readout(page, "boundary").startswith("at"))


def test_labels_for_screen_readers_do_not_rush(open_page, until):
    page = open_page(f"{SMALL}&learning_rate=0.01")
    stop_clock(page)
    page.evaluate(
        """() => {
            window.changed = [];
            const watched = document.querySelector(".chart-loss canvas");
            new MutationObserver(() => window.changed.push(performance.now()))
                .observe(watched, {attributeFilter: ["aria-label"]});
        }"""
    )
    # Frames come as they do; the page's clock goes on by 50 ms for each look.
    changed = until(
        lambda: (
            page.clock.run_for(50) or (len(times := page.evaluate("window.changed")) >= 3 and times)
        )
    )
    assert np.diff(changed).min() >= 990
    assert shown_step(page) > 0


def test_labels_for_screen_readers_say_the_figures(open_page, until):
    page = open_page(f"{SMALL}&learning_rate=0.01")
    header, arrays = paused(page, until)
    said = until(
        lambda: re.search(
            rf"at step {header['step']} training (\S+), test (\S+), best constant (\S+)$",
            canvas(page, "loss").get_attribute("aria-label"),
        )
    )
    truth = [header["loss"], header["test_loss"], header["best_constant_loss"]]
    np.testing.assert_allclose([float(text) for text in said.groups()], truth, rtol=5e-3)

    def forward_is_told():
        label = canvas(page, "forward").get_attribute("aria-label")
        measured = [float(text) for text in re.findall(r"layer \w+: (\S+), theory", label)]
        return np.allclose(measured, arrays["forward_measured"], rtol=5e-3)

    until(forward_is_told)
    for name in CHARTS:
        assert canvas(page, name).get_attribute("role") == "img"
        assert re.search(r"\d", canvas(page, name).get_attribute("aria-label"))


def test_you_are_here_says_by_what_theory_multiplies_gradients(open_page, until):
    linear = f"{SMALL}&depth=10&width=100&activation=identity&init=lecun_normal&gain=1.5"
    page = open_page(f"{linear}&learning_rate=1e-5")
    _, arrays = paused(page, until)
    sigma_w = float(arrays["phase_points"][:, 0].mean())
    # In a linear network gradients are multiplied by sigma_w squared; the map has steps of 0.05.
    said = until(
        lambda: re.match(r"gradients² × (\S+) a layer, × (\S+) in 10", readout(page, "phase"))
    )
    np.testing.assert_allclose(number(said[1]), sigma_w**2, atol=0.1)
    np.testing.assert_allclose(number(said[2]), number(said[1]) ** 10, rtol=0.4)


# ---- where there is nothing to draw


def test_zeros_are_said_in_words(open_page, until, shoot):
    page = open_page(f"{SMALL}&init=zeros")
    page.locator(".chart-backward .chart-message", has_text="exactly 0").wait_for()
    page.locator(".chart-ratio .chart-message", has_text="exactly 0").wait_for()
    until(lambda: "exactly 0" in canvas(page, "backward").get_attribute("aria-label"))
    shoot(page, "zeros")


def test_a_diverged_network_is_said_in_words_and_the_next_one_is_drawn(open_page, until, shoot):
    page = open_page(f"{SMALL}&activation=relu&gain=20&depth=30&learning_rate=10")
    for name in ("boundary", *BY_LAYER, "loss"):
        page.locator(f".chart-{name} .chart-message", has_text="iverged").wait_for()
    shoot(page, "diverged")
    ask(page, {"do": "change", "experiment": {"gain": 1.0, "learning_rate": 0.01, "depth": 3}})
    ask(page, {"do": "play"})
    for name in ("boundary", *BY_LAYER, "loss"):
        page.locator(f".chart-{name} .chart-message").wait_for(state="hidden")
        until(lambda name=name: colours(page, name) > 10)


def test_batch_normalization_has_no_place_in_the_phase_diagram(open_page):
    page = open_page(f"{SMALL}&batch_norm=true")
    page.locator(".chart-phase .chart-message", has_text="no place").wait_for()
    page = open_page(SMALL)
    page.locator(".chart-phase .chart-message").wait_for(state="hidden")


def test_digits_are_shown_with_what_they_are_taken_for(open_page, until, shoot):
    page = open_page(f"{SMALL}&data=digits&n_samples=400&learning_rate=0.1&width=32&depth=2")
    until(lambda: colours(page, "digits") > 10)
    assert not page.locator(".chart-boundary").is_visible()
    until(lambda: shown_step(page) > 300)
    _, arrays = paused(page, until)
    page.locator(".chart-digits .chart-stage").focus()
    for i in range(3):
        page.keyboard.press("ArrowRight")
        probabilities = arrays["digit_probabilities"][i]
        true = round(arrays["digit_classes"][i])

        def is_told(true=true, probabilities=probabilities):
            said = re.match(r"a (\d), taken for a (\d) \((\S+) %\)", readout(page, "digits"))
            right = said and (int(said[1]), int(said[2])) == (true, probabilities.argmax())
            return right and abs(number(said[3]) - 100 * probabilities.max()) <= 1

        until(is_told)
    shoot(page, "digits")


def test_without_a_hidden_layer_the_output_is_drawn(open_page, until):
    page = open_page(f"{SMALL}&depth=0")
    until(lambda: ticks(page, "forward", "x") == ["out"])
    for name in ("boundary", "activation", "gradient", "forward", "loss"):
        until(lambda name=name: colours(page, name) > 5)


def test_a_chart_can_be_alone_on_the_screen_and_among_the_others_again(open_page, until, shoot):
    page = open_page(f"{SMALL}&learning_rate=0.05")
    small = canvas(page, "forward").bounding_box()
    page.locator(".chart-forward").get_by_role("button", name="alone").click()
    until(lambda: canvas(page, "forward").bounding_box()["width"] > 2.5 * small["width"])
    for name in CHARTS:
        assert page.locator(f".chart-{name}").is_visible() == (name == "forward")
    assert (
        page.locator(".minnet-main").evaluate("main => main.scrollHeight - main.clientHeight") <= 1
    )
    before = pixels(page, "forward")
    until(lambda: pixels(page, "forward") != before)
    shoot(page, "alone")
    page.keyboard.press("Escape")
    for name in CHARTS:
        page.locator(f".chart-{name}").wait_for()
        until(lambda name=name: colours(page, name) > 10)
    assert canvas(page, "forward").bounding_box() == small
    # What it predicts is one chart for both kinds of data.
    page.locator(".chart-boundary").get_by_role("button", name="alone").click()
    ask(page, {"do": "change", "experiment": {"data": "digits"}})
    page.locator(".chart-digits canvas").wait_for()
    until(lambda: colours(page, "digits") > 10)
