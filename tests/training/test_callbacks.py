"""When callbacks are called, and what they can do."""

import numpy as np
import pytest

from minnet import SGD, Dense, Network, Trainer
from minnet.callbacks import Callback

X = np.random.default_rng(0).normal(size=(60, 4))
T = (X[:, 0] > 0).astype(int)


class Noting(Callback):
    """Notes every call with the step at which it came."""

    def __init__(self, steps=()):
        self.steps = list(steps)
        self.calls = []

    def _note(self, what, trainer):
        self.calls.append((what, trainer.n_steps))

    def begin(self, trainer):
        self._note("begin", trainer)

    def begin_epoch(self, trainer):
        self._note("begin_epoch", trainer)

    def next_step(self, trainer):
        return self.steps[0] if self.steps else None

    def at_step(self, trainer):
        self._note("at_step", trainer)
        self.steps.pop(0)

    def end_epoch(self, trainer):
        self._note("end_epoch", trainer)

    def end(self, trainer):
        self._note("end", trainer)


def a_trainer(**options):
    network = Network([Dense(5, "tanh"), Dense(2)]).initialize(4, random_state=0)
    return Trainer(network, SGD(0.1), batch_size=20, **options)


@pytest.mark.filterwarnings("ignore:.*converged")
class TestOrder:
    def test_all_calls(self):
        noting = Noting(steps=[0, 2, 3, 4])
        a_trainer().fit(X, T, max_epochs=2, callbacks=[noting])
        assert noting.calls == [
            ("begin", 0),
            ("begin_epoch", 0),
            ("at_step", 0),
            ("at_step", 2),
            ("end_epoch", 3),
            ("begin_epoch", 3),
            ("at_step", 3),
            ("at_step", 4),
            ("end_epoch", 6),
            ("end", 6),
        ]

    def test_two_callbacks_with_steps_of_their_own(self):
        one, two = Noting(steps=[1, 5]), Noting(steps=[1, 2, 5])
        a_trainer().fit(X, T, max_epochs=2, callbacks=[one, two])
        for noting, expected in ((one, [1, 5]), (two, [1, 2, 5])):
            assert [step for what, step in noting.calls if what == "at_step"] == expected

    def test_a_step_that_is_past_is_no_pause(self):
        class Always(Noting):
            def next_step(self, trainer):
                return 4

            def at_step(self, trainer):
                self._note("at_step", trainer)

        always = Always()
        a_trainer().fit(X, T, max_epochs=3, callbacks=[always, Noting(steps=[5])])
        assert [step for what, step in always.calls if what == "at_step"] == [4]

    def test_the_next_step_may_be_named_as_soon_as_one_is_reached(self):
        class EveryTwo(Noting):
            def next_step(self, trainer):
                return (trainer.n_steps // 2 + 1) * 2

            def at_step(self, trainer):
                self._note("at_step", trainer)

        every = EveryTwo()
        a_trainer().fit(X, T, max_epochs=3, callbacks=[every, Noting(steps=[5])])
        assert [step for what, step in every.calls if what == "at_step"] == [2, 4, 6, 8]

    def test_where_an_epoch_pauses_changes_no_bit(self):
        results = []
        for steps in ([], [1], list(range(40))):
            trainer = a_trainer().fit(X, T, max_epochs=5, callbacks=[Noting(steps)])
            results.append((trainer.network.params.copy(), trainer.loss_curve))
        for params, losses in results[1:]:
            np.testing.assert_array_equal(params, results[0][0])
            assert losses == results[0][1]

    def test_a_function_is_called_after_each_epoch_and_can_stop(self):
        epochs = []

        def stop_at_three(trainer):
            epochs.append(trainer.n_epochs)
            return trainer.n_epochs == 3

        trainer = a_trainer().fit(X, T, max_epochs=10, callbacks=[stop_at_three])
        assert epochs == [1, 2, 3]
        assert trainer.n_epochs == 3

    def test_the_end_is_told_after_an_interruption(self):
        class Interrupting(Noting):
            def at_step(self, trainer):
                super().at_step(trainer)
                raise KeyboardInterrupt

        callback = Interrupting(steps=[4])
        with pytest.warns(match="interrupted"):
            a_trainer().fit(X, T, max_epochs=5, callbacks=[callback])
        assert callback.calls[-1] == ("end", 4)


@pytest.mark.parametrize("callback", [None, "stop", 3, Noting])
def test_what_is_no_callback(callback):
    trainer = a_trainer()
    before = trainer.network.params.copy()
    with pytest.raises(TypeError, match=r"callbacks\[0\] must be"):
        trainer.fit(X, T, callbacks=[callback])
    np.testing.assert_array_equal(trainer.network.params, before)


@pytest.mark.parametrize("name", ["on_epoch_end", "on_train_begin", "on_batch_end"])
def test_methods_as_other_libraries_call_them_are_said_to_be_never_called(name):
    with pytest.warns(UserWarning, match=f"^Mine.{name} is never called: .*end_epoch") as caught:
        mine = type("Mine", (Callback,), {name: print, "end_epoch": lambda self, trainer: None})
    assert [warning.filename for warning in caught] == [__file__]
    assert isinstance(mine(), Callback)


def test_methods_that_are_called_are_not_warned_of(recwarn):
    type("Mine", (Noting,), {"on_fit_task_end": print, "note_on": print})
    assert not recwarn.list
