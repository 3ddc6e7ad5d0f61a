"""Learning curves: what is drawn is what was noted, losses and scores in axes of their own."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from minnet import Dense, MinNetClassifier, Network, Trainer
from minnet.lab.displays import LossCurveDisplay

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

plt = pytest.importorskip("matplotlib.pyplot")

rng = np.random.default_rng(0)
X = rng.normal(size=(120, 36))
y = (X[:, 0] + X[:, 1] > 0).astype(int)


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def network():
    layers = [*(Dense(40, "tanh") for _ in range(3)), Dense(2)]
    return Network(layers).initialize(36, random_state=0)


def classifier(**options):
    options = {"max_iter": 3, "n_iter_no_change": 3, **options}
    return MinNetClassifier((20, 20), activation="tanh", random_state=0, **options)


def test_loss_curves():
    plain = classifier().fit(X, y)
    early = classifier(early_stopping=True, max_iter=4).fit(X, y)
    display = LossCurveDisplay.from_estimator({"plain": plain, "early": early}, log=True)
    assert_allclose(display.lines_[0].get_ydata(), plain.loss_curve_)
    assert_allclose(display.lines_[1].get_ydata(), early.loss_curve_)
    assert_allclose(display.lines_[1].get_xdata(), [1, 2, 3, 4])
    assert_allclose(display.score_lines_[0].get_ydata(), early.validation_scores_)
    assert display.score_lines_[0].get_color() == display.lines_[1].get_color()
    assert display.ax_.get_yscale() == "log"
    legend = display.ax_.get_legend()
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels == ["plain", "early", "training", "validation"]
    assert [line.is_dashed() for line in legend.get_lines()] == [False, False, False, True]


def test_validation_curves():
    held = {"X_val": X[:40], "y_val": y[:40]}
    watched = classifier(max_iter=4).fit(X, y, **held)
    by_loss = classifier(max_iter=4, scoring="loss").fit(X, y, **held)
    plain = classifier(max_iter=4).fit(X, y)
    models = {"watched": watched, "by loss": by_loss, "plain": plain}
    display = LossCurveDisplay.from_estimator(models)
    assert len(display.lines_) == 3
    assert list(display.validation_losses) == ["watched", "by loss"]
    for model, line, drawn in zip(
        (watched, by_loss), display.validation_lines_, display.lines_, strict=False
    ):
        assert_allclose(line.get_ydata(), model.validation_loss_curve_)
        assert_allclose(line.get_xdata(), [1, 2, 3, 4])
        assert line.get_color() == drawn.get_color()
        assert line.is_dashed()
        assert line.axes is display.ax_
    # The score is the loss, turned round, where that was asked for: it is not drawn twice.
    assert list(display.scores) == ["watched"]
    assert_allclose(display.score_lines_[0].get_ydata(), watched.validation_scores_)
    assert display.score_lines_[0].axes is display.score_ax_
    assert display.ax_.get_ylabel() == "loss"
    assert display.score_ax_.get_ylabel() == "validation score"
    alone = LossCurveDisplay.from_estimator(plain)
    assert alone.validation_lines_ == []
    assert alone.ax_.get_ylabel() == "training loss"


def test_validation_of_a_trainer_without_losses():
    trainer = Trainer(network(), n_iter_no_change=np.inf)
    trainer.fit(X, y, max_epochs=3, validate=lambda net: 0.5, early_stopping=False)
    display = LossCurveDisplay.from_estimator(trainer)
    assert display.validation_lines_ == []
    assert_allclose(display.score_lines_[0].get_ydata(), [0.5] * 3)


def test_loss_curves_of_one_of_many_and_of_a_trainer():
    plain = classifier().fit(X, y)
    figure, ax = plt.subplots()
    alone = LossCurveDisplay.from_estimator(plain, ax=ax)
    assert alone.figure_ is figure
    assert alone.score_ax_ is None
    assert list(LossCurveDisplay.from_estimator([plain, plain]).losses) == [
        "MinNetClassifier 0",
        "MinNetClassifier 1",
    ]
    piped = make_pipeline(StandardScaler(), classifier()).fit(X, y)
    assert list(LossCurveDisplay.from_estimator([piped, plain], names=["a", "b"]).losses) == [
        "a",
        "b",
    ]
    trainer = Trainer(network(), n_iter_no_change=np.inf).fit(X, y, max_epochs=2)
    assert_allclose(
        LossCurveDisplay.from_estimator(trainer).lines_[0].get_ydata(), trainer.loss_curve
    )


def test_bad_loss_curves():
    for unfit in (classifier(), classifier(solver="lbfgs").fit(X, y)):
        with pytest.raises(
            ValueError, match="estimator must be fitted with the solver 'adam' or 'sgd'"
        ):
            LossCurveDisplay.from_estimator(unfit)
    with pytest.raises(ValueError, match="names must be 1 names"):
        LossCurveDisplay.from_estimator(classifier().fit(X, y), names=["a", "b"])


@pytest.mark.parametrize("place", ["new", "grid", "free", "subfigure"])
def test_losses_and_scores_share_the_place_and_the_epochs(place):
    early = classifier(early_stopping=True).fit(X, y)
    figure = plt.figure()
    ax = {
        "new": lambda: None,
        "grid": lambda: figure.subplots(2, 2)[1, 0],
        "free": lambda: figure.add_axes((0.1, 0.2, 0.6, 0.7)),
        "subfigure": lambda: figure.subfigures(1, 2)[1].subplots(),
    }[place]()
    before = None if ax is None else ax.get_position()
    display = LossCurveDisplay.from_estimator(early, ax=ax)
    assert ax is None or display.ax_ is ax
    above, below = display.ax_.get_position(), display.score_ax_.get_position()
    assert below.y1 < above.y0
    assert below.x0 == above.x0
    if before is not None:
        assert_allclose([above.y1, below.y0], [before.y1, before.y0])
    assert display.ax_.get_xlim() == display.score_ax_.get_xlim()
    assert display.score_ax_.get_xlabel() == "epoch"


def test_an_axis_of_losses_that_are_close_to_each_other_has_numbers():
    early = classifier(early_stopping=True).fit(X, y)
    ax = LossCurveDisplay.from_estimator(early, log=True).ax_
    low, high = ax.get_ylim()
    assert high < 10 * low
    assert sum(low <= tick <= high for tick in ax.get_yticks()) >= 3
