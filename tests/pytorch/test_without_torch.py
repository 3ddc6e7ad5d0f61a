"""Nothing imports PyTorch that is not given something of it."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

from minnet import Dense, Network
from minnet.pytorch import network_from_torch, torch_from_network

CODE = """
import sys
import numpy as np
import minnet
assert "minnet.pytorch.model" not in sys.modules
import minnet.lab, minnet.pytorch
from minnet import Dense, Network, copy_weights

network = Network([Dense(3)]).initialize(2, random_state=0)
X, y = np.eye(2), [0, 1]
minnet.lab.probe(network, X, y, optimizer="adam")
minnet.lab.diagnose(network, X, y)
minnet.lab.jacobians(network, X)
copy_weights(network, network)
for call in (minnet.lab.probe, copy_weights):
    try:
        call("model", X)
    except TypeError:
        pass
assert "torch" not in sys.modules
"""


def test_nothing_imports_pytorch():
    subprocess.run([sys.executable, "-c", CODE], check=True)


@pytest.mark.skipif(find_spec("torch") is not None, reason="PyTorch is installed")
def test_the_extra_is_named_where_it_is_missing():
    with pytest.raises(ImportError, match=r"pip install 'minnet-learn\[torch\]'"):
        torch_from_network(Network([Dense(3)]).initialize(2))
    with pytest.raises(TypeError, match=r"must be a torch\.nn\.Sequential, got 'model'"):
        network_from_torch("model")
