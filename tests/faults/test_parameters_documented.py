"""What help() says: a sentence for each parameter of everything public, and all names of ``init``."""

import inspect
import re

import pytest

pytest.importorskip("matplotlib", reason="the displays need matplotlib")

from public_things import public

from minnet import MinNetClassifier, MinNetRegressor
from minnet.initializers import auto_initializer, list_initializers
from minnet.initializers.spec import DEEP

_TITLE = re.compile(r"^(\w[\w ]*)\n-{3,}\n", re.MULTILINE)
_ENTRY = re.compile(r"^(?=\S)", re.MULTILINE)


def described(thing, *titles):
    """Return the texts of a docstring's lists by names; of several names at once for each."""
    parts = _TITLE.split(inspect.getdoc(thing) + "\n")[1:]
    sections = dict(zip(parts[::2], parts[1::2], strict=True))
    found = {}
    for title in titles:
        for one in filter(None, _ENTRY.split(sections.get(title, ""))):
            head, _, text = one.partition("\n")
            names = head.partition(" :")[0].split(",")
            found |= {name.strip().lstrip("*"): text.strip() for name in names}
    return found


@pytest.mark.parametrize(
    "name", [name for name, thing in public().items() if inspect.getdoc(thing)]
)
def test_each_parameter_has_a_sentence(name):
    thing = public()[name]
    of_record = (
        ("Attributes",) if inspect.isclass(thing) else ()
    )  # results keep what they are given
    texts = described(thing, "Parameters", *of_record)
    names = set(inspect.signature(thing).parameters) - {"self", "cls"}
    names = {one for one in names if not one.startswith("_")}  # of results that minnet alone makes
    assert sorted(one for one in names if not texts.get(one)) == []


@pytest.mark.parametrize("cls", [MinNetClassifier, MinNetRegressor])
def test_each_attribute_has_a_sentence(cls):
    assert sorted(name for name, text in described(cls, "Attributes").items() if not text) == []


@pytest.mark.parametrize("cls", [MinNetClassifier, MinNetRegressor])
def test_init_lists_its_names_and_what_auto_picks(cls):
    text = " ".join(described(cls, "Parameters")["init"].split())
    named, _, automatic = text.partition('"auto" picks')
    assert set(re.findall(r'"(\w+)"', named)) == {*list_initializers(), *list_initializers(True)}
    for activation in ("selu", "gelu", "silu", "softplus", "relu", "leaky_relu"):
        assert activation in automatic
    assert f"from {DEEP} hidden layers" in automatic
    picked = [auto_initializer(name, n_hidden=DEEP) for name in ("selu", "gelu", "relu", "tanh")]
    assert [one.names[0] for one in picked] == [
        "lecun_normal",
        "he_normal",
        "he_normal",
        "glorot_uniform",
    ]
    assert auto_initializer("logistic").gain == 4.0
    assert auto_initializer("relu", n_hidden=DEEP - 1).names[0] == "glorot_uniform"
