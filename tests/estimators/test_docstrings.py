"""What help() shows: the whole of an estimator, though what both share is written once."""

import inspect
import re

import pytest

from minnet import MinNetClassifier, MinNetRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

METHODS = ["fit", "partial_fit", "fit_stream", "initialize", "predict", "activations"]
BOTH = [MinNetClassifier, MinNetRegressor]
DOCUMENTED = [*BOTH, *(getattr(cls, name) for cls in BOTH for name in METHODS)]
DOCUMENTED += [MinNetClassifier.predict_proba, MinNetClassifier.predict_log_proba]


def sections(documented):
    """The sections of a docstring by title, in their order."""
    doc = "Summary\n-------\n" + inspect.getdoc(documented) + "\n"
    parts = re.split(r"^(\w[\w ]*)\n-+\n", doc, flags=re.MULTILINE)[1:]
    assert len(set(parts[::2])) == len(parts[::2])
    return dict(zip(parts[::2], parts[1::2], strict=True))


def entries(text):
    """The names of a list of parameters or attributes, in their order."""
    heads = re.findall(r"^(\S.*?)(?: :.*)?$", text, flags=re.MULTILINE)
    return [name for head in heads for name in head.split(", ")]


@pytest.mark.parametrize("documented", DOCUMENTED, ids=lambda d: d.__qualname__)
def test_each_parameter_has_its_entry_in_the_order_of_the_signature(documented):
    names = [name for name in inspect.signature(documented).parameters if name != "self"]
    found = entries(sections(documented)["Parameters"])
    assert found == names


@pytest.mark.parametrize("cls", BOTH)
def test_the_sections_of_a_class(cls):
    found = sections(cls)
    assert list(found) == ["Summary", "Parameters", "Attributes", "See Also", "Examples"]
    assert cls.__name__ in found["Examples"]
    attributes = entries(found["Attributes"])
    fitted = cls(hidden_layer_sizes=(3,), max_iter=1).fit([[0.0], [1.0], [2.0]], [0, 1, 2])
    public = {n for n in vars(fitted) if n.endswith("_") and not n.startswith("_")}
    not_always = {"feature_names_in_", "seeds_", "temperature_"}
    assert public - not_always <= set(attributes)
    for name in set(attributes) - not_always:
        assert hasattr(fitted, name), name


@pytest.mark.parametrize("name", METHODS)
def test_the_sections_of_a_method_are_those_of_both(name):
    one, two = (sections(getattr(cls, name)) for cls in BOTH)
    assert list(one) == list(two)
