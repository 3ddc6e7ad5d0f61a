"""Where the system refuses threads, draws and training go on with fewer; n_threads=1 is one everywhere."""

import subprocess
import sys
import textwrap

import pytest

minnet_ext = pytest.importorskip("minnet_ext")
pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="limits and /proc as Linux has them"
)

LIMITS = {
    "processes": """
        import resource
        if os.geteuid() == 0:  # whom no limit of processes binds
            os.setuid(65534)
        resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
    """,
    "memory": """
        import resource
        pages = int(open("/proc/self/statm").read().split()[0])
        size = pages * resource.getpagesize() + (4 << 20)
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
    """,
}

BEFORE = """
    import os
    import numpy as np
    from minnet import Dense, Network, SGD
    from minnet.backends import Hyper, cython
    from minnet.random.streams import Stream, draw_on
    from minnet_ext import _runtime
    cython._MULTIPLICATIONS_A_THREAD = 1
    def threads():
        return len(os.listdir("/proc/self/task"))
    def network():
        return Network([Dense(40, "tanh"), Dense(3)]).initialize(30, random_state=0)
    def trained(n_threads):
        net, optimizer = network(), SGD(0.1)
        optimizer.prepare(net.params)
        X, T = np.ones((64, 30)), np.arange(64) % 3
        hyper = Hyper(32, np.full(2, 0.1), optimizer, 64, 64.0)
        cython.CythonBackend(net, n_threads).train_steps(X, T, None, None, 0, 2, hyper)
        return net.params
    def predicted(n_threads):
        return cython.CythonBackend(network(), n_threads).forward(np.ones((900, 30)))
    def multiplied(n_threads):
        A, B, out = np.ones((128, 128)), np.ones((128, 128)), np.empty((128, 128))
        _runtime.gemm(A, B, out, n_threads)
        return out
    def drawn(n_threads):
        with draw_on(n_threads):
            return Stream(1, "draws").normal(300_000)
"""

AFTER = """
    before = threads()
    many = {job}(4)
    assert threads() - before < 3, "the limit has no effect here"
    assert (many == expected).all()
    print("went on")
"""


def run(code):
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=1200, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def code_of(*parts):
    return "\n".join(textwrap.dedent(part) for part in parts)


@pytest.mark.parametrize("job", ["trained", "predicted", "multiplied", "drawn"])
@pytest.mark.parametrize("limit", LIMITS)
def test_work_goes_on_with_fewer_threads(limit, job):
    expected = f"expected = {job}(1)\n"
    code = code_of(BEFORE, expected, LIMITS[limit], AFTER.format(job=job))
    assert "went on" in run(code)


def test_one_thread_is_one_for_the_initial_draws():
    code = """
        import os
        os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "4"
        import numpy as np
        from minnet import MinNetClassifier
        from minnet.random import Stream
        def threads():
            return len(os.listdir("/proc/self/task"))
        X, y = np.ones((20, 300)), np.arange(20) % 2
        before = threads()
        model = MinNetClassifier((500,), n_threads=1, max_iter=1, random_state=0, backend="cython")
        model.initialize(X, y)
        assert threads() == before
        Stream(1, "more").normal(300_000)  # as many as OMP_NUM_THREADS says
        print(threads() - before)
    """
    assert int(run(code_of(code))) == (3 if minnet_ext.has_openmp else 0)
