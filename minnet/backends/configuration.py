"""What this installation of minnet is made of."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import Any

from minnet._version import __version__
from minnet.backends import list_backends


def _extension() -> dict[str, Any]:
    """Describe the compiled extension, or why there is none."""
    try:
        import minnet_ext
        from minnet.backends import cython  # noqa: F401  which refuses another table's
        from minnet_ext import _random  # noqa: F401  what minnet.random uses
    except ModuleNotFoundError as error:
        reason = f"not installed ({error}); minnet runs on NumPy alone"
        return {"extension": reason, "cpu": None, "cpu_levels": (), "openmp": False, "threads": 1}
    except ImportError as error:
        reason = f"cannot be loaded ({error}); minnet runs on NumPy alone"
        return {"extension": reason, "cpu": None, "cpu_levels": (), "openmp": False, "threads": 1}
    return {
        "extension": "yes, with bounds checking" if minnet_ext.debug else "yes",
        "cpu": minnet_ext.cpu_level,
        "cpu_levels": minnet_ext.cpu_levels,
        "openmp": minnet_ext.has_openmp,
        "threads": minnet_ext.max_threads(),
    }


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def config() -> dict[str, Any]:
    """Return what this installation is made of.

    Returns
    -------
    config : dict
        ``minnet``, ``python``, ``platform``; ``numpy``, ``scipy``, ``scikit-learn``, ``numba``:
        versions, None where not installed; ``extension``: "yes", or why not; ``cpu``: the CPU
        level of its kernels (``MINNET_CPU`` names another one before minnet is imported);
        ``cpu_levels``: those that this machine can run; ``openmp``; ``threads``: how many large
        draws use; ``backends``: names of the backends that can be used, the preferred one first.

    Examples
    --------
    >>> from minnet.backends.configuration import config
    >>> config()["backends"][-1]
    'numpy'
    """
    versions = {name: _version(name) for name in ("numpy", "scipy", "scikit-learn", "numba")}
    return {
        "minnet": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        **versions,
        **_extension(),
        "backends": list_backends(),
    }


def show_config() -> None:
    """Print versions, CPU level, threads and backends, for a bug report.

    Examples
    --------
    >>> import minnet
    >>> minnet.show_config()  # doctest: +ELLIPSIS
    minnet        ...
    """
    for name, value in config().items():
        if isinstance(value, tuple):
            value = ", ".join(value)
        elif isinstance(value, bool):
            value = "yes" if value else "no"
        print(f"{name:<13} {'none' if value in (None, '') else value}")
