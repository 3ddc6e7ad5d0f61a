"""minnet.common.configurable: printed form, equality, hash and copy follow from the signature."""

import pickle

import numpy as np
import pytest

from minnet.common.configurable import Configurable


class Inner(Configurable):
    def __init__(self, gain=1.0):
        self.gain = gain


class Thing(Configurable):
    def __init__(self, size, part=None, *, rate=0.1):
        self.size = size
        self.part = part
        self.rate = rate
        self.state = []


class KeywordOnly(Configurable):
    def __init__(self, *, size):
        self.size = size


class Plain(Configurable):
    pass


def function():
    """Stand for a user's function."""


def test_config_is_the_signature():
    assert Thing(3, "a").get_config() == {"size": 3, "part": "a", "rate": 0.1}
    assert Plain().get_config() == {}


@pytest.mark.parametrize(
    ("thing", "text"),
    [
        (Thing(3), "Thing(3)"),
        (Thing("x", rate=0.2), "Thing('x', rate=0.2)"),
        (Thing(3, Inner(2.0)), "Thing(3, part=Inner(gain=2.0))"),
        (Thing(3, [Inner(), 1]), "Thing(3, part=[Inner(), 1])"),
        (Thing((4,), (1, 2)), "Thing((4,), part=(1, 2))"),
        (Thing(3, {"a": Inner()}), "Thing(3, part={'a': Inner()})"),
        (Thing(np.int64(3), np.float32(0.5)), "Thing(3, part=0.5)"),
        (Thing(np.eye(2)), "Thing(array([[1., 0.], [0., 1.]]))"),
        (Thing(np.ones((50, 3), "f4")), "Thing(<array of shape (50, 3), float32>)"),
        (Thing(3, function), "Thing(3, part=function)"),
        (Thing(3, np.tanh), "Thing(3, part=<ufunc 'tanh'>)"),
        (KeywordOnly(size=2), "KeywordOnly(size=2)"),
        (Plain(), "Plain()"),
    ],
)
def test_repr_shows_what_differs_from_the_default(thing, text):
    assert repr(thing) == text


EQUAL = [
    (Thing(3), Thing(3, None, rate=0.1)),
    (Thing(3), Thing(3.0)),
    (Thing(Inner()), Thing(Inner(1.0))),
    (Thing(np.eye(3)), Thing(np.eye(3))),
    (Thing([np.eye(2), 1]), Thing([np.eye(2), 1])),
    (Thing({"a": np.eye(2)}), Thing({"a": np.eye(2)})),
    (Thing(np.array([0.0])), Thing(np.array([-0.0]))),
    (Thing({1, 2}), Thing({1, 2})),
    (Plain(), Plain()),
]
DIFFERENT = [
    (Thing(3), Thing(4)),
    (Thing(3), Inner(3)),
    (Thing(Inner()), Thing(Inner(2.0))),
    (Thing(np.eye(3)), Thing(np.eye(3, dtype="f4"))),
    (Thing(np.eye(3)), Thing(np.ones((3, 3)))),
    (Thing(np.ones(3)), Thing(np.ones(4))),
    (Thing(np.ones(1)), Thing(1.0)),
    (Thing([1, 2]), Thing([1, 2, 3])),
    (Thing([1]), Thing((1,))),
    (Thing({"a": 1}), Thing({"b": 1})),
    (Thing(3), 3),
]


@pytest.mark.parametrize(("a", "b"), EQUAL)
def test_equal_by_type_and_configuration(a, b):
    assert a == b
    assert hash(a) == hash(b)


@pytest.mark.parametrize(("a", "b"), DIFFERENT)
def test_different(a, b):
    assert a != b


def test_state_is_neither_compared_nor_copied():
    thing = Thing(3)
    thing.state.append(1)
    thing.found = "a"
    assert thing == Thing(3)
    copy = thing.copy()
    assert copy == thing
    assert copy is not thing
    assert copy.state == []
    assert not hasattr(copy, "found")


def test_copy_reaches_what_is_nested():
    array = np.ones(3)
    thing = Thing(Inner(), [Inner(2.0), (array,)], rate={"a": Inner(3.0)})
    copy = thing.copy()
    assert copy == thing
    assert copy.size is not thing.size
    assert copy.part[0] is not thing.part[0]
    assert copy.rate["a"] is not thing.rate["a"]
    copy.part[1][0][:] = 7.0
    assert (array == 1.0).all()


def test_pickle():
    thing = Thing(3, Inner(2.0))
    assert pickle.loads(pickle.dumps(thing)) == thing


def test_a_class_that_breaks_the_rule_is_told():
    class Forgets(Configurable):
        def __init__(self, size):
            pass

    class Swallows(Configurable):
        def __init__(self, **options):
            pass

    with pytest.raises(AttributeError, match=r"Forgets\.__init__ takes 'size' but does not store"):
        repr(Forgets(3))
    with pytest.raises(TypeError, match=r"Swallows\.__init__ takes \*\*options"):
        Swallows().copy()
