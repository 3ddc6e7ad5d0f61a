"""One step on the blackboard: what is pointed at lights up, and every number is that of minnet."""

import math
import re
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

import minnet
from minnet.playground.blackboard import blackboard
from minnet.playground.experiment import Experiment
from minnet.playground.recording import record

pytestmark = [pytest.mark.browser, pytest.mark.dev]

ROOT = Path(minnet.__file__).parents[1]
FIRST = "&data=moons&activation=tanh&init=glorot_uniform&gain=1&bias=0"
RAISED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def number(text):
    """Return what is written: "−0.12", "1.20·10⁻⁵"."""
    digits, _, power = text.strip("() ").replace("−", "-").partition("·10")
    return float(digits) * 10.0 ** int(power.translate(RAISED) or 0)


def value_of(text):
    """Return what a sum of products in digits comes to."""
    text = re.sub(r"·10([⁻⁰-⁹¹²³]+)", lambda m: "e" + m[1].translate(RAISED), text)
    for written, python in (
        ("−", "-"),
        ("·", "*"),
        ("log", "np.log"),
        ("exp", "np.exp"),
        ("tanh", "np.tanh"),
    ):
        text = text.replace(written, python)
    return eval(text, {"np": np})


@pytest.fixture
def board(open_page):
    """Opens the page at the blackboard: ``board("&activation=relu", width=390)``."""

    def open_board(state="", **options):
        page = open_page(f"#view=steps{FIRST}{state}", wait=False, **options)
        page.locator(".bb-stage:not([hidden])").wait_for()
        return page

    return open_board


def experiment_of(page, state_of):
    return Experiment.from_dict(state_of(page)["experiment"])


def stage(page):
    return page.locator(".bb-stage:not([hidden])")


def matrix(page, name):
    """Return the matrix of that name in the stage that is shown."""
    return stage(page).locator(f'figure.bb-matrix[data-q="{name}"]').first


def cell(page, name, row, col):
    return matrix(page, name).locator(f'td[data-row="{row}"][data-col="{col}"]')


READ = """figures => figures.map(figure => [
    figure.dataset.q,
    figure.querySelector("caption").textContent,
    figure.querySelector(".bb-power")?.textContent ?? "",
    [...figure.querySelectorAll("td[data-q]")].map(cell =>
        [+cell.dataset.row, +cell.dataset.col, cell.textContent]),
])"""


def matrices(figures):
    """Return the name, the caption and the numbers of matrices, as they lie in the quantity."""
    for name, caption, power, cells in figures.evaluate_all(READ):
        times = number("1·" + power.removesuffix(" ·")) if power else 1.0
        found = np.full(np.max([place[:2] for place in cells], axis=0) + 1, np.nan)
        for row, col, text in cells:
            found[row, col] = times * number(text)
        yield name, caption, found


def numbers(figure):
    return next(matrices(figure))[2]


def quantities(answer):
    """Return all matrices by the names that the page has for them."""
    found = {"X": answer["X"], "P": answer["P"], "T": np.eye(len(answer["P"][0]))[answer["T"]]}
    found |= {"losses": np.transpose([answer["losses"]]), "L": [[answer["loss"]]]}
    for i, layer in enumerate(answer["layers"], 1):
        found |= {f"{name}{i}": layer[name] for name in ("W", "Z", "Y", "slope", "dY", "dZ", "dW")}
        found |= {f"b{i}": [layer["b"]], f"db{i}": [layer["db"]]}
        found |= {f"Wnew{i}": layer["W_after"], f"bnew{i}": [layer["b_after"]]}
    return {name: np.array(value) for name, value in found.items()}


def lit(page, what):
    return page.locator(f"{what}.lit").all()


STAGES = ["X", "Z1", "Y1", "Z2", "P", "L", "dZ2", "dW2", "db2", "dY1", "dZ1", "dW1", "db1", "new"]


