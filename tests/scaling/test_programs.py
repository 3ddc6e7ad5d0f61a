"""The programs of docs/scaling.rst that train one network in several processes, beside one process."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.preprocessing import StandardScaler

from minnet import MinNetClassifier, load_model
from minnet.distributed import Shards, together

pytestmark = pytest.mark.cluster
ROOT = Path(__file__).parents[2]
PROGRAMS = ROOT / "examples" / "scaling"


def run(*command, folder):
    """Run a command in a folder, with this minnet; it is killed if it does not end."""
    env = dict(os.environ, OMP_NUM_THREADS="1", PYTHONPATH=os.pathsep.join([str(ROOT), *sys.path]))
    env |= {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env["PATH"]])
    limit = ["timeout", "-k", "5", "300"]
    done = subprocess.run(
        [*limit, *map(str, command)], cwd=folder, env=env, text=True, capture_output=True
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def assert_as_one_process(net, X, y, sizes):
    """Compare a network with one process that takes the same batches."""
    alone = MinNetClassifier(**net.get_params())
    with together(Shards(sizes)):
        alone.fit(X, y)
    assert net.n_iter_ == alone.n_iter_
    np.testing.assert_allclose(net.network_.params, alone.network_.params, rtol=0, atol=1e-9)


def test_scaled_rows_and_a_checkpoint_by_mpi(tmp_path):
    pytest.importorskip("mpi4py")
    mpiexec = ["mpiexec", "-n", 2, "--oversubscribe"]
    said = run(*mpiexec, sys.executable, PROGRAMS / "train_mpi.py", folder=tmp_path)
    assert said.count("epochs") == 1  # rank 0 alone
    X, y = load_digits(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    X, y = (np.concatenate([each[0::2], each[1::2]]) for each in (X, y))
    assert_as_one_process(load_model(tmp_path / "digits.safetensors"), X, y, [899, 898])
