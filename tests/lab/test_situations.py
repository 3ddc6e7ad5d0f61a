"""What is wrong is named first, and with the first advice taken the network trains."""

import numpy as np
import pytest
from broken_data import DATA
from broken_networks import NETWORKS, patient
from broken_training import TRAINING
from situations import NAMES, judge

from minnet.lab.diagnosis.check import CHECKS

pytestmark = pytest.mark.filterwarnings("ignore")

BROKEN = [*TRAINING, *NETWORKS, *DATA]
#: Of each kind a few that take a moment; all of them take minutes.
QUICK = {
    "too much L2": [
        "AdamW of decay 100, in a pipeline",
        "weight_decay=30 in a pipeline, numbers, fitted",
    ],
    "too much dropout": ["a Network with Dropout(.97)"],
    "clipping": ["clip_value=1e-8, sgd, tanh", "clip_norm=1e-4, sgd, fitted"],
    "frozen layers": ["all trainable=False", "hidden layers of an estimator frozen, 4 units"],
    "too few steps": ["max_iter=5, numbers", "iris in a pipeline, 20 epochs, fitted"],
    "learning rate too low": ["Adam at 3e-6 in a pipeline", "RMSProp at 1e-7, fitted"],
    "learning rate too high": ["SGD at 5, numbers", "momentum .99 at 1"],
    "early stopping too early": ["tol=1, fitted", "tol=.5, numbers, fitted"],
    "sorted rows, not shuffled": [
        "by class, Adam, a pipeline",
        "by target",
        "by class, sgd, fitted",
    ],
    "gradients too noisy": [
        "batch_size=1, momentum .9 at .03, fitted",
        "batch_size=1, numbers, fitted",
    ],
    "overfitting": ["50 rows, 20 columns, numbers, fitted", "a pipeline, tanh, fitted"],
    "answers one class": ["1 in 20, alpha=30, fitted", "1 in 20, fitted"],
    "batch normalization, batches of few rows": ["of one row", "of 2 rows, digits"],
    "equal units": ["zeros, a Network"],
    "linear": ["layers without an activation"],
    "labels that nothing explains": [
        "targets shuffled, held out, a pipeline, fitted",
        "random labels, fitted",
    ],
    "rows all alike": ["a Network, every row the first", "every row zero, fitted"],
    "equal rows of different labels": ["ten distinct rows, numbers, fitted"],
    "outliers rule a column": ["-999999 for missing", "one column"],
    "columns not scaled": [
        "breast cancer as it is",
        "as California's",
        "timestamps among the columns",
    ],
    "targets not scaled": ["of 1e-5", "of 1e-8, tanh"],
    "targets beyond the output's range": [
        "relu output, both signs",
        "tanh output, targets of 3, fitted",
    ],
    "skewed targets": ["counts of mean 1e4, Poisson"],
    "weights too large": ["normal 20 in the output"],
    "biases": ["-100, relu"],
}
#: By kind and name: is not named first, or its advice does not help.
NOT_YET = {
    "overfitting: 60 rows, 40 columns, fitted": "no remedy does better on the rows held out",
    "several causes at once: L2 and dropout": "changes are tried one at a time",
    "several causes at once: L2 and dropout, fitted": "changes are tried one at a time",
    "learning rate too high: a Network, SGD at 10, fitted": "nothing tells the rate",
    "batch normalization, too deep: 30 layers, a Network, fitted": "silent",
    "narrow and deep: relu, 50 layers of 10": "fewer layers help, but not enough",
    "weights too large: normal 10, logistic": "the advice helps, but not enough",
    "outliers rule a column: one column, fitted": "silent, as it has learned something",
    "outliers rule a column: three rows in 1500, fitted": "silent, as it has learned something",
    "targets not scaled: of mean 1000, a Network": "said in words, with no change to apply",
    "targets not scaled: of mean 1000, a Network, fitted": "said in words, with no change to apply",
}


def _marks(situation):
    if situation.name not in QUICK.get(situation.kind, []):
        yield pytest.mark.slow
    if (why := NOT_YET.get(f"{situation.kind}: {situation.name}")) is not None:
        yield pytest.mark.xfail(reason=why)


@pytest.mark.parametrize(
    "situation",
    [pytest.param(s, marks=list(_marks(s)), id=f"{s.kind}: {s.name}") for s in BROKEN],
)
def test_cause_and_cure(situation):
    verdict = judge(situation)
    assert verdict.right, verdict
    if situation.goal is not None:
        assert verdict.applied is True
        assert verdict.trains, verdict


def test_quick_ones_and_known_failures_are_among_them():
    names = {(s.kind, s.name) for s in BROKEN}
    assert {(kind, name) for kind, of in QUICK.items() for name in of} <= names
    assert {tuple(both.split(": ", 1)) for both in NOT_YET} <= names
    assert set().union(*NAMES.values()) <= CHECKS.keys()


def test_the_paper_is_right_about_tanh_and_softsign():
    """Glorot and Bengio (2010): with the standard initialization tanh is worse off than softsign."""

    def figure(activation):
        report = patient(activation, 300).diagnosed()
        found = [f.figure for f in report.findings if f.code.startswith("vanishing")]
        return min(found, default=np.inf)

    assert figure("tanh") < figure("softsign")
