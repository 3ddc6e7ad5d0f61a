"""Configuration of Sphinx: ``make docs``, or ``sphinx-build -W -b html docs docs/_build/html``."""

import re
import sys
import tomllib
from pathlib import Path

# The repository itself, so that the pages can be built without an installation too.
sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

from docutils import nodes
from docutils.parsers.rst import Directive
from gallery_order import ORDER

import minnet

project = "minnet"
author = "The minnet developers"
project_copyright = f"%Y, {author}"
version = release = minnet.__version__
pyproject = Path(__file__).parent.parent / "pyproject.toml"
URLS = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]["urls"]

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.doctest",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
    "sphinx_copybutton",
    # in _extensions
    "api_pages",
    "glorot2010",  # the figures of the chapter on it
    "own_mathjax",
    "measured",  # the speed, of the first page
    "playground",  # its recorded lessons
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "_templates"]
nitpicky = True

nitpick_ignore = [("py:meth", "draw")]  # of Initializer, in a table that does not say so

# ---- pages

html_theme = "pydata_sphinx_theme"
html_title = f"minnet {release}"
html_baseurl = URLS["Documentation"]
repository = URLS["Repository"]
html_static_path = ["_static"]
html_css_files = ["minnet.css"]
html_favicon = "_static/logo/minnet.svg"
html_show_sourcelink = False
html_sidebars = {"index": [], "**": ["sidebar-nav-bs"]}
html_theme_options = {
    "logo": {
        "text": "minnet",
        "image_light": "_static/logo/minnet.svg",
        "image_dark": "_static/logo/minnet-dark.svg",
    },
    "github_url": URLS["Repository"],
    "navbar_align": "left",
    "show_prev_next": False,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}

# ---- API

autosummary_generate = True
autodoc_typehints = "none"  # the docstrings have the types
autodoc_member_order = "bysource"
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False  # the templates of autosummary list the members

# What the copy button copies: lines after a prompt, without it, and no output; else all of a block.
copybutton_prompt_text = r">>> |\.\.\.(?: |$)|\$ "
copybutton_prompt_is_regexp = True
copybutton_line_continuation_character = "\\"

# ---- gallery

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": "/plot_",
    "ignore_pattern": r"^(?!plot_)",  # demo_digits.py is run by `make demo`
    "subsection_order": [f"../examples/{section}" for section in ORDER],
    "within_subsection_order": "gallery_order.Example",
    "parallel": 2,
    "reset_modules": ("matplotlib", "gallery_order.begin_anew"),
    "remove_config_comments": True,
    "doc_module": ("minnet",),
    "reference_url": {"minnet": None},
    "backreferences_dir": "gen_modules/backreferences",
    "download_all_examples": False,
    "show_memory": False,
    "write_computation_times": False,
    "min_reported_time": 1000,
    "capture_repr": ("_repr_html_",),  # estimators and networks are drawn
}

# ---- links that Sphinx does not find by itself

# Other projects: no build needs a network for their inventories.
SKLEARN = "https://scikit-learn.org/stable/modules/generated/"
ELSEWHERE = {
    r"sklearn\.[\w.]+": SKLEARN + "{}.html",
    r"metadata_routing": "https://scikit-learn.org/stable/metadata_routing.html",
    r"meta-estimator": "https://scikit-learn.org/stable/glossary.html#term-meta-estimator",
    r"df_output_transform|sphx_glr_auto_examples_miscellaneous_plot_set_output.py": (
        "https://scikit-learn.org/stable/auto_examples/miscellaneous/plot_set_output.html"
    ),
    r"accuracy_score|r2_score": SKLEARN + "sklearn.metrics.{}.html",
    r"numpy\.random\.Generator": "https://numpy.org/doc/stable/reference/random/generator.html",
}


def find_reference(app, env, node, contnode):
    """Return a link for a short name of minnet, or for a name of scikit-learn or NumPy."""
    target = node.get("reftarget", "")
    for pattern, address in ELSEWHERE.items():
        if re.fullmatch(pattern, target):
            return nodes.reference("", "", contnode, refuri=address.format(target), internal=False)
    # A docstring may name a neighbour in its module, but is shown under the name it is imported by.
    domain = env.get_domain("py")
    known = {name for name in domain.objects if name.endswith(f".{target}")}
    if node.get("refdomain") == "py" and len(known) == 1:
        where = node.get("refdoc", env.docname), app.builder, node["reftype"], known.pop()
        return domain.resolve_xref(env, *where, node, contnode)
    return None


class Drawn(Directive):
    """Runs its lines of Python and shows the last as a notebook does."""

    has_content = True

    def run(self):
        names = {}
        *lines, last = self.content
        exec("\n".join(lines), names)
        return [nodes.raw("", eval(last, names)._repr_html_(), format="html")]


def setup(app):
    app.connect("missing-reference", find_reference)
    app.add_directive("drawn", Drawn)
