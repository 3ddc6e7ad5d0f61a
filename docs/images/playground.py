"""Draw playground.webp, the moving picture of the README: the playground's page, at two sizes of weights.

``python docs/images/playground.py`` needs Playwright, Chromium and Pillow (``make dev``). It opens the
page on a server of its own, moves its gain, has it train, and photographs it after each move. The page's
stylesheet is added to: two pictures and the captions are left out, so that what is left can be read at the
width of a README.
"""

import io
import shutil
import threading
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from minnet.playground.experiment import Experiment
from minnet.playground.server import Server
from minnet.playground.session import Session

FILE = Path(__file__).with_suffix(".webp")
EXPERIMENT = Experiment(
    data="spirals", depth=15, width=32, optimizer="adam", learning_rate=0.0005, batch_size=32
)
#: Which gains, and the steps at which each is photographed.
SCENES = [
    (0.2, [0, 50, 100, 200, 400, 800, 1200, 1500]),
    *((gain, [0]) for gain in (0.25, 0.35, 0.5, 0.7, 0.85)),
    (1.0, [0, 30, 70, 120, 190, 270, 360, 450, 540, 630, 720, 810, 900, 1000, 1100, 1300, 1500]),
]  # fmt: skip
#: Milliseconds of a photograph, and of the last of a scene that trains.
SHORT, LONG = 220, 2200
WIDTH, HEIGHT = 1064, 600
STYLE = """
.minnet .charts-grid { grid-template: repeat(2, 255px) / repeat(3, minmax(0, 1fr)) !important; }
.minnet :is(.chart-phase, .chart-ratio, .chart-button) { display: none !important; }
.minnet :is(figcaption, .minnet-tools) { display: none !important; }
.minnet .minnet-side { width: 276px; overflow: hidden; }
.minnet [data-group="data"] { display: none; }
"""


def photographs():
    """Yield each photograph, as PNG, and how long it is shown."""
    with (
        Session(EXPERIMENT, budget=1, playing=False) as session,
        Server(session) as server,
        sync_playwright() as playwright,
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(
            viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light", bypass_csp=True
        )
        page.goto(server.address)
        page.add_style_tag(content=STYLE)
        for gain, steps in SCENES:
            page.locator('[data-control="gain"] .minnet-value').fill(f"{gain:g}")
            page.keyboard.press("Enter")
            done = 0
            for step in steps:
                if step > done:
                    session.answer({"do": "step", "n": step - done})
                    done = step
                page.locator(".minnet-counter b").get_by_text(f"{step:,}", exact=True).wait_for()
                page.wait_for_timeout(400)  # what was asked for before has been drawn
                last = step == steps[-1] and len(steps) > 1
                yield page.screenshot(), LONG if last else SHORT
        browser.close()
        server.shutdown()


def main():
    pictures, times = [], []
    for png, milliseconds in photographs():
        pictures.append(Image.open(io.BytesIO(png)).convert("RGB"))
        times.append(milliseconds)
    first, *others = pictures
    first.save(
        FILE, save_all=True, append_images=others, duration=times, loop=0, quality=55, method=6
    )


if __name__ == "__main__":
    main()
