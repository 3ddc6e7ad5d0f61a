"""The lessons in a browser: predict first, then see; each outcome is read from what the page says."""

import json
import re
from pathlib import Path

import pytest

from tests.playground.browser.pictures import ask

pytestmark = [pytest.mark.browser, pytest.mark.dev]

PAGE = Path(__file__).parents[3] / "minnet/playground/page"
LESSONS = {
    lesson["id"]: lesson for lesson in json.loads((PAGE / "src/lessons/lessons.json").read_text())
}
TEXTS = json.loads((PAGE / "texts/lessons.json").read_text())
QUESTIONS = [name for name, lesson in LESSONS.items() if "options" in lesson]
_PLAIN = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻−", "0123456789--")


def number(text):
    """The number that a sentence has written: 0.02, 1.5·10⁻⁷."""
    mantissa, _, power = text.partition("·10")
    return float(mantissa.translate(_PLAIN)) * 10.0 ** int(power.translate(_PLAIN) or 0)


def open_lesson(open_page, name, **options):
    page = open_page(f"#view=lessons&lesson={name}", playing=None, **options)
    page.locator(f'.lesson[data-lesson="{name}"]').wait_for()
    return page


def predict(page, option):
    page.locator(f'.lesson-option:has(input[value="{option}"])').click()
    page.locator(".lesson-reveal").click()


def read(page, name):
    """What the sentence on what is measured says, by the places of its text; empty before it is there."""
    pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+?)", re.escape(TEXTS[f"lessons.{name}.measured"]))
    # A place that occurs again says the same.
    for place in set(re.findall(r"\?P<(\w+)>", pattern)):
        first, *others = pattern.split(f"(?P<{place}>.+?)")
        pattern = first + f"(?P<{place}>.+?)" + f"(?P={place})".join(others)
    found = re.fullmatch(pattern, page.inner_text(".lesson-measured span"))
    return found.groupdict() if found else {}


def compare(page, case):
    page.locator(f'.lesson-case[data-case="{case}"]').click()
    page.locator(f'.lesson-case[data-case="{case}"][aria-pressed="true"]').wait_for()


def said_at(page, name, step, until):
    """What is measured at a step, to which the case that is shown is trained from its first weights."""
    until(lambda: read(page, name))  # the lesson has set all up
    for message in ({"do": "pause"}, {"do": "reset"}, {"do": "step", "n": step}):
        ask(page, message)

    def is_there():
        found = read(page, name)
        return found if found.get("step") == str(step) else None

    return until(is_there)


def share_at(page, name, step, until):
    """The loss over the best constant's at a step."""
    found = said_at(page, name, step, until)
    return number(found["loss"]) / number(found["best"])


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_prediction_comes_first(open_page, state_of, until, shoot, name):
    page = open_lesson(open_page, name)
    lesson = LESSONS[name]
    until(lambda: page.inner_text(".minnet-counter b") == "0")
    for chart in lesson.get("cover", lesson["look"]):
        canvas = page.locator(f".chart-{chart} canvas").first
        until(lambda canvas=canvas: not canvas.is_visible())
    assert page.locator(".lesson-reveal").is_disabled()
    assert not page.locator(".lesson-answer").is_visible()
    assert not state_of(page)["playing"]
    shoot(page, f"{name}_question")

    wrong = next(option for option in lesson["options"] if option != lesson["right"])
    predict(page, wrong)
    reply = page.locator(".lesson-reply")
    assert (
        reply.inner_text() == f"{TEXTS['lessons.wrong']} {TEXTS[f'lessons.{name}.reply.{wrong}']}"
    )
    assert page.evaluate("() => document.activeElement.className") == "lesson-reply"
    for chart in lesson["look"]:
        until(page.locator(f".chart-{chart} canvas").first.is_visible)
        assert "chart-watched" in page.locator(f".chart-{chart}").get_attribute("class")
    until(lambda: read(page, name))
    assert state_of(page)["playing"] == (not lesson.get("at_rest", False))
    assert "{" not in page.inner_text(".lesson")
    shoot(page, f"{name}_answer")


def test_zeros_learn_nothing_and_random_weights_do(open_page, until):
    page = open_lesson(open_page, "zeros")
    predict(page, "nothing")
    assert page.inner_text(".lesson-reply").startswith(TEXTS["lessons.right"])
    assert share_at(page, "zeros", 300, until) == pytest.approx(1, abs=0.03)
    compare(page, "equal")
    assert 0.25 < share_at(page, "zeros", 500, until) < 0.5
    compare(page, "random")
    assert share_at(page, "zeros", 800, until) < 0.2


def test_of_three_sizes_one_learns(open_page, until):
    page = open_lesson(open_page, "gain")
    predict(page, "constant")
    assert share_at(page, "gain", 300, until) == pytest.approx(1, abs=0.03)
    compare(page, "large")
    assert share_at(page, "gain", 400, until) > 0.8
    compare(page, "right")
    assert share_at(page, "gain", 500, until) < 0.4


def test_glorot_on_relu_loses_half_a_layer(open_page, until):
    page = open_lesson(open_page, "relu")
    predict(page, "half")
    found = until(lambda: read(page, "relu"))
    assert (found["step"], found["layers"], found["theory"]) == ("0", "30", "0.5")
    assert number(found["factor"]) == pytest.approx(0.5, abs=0.05)
    assert number(found["all"]) == pytest.approx(number(found["factor"]) ** 29, rel=0.5)
    compare(page, "he")
    found = until(lambda: (now := read(page, "relu")).get("theory") == "1" and now)
    assert number(found["factor"]) == pytest.approx(1, abs=0.1)
    page.locator(".lesson-next").click()
    page.locator('.lesson[data-lesson="trap"]').wait_for()
    assert page.locator(".lesson-reveal").is_disabled()


