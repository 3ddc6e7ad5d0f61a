"""The page in a browser: ``python -m minnet.playground``."""

import argparse
import sys

from minnet.playground.server import serve


def main(arguments: list[str] | None = None) -> None:
    """Serve the page until Ctrl-C.

    Parameters
    ----------
    arguments : list of str or None, default=None
        Those of the command; None takes them from the command line.
    """
    about = "Open a page in the browser on which one sees a network learn, or not."
    parser = argparse.ArgumentParser(prog="python -m minnet.playground", description=about)
    parser.add_argument(
        "address",
        nargs="?",
        default="",
        help="a link to such a page, or what stands after its #, in quotes: opens the very experiment",
    )
    parser.add_argument("--port", type=int, default=0, help="the port; by default one that is free")
    parser.add_argument("--no-browser", action="store_true", help="print the address, open nothing")
    parser.add_argument(
        "--token",
        help="the secret part of the address, to have the same again; by default a new one",
    )
    given = parser.parse_args(arguments)
    try:
        serve(given.address, port=given.port, open_browser=not given.no_browser, token=given.token)
    except (OSError, ValueError) as error:
        sys.exit(f"python -m minnet.playground: {error}")


if __name__ == "__main__":
    main()