def test_the_stages_are_walked_with_buttons_and_arrows(board):
    page = board()
    assert page.locator(".bb-stop").evaluate_all("all => all.map(e => e.dataset.q)") == STAGES
    current = page.locator(".bb-stop[aria-current=step]")
    assert current.get_attribute("data-q") == "X"
    page.keyboard.press("ArrowRight")  # nothing has the focus
    assert current.get_attribute("data-q") == "Z1"
    page.click("[data-go=next]")
    page.keyboard.press("ArrowRight")
    assert current.get_attribute("data-q") == "Z2"
    page.keyboard.press("End")
    page.click("[data-go=previous]")
    assert current.get_attribute("data-q") == "db1"
    page.locator(".bb-stop").nth(0).click()
    page.keyboard.press("ArrowLeft")
    assert current.get_attribute("data-q") == "X"
    assert stage(page).count() == 1


@pytest.mark.parametrize(
    ("state", "sizes"),
    [
        ("&data=moons&activation=tanh", {}),
        (
            "&data=blobs&activation=relu&init=he_normal&gain=2",
            {"n_samples": 5, "n_units": 4, "n_layers": 2},
        ),
        (
            "&data=xor&activation=sigmoid&init=normal&gain=0.05",
            {"n_samples": 1, "n_units": 1, "n_layers": 3},
        ),
    ],
)
def test_every_number_is_that_of_minnet(board, state_of, until, state, sizes):
    page = board(state)
    for name, value in sizes.items():
        page.locator(f"[data-choice={name}] select").select_option(str(value))
    answer = blackboard(experiment_of(page, state_of), sizes)
    until(lambda: page.locator(".bb-stop").count() == 14 + 6 * (len(answer["layers"]) - 2))
    page.click("[data-go=all]")
    exact = quantities(answer)
    shown = list(matrices(page.locator("figure.bb-matrix")))
    last = len(answer["layers"])
    assert {name for name, *_ in shown} == exact.keys() - {f"Y{last}", f"dY{last}", f"slope{last}"}
    for name, caption, found in shown:
        true = exact[name]
        assert found.shape == true.shape
        np.testing.assert_allclose(found, true, atol=0.0051 * np.abs(true).max(), err_msg=name)
        # For a screen reader it is a table with a caption.
        assert re.search(r"\d by \d", caption)


def test_every_element_is_computed_in_numbers(board):
    page = board("&data=blobs&bias=0.4")
    for name in STAGES[1:]:
        page.locator(f".bb-stop[data-q={name}]").click()
        result = "Wnew2" if name == "new" else name
        cell(page, result, 0, 0).hover()
        told = stage(page).locator(".bb-element").inner_text()
        computed, value = re.fullmatch(
            r"\S+(?:\[1, 1\])? = (.*) = (\S+)(?: \(.*\))?", told
        ).groups()
        shown = numbers(matrix(page, result))
        assert number(value) == pytest.approx(shown[0, 0], abs=0.01 * np.abs(shown).max()), name
        assert value_of(computed) == pytest.approx(number(value), abs=0.02 * np.abs(shown).max()), (
            name
        )


def test_a_product_shows_row_and_column(board):
    page = board()
    page.locator(".bb-stop[data-q=dW1]").click()
    cell(page, "dW1", 1, 2).hover()
    used = (
        stage(page)
        .locator("td.used")
        .evaluate_all("all => all.map(e => [e.dataset.q, +e.dataset.row, +e.dataset.col])")
    )
    assert sorted(used) == sorted(
        [["X", s, 1] for s in range(3)] + [["dZ1", s, 2] for s in range(3)]
    )
    told = stage(page).locator(".bb-element").inner_text()
    assert told.startswith("dW₁[2, 3] = ")
    assert told.count(" + ") == 2


