"""minnet.common.fields: what is assigned is checked, whoever assigns it."""

import copy
import pickle
from dataclasses import dataclass, field

import numpy as np
import pytest

from minnet.common.fields import (
    Field,
    count,
    curve,
    either,
    fields,
    finite,
    flag,
    instance,
    number,
    one_of,
    optional,
    real,
    text,
    whole,
)

INF, NAN = float("inf"), float("nan")

# What each field takes, and what it refuses with which words.
KINDS = {
    "whole": (whole(), [1, np.int8(7), 10**18], [0, -1, 2.0, True, "3", None, 2**63]),
    "whole from 0 to 3": (whole(0, 3), [0, 3], [4, -1]),
    "count": (count(), [0, 5], [-1, 0.5, 2**63]),
    "real from 0": (real(0), [0, 0.5, np.float32(2)], [-1e-9, INF, NAN, True, "1", None, 1j]),
    "real below 1": (real(0, 1), [0, 0.999], [1, -0.1, NAN]),
    "real up to 1": (real(0, 1, left=False, right=True), [1e-9, 1], [0, 1.1]),
    "finite": (finite(), [-1e308, 0], [INF, NAN, 10**400, "x"]),
    "number": (number(), [-INF, NAN, 3], ["x", None, True, 10**400]),
    "number from 0": (number(0), [0, INF], [-1, NAN, "x", [1]]),
    "number above 0": (number(0, left=False), [1e-300, INF], [0, NAN, None]),
    "flag": (flag(), [True, np.False_], [0, 1, None, "True"]),
    "one of": (one_of("left", "right"), ["left"], ["lft", 1, None, ["left"], "LEFT "]),
    "optional": (optional(real(0)), [None, 1], [-1, "x"]),
    "either": (either(flag(), whole(), what="one"), [True, 3], [0, None, np.eye(2)]),
    "text": (text(), ["", "a"], [None, 1, b"a"]),
    "instance": (instance(Field, "a Field"), [whole()], [None, Field]),
    "curve": (curve(), [[], [1.0]], [None, (1.0,), np.ones(2)]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_field_takes_what_it_says_and_refuses_the_rest_in_one_sentence(kind):
    made, good, bad = KINDS[kind]

    class Owner:
        thing = made

        def __init__(self, thing):
            self.thing = thing

    for value in good:
        kept = Owner(value).thing
        np.testing.assert_equal(kept, value)
        assert not isinstance(kept, np.generic)
    owner = Owner(good[0])
    before = vars(owner).copy()
    for value in bad:
        for act in (Owner, lambda value: setattr(owner, "thing", value)):
            with pytest.raises(
                (ValueError, TypeError), match=r"^(thing must be|unknown thing)"
            ) as caught:
                act(value)
            assert repr(value)[:200] in str(caught.value)
    assert vars(owner) == before


def test_a_long_value_is_cut_in_the_sentence():
    with pytest.raises(ValueError, match="must be") as caught:
        flag().check("it", ["x"] * 10**5)
    assert len(str(caught.value)) < 300


class Base:
    low: float = finite()
    high: float = finite()

    def __init__(self, low=0.0, high=1.0):
        self.low, self.high = low, high


class Derived(Base):
    high: float = finite(0)
    name: str = text()


@dataclass
class Record:
    n: int = count()
    rate: float = real(0, default=0.5)
    items: list = field(default_factory=list)


def test_fields_of_a_class_are_those_of_its_bases_and_its_own():
    assert list(fields(Base)) == ["low", "high"]
    assert list(fields(Derived)) == ["low", "high", "name"]
    assert fields(Derived)["high"] is not fields(Base)["high"]
    assert list(fields(int)) == []
    Base(high=-1.0)
    with pytest.raises(ValueError, match="high must be a finite number of at least 0"):
        Derived(high=-1.0)


def test_a_dataclass_of_fields_has_defaults_and_is_checked():
    assert Record() == Record(0, 0.5, [])
    assert repr(Record(n=3)) == "Record(n=3, rate=0.5, items=[])"
    with pytest.raises(ValueError, match="n must be a whole number of at least 0"):
        Record(-1)
    record = Record()
    record.n += 1
    assert vars(record) == {"n": 1, "rate": 0.5, "items": []}


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))]
)
def test_copies_and_pickles_are_as_those_of_plain_attributes(copied):
    other = copied(Record(2, 0.25, [1]))
    assert vars(other) == {"n": 2, "rate": 0.25, "items": [1]}
