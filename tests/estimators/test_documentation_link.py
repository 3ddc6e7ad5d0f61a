"""The card of an estimator links to its page, alone and inside others, fitted or not."""

import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import minnet
from minnet import MinNetClassifier, MinNetRegressor, MinNetTransformer
from minnet.estimators.documentation import DOCUMENTATION

X = np.random.default_rng(0).normal(size=(40, 4))
Y = (X[:, 0] > 0).astype(int)
OPTIONS = {"hidden_layer_sizes": (3,), "solver": "lbfgs", "max_iter": 2}
pytestmark = pytest.mark.filterwarnings("ignore:lbfgs failed")


ESTIMATORS = [
    MinNetClassifier(**OPTIONS),
    MinNetRegressor(**OPTIONS),
    MinNetTransformer(MinNetClassifier(**OPTIONS)),
]


INSIDE = {
    "alone": lambda one: one,
    "in a pipeline": lambda one: make_pipeline(StandardScaler(), one),
    "in a search": lambda one: GridSearchCV(one, {}, cv=2, scoring=lambda *of: 0.0),
}


def pages(html):
    """Return the pages of minnet that a card's links of estimators lead to."""
    links = re.findall(r'<a\s[^>]*class="sk-estimator-doc-link[^"]*"[^>]*>', html)
    found = [re.search(r'href="([^"#]*)', link) for link in links]
    return {one[1] for one in found if one and one[1].startswith(DOCUMENTATION)}


@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize("inside", INSIDE)
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda one: type(one).__name__)
def test_it_is_linked(estimator, inside, fitted):
    model = INSIDE[inside](estimator)
    if fitted:
        model.fit(X, Y)
    name = type(estimator).__name__
    if name == "MinNetTransformer" and inside == "in a search":
        name = "MinNetClassifier"  # scikit-learn shows no card for an estimator between two others
    assert f"{DOCUMENTATION}/generated/minnet.{name}.html" in pages(model._repr_html_())


def test_the_page_is_made_under_this_name():
    docs = Path(minnet.__file__).parents[1] / "docs"
    (page,) = [one for one in docs.rglob("*.rst") if "\n   MinNetClassifier\n" in one.read_text()]
    before, names = page.read_text().split("\n   MinNetClassifier\n")
    assert before.rpartition("currentmodule:: ")[2].startswith("minnet\n")
    folder = re.findall(r":toctree: (\S+)", before)[-1]
    assert (page.parent / folder).resolve() == (docs / "generated").resolve()
    assert re.match(r"   MinNetRegressor\n   MinNetTransformer\n", names)


def test_a_class_of_the_users_has_no_page_of_ours():
    class Own(MinNetClassifier):
        pass

    assert pages(Own()._repr_html_()) == set()


def test_the_address_is_that_of_the_project():
    project = Path(minnet.__file__).parents[1] / "pyproject.toml"
    urls = tomllib.loads(project.read_text())["project"]["urls"]
    assert urls["Documentation"].rstrip("/") == DOCUMENTATION


def test_a_card_has_the_arguments_and_not_those_of_each_layer():
    few, many = (
        len(MinNetClassifier(layers=[minnet.Dense(5)] * n)._repr_html_()) for n in (2, 200)
    )
    assert many < few + 2000