def test_updates_are_level_while_gradients_vanish(open_page, until):
    page = open_lesson(open_page, "trap")
    predict(page, "level")
    found = said_at(page, "trap", 10, until)
    assert found["last"] == "10"
    assert 140 <= number(found["fall"]) < 220
    assert number(found["spread"]) < 1.7
    assert share_at(page, "trap", 200, until) == pytest.approx(1, abs=0.03)
    compare(page, "glorot")
    assert share_at(page, "trap", 300, until) < 0.5


def test_the_top_sigmoid_sinks_first(open_page, until):
    page = open_lesson(open_page, "sigmoid")
    predict(page, "last")
    found = said_at(page, "sigmoid", 3000, until)
    assert number(found["loss"]) / number(found["best"]) == pytest.approx(1, abs=0.03)
    first, second, third, top = map(number, found["means"].split(" · "))
    assert top < 0.1
    assert third > second > first > 0.45


def test_what_is_predicted_is_run(open_page, until):
    page = open_lesson(open_page, "edge")
    predict(page, "ordered")
    page.locator('.lesson-case[data-case="ordered"][aria-pressed="true"]').wait_for()
    assert share_at(page, "edge", 150, until) == pytest.approx(1, abs=0.03)

    def is_told():
        words = page.locator(".chart-phase canvas").get_attribute("aria-label")
        found = re.search(r"weights of size ([\d.]+), .* multiplied by ([\d.]+) a layer", words)
        return found and [float(value) for value in found.groups()] == pytest.approx(
            [0.8, 0.64], rel=0.01
        )

    until(is_told)
    compare(page, "edge")
    assert share_at(page, "edge", 600, until) < 0.75


def test_batch_normalization_rescues(open_page, until):
    page = open_lesson(open_page, "batch_norm")
    predict(page, "learns")
    assert share_at(page, "batch_norm", 400, until) < 0.4
    compare(page, "without")
    assert share_at(page, "batch_norm", 400, until) > 0.8


# ---- networks to cure


def verdict(page):
    return page.inner_text(".lesson-verdict")


def test_the_answer_key_cures(open_page, until, shoot):
    page = open_lesson(open_page, "cure")
    page.locator(".lesson-ask").click()
    page.locator(".lesson-apply").first.wait_for()
    assert "vanish" in page.inner_text(".lesson-key")
    shoot(page, "cure_key")
    page.locator(".lesson-apply").first.click()
    until(lambda: "cured" in verdict(page))
    assert "He, normal" in verdict(page)
    assert page.inner_text('.lesson-case[data-case="1"]') == "Network 1: cured"
    shoot(page, "cure_cured")


def test_a_control_cures(open_page, until):
    page = open_lesson(open_page, "cure")
    page.locator('.lesson-case[data-case="4"]').click()
    until(lambda: "2,000 steps are over" in verdict(page))
    page.locator('[data-control="activation"] select').select_option("tanh")
    page.get_by_role("button", name=TEXTS["lessons.cure.again"]).click()
    until(lambda: "Network 4 is cured" in verdict(page))


def test_other_data_are_no_cure(open_page, until):
    page = open_lesson(open_page, "cure")
    page.locator('[data-control="data"] select').select_option("blobs")
    until(lambda: "other data" in verdict(page))
    assert page.inner_text('.lesson-case[data-case="1"]') == "Network 1"


# ---- coming and going


def test_lessons_can_be_left(open_page, state_of, until):
    page = open_page("#depth=3")
    speed = state_of(page)["speed"]
    page.get_by_role("button", name="Lessons", exact=True).click()
    page.locator(".lesson").wait_for()
    until(lambda: state_of(page)["experiment"]["init"] == "zeros")
    assert not page.locator(".chart-loss canvas").first.is_visible()
    assert not page.locator('[data-control="optimizer"]').is_visible()
    page.get_by_role("button", name="Play", exact=True).click()
    assert page.locator(".chart-loss canvas").first.is_visible()
    assert page.locator('[data-control="optimizer"]').is_visible()
    until(lambda: state_of(page)["playing"])
    assert state_of(page)["speed"] == speed


def test_a_link_has_its_own_experiment(open_page, state_of, until):
    page = open_page(
        "#view=lessons&lesson=relu&depth=7&activation=relu&init=he_normal", playing=None
    )
    page.locator('.lesson[data-lesson="relu"]').wait_for()
    until(lambda: state_of(page)["experiment"]["depth"] == 7)
    predict(page, "half")  # and the lesson goes on from its own
    until(lambda: state_of(page)["experiment"]["depth"] == 30)


def test_the_keyboard_does_it_all(open_page, until):
    page = open_lesson(open_page, "relu")
    page.locator(".lesson-tab[aria-current]").focus()
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("() => document.activeElement.type") == "radio":
            break
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")
    assert page.locator('input[value="half"]').is_checked()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    until(lambda: page.inner_text(".lesson-reply").startswith(TEXTS["lessons.right"]))


@pytest.mark.parametrize("name", ["trap", "cure"])
def test_a_phone_has_room_for_a_lesson(open_page, shoot, name):
    page = open_lesson(open_page, name, width=390, height=844, dark=True)
    if name in QUESTIONS:
        predict(page, LESSONS[name]["right"])
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    assert page.evaluate(
        "() => [...document.querySelectorAll('.lesson button, .lesson-option')]"
        ".filter(one => one.offsetParent).every(one => one.offsetHeight >= 44)"
    )
    shoot(page, f"{name}_phone")
