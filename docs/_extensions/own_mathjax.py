"""MathJax, served by the site itself: what a page can ask for, from the package sphinx-mathjax-offline."""

import shutil
from importlib.util import find_spec
from pathlib import Path

# The first loads the others: rare commands of TeX, fonts, and what its menu has for readers who listen.
FILES = ("tex-chtml.js", "input/tex/extensions", "output/chtml/fonts/woff-v2", "a11y", "sre")


def copy_files(app, exception):
    """Copy the files into the site."""
    if exception or app.builder.format != "html":
        return
    [package] = find_spec("sphinx-mathjax-offline").submodule_search_locations
    source, target = Path(package, "static", "mathjax"), Path(app.outdir, "_static", "mathjax")
    for name in FILES:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        if (source / name).is_dir():
            shutil.copytree(source / name, target / name, dirs_exist_ok=True)
        else:
            shutil.copyfile(source / name, target / name)


def setup(app):
    app.setup_extension("sphinx.ext.mathjax")
    app.config.mathjax_path = f"mathjax/{FILES[0]}"
    app.connect("build-finished", copy_files)
    return {"parallel_read_safe": True}
