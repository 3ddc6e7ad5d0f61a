"""Normalization trains as in PyTorch: parameters, averages and predictions after some steps."""

import numpy as np
import pytest
from torch_modules import nn, torch

from minnet import SGD, Trainer
from minnet.backends import list_backends
from minnet.pytorch import network_from_torch

RNG = np.random.default_rng(0)
D, N = 5, 30
X, T = RNG.normal(2, 3, size=(N, D)), RNG.integers(3, size=N)


def trained_there(model, batch_size, n_epochs):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    x, t = torch.tensor(X), torch.tensor(T)
    for _ in range(n_epochs):
        for start in range(0, N, batch_size):
            rows = slice(start, start + batch_size)
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[rows]), t[rows]).backward()
            optimizer.step()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("backend", list_backends())
@pytest.mark.parametrize("batch_size", [1, 2, 10, N])
@pytest.mark.parametrize("norm", [nn.BatchNorm1d, nn.LayerNorm], ids=lambda norm: norm.__name__)
def test_training_ends_where_pytorch_does(norm, batch_size, backend):
    if norm is nn.BatchNorm1d and batch_size == 1:
        pytest.skip("one row has no variance")
    torch.manual_seed(0)
    layers = [norm(D), nn.Linear(D, 6), norm(6, eps=0.01), nn.Tanh(), nn.Linear(6, 4), norm(4)]
    model = nn.Sequential(*layers, nn.ReLU(), nn.Linear(4, 3)).double()
    network = network_from_torch(model, loss=nn.CrossEntropyLoss())
    before = network.params.copy()
    trainer = Trainer(
        network, SGD(0.1, momentum=0.9), batch_size=batch_size, shuffle=False, backend=backend,
        n_iter_no_change=np.inf,
    )  # fmt: skip
    trainer.fit(X, T, max_epochs=2)
    trained_there(model, batch_size, 2)
    theirs = network_from_torch(model, loss=nn.CrossEntropyLoss())
    assert np.abs(network.params - before).max() > 0.01
    for mine, of_torch in ((network.params, theirs.params), (network.state, theirs.state)):
        np.testing.assert_allclose(mine, of_torch, rtol=0, atol=1e-8)
    predicted = model.eval()(torch.tensor(X)).detach().numpy()
    np.testing.assert_allclose(network.forward(X), predicted, rtol=0, atol=1e-8)
