"""What is no number is refused by what a network, a loss and the tools take, too."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from minnet import Dense, MinNetClassifier, Network, Trainer
from minnet.common.checks import as_numbers
from minnet.common.numeric import check_numeric
from minnet.lab.spectra import marchenko_pastur, quarter_circle

DATES = np.array(["2020-01-01", "2020-01-02"], dtype="datetime64[D]")
MASKED = np.ma.masked_array([[1.0, 2.0], [3.0, 4.0]], mask=[[0, 0], [0, 1]])
NOT_NUMBERS = {
    "dates": np.column_stack([DATES, DATES]),
    "durations": np.column_stack([DATES, DATES]) - DATES[0],
    "complex numbers": np.array([[1.0, 2.0], [3.0, 4.0j]]),
    "strings": np.array([["1", "2"], ["3", "x"]]),
    "masked elements": MASKED,
    "a structured array": np.zeros((2, 2), dtype=[("a", int)]),
}
NUMBERS = {
    "bools": [[True, False], [False, True]],
    "ints": [[1, 2], [3, 2**70]],
    "no mask": np.ma.masked_array([[1.0, 2.0], [3.0, 4.0]]),
    "objects": np.array([[1, 2.5], [np.float32(3), None]], dtype=object),
    "float16": np.ones((2, 2), dtype=">f2"),
    "sparse": sparse.csr_array(np.eye(2)),
    "nothing": [],
    "no array": object(),
    "ragged": [[1], [1, 2]],
}


@pytest.mark.parametrize("what", NOT_NUMBERS)
def test_not_numbers(what):
    X = NOT_NUMBERS[what]
    network = Network([Dense(2)], "squared_error").initialize(2, random_state=0)
    good = np.zeros((2, 2))
    calls = {
        "X": [
            lambda: network.forward(X),
            lambda: network.predict(X),
            lambda: network.loss_and_grad(X, good),
            lambda: Trainer(network).fit(X, good, max_epochs=1),
            lambda: Trainer(network).fit_stream([(X, good)]),
        ],
        "T": [
            lambda: network.loss_and_grad(good, X),
            lambda: Trainer(network).fit(good, X, max_epochs=1),
        ],
        "sample_weight": [
            lambda: network.loss_and_grad(good, good, X[0] if X.dtype.names else X[1]),
        ],
    }
    for name, several in calls.items():
        for call in several:
            with pytest.raises(
                ValueError, match=f"{name} must (be real numbers, got|have no) .*{what}"
            ):
                call()


@pytest.mark.parametrize("kind", NUMBERS)
def test_numbers_are_left_to_numpy(kind):
    check_numeric("X", NUMBERS[kind])


def test_only_of_so_many_axes():
    check_numeric("X", DATES, n_axes=2)
    for value in (DATES, DATES.tolist(), list(DATES)):
        with pytest.raises(ValueError, match="w must be real numbers, got dates: "):
            check_numeric("w", value, n_axes=1)


def test_the_column_and_one_of_its_values():
    values = np.array([[1.0, 2, "3"], [1.0, "b", 4]], dtype=object)
    with pytest.raises(ValueError, match=r"strings in column 1, such as 'b' .could not convert"):
        as_numbers("X", values)
    values[1, 1] = 0
    with pytest.raises(ValueError, match="strings in column 2, such as '3': if they are numbers"):
        as_numbers("X", values)
    with pytest.raises(ValueError, match="s must be real numbers, got complex numbers"):
        marchenko_pastur([1j], 1.0)


TEXTS = ["hello world"] * 12
DICTIONARIES = [{"a": 1, "b": "c"}] * 12
CONTAINERS = [list, tuple, np.array, lambda rows: np.array(rows, object), pd.Series]
CALLS = {
    "fit": lambda clf, X: MinNetClassifier().fit(X, [0, 1] * 6),
    "partial_fit": lambda clf, X: clf.partial_fit(X, [0, 1] * 6),
    "predict": lambda clf, X: clf.predict(X),
    "score": lambda clf, X: clf.score(X, [0, 1] * 6),
    "X_val": lambda clf, X: clf.fit(np.eye(12), [0, 1] * 6, X_val=X, y_val=[0, 1] * 6),
    "network": lambda clf, X: clf.network_.predict(X),
}


@pytest.fixture(scope="module")
def clf():
    with pytest.warns(ConvergenceWarning):
        return MinNetClassifier(max_iter=1).fit(np.eye(12), [0, 1] * 6)


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize(
    ("rows", "cure"), [(TEXTS, "with TfidfVectorizer"), (DICTIONARIES, "with DictVectorizer")]
)
def test_texts_and_dictionaries_in_the_place_of_rows(clf, container, call, rows, cure):
    with pytest.raises(ValueError, match=f"X must be real numbers, got .*: .*{cure}") as caught:
        call(clf, container(rows))
    assert "\n" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_one_argument_of_text_is_not_to_be_encoded():
    with pytest.raises(ValueError, match=r"^s must be real numbers, got .*float: 'a'\)$"):
        quarter_circle("a")
