"""For the tests of epochs that are taken several in one compiled call."""

import pytest

from minnet.training import epochs


@pytest.fixture
def at_any_pace(monkeypatch):
    """Let as many epochs be taken at once on a slow machine as on a fast one."""
    monkeypatch.setattr(epochs, "_SECONDS_A_CALL", 1e6)
    monkeypatch.setattr("minnet.backends.cython.CythonBackend.steps_a_call", 10**6)


@pytest.fixture
def calls(monkeypatch):
    """How many epochs each compiled call completed."""
    found, note = [], epochs.EpochsAhead._note

    def noting(self, task, *args):
        found.append(task.done)
        note(self, task, *args)

    monkeypatch.setattr(epochs.EpochsAhead, "_note", noting)
    return found