def test_what_is_pointed_at_lights_up_everywhere(board):
    page = board()
    page.locator(".bb-stop[data-q=Z1]").click()
    stage(page).locator('.bb-formula [data-q="W1"]').hover()
    assert len(lit(page, ".bb-edge")) == 6
    assert len(lit(page, ".bb-stage:not([hidden]) .bb-token")) == 1
    assert len(lit(page, ".bb-stage:not([hidden]) figure.bb-matrix")) == 1
    # From the code line, too, and an element of the matrix is a single line of the picture.
    stage(page).locator(".bb-token", has_text="self.W").hover()
    assert len(lit(page, ".bb-edge")) == 6
    assert len(lit(page, ".bb-stage:not([hidden]) .bb-formula .bb-q")) == 1
    cell(page, "W1", 1, 0).hover()
    (edge,) = lit(page, ".bb-edge")
    assert (edge.get_attribute("data-row"), edge.get_attribute("data-col")) == ("1", "0")
    # And back: from the picture to the matrix.
    page.locator('.bb-box[data-q="Z1"]').nth(2).hover()
    (one,) = lit(page, ".bb-stage:not([hidden]) td")
    assert (one.get_attribute("data-row"), one.get_attribute("data-col")) == ("0", "2")


def test_the_keyboard_alone_lights_up_and_computes(board):
    page = board()
    page.locator(".bb-stop[data-q=Z1]").focus()
    page.keyboard.press("Enter")
    stage(page).locator('.bb-formula [data-q="X"]').focus()
    assert len(lit(page, ".bb-box")) == 2
    cell(page, "Z1", 0, 0).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    told = stage(page).locator(".bb-element")
    assert told.inner_text().startswith("Z₁[2, 2] = ")
    assert told.get_attribute("role") == "status"
    assert (
        page.locator(".bb-stop[aria-current=step]").get_attribute("data-q") == "Z1"
    )  # arrows stay inside
    assert "sample 2" in page.locator(".bb-note").inner_text().lower()
    assert page.locator(".bb-picture svg").get_attribute("aria-label").endswith("sample 2")


def test_the_picture_knows_what_was_computed_so_far(board):
    page = board()
    known = page.locator(".bb-box.bb-known")
    assert known.count() == 2
    page.locator(".bb-stop[data-q=P]").click()
    assert known.count() == 2 + 6 + 4
    page.click("[data-go=all]")
    assert known.count() == page.locator(".bb-box").count() == 2 + 3 * 4 + 2 * 3
    assert all(
        math.isfinite(number(text))
        for text in page.locator(".bb-box text").all_text_contents()
        if "e" not in text
    )


def test_code_lines_are_those_of_the_files(board):
    page = board("&activation=softsign")
    page.click("[data-go=all]")
    figures = page.locator(
        ".bb-code"
    ).evaluate_all("""figures => figures.map(figure => [
        figure.querySelector("figcaption").textContent,
        [...figure.querySelectorAll(".bb-line")].map(line => [
            +line.firstChild.textContent, line.lastChild.textContent, line.matches(".bb-asked")])])""")
    files = set()
    for caption, lines in figures:
        file, asked = re.fullmatch(r"(\S+), line (\S+)", caption).groups()
        files.add(Path(file).name)
        source = (ROOT / file).read_text("utf8").splitlines()
        assert all(source[n - 1].endswith(text) for n, text, _ in lines)
        assert asked.split("–")[0] == str(next(n for n, _, is_asked in lines if is_asked))
    assert files == {
        "layers.py",
        "activations.py",
        "losses.py",
        "network.py",
        "optimizers.py",
        "descend.py",
    }


def test_steps_are_taken_and_taken_back(board, until):
    page = board()
    page.locator(".bb-stop").last.click()
    losses = []
    for steps in range(1, 4):
        before, after = page.locator(".bb-after b").all_inner_texts()
        losses.append((number(before), number(after.rstrip(" ↓↑"))))
        page.click("[data-go=take]")
        until(lambda steps=steps: page.locator(".bb-setting").inner_text().endswith(f" {steps}."))
        assert page.evaluate("document.activeElement.dataset.go") == "take"
    assert losses[0][0] > losses[0][1] == losses[1][0] > losses[1][1] == losses[2][0]
    page.click("[data-go=back]")
    until(lambda: page.locator(".bb-setting").inner_text().endswith(" 0."))
    assert number(page.locator(".bb-after b").first.inner_text()) == losses[0][0]


