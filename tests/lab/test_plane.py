"""What a network answers over the plane, by its own predictions at the centres of the cells."""

import numpy as np
import pytest

from minnet import Dense, Network
from minnet.lab.plane import predictions_on_square


@pytest.mark.parametrize(("n_outputs", "loss"), [(3, "log_loss"), (1, "squared_error")])
def test_each_cell_has_the_prediction_at_its_centre(n_outputs, loss):
    network = Network([Dense(9, "tanh"), Dense(n_outputs)], loss=loss).initialize(2, random_state=0)
    found = predictions_on_square(network, 3.0, 6)
    assert found.shape == (n_outputs, 6, 6)
    for row, y in enumerate([2.5, 1.5, 0.5, -0.5, -1.5, -2.5]):  # the first row is on top
        for column, x in enumerate([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5]):
            expected = network.predict(np.array([[x, y]]))[0]
            np.testing.assert_allclose(found[:, row, column], expected, rtol=1e-12)
