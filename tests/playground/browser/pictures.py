"""What a test reads from the page: its pictures, what they say, and the frames behind them."""

import base64
import re

from tests.playground.frames import decode

# Seconds until something must have come: against hangs only, as a machine may be slow, or stand still.
PATIENCE = 300
BY_LAYER = ["activation", "gradient", "forward", "backward", "ratio"]
CHARTS = ["boundary", *BY_LAYER, "loss", "phase"]
# Notes each frame that the page's own code is sent, and when; for `open_page(script=TAP)`.
TAP = """(() => {
    const send = window.fetch;
    const tap = (window.tap = {frames: [], waiting: new Set(), next(wanted, ms = 300000) {
        return new Promise((resolve, reject) => {
            const timer = setTimeout(() => reject(new Error("no such frame came")), ms);
            const look = (frame) => {
                if (!wanted(frame.header)) return;
                clearTimeout(timer);
                tap.waiting.delete(look);
                resolve(frame);
            };
            tap.waiting.add(look);
        });
    }});
    window.fetch = async (...given) => {
        const answer = await send(...given);
        if (!answer.headers.get("Content-Type").includes("octet-stream")) return answer;
        const buffer = await answer.clone().arrayBuffer();
        const length = new DataView(buffer).getUint32(0, true);
        const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
        const frame = {header, buffer, at: performance.now()};
        tap.frames.push(frame);
        for (const look of [...tap.waiting]) look(frame);
        return answer;
    };
    tap.all = () => tap.frames.map(({buffer, at}) =>
        [at, btoa(Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join(""))]);
})();"""
_PLAIN = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻−", "0123456789--")


def number(text):
    """The number that a label or a read-out has written: 0.02, 1.5·10⁻⁷, 10⁴."""
    if found := re.fullmatch(r"(?:(−?[\d.]+)·)?10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)", text):
        mantissa, exponent = (part and part.translate(_PLAIN) for part in found.groups())
        return float(mantissa or 1) * 10.0 ** int(exponent)
    return float(text.translate(_PLAIN))


def canvas(page, name):
    return page.locator(f".chart-{name} canvas")


def readout(page, name):
    return page.inner_text(f".chart-{name} .chart-readout")


def shown_step(page):
    """The step that the picture of the loss says; -1 before it says one."""
    found = re.match(r"step ([\d,]+):", readout(page, "loss"))
    return int(found[1].replace(",", "")) if found else -1


def ticks(page, name, axis="y"):
    return (canvas(page, name).get_attribute(f"data-ticks-{axis}") or "").split(" | ")


def colours(page, name):
    """How many different colours the picture has: one, if it is blank."""
    return canvas(page, name).evaluate(
        """canvas => {
            const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            return new Set(new Uint32Array(data.buffer)).size;
        }"""
    )


def pixels(page, name):
    return canvas(page, name).evaluate("canvas => canvas.toDataURL()")


def ask(page, message):
    """What the page's session answers."""
    return page.evaluate(
        """async (message) => {
            const answer = await fetch("answer", {method: "POST",
                headers: {"Content-Type": "application/json"}, body: JSON.stringify(message)});
            if (!answer.headers.get("Content-Type").includes("octet-stream")) return answer.json();
            const bytes = new Uint8Array(await answer.arrayBuffer());
            return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
        }""",
        message,
    )


def frame_of(page):
    """The newest frame of the page's session."""
    while isinstance(answer := ask(page, {"ask": "frame", "wait": 2}), dict):
        assert answer == {"none": True}  # the next is not due yet
    return decode(base64.b64decode(answer))


def stop_clock(page):
    """The page's own clock stands still from now on, but for ``page.clock.run_for(milliseconds)``."""
    page.clock.install()
    page.clock.pause_at(page.evaluate("Date.now()") / 1000 + 1)


def paused(page, until):
    """Pause the page's session, wait until it shows where it stopped, and return that frame."""
    ask(page, {"do": "pause"})
    header, arrays = frame_of(page)
    until(lambda: shown_step(page) == header["step"])
    return header, arrays


def assert_drawn(page, until):
    """Assert that the page shows what it is for: a picture in each canvas, and steps that are counted."""
    for name in CHARTS:
        until(lambda name=name: colours(page, name) > 10)
    first = page.inner_text(".minnet-counter b")
    until(lambda: page.inner_text(".minnet-counter b") != first)


def tapped(page):
    """All frames that the page was sent: milliseconds, header and arrays."""
    return [(at, *decode(base64.b64decode(frame))) for at, frame in page.evaluate("tap.all()")]
