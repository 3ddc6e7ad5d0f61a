"""Figure 6: histograms of activations before training, tanh."""

from examples.glorot2010 import initial

TITLE = "Activations before training, tanh"
PAPER = (
    "Standard initialization (top): the peak at 0 grows from layer to layer. Normalized (bottom): the "
    "layers are alike."
)


def measure(source):
    """Return what probes saw."""
    return initial.measure(source.seeds, width=source.width)


def draw(numbers):
    """Draw the paper's two panels."""
    return initial.draw_histograms(numbers, "Y")


def verdicts(numbers):
    """Return none: C1 and C2 are with Figure 7."""
    return []
