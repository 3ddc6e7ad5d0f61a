"""What show_config prints."""

import sys
import types

import numpy as np
import pytest
import sklearn

import minnet
from minnet.backends.configuration import config


def test_config_names_versions_and_backends():
    info = config()
    assert info["minnet"] == minnet.__version__
    assert info["numpy"] == np.__version__
    assert info["scikit-learn"] == sklearn.__version__
    assert info["backends"][-1] == "numpy"
    assert ("cython" in info["backends"]) == info["extension"].startswith("yes")
    assert info["threads"] >= 1


def test_config_describes_the_extension():
    minnet_ext = pytest.importorskip("minnet_ext", reason="installed without the extension")
    info = config()
    assert info["extension"].startswith("yes")
    assert info["cpu"] == minnet_ext.cpu_level
    assert info["openmp"] is minnet_ext.has_openmp


def test_show_config_prints_a_line_for_each(capsys):
    assert minnet.show_config() is None
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(config())
    assert lines[0].split() == ["minnet", minnet.__version__]


def test_without_the_extension_it_says_why(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "minnet_ext", None)
    assert config()["extension"].startswith("not installed (")
    minnet.show_config()
    assert "minnet runs on NumPy alone" in capsys.readouterr().out


def test_broken_extension_says_why(monkeypatch):
    broken = types.ModuleType("minnet_ext")  # has no _random and no path to look for it
    monkeypatch.setitem(sys.modules, "minnet_ext", broken)
    monkeypatch.delitem(sys.modules, "minnet_ext._random", raising=False)
    extension = config()["extension"]
    assert extension.startswith("cannot be loaded (")
    assert extension.endswith("minnet runs on NumPy alone")


def test_what_is_not_installed_has_no_version(monkeypatch):
    from importlib import metadata

    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    assert config()["numba"] is None