def test_the_address_has_the_very_stage(board, until):
    page = board("&board=2-4-2-1-3-dW2&activation=relu")
    assert page.locator(".bb-stop[aria-current=step]").get_attribute("data-q") == "dW2"
    assert matrix(page, "dW2").locator("small").inner_text().strip() == "4×4"
    assert page.locator(".bb-setting").inner_text().endswith(" 3.")
    page.locator("[data-choice=n_layers] select").select_option("1")
    until(lambda: "board=2-4-1-1-0-dW2" in page.evaluate("location.hash"))
    until(lambda: matrix(page, "dW2").locator("small").inner_text().strip() == "4×2")
    assert page.locator(".bb-stop[aria-current=step]").get_attribute("data-q") == "dW2"
    page.click("[data-go=all]")
    until(lambda: "board=2-4-1-1-0-all" in page.evaluate("location.hash"))
    # What is none of the choices is passed over.
    other = board("&board=9-1-3-nonsense-0-V7")
    assert other.locator("[data-choice=n_samples] select").input_value() == "3"
    assert other.locator(".bb-stop").count() == 26
    assert other.locator(".bb-stop[aria-current=step]").get_attribute("data-q") == "X"


def test_the_experiment_is_one_with_that_of_play(board, state_of, until):
    page = board()
    page.locator("[data-choice=activation] select").select_option("relu")
    until(lambda: state_of(page)["experiment"]["activation"] == "relu")
    page.locator(".bb-stop[data-q=Y1]").click()
    until(lambda: "relu" in stage(page).locator(".bb-formula").inner_text())
    assert (numbers(matrix(page, "Y1")) >= 0).all()
    page.locator("[data-choice=data] select").select_option("digits")
    until(lambda: "64 inputs" in page.locator(".bb-setting").inner_text())


def test_a_recorded_page_has_it_without_a_session(new_page, tmp_path, shoot):
    """As the docs do: files that any server gives out."""
    static = ROOT / "minnet/playground/static"
    for name in ("playground.js", "playground.css"):
        shutil.copy(static / name, tmp_path)
    (tmp_path / "index.html").write_text(
        '<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="playground.css">'
        '<div data-minnet-playground data-recording="runs.bin" data-view="steps"></div>'
        '<script type="module" src="playground.js"></script>'
    )
    controls = [
        {"data": "moons", "depth": 2, "width": 8, "activation": name} for name in ("relu", "tanh")
    ]
    record(tmp_path / "runs.bin", [(one["activation"], "", one) for one in controls], [0, 10])

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = new_page(viewport={"width": 1100, "height": 900})
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        stage(page).wait_for()
        page.locator(".bb-stop[data-q=Y1]").click()
        exact = quantities(blackboard(Experiment.from_dict(controls[0])))
        np.testing.assert_allclose(numbers(matrix(page, "Y1")), exact["Y1"], atol=0.005)
        cell(page, "Y1", 0, 0).hover()
        assert "relu(" in stage(page).locator(".bb-element").inner_text()
        assert page.locator(".bb-options select:enabled").count() == 0
        shoot(page, "recorded")
        page.close()
        server.shutdown()


@pytest.mark.parametrize("dark", [False, True])
def test_pictures_for_eyes(board, shoot, until, dark):
    shade = "dark" if dark else "light"
    page = board(dark=dark)
    page.locator(".bb-stop[data-q=dW2]").click()
    cell(page, "dW2", 0, 1).hover()
    shoot(page, f"desk_{shade}")
    page.locator(".bb-stop").last.click()
    shoot(page, f"step_{shade}")
    phone = board(width=390, height=844, dark=dark)
    for name, value in (("n_samples", 6), ("n_units", 6), ("n_layers", 3)):
        phone.locator(f"[data-choice={name}] select").select_option(str(value))
    until(lambda: phone.locator(".bb-stop").count() == 26)
    for k in (0, 3, 6, 12, 16, 25):
        phone.locator(".bb-stop").nth(k).click()
        too_wide = phone.locator(".minnet-main, .bb-stage:not([hidden])").evaluate_all(
            "all => all.map(e => e.scrollWidth - e.clientWidth)"
        )
        assert max(too_wide) <= 0
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    shoot(phone, f"phone_{shade}")
