"""What ran a fit: the contents of ``fit_info_``."""

import numpy as np
import scipy
import sklearn

from minnet._version import __version__

__all__ = ["fit_info"]


def fit_info(network, backend, n_threads, seconds):
    """Return what one needs to know to run a fit again, in numbers and strings only.

    Parameters
    ----------
    network : Network
        Fitted.
    backend : str
        The name of the backend whose code ran.
    n_threads : int or None
        As the user gave it.
    seconds : float
        What the call took.

    Returns
    -------
    dict
        ``random_key``, the key of all random streams of the fit; ``backend``; ``cpu_level`` of the
        compiled kernels, None where they did not run; ``n_threads``, the most that could be used, None
        where the libraries' settings decide; ``dtype``; ``seconds``; ``versions`` of minnet, numpy,
        scipy and scikit-learn.

    Examples
    --------
    >>> from minnet import MinNetClassifier
    >>> clf = MinNetClassifier(solver="lbfgs", random_state=0).fit([[0.0], [1.0]], [0, 1])
    >>> sorted(clf.fit_info_)
    ['backend', 'cpu_level', 'dtype', 'n_threads', 'random_key', 'seconds', 'versions']
    >>> clf.fit_info_["dtype"]
    'float64'
    """
    cpu_level = None
    if backend == "cython":
        import minnet_ext

        cpu_level = minnet_ext.cpu_level
        n_threads = minnet_ext.effective_n_threads(n_threads)
    elif backend == "numba":
        n_threads = 1
    return {
        "random_key": int(network.key),
        "backend": backend,
        "cpu_level": cpu_level,
        "n_threads": None if n_threads is None else int(n_threads),
        "dtype": network.dtype.name,
        "seconds": float(seconds),
        "versions": {
            "minnet": __version__,
            "numpy": np.__version__,
            "scipy": scipy.__version__,
            "scikit-learn": sklearn.__version__,
        },
    }
